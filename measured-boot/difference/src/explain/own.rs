//! Known ways in which a launch of ours turns out otherwise: another `vm.toml`.

use super::variant::{Dimension, Variant};
use super::vcpus::vmsa_variants;
use crate::Launch;
use measured_boot_digest::HashPages;
use measured_boot_plan::{DiskConfig, LaunchConfig, LaunchPlan, Sources, plan_like};

/// Numbers of vCPUs that are tried: planning is not free.
const VCPUS: [u32; 23] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 20, 24, 32, 40, 48, 56, 64,
];
/// Sizes of memory in MiB.
const MEMORY: [u64; 20] = [
    64, 128, 192, 256, 384, 512, 768, 1024, 1280, 1536, 2048, 2560, 3072, 3584, 4096, 6144, 8192,
    16_384, 32_768, 65_536,
];

/// A way to write the configuration otherwise.
type Other = (Dimension, String, Option<&'static str>, LaunchConfig);

/// Adds a way to the list.
type Add<'f> = dyn FnMut(Dimension, String, Option<&'static str>, &dyn Fn(&mut LaunchConfig)) + 'f;

/// The plans that the known ways give, to be kept while their variants are tried.
pub struct OwnPlans {
    plans: Vec<(Dimension, String, Option<&'static str>, LaunchPlan)>,
}

impl OwnPlans {
    /// Plans every known way in which `planned`, of this configuration and these files, could have been
    /// written otherwise.
    pub fn of(config: &LaunchConfig, sources: &Sources<'_>, planned: &LaunchPlan) -> Self {
        let plans = others(config)
            .into_iter()
            .filter(|(.., other)| other != config)
            .filter_map(|(dimension, says, advice, other)| {
                Some((
                    dimension,
                    says,
                    advice,
                    plan_like(&other, sources, planned).ok()?,
                ))
            });
        Self {
            plans: plans.collect(),
        }
    }
}

/// The known ways in which the launch of a configuration turns out otherwise.
pub fn own_variants<'a>(
    plans: &'a OwnPlans,
    sources: &Sources<'a>,
    planned: &Launch<'a>,
    hasher: &impl HashPages,
) -> Vec<Variant<'a>> {
    let mut variants = vmsa_variants(planned);
    variants.retain(|variant| variant.dimension != Dimension::Cpu);
    for (dimension, says, advice, plan) in &plans.plans {
        let launch = Launch::of_plan_like(plan, sources, hasher, planned);
        variants.push(Variant::whole(*dimension, says.clone(), *advice, launch));
    }
    variants
}

fn others(config: &LaunchConfig) -> Vec<Other> {
    let mut others = Vec::new();
    let mut add = |dimension, says: String, advice, change: &dyn Fn(&mut LaunchConfig)| {
        let mut other = config.clone();
        change(&mut other);
        others.push((dimension, says, advice, other));
    };
    for count in VCPUS {
        let s = if count == 1 { "" } else { "s" };
        add(
            Dimension::Vcpus,
            format!("the guest has {count} vCPU{s}"),
            Some("write it as cpu.count"),
            &|other| other.cpu.count = count,
        );
    }
    for mib in MEMORY {
        add(
            Dimension::Memory,
            format!("the guest has {mib} MiB of memory"),
            Some("write it as memory.mib"),
            &|other| other.memory.mib = mib,
        );
    }
    let text = &config.boot.cmdline;
    let cmdlines = [
        ("is empty", String::new()),
        ("has no blanks at its ends", text.trim().to_owned()),
        ("ends with a blank", format!("{text} ")),
        ("ends with ` quiet`", format!("{text} quiet")),
        (
            "ends with ` initrd=initrd`",
            format!("{text} initrd=initrd"),
        ),
    ];
    for (says, cmdline) in &cmdlines {
        add(
            Dimension::Kernel,
            format!("the command line {says}"),
            Some("write it as boot.cmdline"),
            &|other| cmdline.clone_into(&mut other.boot.cmdline),
        );
    }
    devices(config, &mut add);
    others
}

/// The number of devices is measured in the ACPI tables, not what they are.
fn devices(config: &LaunchConfig, add: &mut Add<'_>) {
    let now = config.disks.len() + usize::from(config.vsock.is_some());
    for count in 0..=8usize {
        let s = if count == 1 { "" } else { "s" };
        add(
            Dimension::Devices,
            format!("the guest has {count} virtio device{s} (disks and vsock), not {now}"),
            Some("compare [[disk]] and [vsock]"),
            &|other| {
                other.vsock = None;
                let disk = DiskConfig {
                    path: "disk".to_owned(),
                };
                other.disks = vec![disk; count];
            },
        );
    }
}
