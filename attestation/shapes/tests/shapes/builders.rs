//! Evidence in the forms of others, made out of plain bytes, as their own programs write it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Value, json};

pub const REPORT: usize = 1184;

pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE.encode(bytes)
}

/// A report in which every byte differs from its neighbours.
pub fn report() -> Vec<u8> {
    (0..REPORT).map(|at| low(at * 7 + at / 256 + 1)).collect()
}

fn low(number: usize) -> u8 {
    u8::try_from(number % 251).expect("it is below 251")
}

/// The report without the bytes that the sev crate's later versions leave out: what they can represent.
pub fn without_reserved(report: &[u8], turin: bool) -> Vec<u8> {
    let mut bytes = report.to_vec();
    let mut zero = |at: usize, count: usize| bytes[at..at + count].fill(0);
    for (at, count) in [
        (0x04C, 4),
        (0x18B, 21),
        (0x1EB, 1),
        (0x1EF, 1),
        (0x208, 152),
        (0x2A0 + 144, 368),
    ] {
        zero(at, count);
    }
    for tcb in TCBS {
        if turin {
            zero(tcb + 4, 3);
        } else {
            zero(tcb + 2, 4);
        }
    }
    bytes
}

const TCBS: [usize; 4] = [0x038, 0x180, 0x1E0, 0x1F0];

fn number(report: &[u8], at: usize, count: usize) -> u64 {
    let bytes = report[at..at + count].iter().rev();
    bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The fields that every version of the sev crate writes alike.
fn shared(report: &[u8]) -> Value {
    json!({
        "version": number(report, 0, 4),
        "guest_svn": number(report, 4, 4),
        "policy": number(report, 8, 8),
        "family_id": report[0x10..0x20],
        "image_id": report[0x20..0x30],
        "vmpl": number(report, 0x30, 4),
        "sig_algo": number(report, 0x34, 4),
        "plat_info": number(report, 0x40, 8),
        "report_data": report[0x50..0x90],
        "measurement": report[0x90..0xC0],
        "host_data": report[0xC0..0xE0],
        "id_key_digest": report[0xE0..0x110],
        "author_key_digest": report[0x110..0x140],
        "report_id": report[0x140..0x160],
        "report_id_ma": report[0x160..0x180],
        "chip_id": report[0x1A0..0x1E0],
    })
}

fn with(mut object: Value, more: Value) -> Value {
    let (Value::Object(object_members), Value::Object(more)) = (&mut object, more) else {
        panic!("both are objects");
    };
    object_members.extend(more);
    object
}

/// The report as versions 1 to 5 of the sev crate write it.
pub fn sev_whole(report: &[u8]) -> Value {
    let tcb = |at: usize| {
        json!({
            "bootloader": report[at],
            "tee": report[at + 1],
            "_reserved": report[at + 2..at + 6],
            "snp": report[at + 6],
            "microcode": report[at + 7],
        })
    };
    let besides = json!({
        "_author_key_en": number(report, 0x48, 4),
        "_reserved_0": number(report, 0x4C, 4),
        "_reserved_1": report[0x188..0x1A0],
        "current_build": report[0x1E8],
        "current_minor": report[0x1E9],
        "current_major": report[0x1EA],
        "_reserved_2": report[0x1EB],
        "committed_build": report[0x1EC],
        "committed_minor": report[0x1ED],
        "committed_major": report[0x1EE],
        "_reserved_3": report[0x1EF],
        "_reserved_4": report[0x1F8..0x2A0],
        "current_tcb": tcb(0x038),
        "reported_tcb": tcb(0x180),
        "committed_tcb": tcb(0x1E0),
        "launch_tcb": tcb(0x1F0),
        "signature": {
            "r": report[0x2A0..0x2E8],
            "s": report[0x2E8..0x330],
            "_reserved": report[0x330..0x4A0],
        },
    });
    with(shared(report), besides)
}

/// What versions 6 to 8 of the sev crate write of the mitigation vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vectors {
    /// Nothing: 6.0 to 6.2.
    Absent,
    /// Null, or the numbers where the report's version has them: since 6.3.
    ByVersion,
}

/// The report as versions 6 to 8 of the sev crate write it.
pub fn sev_named(report: &[u8], turin: bool, vectors: Vectors) -> Value {
    let tcb = |at: usize| {
        let places = if turin { [1, 2, 3] } else { [0, 1, 6] };
        let [boot_loader, tee, snp] = places.map(|place| report[at + place]);
        let fmc = turin.then_some(report[at]);
        json!({"fmc": fmc, "bootloader": boot_loader, "tee": tee, "snp": snp, "microcode": report[at + 7]})
    };
    let version = number(report, 0, 4);
    let cpuid = |at: usize| (version != 2).then_some(report[at]);
    let firmware =
        |at: usize| json!({"major": report[at + 2], "minor": report[at + 1], "build": report[at]});
    let besides = json!({
        "key_info": number(report, 0x48, 4),
        "cpuid_fam_id": cpuid(0x188),
        "cpuid_mod_id": cpuid(0x189),
        "cpuid_step": cpuid(0x18A),
        "current": firmware(0x1E8),
        "committed": firmware(0x1EC),
        "current_tcb": tcb(0x038),
        "reported_tcb": tcb(0x180),
        "committed_tcb": tcb(0x1E0),
        "launch_tcb": tcb(0x1F0),
        "signature": {"r": report[0x2A0..0x2E8], "s": report[0x2E8..0x330]},
    });
    let named = with(shared(report), besides);
    if vectors == Vectors::Absent {
        return named;
    }
    let vector = |at: usize| (version >= 5).then(|| number(report, at, 8));
    let vectors = json!({"launch_mit_vector": vector(0x1F8), "current_mit_vector": vector(0x200)});
    with(named, vectors)
}

/// guest-components' `snp`, with certificates as the sev crate writes them.
pub fn snp_attester(report: Value) -> Value {
    json!({
        "attestation_report": report,
        "cert_chain": [
            {"cert_type": "VLEK", "data": b"vlek"},
            {"cert_type": "ARK", "data": b"ark"},
            {"cert_type": {"OTHER": "11111111-1111-1111-1111-111111111111"}, "data": b"?"},
            {"cert_type": "ASK", "data": b"ask"},
            {"cert_type": "VCEK", "data": b"vcek"},
        ],
    })
}

/// Bytes that say of themselves that they are a TDX quote of version 4.
pub fn quote() -> Vec<u8> {
    let mut quote: Vec<u8> = (0..700).map(|at| low(at * 3 + 5)).collect();
    quote[..8].copy_from_slice(&[4, 0, 2, 0, 0x81, 0, 0, 0]);
    quote
}

pub fn tdx_attester(quote: &[u8], log: &[u8]) -> Value {
    json!({"quote": base64(quote), "cc_eventlog": base64(log)})
}

pub fn dstack_event() -> Value {
    json!({
        "imr": 3,
        "event_type": 0x0800_0001,
        "digest": "ab".repeat(48),
        "event": "app-id",
        "event_payload": "0102",
    })
}

pub fn dstack(quote: &[u8], events: &Value) -> Value {
    json!({
        "quote": hex::encode(quote),
        "event_log": events.to_string(),
        "report_data": "00",
        "vm_config": "{\"cpu_count\":1}",
    })
}

/// An HCL report with this in the place of the TEE's report, of a type: 2 SNP, 4 TDX.
pub fn hcl(report: &[u8], kind: u32) -> Vec<u8> {
    let mut hcl = b"HCLA".to_vec();
    hcl.resize(32, 1);
    hcl.extend_from_slice(report);
    hcl.resize(32 + REPORT, 0);
    let runtime_data = b"{}";
    for word in [22, 1, kind, 1, 2] {
        hcl.extend_from_slice(&u32::to_le_bytes(word));
    }
    hcl.extend_from_slice(runtime_data);
    hcl
}

pub fn pcrs() -> Vec<Vec<u8>> {
    (0..24).map(|pcr| vec![pcr; 32]).collect()
}

fn quote_of_arrays() -> Value {
    json!({"signature": b"sig", "message": b"msg", "pcrs": pcrs()})
}

fn quote_of_hex() -> Value {
    let pcrs: Vec<String> = pcrs().iter().map(hex::encode).collect();
    json!({"signature": hex::encode("sig"), "message": hex::encode("msg"), "pcrs": pcrs})
}

pub fn az_snp_0(hcl: &[u8]) -> Value {
    json!({"quote": quote_of_arrays(), "report": hcl, "vcek": "pem"})
}

pub fn az_snp(version: u8, hcl: &[u8]) -> Value {
    json!({
        "version": version,
        "tpm_quote": quote_of_hex(),
        "hcl_report": base64url(hcl),
        "vcek": base64url(b"vcek"),
    })
}

pub fn az_tdx_0(hcl: &[u8], quote: &[u8]) -> Value {
    json!({"tpm_quote": quote_of_arrays(), "hcl_report": hcl, "td_quote": quote})
}

pub fn az_tdx(version: u8, hcl: &[u8], quote: &[u8]) -> Value {
    json!({
        "version": version,
        "tpm_quote": quote_of_hex(),
        "hcl_report": base64url(hcl),
        "td_quote": base64url(quote),
    })
}

pub fn tpm_attester() -> Value {
    let pcrs: Vec<String> = pcrs().iter().map(hex::encode).collect();
    let quote = json!({"signature": base64(b"sig"), "message": base64(b"msg"), "pcrs": pcrs});
    json!({"tpm_quote": quote, "ak_public": base64(b"ak")})
}

pub fn kbs(primary: &Value) -> Value {
    json!({"primary_evidence": primary, "additional_evidence": ""})
}

pub const VCEK_GUID: u128 = 0x63da_758d_e664_4564_adc5_f4b9_3be8_accd;
pub const VLEK_GUID: u128 = 0xa807_4bc2_a25a_483e_aae6_39c0_45a0_b8a1;
pub const ASK_GUID: u128 = 0x4ab7_b379_bbac_4fe4_a02f_05ae_f327_c782;
pub const ARK_GUID: u128 = 0xc0b4_06a4_a803_4952_9743_3fb6_014c_d0ae;

/// A certificate table as Linux hands it over, filled up with zeros to a page.
pub fn table(entries: &[(u128, &[u8])]) -> Vec<u8> {
    let mut offset = (entries.len() + 1) * 24;
    let (mut list, mut data) = (Vec::new(), Vec::new());
    for (guid, certificate) in entries {
        list.extend_from_slice(&guid.to_be_bytes());
        list.extend_from_slice(&u32::try_from(offset).expect("it fits").to_le_bytes());
        let length = u32::try_from(certificate.len()).expect("it fits");
        list.extend_from_slice(&length.to_le_bytes());
        data.extend_from_slice(certificate);
        offset += certificate.len();
    }
    list.resize(list.len() + 24, 0);
    let mut table = [list, data].concat();
    table.resize(4096, 0);
    table
}
