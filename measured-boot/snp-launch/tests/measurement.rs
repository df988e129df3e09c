//! How a launch is measured, whatever is launched.

use measured_boot_digest::{DigestChain, HashPages, OneByOne, sha384};
use measured_boot_snp_abi::PageType;
use measured_boot_snp_launch::{Contents, PageHashes, Run, SnpLaunch};
use std::cell::Cell;
use std::sync::Arc;

/// Counts the pages that it hashes.
#[derive(Default)]
struct Counting(Cell<usize>);

impl HashPages for Counting {
    fn hash_each(&self, pages: &[&[u8]]) -> Vec<[u8; 48]> {
        self.0.set(self.0.get() + pages.len());
        OneByOne.hash_each(pages)
    }
}

fn run(gpa: u64, page_type: PageType, contents: Contents<'_>) -> Run<'_> {
    Run {
        name: format!("{gpa:x}"),
        gpa,
        page_type,
        contents,
    }
}

fn made(byte: u8) -> Contents<'static> {
    Contents::Made(Arc::new([byte; 4096]))
}

fn file(bytes: &[u8]) -> Contents<'_> {
    Contents::File { bytes, offset: 0 }
}

#[test]
fn launch_is_measured_page_by_page_each_type_as_it_is() {
    let bytes = [7; 4096 + 100];
    let launch = SnpLaunch::of_runs(vec![
        run(0x1000, PageType::Normal, file(&bytes)),
        run(0x8000, PageType::Normal, Contents::Zeros(2)),
        run(0x4000, PageType::Zero, Contents::Unmeasured(2)),
        run(0x6000, PageType::Unmeasured, file(&bytes[..4096])),
        run(0xF000, PageType::Vmsa, made(9)),
    ]);
    let short = [[7; 100].as_slice(), &[0; 3996]].concat();
    let pages = [
        (PageType::Normal, 0x1000, sha384(&bytes[..4096])),
        (PageType::Normal, 0x2000, sha384(&short)),
        (PageType::Normal, 0x8000, sha384(&[0; 4096])),
        (PageType::Normal, 0x9000, sha384(&[0; 4096])),
        (PageType::Zero, 0x4000, [0; 48]),
        (PageType::Zero, 0x5000, [0; 48]),
        (PageType::Unmeasured, 0x6000, [0; 48]),
        (PageType::Vmsa, 0xF000, sha384(&[9; 4096])),
    ];
    let mut chain = DigestChain::new();
    for (page_type, gpa, contents) in pages {
        chain.add(page_type, gpa, contents);
    }
    let measurement = launch.measure(&OneByOne);
    assert_eq!(measurement.digest(), chain.digest());
    let measured: Vec<_> = measurement
        .runs()
        .iter()
        .flat_map(|run| run.each())
        .collect();
    let measured: Vec<_> = measured
        .iter()
        .map(|page| (page.page_type, page.gpa, page.contents))
        .collect();
    assert_eq!(measured, pages);
    assert_eq!(measurement.runs()[3].hashes, PageHashes::Unmeasured);
    assert_eq!(measurement.components()[2].sha384, None);
    let zeros = [sha384(&[0; 4096]), sha384(&[0; 4096])].concat();
    assert_eq!(measurement.components()[1].sha384, Some(sha384(&zeros)));
}

#[test]
fn pages_that_are_equal_by_their_making_are_hashed_once() {
    let mut runs = vec![
        run(0x1000, PageType::Normal, Contents::Zeros(1000)),
        run(0xF000, PageType::Vmsa, made(1)),
    ];
    runs.extend((0..300).map(|_| run(0xF000, PageType::Vmsa, made(2))));
    let hasher = Counting::default();
    let launch = SnpLaunch::of_runs(runs);
    assert_eq!(launch.measure(&hasher), launch.measure(&OneByOne));
    assert_eq!(hasher.0.get(), 3);
}

#[test]
fn launch_that_goes_on_chains_onto_the_digest_before() {
    let rest = vec![run(0x1000, PageType::Normal, made(2))];
    let first = SnpLaunch::of_runs(vec![run(0, PageType::Normal, made(1))]);
    let whole = SnpLaunch::of_runs([first.runs(), &rest].concat());
    let before = first.measure(&OneByOne).digest().0;
    let gone_on = SnpLaunch::going_on(before, rest).measure(&OneByOne);
    assert_eq!(gone_on.digest(), whole.measure(&OneByOne).digest());
}
