//! cargo xtask bench launch: what a launch through the boot shim costs, against hashing all of it as pages.

mod tee;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use measured_boot_digest::{LaunchDigest, launch_digest};
use measured_boot_plan::{LaunchConfig, LaunchPlan, Source, Sources, plan};
use measured_boot_snp_abi::{PAGE_SIZE, PageType};
use measured_boot_tiny_kernel::{Segment, elf};
use vmm_kvm::{GuestRam, Host, RamLayout, Vm};
use vmm_launch::{Staging, launch as replay};

use super::claims::{Bound, Claim};
use super::measure::random;
use super::samples::{Samples, Subject, Unit, ratio};
use super::{conclude, cpu};
use tee::Silent;

const KERNEL_BYTES: usize = 48 << 20;
const INITRD_BYTES: usize = 16 << 20;

const OWN_WORK: &str = "launch through the shim, with the kernel's time";
const SHIM_PAGES: &str = "hash of what the processor is given, shim";
const ALL_PAGES: &str = "hash of what the processor is given, all pages";

const KIBIBYTES: (&str, Bound) = (
    "KiB that the secure processor hashes, shim + 64 MiB",
    Bound::AtMost(64.0),
);
const MILLISECONDS: (&str, Bound) = (
    "ms of the VMM's own launch work, shim + 64 MiB",
    Bound::AtMost(5.0),
);
const RATIO: (&str, Bound) = (
    "hashing all of it as pages over hashing the shim's",
    Bound::AtLeast(100.0),
);

/// The files of a guest, and both its plans.
struct Guest {
    kernel: Vec<u8>,
    initrd: Vec<u8>,
    shim: Vec<u8>,
    kernel_file: File,
    initrd_file: File,
}

/// Times, prints, and judges; ends in `target/bench/launch.json`.
///
/// # Errors
/// A claim does not hold, or something could not be built or run.
pub fn launch(root: &Path, rounds: usize) -> Result<()> {
    crate::install::shim(root)?;
    let folder = root.join("target/bench");
    std::fs::create_dir_all(&folder)?;
    let guest = Guest::make(root, &folder)?;
    let (sources, through_shim) = (guest.sources(), guest.plan("shim")?);
    let direct = guest.plan("simulated-direct")?;
    let host = Host::open();
    println!("{}, {rounds} rounds", cpu());
    let mut subjects = vec![
        hashing(SHIM_PAGES, &through_shim, sources),
        hashing(ALL_PAGES, &direct, sources),
    ];
    match &host {
        Ok(host) => subjects.push(own_work(host, &guest, &through_shim)),
        Err(error) => println!("not run: {OWN_WORK}: {error}"),
    }
    let samples = super::samples::take(&mut subjects, rounds)?;
    let own = subjects.iter_mut().find(|subject| subject.name == OWN_WORK);
    let own = own
        .map(|subject| user_milliseconds(&mut subject.work))
        .transpose()?;
    let claims = judge(&samples, own, measured_bytes(&through_shim));
    conclude(&folder.join("launch.json"), 1, None, &samples, &claims)
}

impl Guest {
    /// Random contents: no page is there twice.
    fn make(root: &Path, folder: &Path) -> Result<Self> {
        let mut contents = random(KERNEL_BYTES + INITRD_BYTES);
        let initrd = contents.split_off(KERNEL_BYTES);
        let kernel = elf(16 << 20, &[Segment::new(16 << 20, contents)]);
        let shim = root.join("target/shim").join(tests_shim_image::NAME);
        Ok(Self {
            kernel_file: file(folder, "launch-kernel", &kernel)?,
            initrd_file: file(folder, "launch-initrd", &initrd)?,
            kernel,
            initrd,
            shim: std::fs::read(&shim).with_context(|| format!("read {}", shim.display()))?,
        })
    }

    fn sources(&self) -> Sources<'_> {
        Sources {
            kernel: &self.kernel,
            initrd: &self.initrd,
            shim: &self.shim,
            ..Sources::default()
        }
    }

    fn plan(&self, protocol: &str) -> Result<LaunchPlan> {
        let text = format!(
            "name = \"bench\"\n[tee]\nkind = \"simulated\"\n[boot]\nprotocol = \"{protocol}\"\n\
             kernel = \"k\"\ninitrd = \"i\"\ncmdline = \"quiet\"\n[cpu]\ncount = 1\n\
             model = \"x86-64-v2\"\n[memory]\nmib = 512\n"
        );
        Ok(plan(&LaunchConfig::from_toml(&text)?, &self.sources())?)
    }

    fn file(&self, source: Source) -> Option<&File> {
        match source {
            Source::Kernel => Some(&self.kernel_file),
            Source::Initrd => Some(&self.initrd_file),
            _ => None,
        }
    }
}

/// From the plan, its digests known, to the last page handed over: as the SNP back end prepares it, with a
/// TEE that answers at once. KVM makes the VM meanwhile, which is the kernel's time.
fn own_work<'a>(host: &'a Host, guest: &'a Guest, plan: &'a LaunchPlan) -> Subject<'a> {
    let sources = guest.sources();
    Subject {
        name: OWN_WORK.to_owned(),
        amount: KERNEL_BYTES + INITRD_BYTES,
        unit: Unit::Bytes,
        work: Box::new(move || {
            let tee = Silent::default();
            let staging = Staging::prepare(plan, &sources, |source| guest.file(source))?;
            let ram = Arc::new(GuestRam::new(RamLayout::new(&plan.ram()))?);
            let vm = Vm::new(host, vmm_kvm::VmKind::Plain, ram)?;
            let predicted = LaunchDigest([0; 48]);
            let launched = replay(vm, tee, plan, &sources, staging, predicted)?;
            ensure!(
                launched.tee().bytes == handed_over(plan),
                "pages are missing"
            );
            Ok(())
        }),
    }
}

/// What stands in for the secure processor's time: SHA-384 of the same pages on one core here.
fn hashing<'a>(name: &str, plan: &'a LaunchPlan, sources: Sources<'a>) -> Subject<'a> {
    Subject {
        name: name.to_owned(),
        amount: measured_bytes(plan),
        unit: Unit::Bytes,
        work: Box::new(move || {
            ensure!(launch_digest(plan, &sources) != LaunchDigest([0; 48]));
            Ok(())
        }),
    }
}

/// Bytes of pages whose contents are measured, the vCPUs' included.
fn measured_bytes(plan: &LaunchPlan) -> usize {
    let regions = plan.regions.0.iter();
    let normal = regions.filter(|region| region.page_type == PageType::Normal);
    let pages: u64 = normal.map(measured_boot_plan::Region::pages).sum();
    (usize::try_from(pages).expect("it fits") + plan.vcpus.0.len()) * PAGE_SIZE
}

fn handed_over(plan: &LaunchPlan) -> usize {
    let pages: u64 = plan
        .regions
        .0
        .iter()
        .map(measured_boot_plan::Region::pages)
        .sum();
    usize::try_from(pages).expect("it fits") * PAGE_SIZE
}

/// Milliseconds of this thread outside the kernel, by launch: the kernel counts them in hundredths of a second
/// (proc_pid_stat(5), field 14), so many launches are looked at together.
fn user_milliseconds(work: &mut dyn FnMut() -> Result<()>) -> Result<f64> {
    const LAUNCHES: u32 = 100;
    const MILLISECONDS_A_TICK: f64 = 10.0;
    let before = user_ticks()?;
    for _ in 0..LAUNCHES {
        work()?;
    }
    let ticks = user_ticks()? - before;
    Ok(f64::from(ticks) * MILLISECONDS_A_TICK / f64::from(LAUNCHES))
}

fn user_ticks() -> Result<u32> {
    let stat = std::fs::read_to_string("/proc/thread-self/stat")?;
    let after_name = stat.rsplit_once(") ").map(|(_, fields)| fields);
    let ticks = after_name.and_then(|fields| fields.split(' ').nth(11)?.parse().ok());
    ticks.context("/proc/thread-self/stat has another form")
}

fn judge(samples: &[Samples], own: Option<f64>, measured: usize) -> Vec<Claim> {
    let find = |name: &str| samples.iter().find(|samples| samples.name == name);
    let hashes = find(ALL_PAGES).zip(find(SHIM_PAGES));
    let ratio = hashes.map(|(all, shim)| ratio(&all.seconds, &shim.seconds));
    let kibibytes =
        u32::try_from(measured).map_or(f64::INFINITY, |bytes| f64::from(bytes) / 1024.0);
    let claim = |(name, bound), value| Claim { name, bound, value };
    vec![
        claim(KIBIBYTES, Some(kibibytes)),
        claim(MILLISECONDS, own),
        claim(RATIO, ratio),
    ]
}

fn file(folder: &Path, name: &str, contents: &[u8]) -> Result<File> {
    let path = folder.join(name);
    std::fs::write(&path, contents).with_context(|| format!("write {}", path.display()))?;
    Ok(File::open(&path)?)
}

#[cfg(test)]
mod tests {
    use super::super::claims::is_documented;
    use super::*;

    #[test]
    fn claims_are_those_of_the_document() {
        for (name, bound) in [KIBIBYTES, MILLISECONDS, RATIO] {
            is_documented(name, bound);
        }
    }
}
