//! Any launch as one list of pieces, whatever it is known from.

use measured_boot_digest::{
    DigestChain, HashPages, LaunchDigest, Manifest, ManifestPart, sha384, vmsa,
};
use measured_boot_plan::{Content, LaunchPlan, Region, Source, Sources, Staged};
use measured_boot_snp_abi::{PAGE_SIZE, PageType, VMSA_GPA};
use measured_boot_snp_launch::{Contents, PageHashes, Run, SnpLaunch};
use std::borrow::Cow;
use std::sync::Arc;
use zerocopy::IntoBytes;

/// A launch: what is measured, in order, with the contents where they are known.
#[derive(Clone, Debug)]
pub struct Launch<'a> {
    /// In measuring order.
    pub pieces: Vec<Piece<'a>>,
    /// What lies in shared memory for a boot shim, where that is known: the load table is measured in its
    /// stead. Not hashed.
    pub staged: Vec<Piece<'a>>,
    /// The launch digest before the first piece; zero but where a firmware is known by its digest alone.
    pub before: [u8; 48],
}

/// Pages that are measured one after the other, or vCPUs that start alike.
#[derive(Clone, Debug)]
pub struct Piece<'a> {
    /// What they are, such as `kernel`, `firmware` or `SNP_SEC_MEM`; of vCPUs, the first one's name.
    pub name: String,
    /// Their type.
    pub page_type: PageType,
    /// Guest physical address of the first.
    pub gpa: u64,
    /// How many pages; of vCPUs, how many of them.
    pub count: u64,
    /// The SHA-384 of each page, of vCPUs of the one that all have; empty where contents are not measured.
    pub digests: Arc<[[u8; 48]]>,
    /// The contents, where they are known; a last page that is shorter is filled up with zeros.
    pub bytes: Option<Cow<'a, [u8]>>,
    /// Which file they are from, and where they begin in it.
    pub origin: Option<Origin>,
}

/// Where in a file the contents of a piece begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file, such as `kernel`.
    pub file: &'static str,
    /// Offset in bytes.
    pub offset: u64,
}

/// The digests of bytes that were hashed before.
type Known<'f> = dyn Fn(&[u8]) -> Option<Arc<[[u8; 48]]>> + 'f;

const VCPU: &str = "vcpu";

impl<'a> Launch<'a> {
    /// The launch that a plan describes.
    pub fn of_plan(plan: &'a LaunchPlan, sources: &Sources<'a>, hasher: &impl HashPages) -> Self {
        Self::of_plan_knowing(plan, sources, hasher, &|_| None)
    }

    /// The same, with the digests of another launch wherever it has the same part of the same file.
    pub fn of_plan_like(
        plan: &'a LaunchPlan,
        sources: &Sources<'a>,
        hasher: &impl HashPages,
        other: &Launch<'a>,
    ) -> Self {
        let known = |bytes: &[u8]| {
            let is_it = |piece: &&Piece<'_>| {
                piece.origin.is_some()
                    && piece
                        .bytes
                        .as_deref()
                        .is_some_and(|known| std::ptr::eq(known, bytes))
            };
            other
                .pieces
                .iter()
                .find(is_it)
                .map(|piece| piece.digests.clone())
        };
        Self::of_plan_knowing(plan, sources, hasher, &known)
    }

    fn of_plan_knowing(
        plan: &'a LaunchPlan,
        sources: &Sources<'a>,
        hasher: &impl HashPages,
        known: &Known<'_>,
    ) -> Self {
        let region = |region| Piece::of_region(plan, region, sources, hasher, known);
        let mut pieces: Vec<_> = plan.regions.0.iter().map(region).collect();
        for state in &plan.vcpus.0 {
            let page = vmsa(state, plan.sev_features.0);
            push_vcpu(&mut pieces, page.as_bytes());
        }
        Self {
            pieces,
            staged: plan
                .staged
                .0
                .iter()
                .map(|staged| Piece::of_staged(staged, sources))
                .collect(),
            before: [0; 48],
        }
    }

    /// The launch that a manifest describes, whether or not it explains any digest.
    pub fn of_manifest(manifest: &'a Manifest) -> Self {
        Self {
            pieces: manifest.parts().map(Piece::of_part).collect(),
            staged: Vec::new(),
            before: [0; 48],
        }
    }

    /// How many vCPUs it has, where another number of them can be tried: two at least, so that what the
    /// others start with is known.
    pub fn free_vcpus(&self) -> Option<u64> {
        let vcpus = self.pieces.iter().filter(|piece| piece.is_vcpu());
        let number = vcpus.map(|piece| piece.count).sum();
        (number >= 2).then_some(number)
    }

    /// A launch of firmware by another VMM.
    pub fn of_snp(launch: &SnpLaunch<'a>, hasher: &impl HashPages) -> Self {
        let measurement = launch.measure(hasher);
        let mut pieces: Vec<Piece<'a>> = Vec::new();
        for (run, measured) in launch.runs().iter().zip(measurement.runs()) {
            let bytes = contents(run);
            if let (PageType::Vmsa, VMSA_GPA, Some(page)) = (run.page_type, run.gpa, &bytes) {
                push_vcpu(&mut pieces, page);
                continue;
            }
            pieces.push(Piece {
                name: run.name.clone(),
                page_type: run.page_type,
                gpa: run.gpa,
                count: measured.pages,
                digests: match &measured.hashes {
                    PageHashes::Each(digests) => digests.as_slice().into(),
                    PageHashes::Same(digest) => (0..measured.pages).map(|_| *digest).collect(),
                    PageHashes::Unmeasured => Arc::new([]),
                },
                bytes,
                origin: origin(run),
            });
        }
        Self {
            pieces,
            staged: Vec::new(),
            before: [0; 48],
        }
    }

    /// The launch digest.
    pub fn digest(&self) -> LaunchDigest {
        let mut chain = DigestChain::after(self.before);
        self.pieces
            .iter()
            .for_each(|piece| piece.measure(&mut chain));
        chain.digest()
    }

    /// How many vCPUs.
    pub fn vcpu_count(&self) -> u64 {
        let vcpus = self.pieces.iter().filter(|piece| piece.is_vcpu());
        vcpus.map(|piece| piece.count).sum()
    }
}

/// The bytes of a run, where they are known.
fn contents<'a>(run: &Run<'a>) -> Option<Cow<'a, [u8]>> {
    match &run.contents {
        Contents::File { bytes, .. } => Some(Cow::Borrowed(*bytes)),
        Contents::Made(page) => Some(Cow::Owned(page.to_vec())),
        Contents::Pages(pages) => {
            let pages = pages.iter().flat_map(|(_, page)| page.iter().copied());
            Some(Cow::Owned(pages.collect()))
        }
        Contents::Zeros(_) | Contents::Unmeasured(_) => None,
    }
}

/// Where a run that is of one stretch of a file begins in it.
fn origin(run: &Run<'_>) -> Option<Origin> {
    match run.contents {
        Contents::File { offset, .. } => Some(Origin {
            file: "file",
            offset: u64::try_from(offset).unwrap_or(u64::MAX),
        }),
        _ => None,
    }
}

/// Which file the content of a region is from.
fn origin_of(content: &Content) -> Option<Origin> {
    let Content::File { source, offset, .. } = content else {
        return None;
    };
    let file = match source {
        Source::Kernel => "kernel",
        Source::Initrd => "initrd",
        Source::Shim => "shim",
        Source::Igvm | Source::InitData | Source::IdBlock | Source::IdAuth => "file",
    };
    Some(Origin {
        file,
        offset: *offset,
    })
}

/// The digests of all pages of a region: what its bytes do not fill reads zero.
fn whole(region: &Region, bytes: &[u8], hasher: &impl HashPages) -> Arc<[[u8; 48]]> {
    let mut digests = hasher.hash_pages(bytes);
    let pages = usize::try_from(region.pages()).unwrap_or(digests.len());
    digests.resize(pages, sha384(&[0; PAGE_SIZE]));
    digests.into()
}

/// Adds a vCPU, or counts it to those before it that start alike.
fn push_vcpu(pieces: &mut Vec<Piece<'_>>, page: &[u8]) {
    let is_same = |last: &&mut Piece<'_>| last.is_vcpu() && last.bytes.as_deref() == Some(page);
    if let Some(last) = pieces.last_mut().filter(is_same) {
        last.count += 1;
        return;
    }
    let before: u64 = pieces
        .iter()
        .filter(|piece| piece.is_vcpu())
        .map(|piece| piece.count)
        .sum();
    pieces.push(Piece::vcpus(before, 1, page));
}

impl<'a> Piece<'a> {
    /// So many vCPUs that start with this VMSA.
    pub(crate) fn vcpus(first: u64, count: u64, page: &[u8]) -> Self {
        Self {
            name: format!("{VCPU}{first}"),
            page_type: PageType::Vmsa,
            gpa: VMSA_GPA,
            count,
            digests: Arc::new([sha384(page)]),
            bytes: Some(Cow::Owned(page.to_vec())),
            origin: None,
        }
    }

    fn of_region(
        plan: &'a LaunchPlan,
        region: &'a Region,
        sources: &Sources<'a>,
        hasher: &impl HashPages,
        known: &Known<'_>,
    ) -> Self {
        let mut piece = Self {
            name: region.component.name().to_owned(),
            page_type: region.page_type,
            gpa: region.start.get(),
            count: region.pages(),
            digests: Arc::new([]),
            bytes: None,
            origin: origin_of(&region.content),
        };
        if region.page_type.measures_contents() {
            let bytes = plan.contents(region, sources);
            piece.digests = known(&bytes).unwrap_or_else(|| whole(region, &bytes, hasher));
            piece.bytes = Some(bytes);
        }
        piece
    }

    fn of_staged(staged: &'a Staged, sources: &Sources<'a>) -> Self {
        Self {
            name: staged.component.name().to_owned(),
            page_type: PageType::Normal,
            gpa: staged.start.get(),
            count: staged.content.length().div_ceil(PAGE_BYTES),
            digests: Arc::new([]),
            bytes: Some(Cow::Borrowed(staged.content.bytes(sources))),
            origin: origin_of(&staged.content),
        }
    }

    fn of_part(part: ManifestPart<'a>) -> Self {
        Self {
            name: part.name.to_owned(),
            page_type: part.page_type,
            gpa: part.gpa,
            count: part.count.into(),
            digests: part.digests.into(),
            bytes: part.bytes.map(Cow::Borrowed),
            origin: None,
        }
    }

    /// Whether it is vCPUs.
    pub(crate) fn is_vcpu(&self) -> bool {
        self.page_type == PageType::Vmsa && self.name.starts_with(VCPU)
    }

    /// Adds its pages to a launch digest.
    pub(crate) fn measure(&self, chain: &mut DigestChain) {
        for index in 0..self.count {
            let (place, gpa) = match self.page_type {
                PageType::Vmsa => (0, self.gpa),
                _ => (index, self.gpa.wrapping_add(index.wrapping_mul(PAGE_BYTES))),
            };
            let digest = usize::try_from(place)
                .ok()
                .and_then(|place| self.digests.get(place));
            chain.add(self.page_type, gpa, digest.copied().unwrap_or([0; 48]));
        }
    }
}

pub(crate) const PAGE_BYTES: u64 = 4096;
const _: () = assert!(PAGE_SIZE == 4096);
