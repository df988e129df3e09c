//! What a report shows of a plan: the class of every field.

use measured_boot_plan::{
    BootProtocol, DeviceKind, DevicePlan, LaunchPlan, Measured, QuoteService, Region, Reported,
    SignedIdBlock, Staged, TdParameters, TeeKind, Unmeasured,
};
use std::fmt;

/// What a report shows of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// It is in the launch digest.
    Measured,
    /// It is beside the launch digest in the report.
    Reported,
    /// Nothing shows it.
    Unmeasured,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Measured => "measured",
            Self::Reported => "reported",
            Self::Unmeasured => "unmeasured",
        })
    }
}

/// One field of the plan and what a report shows of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct CoverageRow {
    /// The field, as [`LaunchPlan`] names it.
    pub field: &'static str,
    /// Its class.
    pub class: Class,
    /// Its value, in short.
    pub what: String,
    /// What follows from the class.
    pub note: &'static str,
}

/// The class of every field of the plan, measured ones first.
///
/// Taken apart without `..` and by the classes' own types, so that a field that is added to the plan,
/// or changes its class, does not compile until it is listed here.
#[rustfmt::skip] // a table: one field a line
pub fn coverage(plan: &LaunchPlan) -> Vec<CoverageRow> {
    let LaunchPlan {
        name: Unmeasured(name),
        tee: Reported(tee),
        boot: Unmeasured(boot),
        regions: Measured(regions),
        staged: Unmeasured(staged),
        vcpus: Measured(vcpus),
        sev_features: Measured(sev_features),
        policy: Reported(policy),
        host_data: Reported(host_data),
        id: Reported(id),
        id_block: Reported(id_block),
        td: Reported(td),
        cpuid: Unmeasured(cpuid),
        memory_bytes: Unmeasured(memory_bytes),
        quote_service: Unmeasured(quote_service),
        devices: Unmeasured(devices),
    } = plan;
    use Class::{Measured as M, Reported as R, Unmeasured as U};
    let row = |field, class, what, note| CoverageRow {
        field,
        class,
        what,
        note,
    };
    let mut rows = vec![
        row("regions", M, contents(regions), "address and type; of NORMAL pages every byte"),
        row("vcpus", M, count(vcpus.len(), "vCPU"), "their number and all initial registers"),
        row("sev_features", M, format!("{sev_features:#x}"), "in every vCPU's VMSA"),
        row("tee", R, tee.to_string(), "evidence of this kind, under its own root"),
        row("policy", R, policy.to_string(), "POLICY: a verifier must refuse debug (bit 19)"),
        row("host_data", R, short_hex(host_data), "HOST_DATA: chosen by the host"),
        row("id", R, format!("svn {}", id.guest_svn), "GUEST_SVN, FAMILY_ID, IMAGE_ID"),
        row("id_block", R, keys(id_block.as_ref()), "ID_KEY_DIGEST, AUTHOR_KEY_DIGEST"),
        row("td", R, td_words(td), "TDX: ATTRIBUTES, XFAM, MRCONFIGID, MROWNER"),
        row("name", U, name.clone(), "for people on the host"),
        row("boot", U, boot.name().to_owned(), "what it does is in regions and vcpus"),
        row("staged", U, files(staged), "the shim checks it by load-table, measured"),
        row("cpuid", U, count(cpuid.len(), "leaf"), "the guest must not rest its safety on CPUID"),
        row("memory_bytes", U, size(*memory_bytes), memory_note(*boot)),
        row("quote_service", U, service(quote_service.as_ref()), "whoever signs a quote vouches for it"),
        row("devices", U, device_names(devices), "but acpi tells their places, measured"),
    ];
    rows.iter_mut().for_each(|row| row.show_under(*tee));
    rows.sort_by_key(|row| row.class);
    rows
}

const SNP_ALONE: &str = "only SNP knows it";
const TDX_ALONE: &str = "only TDX knows it";

impl CoverageRow {
    /// The plan's types say what an SNP report shows; a TD's report shows other fields.
    fn show_under(&mut self, tee: TeeKind) {
        let note = match (tee, self.field) {
            (TeeKind::Tdx, "vcpus") => "in no register: the TDX module tells the guest",
            (TeeKind::Tdx, "sev_features" | "policy" | "host_data" | "id" | "id_block") => {
                SNP_ALONE
            }
            (TeeKind::Simulated | TeeKind::Snp, "td") => TDX_ALONE,
            _ => return,
        };
        (self.class, self.note) = (Class::Unmeasured, note);
    }
}

fn memory_note(boot: BootProtocol) -> &'static str {
    match boot {
        BootProtocol::SimulatedDirect => "but boot-params tell the guest, measured",
        BootProtocol::Shim => "the shim takes all that memory-map lists",
        BootProtocol::Igvm => "parameters tell the guest, not measured",
    }
}

fn contents(regions: &[Region]) -> String {
    let pages: u64 = regions.iter().map(Region::pages).sum();
    format!("{pages} pages in {}", count(regions.len(), "region"))
}

fn files(staged: &[Staged]) -> String {
    let bytes: u64 = staged.iter().map(|staged| staged.content.length()).sum();
    format!("{bytes} bytes in {}", count(staged.len(), "piece"))
}

fn keys(block: Option<&SignedIdBlock>) -> String {
    block.map_or("none".to_owned(), |signed| {
        format!("for {}", short_hex(&signed.block.launch_digest))
    })
}

fn td_words(td: &TdParameters) -> String {
    format!("ATTRIBUTES {:#x}", td.attributes)
}

fn service(service: Option<&QuoteService>) -> String {
    match service {
        None => "none".to_owned(),
        Some(QuoteService::Unix(_)) => "a Unix socket".to_owned(),
        Some(QuoteService::Vsock { cid, port }) => format!("vsock {cid}, port {port}"),
    }
}

fn device_names(devices: &[DevicePlan]) -> String {
    let disks = devices
        .iter()
        .filter(|device| matches!(device.kind, DeviceKind::Disk { .. }));
    let disks = disks.count();
    let vsocks = devices.len() - disks;
    format!("{}, {}", count(disks, "disk"), count(vsocks, "vsock"))
}

fn count(number: usize, noun: &str) -> String {
    match (number, noun) {
        (1, _) => format!("1 {noun}"),
        (_, "leaf") => format!("{number} leaves"),
        _ => format!("{number} {noun}s"),
    }
}

/// Long values by their first bytes; all zeros by one.
fn short_hex(bytes: &[u8]) -> String {
    if bytes.iter().all(|byte| *byte == 0) {
        return "zero".to_owned();
    }
    format!("{}…", hex::encode(&bytes[..bytes.len().min(8)]))
}

fn size(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}
