//! What a launch's pages are measured as.

use crate::{Contents, Run};
use measured_boot_digest::{ComponentDigest, DigestChain, HashPages, LaunchDigest};
use measured_boot_snp_abi::{PAGE_SIZE, PageType};
use ring::digest::{Context, SHA384};
use std::ops::Range;

/// The launch digest and what it is computed from: the SHA-384 of every page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurement {
    before: DigestChain,
    runs: Vec<MeasuredRun>,
    /// The launch digest after each of the runs.
    after: Vec<LaunchDigest>,
}

/// A run whose pages are hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasuredRun {
    /// What its pages are.
    pub name: String,
    /// Guest physical address of the first.
    pub gpa: u64,
    /// Their type.
    pub page_type: PageType,
    /// How many there are.
    pub pages: u64,
    /// The SHA-384 of each.
    pub hashes: PageHashes,
}

/// The SHA-384 of the pages of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageHashes {
    /// Of each, in order.
    Each(Vec<[u8; 48]>),
    /// The same of all.
    Same([u8; 48]),
    /// Contents are not measured.
    Unmeasured,
}

/// A page as the launch digest takes it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeasuredPage {
    /// Its guest physical address.
    pub gpa: u64,
    /// Its type.
    pub page_type: PageType,
    /// The SHA-384 of its contents; zeros where they are not measured.
    pub contents: [u8; 48],
}

impl Measurement {
    /// Hashes every page once and chains them onto `chain`.
    pub(crate) fn of(runs: &[Run<'_>], before: DigestChain, hasher: &impl HashPages) -> Self {
        let mut distinct = Distinct::default();
        let places: Vec<_> = runs.iter().map(|run| distinct.place(run)).collect();
        let hashes = hasher.hash_each(&distinct.pages);
        let runs: Vec<_> = runs
            .iter()
            .zip(places)
            .map(|(run, place)| MeasuredRun::of(run, place, &hashes))
            .collect();
        Self {
            after: chained(before.clone(), &runs),
            before,
            runs,
        }
    }

    /// The launch digest.
    pub fn digest(&self) -> LaunchDigest {
        self.digest_after(self.runs.len())
    }

    /// The launch digest when the first `count` runs are added; of all, where there are fewer.
    pub fn digest_after(&self, count: usize) -> LaunchDigest {
        let added = self.after.get(..count).unwrap_or(&self.after);
        added.last().map_or(self.before.digest(), |digest| *digest)
    }

    /// The runs, in measuring order.
    pub fn runs(&self) -> &[MeasuredRun] {
        &self.runs
    }

    /// The components, in measuring order.
    pub fn components(&self) -> Vec<ComponentDigest> {
        self.runs.iter().map(MeasuredRun::component).collect()
    }
}

/// The launch digest after each of the runs.
fn chained(mut chain: DigestChain, runs: &[MeasuredRun]) -> Vec<LaunchDigest> {
    let after = runs.iter().map(|run| {
        for page in run.each() {
            chain.add(page.page_type, page.gpa, page.contents);
        }
        chain.digest()
    });
    after.collect()
}

impl MeasuredRun {
    /// Its pages, in measuring order.
    pub fn each(&self) -> impl Iterator<Item = MeasuredPage> + use<'_> {
        let addresses = (self.gpa..).step_by(PAGE_SIZE);
        (0..self.pages)
            .zip(addresses)
            .map(|(index, gpa)| MeasuredPage {
                gpa,
                page_type: self.page_type,
                contents: self.hashes.of_page(index),
            })
    }

    /// Its name, place and digest: SHA-384 over the SHA-384 of its pages, in order.
    pub fn component(&self) -> ComponentDigest {
        let measured = self.hashes != PageHashes::Unmeasured;
        ComponentDigest {
            through: None,
            name: self.name.clone(),
            gpa: self.gpa,
            pages: self.pages,
            sha384: measured.then(|| self.digest()),
        }
    }

    fn digest(&self) -> [u8; 48] {
        let mut context = Context::new(&SHA384);
        self.each().for_each(|page| context.update(&page.contents));
        *context
            .finish()
            .as_ref()
            .first_chunk()
            .expect("SHA-384 has 48 bytes")
    }
}

impl PageHashes {
    /// Of the page of this number, from 0; zeros where contents are not measured.
    pub fn of_page(&self, index: u64) -> [u8; 48] {
        match self {
            Self::Each(hashes) => usize::try_from(index)
                .ok()
                .and_then(|index| hashes.get(index).copied())
                .unwrap_or([0; 48]),
            Self::Same(hash) => *hash,
            Self::Unmeasured => [0; 48],
        }
    }
}

/// The pages whose contents count, each once: a launch of many vCPUs has the same page for all but one.
#[derive(Default)]
struct Distinct<'p> {
    pages: Vec<&'p [u8]>,
    /// The last page that the VMM makes, and its place in `pages`.
    made: Option<(&'p [u8; PAGE_SIZE], usize)>,
    zeros: Option<usize>,
}

/// Which of the distinct pages a run has.
enum Place {
    Each(Range<usize>),
    Same(usize),
    Unmeasured,
}

impl<'p> Distinct<'p> {
    fn place(&mut self, run: &'p Run<'_>) -> Place {
        match &run.contents {
            _ if !run.page_type.measures_contents() => Place::Unmeasured,
            Contents::File { bytes, .. } => {
                let start = self.pages.len();
                self.pages.extend(bytes.chunks(PAGE_SIZE));
                Place::Each(start..self.pages.len())
            }
            Contents::Pages(pages) => {
                let start = self.pages.len();
                self.pages.extend(pages.iter().map(|(_, page)| *page));
                Place::Each(start..self.pages.len())
            }
            Contents::Made(page) => Place::Same(self.made(page)),
            Contents::Zeros(_) => Place::Same(self.zeros()),
            Contents::Unmeasured(_) => Place::Unmeasured,
        }
    }

    fn made(&mut self, page: &'p [u8; PAGE_SIZE]) -> usize {
        let known = self.made.filter(|(last, _)| *last == page);
        let place = known.map_or_else(|| self.add(page), |(_, place)| place);
        self.made = Some((page, place));
        place
    }

    fn zeros(&mut self) -> usize {
        let place = self.zeros.unwrap_or_else(|| self.add(&[0; PAGE_SIZE]));
        *self.zeros.insert(place)
    }

    fn add(&mut self, page: &'p [u8; PAGE_SIZE]) -> usize {
        self.pages.push(page);
        self.pages.len() - 1
    }
}

impl MeasuredRun {
    fn of(run: &Run<'_>, place: Place, hashes: &[[u8; 48]]) -> Self {
        Self {
            name: run.name.clone(),
            gpa: run.gpa,
            page_type: run.page_type,
            pages: run.pages(),
            hashes: match place {
                Place::Each(range) => PageHashes::Each(hashes[range].to_vec()),
                Place::Same(index) => PageHashes::Same(hashes[index]),
                Place::Unmeasured => PageHashes::Unmeasured,
            },
        }
    }
}
