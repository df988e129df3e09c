//! What differs between two plans beside what is measured.

use crate::{Difference, Shown, policy};
use measured_boot_plan::{
    BootProtocol, CpuidEntry, DeviceKind, DevicePlan, LaunchPlan, TdParameters, TeeKind,
    cpuid_feature_name,
};

/// Fields that the report shows, or nothing does.
///
/// Taken apart without `..`, so that a field that is added to the plan does not compile until it is
/// compared here or is said to be measured.
pub fn plan_fields(a: &LaunchPlan, b: &LaunchPlan) -> Vec<Difference> {
    let LaunchPlan {
        name,
        tee: _, // with the reported ones
        boot,
        regions: _,      // measured
        staged: _,       // the load table, measured, says what is taken of it
        vcpus,           // measured, but of a TD
        sev_features: _, // measured
        policy: _,       // reported
        host_data: _,    // reported
        id: _,           // reported
        id_block: _,     // reported
        td: _,           // reported
        cpuid,
        memory_bytes,
        quote_service,
        devices,
    } = a;
    let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
    let name_of = |name: &str| format!("`{name}`");
    let mut differences = reported(a, b);
    // Of other TEEs it is measured, and told where that is.
    let are_tds = [a, b].map(|one| one.tee.0) == [TeeKind::Tdx; 2];
    let vcpus_of_td = |count: usize| match are_tds {
        true => count.to_string(),
        false => String::new(),
    };
    let unmeasured = [
        (
            "the number of vCPUs",
            vcpus_of_td(vcpus.0.len()),
            vcpus_of_td(b.vcpus.0.len()),
            Some(VCPUS_OF_TD),
        ),
        (
            "memory",
            mib(memory_bytes.0),
            mib(b.memory_bytes.0),
            Some(memory_advice(a, b)),
        ),
        ("name", name_of(&name.0), name_of(&b.name.0), None),
        (
            "boot protocol",
            boot.0.name().to_owned(),
            b.boot.0.name().to_owned(),
            None,
        ),
        (
            "quote service",
            format!("{:?}", quote_service.0),
            format!("{:?}", b.quote_service.0),
            None,
        ),
        (
            "devices",
            names(&devices.0),
            names(&b.devices.0),
            Some(DEVICES),
        ),
    ];
    let unmeasured = unmeasured.into_iter().filter(|(_, a, b, _)| a != b);
    differences.extend(unmeasured.map(|(field, a, b, advice)| Difference::Field {
        field,
        shown: Shown::Unmeasured,
        a,
        b,
        advice,
    }));
    differences.extend(leaves(&cpuid.0, &b.cpuid.0));
    differences
}

const ROOTS: &str =
    "their reports lead to different roots: a verifier accepts one kind or the other";
const DEBUG_OF_TD: &str =
    "with DEBUG the host reads and writes the guest's memory: such a guest keeps no secret";
const SVN: &str = "a reference value asks for a minimum: the lower one may be refused";
const VCPUS_OF_TD: &str = "no register of a TD has it: the TDX module tells the guest";
const MEMORY: &str = "boot_params tells the guest, and is measured";
const MEMORY_OF_SHIM: &str =
    "no digest has it: the boot shim takes what the host's memory map lists";
const DEVICES: &str =
    "their places are in the ACPI tables, which are measured; what is behind them is not";

fn memory_advice(a: &LaunchPlan, b: &LaunchPlan) -> &'static str {
    match (a.boot.0, b.boot.0) {
        (BootProtocol::SimulatedDirect, _) | (_, BootProtocol::SimulatedDirect) => MEMORY,
        _ => MEMORY_OF_SHIM,
    }
}

/// A field of a report, its values, and what to do where they differ.
type Field = (&'static str, String, String, Option<&'static str>);

/// A TD's report has other fields than an SNP guest's.
fn reported(a: &LaunchPlan, b: &LaunchPlan) -> Vec<Difference> {
    let tee = ("TEE", a.tee.0.to_string(), b.tee.0.to_string(), Some(ROOTS));
    let fields = match (a.tee.0, b.tee.0) {
        (TeeKind::Tdx, TeeKind::Tdx) => of_td(a, b),
        (TeeKind::Tdx, _) | (_, TeeKind::Tdx) => Vec::new(),
        _ => of_snp(a, b),
    };
    let fields = std::iter::once(tee).chain(fields);
    let differing = fields.filter(|(_, a, b, _)| a != b);
    differing
        .map(|(field, a, b, advice)| Difference::Field {
            field,
            shown: Shown::Reported,
            a,
            b,
            advice,
        })
        .collect()
}

fn of_td(a: &LaunchPlan, b: &LaunchPlan) -> Vec<Field> {
    let (a, b) = (&a.td.0, &b.td.0);
    let number = |value: u64| format!("{value:#x}");
    let debug = (a.attributes ^ b.attributes) & TdParameters::DEBUG != 0;
    vec![
        (
            "ATTRIBUTES",
            number(a.attributes),
            number(b.attributes),
            debug.then_some(DEBUG_OF_TD),
        ),
        ("XFAM", number(a.xfam), number(b.xfam), None),
        (
            "MRCONFIGID",
            hex::encode(a.mr_config_id),
            hex::encode(b.mr_config_id),
            None,
        ),
        (
            "MROWNER",
            hex::encode(a.mr_owner),
            hex::encode(b.mr_owner),
            None,
        ),
        (
            "MROWNERCONFIG",
            hex::encode(a.mr_owner_config),
            hex::encode(b.mr_owner_config),
            None,
        ),
    ]
}

fn of_snp(a: &LaunchPlan, b: &LaunchPlan) -> Vec<Field> {
    let id = |plan: &LaunchPlan| plan.id.0;
    vec![
        (
            "POLICY",
            policy::words(a.policy.0),
            policy::words(b.policy.0),
            policy::advice(a.policy.0, b.policy.0),
        ),
        (
            "HOST_DATA",
            hex::encode(a.host_data.0),
            hex::encode(b.host_data.0),
            None,
        ),
        (
            "FAMILY_ID",
            hex::encode(id(a).family_id),
            hex::encode(id(b).family_id),
            None,
        ),
        (
            "IMAGE_ID",
            hex::encode(id(a).image_id),
            hex::encode(id(b).image_id),
            None,
        ),
        (
            "GUEST_SVN",
            id(a).guest_svn.to_string(),
            id(b).guest_svn.to_string(),
            Some(SVN),
        ),
    ]
}

fn names(devices: &[DevicePlan]) -> String {
    let name = |device: &DevicePlan| match &device.kind {
        DeviceKind::Disk { path } => format!("disk `{}`", crate::plain(path.as_bytes())),
        DeviceKind::Vsock { cid, ports } => {
            let ports: Vec<_> = ports
                .iter()
                .map(|(port, target)| {
                    format!(
                        "{port} to {}",
                        crate::plain(format!("{target:?}").as_bytes())
                    )
                })
                .collect();
            format!("vsock of cid {cid} ({})", ports.join(", "))
        }
    };
    match devices {
        [] => "none".to_owned(),
        devices => devices.iter().map(name).collect::<Vec<_>>().join(", "),
    }
}

fn leaves(a: &[CpuidEntry], b: &[CpuidEntry]) -> Vec<Difference> {
    let mut places: Vec<_> = a
        .iter()
        .chain(b)
        .map(|entry| (entry.function, entry.index))
        .collect();
    places.sort_unstable();
    places.dedup();
    let find = |leaves: &[CpuidEntry], place: (u32, Option<u32>)| {
        leaves
            .iter()
            .find(|entry| (entry.function, entry.index) == place)
            .copied()
    };
    places
        .into_iter()
        .flat_map(|place| leaf(place, find(a, place), find(b, place)))
        .collect()
}

fn leaf(
    (leaf, subleaf): (u32, Option<u32>),
    a: Option<CpuidEntry>,
    b: Option<CpuidEntry>,
) -> Vec<Difference> {
    let difference = |register, a: String, b: String, features| Difference::CpuidLeaf {
        leaf,
        subleaf,
        register,
        a,
        b,
        features,
    };
    let (Some(a), Some(b)) = (a, b) else {
        let word = |there: bool| if there { "present" } else { "absent" }.to_owned();
        return vec![difference(
            "all",
            word(a.is_some()),
            word(b.is_some()),
            Vec::new(),
        )];
    };
    let registers = [
        ("EAX", a.eax, b.eax),
        ("EBX", a.ebx, b.ebx),
        ("ECX", a.ecx, b.ecx),
        ("EDX", a.edx, b.edx),
    ];
    let differing = registers
        .into_iter()
        .enumerate()
        .filter(|(_, (_, a, b))| a != b);
    differing
        .map(|(register, (name, a, b))| {
            let bits = (0..32).filter(|bit| (a ^ b) >> bit & 1 == 1);
            let features = bits.filter_map(|bit| cpuid_feature_name(leaf, register, bit));
            let features = features.collect();
            difference(name, format!("{a:#010x}"), format!("{b:#010x}"), features)
        })
        .collect()
}
