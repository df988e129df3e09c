//! The sev crate's report as JSON, and the bytes that it was made of.
//!
//! Two structures have been written. Versions 1 to 5 of the crate write every byte of the report, reserved ones
//! too. Versions 6 to 8 write named fields and leave the reserved bytes out:
//! they are put back as zeros, as the firmware defines them. Had they been anything else, the signature would not hold.
//! Before 6.3 the mitigation vectors of a version 5 report are left out too, and so are put back as zeros.

use crate::ShapeError;
use crate::error::Fault;
use crate::json::Json;
use crate::members::Members;
use measured_boot_snp_abi::{AttestationReport, REPORT_SIZE, TcbVersion};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromZeros, IntoBytes};

const WHOLE: &[&str] = &[
    "version",
    "guest_svn",
    "policy",
    "family_id",
    "image_id",
    "vmpl",
    "sig_algo",
    "current_tcb",
    "plat_info",
    "_author_key_en",
    "_reserved_0",
    "report_data",
    "measurement",
    "host_data",
    "id_key_digest",
    "author_key_digest",
    "report_id",
    "report_id_ma",
    "reported_tcb",
    "_reserved_1",
    "chip_id",
    "committed_tcb",
    "current_build",
    "current_minor",
    "current_major",
    "_reserved_2",
    "committed_build",
    "committed_minor",
    "committed_major",
    "_reserved_3",
    "launch_tcb",
    "_reserved_4",
    "signature",
];

const NAMED: &[&str] = &[
    "version",
    "guest_svn",
    "policy",
    "family_id",
    "image_id",
    "vmpl",
    "sig_algo",
    "current_tcb",
    "plat_info",
    "key_info",
    "report_data",
    "measurement",
    "host_data",
    "id_key_digest",
    "author_key_digest",
    "report_id",
    "report_id_ma",
    "reported_tcb",
    "cpuid_fam_id",
    "cpuid_mod_id",
    "cpuid_step",
    "chip_id",
    "committed_tcb",
    "current",
    "committed",
    "launch_tcb",
    "launch_mit_vector",
    "current_mit_vector",
    "signature",
];

/// Puts the report's bytes together again.
pub(crate) fn rebuild(
    report: Members<'_>,
    member: &'static str,
) -> Result<Box<[u8; REPORT_SIZE]>, ShapeError> {
    let mut bytes = Box::new(AttestationReport::new_zeroed());
    shared(&report, &mut bytes)?;
    // What either structure has, and the other has not.
    if report.spare("_reserved_4").is_some() {
        report.only(member, WHOLE)?;
        whole(&report, &mut bytes)?;
    } else {
        report.only(member, NAMED)?;
        named(&report, &mut bytes)?;
    }
    report.sized(member, bytes.as_bytes()).map(Box::new)
}

/// The fields that both structures write alike.
fn shared(from: &Members<'_>, to: &mut AttestationReport) -> Result<(), ShapeError> {
    to.version = U32::new(from.u32("version")?);
    to.guest_svn = U32::new(from.u32("guest_svn")?);
    to.policy = U64::new(from.number("policy", u64::MAX)?);
    to.family_id = from.exactly("family_id")?;
    to.image_id = from.exactly("image_id")?;
    to.vmpl = U32::new(from.u32("vmpl")?);
    to.signature_algorithm = U32::new(from.u32("sig_algo")?);
    to.platform_info = U64::new(from.number("plat_info", u64::MAX)?);
    to.report_data = from.exactly("report_data")?;
    to.measurement = from.exactly("measurement")?;
    to.host_data = from.exactly("host_data")?;
    to.id_key_digest = from.exactly("id_key_digest")?;
    to.author_key_digest = from.exactly("author_key_digest")?;
    to.report_id = from.exactly("report_id")?;
    to.report_id_ma = from.exactly("report_id_ma")?;
    to.chip_id = from.exactly("chip_id")?;
    let signature = from.object("signature")?;
    to.signature.r = signature.exactly("r")?;
    to.signature.s = signature.exactly("s")?;
    Ok(())
}

/// What versions 1 to 5 write besides. What they call reserved holds the fields of later report versions.
fn whole(from: &Members<'_>, to: &mut AttestationReport) -> Result<(), ShapeError> {
    // KEY_INFO, of which they knew bit 0 alone.
    to.key_info = U32::new(from.u32("_author_key_en")?);
    to.reserved_04c = U32::new(from.u32("_reserved_0")?);
    let [family, model, stepping, reserved @ ..] = from.exactly::<24>("_reserved_1")?;
    (to.cpuid_family, to.cpuid_model, to.cpuid_stepping) = (family, model, stepping);
    to.reserved_18b = reserved;
    to.current_build = from.u8("current_build")?;
    to.current_minor = from.u8("current_minor")?;
    to.current_major = from.u8("current_major")?;
    to.reserved_1eb = from.u8("_reserved_2")?;
    to.committed_build = from.u8("committed_build")?;
    to.committed_minor = from.u8("committed_minor")?;
    to.committed_major = from.u8("committed_major")?;
    to.reserved_1ef = from.u8("_reserved_3")?;
    let after = from.exactly::<168>("_reserved_4")?;
    to.launch_mitigation_vector = first_u64(&after, 0);
    to.current_mitigation_vector = first_u64(&after, 8);
    to.reserved_208.copy_from_slice(&after[16..]);
    let signature = from.object("signature")?;
    signature.only("signature", &["r", "s", "_reserved"])?;
    to.signature.reserved = signature.exactly("_reserved")?;
    for (member, tcb) in tcbs(to) {
        *tcb = whole_tcb(from, member)?;
    }
    Ok(())
}

fn first_u64(bytes: &[u8; 168], at: usize) -> U64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    U64::from_bytes(number)
}

/// What versions 6 to 8 write besides.
fn named(from: &Members<'_>, to: &mut AttestationReport) -> Result<(), ShapeError> {
    to.key_info = U32::new(from.u32("key_info")?);
    to.cpuid_family = or_zero(from, "cpuid_fam_id")?;
    to.cpuid_model = or_zero(from, "cpuid_mod_id")?;
    to.cpuid_stepping = or_zero(from, "cpuid_step")?;
    [to.current_build, to.current_minor, to.current_major] = version(from, "current")?;
    [to.committed_build, to.committed_minor, to.committed_major] = version(from, "committed")?;
    to.launch_mitigation_vector = vector(from, "launch_mit_vector")?;
    to.current_mitigation_vector = vector(from, "current_mit_vector")?;
    from.object("signature")?.only("signature", &["r", "s"])?;
    let turin = turin(from, "reported_tcb")?;
    for (member, tcb) in tcbs(to) {
        *tcb = named_tcb(from, member, turin)?;
    }
    Ok(())
}

/// A byte that reports of version 2 do not have: `null` there.
fn or_zero(from: &Members<'_>, member: &'static str) -> Result<u8, ShapeError> {
    match from.needed(member)? {
        Json::Null => Ok(0),
        _ => from.u8(member),
    }
}

/// A vector that reports before version 5 do not have: `null` there, and left out before 6.3 of the crate.
fn vector(from: &Members<'_>, member: &'static str) -> Result<U64, ShapeError> {
    match from.spare(member) {
        None | Some(Json::Null) => Ok(U64::ZERO),
        Some(_) => from.number(member, u64::MAX).map(U64::new),
    }
}

/// Build, minor and major, as the report has them.
fn version(from: &Members<'_>, member: &'static str) -> Result<[u8; 3], ShapeError> {
    let version = from.object(member)?;
    version.only(member, &["major", "minor", "build"])?;
    Ok([
        version.u8("build")?,
        version.u8("minor")?,
        version.u8("major")?,
    ])
}

fn tcbs(report: &mut AttestationReport) -> [(&'static str, &mut TcbVersion); 4] {
    [
        ("current_tcb", &mut report.current_tcb),
        ("reported_tcb", &mut report.reported_tcb),
        ("committed_tcb", &mut report.committed_tcb),
        ("launch_tcb", &mut report.launch_tcb),
    ]
}

/// The bytes are in the order of Milan and Genoa, whatever the product: the names are wrong on Turin, the places right.
fn whole_tcb(from: &Members<'_>, member: &'static str) -> Result<TcbVersion, ShapeError> {
    let tcb = from.object(member)?;
    tcb.only(
        member,
        &["bootloader", "tee", "_reserved", "snp", "microcode"],
    )?;
    let [a, b, c, d] = tcb.exactly("_reserved")?;
    let (first, second) = (tcb.u8("bootloader")?, tcb.u8("tee")?);
    let (seventh, last) = (tcb.u8("snp")?, tcb.u8("microcode")?);
    Ok(TcbVersion([first, second, a, b, c, d, seventh, last]))
}

/// Whether a TCB is laid out as Turin has it: only there is an FMC.
fn turin(from: &Members<'_>, member: &'static str) -> Result<bool, ShapeError> {
    let fmc = from.object(member)?.needed("fmc")?;
    Ok(!matches!(fmc, Json::Null))
}

fn named_tcb(
    from: &Members<'_>,
    member: &'static str,
    like: bool,
) -> Result<TcbVersion, ShapeError> {
    if turin(from, member)? != like {
        let mixed = Fault::Contradicts("one TCB has an FMC and another has none");
        return Err(from.fault(member, mixed));
    }
    let tcb = from.object(member)?;
    tcb.only(member, &["fmc", "bootloader", "tee", "snp", "microcode"])?;
    let (boot_loader, tee) = (tcb.u8("bootloader")?, tcb.u8("tee")?);
    let (snp, microcode) = (tcb.u8("snp")?, tcb.u8("microcode")?);
    Ok(if like {
        let fmc = tcb.u8("fmc")?;
        TcbVersion([fmc, boot_loader, tee, snp, 0, 0, 0, microcode])
    } else {
        TcbVersion::milan(boot_loader, tee, snp, microcode)
    })
}
