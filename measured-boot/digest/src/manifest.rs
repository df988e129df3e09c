//! The manifest: an untrusted explanation of a launch digest, by which a refusal can name the
//! component that differs. It holds the digest of every page, so that the launch digest can be
//! recomputed from it; only if that gives the reported digest is anything in it to be believed.

mod bytes;

pub use bytes::ManifestError;

use crate::launch_digest::sha384;
use crate::{ComponentDigest, DigestChain, LaunchDigest, vmsa};
use measured_boot_plan::{LaunchPlan, Measured, Region, Sources};
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

/// Pages of one type that follow one another in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PageRun {
    name: String,
    page_type: PageType,
    start: u64,
    count: u32,
    /// SHA-384 of each page; empty for types whose contents are not measured.
    contents: Vec<[u8; 48]>,
}

impl Manifest {
    /// The manifest that explains a plan's launch digest.
    pub fn from_plan(plan: &LaunchPlan, sources: &Sources<'_>) -> Self {
        let Measured(regions) = &plan.regions;
        let regions = regions
            .iter()
            .map(|region| PageRun::of_region(region, sources));
        let cpuid = PageRun {
            name: CPUID.to_owned(),
            page_type: PageType::Cpuid,
            start: plan.cpuid_page.0.get(),
            count: 1,
            contents: Vec::new(),
        };
        let vcpus = plan
            .vcpus
            .0
            .iter()
            .enumerate()
            .map(|(index, state)| PageRun {
                name: vcpu_name(index),
                page_type: PageType::Vmsa,
                start: VMSA_GPA,
                count: 1,
                contents: vec![sha384(vmsa(state, plan.sev_features.0).as_bytes())],
            });
        Self {
            runs: regions.chain([cpuid]).chain(vcpus).collect(),
        }
    }

    /// The launch digest that it explains: compare with the reported one before believing anything.
    pub fn recompute(&self) -> LaunchDigest {
        let mut chain = DigestChain::new();
        for run in &self.runs {
            for index in 0..run.count {
                let contents = usize::try_from(index)
                    .ok()
                    .and_then(|i| run.contents.get(i));
                let gpa = run.start + u64::from(index) * PAGE_SIZE_64;
                chain.add(run.page_type, gpa, contents.copied().unwrap_or([0; 48]));
            }
        }
        chain.digest()
    }

    /// Its components, in measuring order; a component may appear several times, once for each piece
    /// of memory.
    pub fn components(&self) -> Vec<ComponentDigest> {
        self.runs.iter().map(PageRun::component).collect()
    }

    /// Names of the components that differ from `other`'s, in measuring order: `gdt`, `boot-params`,
    /// `page-tables`, `cmdline`, `acpi`, `kernel`, `initrd`, `cpuid`, `vcpu-count`, `vcpuN`.
    ///
    /// Empty exactly if the two are equal, but for the order of their components.
    pub fn differing_components(&self, other: &Self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let mut differing = Vec::new();
        let counts_differ = self.vcpu_count() != other.vcpu_count();
        let names = self
            .runs
            .iter()
            .chain(&other.runs)
            .map(|run| run.name.as_str());
        for name in names.filter(|name| seen.insert(*name)) {
            let (mine, others) = (self.named(name), other.named(name));
            // A vCPU that only one has: their numbers differ, which is told once.
            if is_vcpu(name) && (mine.is_empty() || others.is_empty()) {
                continue;
            }
            if mine != others {
                differing.push(name.to_owned());
            }
        }
        if counts_differ {
            let place = differing
                .iter()
                .position(|name| is_vcpu(name))
                .unwrap_or(differing.len());
            differing.insert(place, "vcpu-count".to_owned());
        }
        differing
    }

    fn named(&self, name: &str) -> Vec<&PageRun> {
        self.runs.iter().filter(|run| run.name == name).collect()
    }

    fn vcpu_count(&self) -> usize {
        self.runs.iter().filter(|run| is_vcpu(&run.name)).count()
    }
}

const PAGE_SIZE_64: u64 = 4096;
const _: () = assert!(PAGE_SIZE == 4096);

impl PageRun {
    fn of_region(region: &Region, sources: &Sources<'_>) -> Self {
        let bytes = region.content.bytes(sources);
        let contents: Vec<_> = bytes.chunks(PAGE_SIZE).map(page_digest).collect();
        Self {
            name: region.component.name().to_owned(),
            page_type: PageType::Normal,
            start: region.start.get(),
            count: u32::try_from(contents.len()).expect("planning places all below 4 GiB"),
            contents,
        }
    }

    fn component(&self) -> ComponentDigest {
        let measured = self.page_type.measures_contents();
        ComponentDigest {
            name: self.name.clone(),
            gpa: self.start,
            pages: self.count.into(),
            sha384: measured.then(|| sha384(self.contents.as_flattened())),
        }
    }
}

fn vcpu_name(index: usize) -> String {
    format!("{VCPU}{index}")
}

fn is_vcpu(name: &str) -> bool {
    name.starts_with(VCPU)
}

/// SHA-384 of a page; a short last page is filled with zeros.
fn page_digest(bytes: &[u8]) -> [u8; 48] {
    if bytes.len() == PAGE_SIZE {
        return sha384(bytes);
    }
    let mut page = [0; PAGE_SIZE];
    page[..bytes.len()].copy_from_slice(bytes);
    sha384(&page)
}
