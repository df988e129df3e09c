//! The manifest: an untrusted explanation of a launch digest, by which a refusal can name the
//! component that differs. It holds the digest of every page, and the contents of the small ones, so
//! that the launch digest can be recomputed from it; only if that gives the reported digest is
//! anything in it to be believed.

mod bytes;
mod packed;
mod table;

pub use bytes::ManifestError;

use crate::launch_digest::sha384;
use crate::{ComponentDigest, DigestChain, HashPages, LaunchDigest, OneByOne, vmsa};
use measured_boot_plan::{Component, LaunchPlan, Measured, Region, Sources, VcpuState};
use measured_boot_snp_abi::{PAGE_SIZE, PageType, VMSA_GPA};
use std::collections::BTreeSet;
use zerocopy::IntoBytes;

const CPUID: &str = "cpuid";
const VCPU: &str = "vcpu";

/// The pages of a launch, in measuring order. Its vCPUs are `vcpu0`, `vcpu1` and so on, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    runs: Vec<PageRun>,
}

/// Pages of one type that follow one another in memory, or vCPUs that start alike.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PageRun {
    /// Of vCPUs, the first one's.
    name: String,
    page_type: PageType,
    start: u64,
    /// Number of pages; of vCPUs, how many start alike.
    count: u32,
    /// SHA-384 of each page, of vCPUs that of the one page that all have; empty for types whose contents
    /// are not measured.
    contents: Vec<[u8; 48]>,
    /// The contents themselves, whole pages, where the manifest has them.
    bytes: Option<Vec<u8>>,
}

/// One component of a manifest, with all that the manifest says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManifestPart<'a> {
    /// Its name; of vCPUs that start alike, the first one's.
    pub name: &'a str,
    /// The type of its pages.
    pub page_type: PageType,
    /// Guest physical address of its first page.
    pub gpa: u64,
    /// Number of its pages; of vCPUs, how many start alike.
    pub count: u32,
    /// SHA-384 of each page, of vCPUs that of their one page; empty where contents are not measured.
    pub digests: &'a [[u8; 48]],
    /// The contents, in whole pages, of small components.
    pub bytes: Option<&'a [u8]>,
}

impl Manifest {
    /// The manifest that explains a plan's launch digest.
    pub fn from_plan(plan: &LaunchPlan, sources: &Sources<'_>) -> Self {
        Self::from_plan_hashed_by(plan, sources, &OneByOne)
    }

    /// The same, with pages hashed by `hasher`.
    pub fn from_plan_hashed_by(
        plan: &LaunchPlan,
        sources: &Sources<'_>,
        hasher: &dyn HashPages,
    ) -> Self {
        let Measured(regions) = &plan.regions;
        let regions = regions
            .iter()
            .map(|region| PageRun::of_region(plan, region, sources, hasher));
        let mut runs: Vec<_> = regions.collect();
        for (index, state) in plan.vcpus.0.iter().enumerate() {
            push(
                &mut runs,
                PageRun::of_vcpu(index, state, plan.sev_features.0),
            );
        }
        let mut told = 0;
        for run in &mut runs {
            told += run.told_pages();
            if told > packed::MAX_PAGES_IN_ALL {
                run.bytes = None;
            }
        }
        Self { runs }
    }

    /// The launch digest that it explains: compare with the reported one before believing anything.
    pub fn recompute(&self) -> LaunchDigest {
        let mut chain = DigestChain::new();
        for run in &self.runs {
            for index in 0..run.count {
                let (contents, gpa) = run.page(index);
                chain.add(run.page_type, gpa, contents);
            }
        }
        chain.digest()
    }

    /// Its components, in measuring order; a component may appear several times, once for each piece
    /// of memory. After a boot shim's load table comes what that measures.
    pub fn components(&self) -> Vec<ComponentDigest> {
        let runs = self.runs.iter();
        runs.flat_map(|run| {
            let table = table::read(&run.part());
            let through = table.iter().flat_map(table::components);
            run.components()
                .into_iter()
                .chain(through)
                .collect::<Vec<_>>()
        })
        .collect()
    }

    /// All that it says, in measuring order.
    pub fn parts(&self) -> impl Iterator<Item = ManifestPart<'_>> {
        self.runs.iter().map(PageRun::part)
    }

    /// Names of the components that differ from `other`'s, in measuring order: `gdt`, `boot-params`,
    /// `page-tables`, `cmdline`, `acpi`, `kernel`, `initrd`, `cpuid`, `vcpu-count`, `vcpuN`. Of a boot
    /// shim's load table those that it measures are named, and itself only where it differs otherwise.
    ///
    /// Empty exactly if the two are equal, but for the order of their components.
    pub fn differing_components(&self, other: &Self) -> Vec<String> {
        let (mine, others) = (self.vcpus(), other.vcpus());
        let mut differing = self.differing_regions(other);
        if mine.len() != others.len() {
            differing.push("vcpu-count".to_owned());
        }
        // A vCPU that only one has: their numbers differ, which is told once.
        let pairs = mine.iter().zip(&others).enumerate();
        differing.extend(
            pairs
                .filter(|(_, (mine, others))| mine != others)
                .map(|(index, _)| vcpu_name(index)),
        );
        differing
    }

    fn differing_regions(&self, other: &Self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let names = self.runs.iter().chain(&other.runs);
        let names = names
            .map(|run| run.name.as_str())
            .filter(|name| !is_vcpu(name));
        let differing =
            names.filter(|name| seen.insert(*name) && self.named(name) != other.named(name));
        differing
            .flat_map(|name| self.causes(name, other))
            .collect()
    }

    /// The name, or what a load table of that name says differs.
    fn causes(&self, name: &str, other: &Self) -> Vec<String> {
        let table = |manifest: &Self| {
            let mut parts = manifest.parts().filter(|part| part.name == name);
            let table = parts.next().and_then(|part| table::read(&part));
            table.filter(|_| parts.next().is_none())
        };
        match (table(self), table(other)) {
            (Some(one), Some(other)) => table::differing(&one, &other),
            _ => vec![name.to_owned()],
        }
    }

    /// Whether a manifest has contents or only their digests is no difference.
    fn named(&self, name: &str) -> Vec<(PageType, u64, u32, &[[u8; 48]])> {
        let named = self.runs.iter().filter(|run| run.name == name);
        named
            .map(|run| (run.page_type, run.start, run.count, &run.contents[..]))
            .collect()
    }

    /// The digest of each vCPU's page, in order.
    fn vcpus(&self) -> Vec<[u8; 48]> {
        let runs = self.runs.iter().filter(|run| is_vcpu(&run.name));
        runs.flat_map(|run| (0..run.count).map(|index| run.page(index).0))
            .collect()
    }
}

const PAGE_SIZE_64: u64 = 4096;
const _: () = assert!(PAGE_SIZE == 4096);

impl PageRun {
    fn part(&self) -> ManifestPart<'_> {
        ManifestPart {
            name: &self.name,
            page_type: self.page_type,
            gpa: self.start,
            count: self.count,
            digests: &self.contents,
            bytes: self.bytes.as_deref(),
        }
    }

    fn of_region(
        plan: &LaunchPlan,
        region: &Region,
        sources: &Sources<'_>,
        hasher: &dyn HashPages,
    ) -> Self {
        let mut run = Self {
            name: region.component.name().to_owned(),
            page_type: region.page_type,
            start: region.start.get(),
            count: u32::try_from(region.pages()).expect("planning bounds how much a launch places"),
            contents: Vec::new(),
            bytes: None,
        };
        if region.page_type.measures_contents() {
            let bytes = plan.contents(region, sources);
            let pages =
                usize::try_from(region.pages()).expect("planning bounds how much a launch places");
            run.contents = hasher.hash_pages(&bytes);
            run.contents.resize(pages, sha384(&[0; PAGE_SIZE]));
            run.bytes = is_told(region.component, pages).then(|| {
                let mut told = bytes.into_owned();
                told.resize(pages * PAGE_SIZE, 0);
                told
            });
        }
        run
    }

    fn of_vcpu(index: usize, state: &VcpuState, features: u64) -> Self {
        let page = vmsa(state, features).as_bytes().to_vec();
        Self {
            name: vcpu_name(index),
            page_type: PageType::Vmsa,
            start: VMSA_GPA,
            count: 1,
            contents: vec![sha384(&page)],
            bytes: Some(page),
        }
    }

    /// Of how many pages it has the contents.
    fn told_pages(&self) -> usize {
        self.bytes
            .as_ref()
            .map_or(0, |bytes| bytes.len() / PAGE_SIZE)
    }

    /// Pages that cost nothing to claim: nothing of their contents is measured.
    fn free_pages(&self) -> u32 {
        if self.page_type.measures_contents() {
            0
        } else {
            self.count
        }
    }

    /// Digest (zero where it is not measured) and address of one page.
    fn page(&self, index: u32) -> ([u8; 48], u64) {
        let (place, gpa) = match self.page_type {
            PageType::Vmsa => (0, self.start),
            _ => (index, self.start + u64::from(index) * PAGE_SIZE_64),
        };
        let contents = usize::try_from(place)
            .ok()
            .and_then(|place| self.contents.get(place));
        (contents.copied().unwrap_or([0; 48]), gpa)
    }

    /// One, but of vCPUs one each.
    fn components(&self) -> Vec<ComponentDigest> {
        let measured = self.page_type.measures_contents();
        let component = ComponentDigest {
            name: self.name.clone(),
            gpa: self.start,
            pages: self.count.into(),
            sha384: measured.then(|| sha384(self.contents.as_flattened())),
            through: None,
        };
        match vcpu_index(&self.name) {
            None => vec![component],
            Some(first) => (first..)
                .zip(0..self.count)
                .map(|(index, _)| ComponentDigest {
                    name: vcpu_name(index),
                    pages: 1,
                    ..component.clone()
                })
                .collect(),
        }
    }
}

/// Adds a run, or counts it to the vCPUs before it that start alike.
fn push(runs: &mut Vec<PageRun>, run: PageRun) {
    match runs.last_mut() {
        Some(last) if is_vcpu(&run.name) && is_vcpu(&last.name) && alike(last, &run) => {
            last.count += run.count;
        }
        _ => runs.push(run),
    }
}

fn alike(one: &PageRun, other: &PageRun) -> bool {
    (&one.contents, &one.bytes) == (&other.contents, &other.bytes)
}

/// Whether a manifest holds the contents, so that a difference can be named to the field: what the VMM
/// makes is small, and differs without anybody having changed a file.
fn is_told(component: Component, pages: usize) -> bool {
    use Component as C;
    let is_made = match component {
        C::Gdt | C::BootParams | C::Cmdline | C::Acpi | C::LoadTable | C::CcBlob => true,
        C::PageTables | C::Kernel | C::Initrd | C::Shim | C::ResetVector | C::Igvm => false,
        // Their contents are not measured.
        C::Secrets | C::Cpuid | C::MemoryMap | C::Stack | C::Mailbox | C::Parameters => false,
    };
    is_made && pages <= packed::MAX_PAGES
}

fn vcpu_name(index: usize) -> String {
    format!("{VCPU}{index}")
}

fn vcpu_index(name: &str) -> Option<usize> {
    name.strip_prefix(VCPU)?.parse().ok()
}

fn is_vcpu(name: &str) -> bool {
    name.starts_with(VCPU)
}
