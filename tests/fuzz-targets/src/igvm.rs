//! IGVM files.

mod mend;

pub(crate) use mend::mended;

use crate::{Bound, Target};
use measured_boot_digest::OneByOne;
use measured_boot_id_block::{authenticate, key_digest};
use measured_boot_igvm::{DirectiveKind, Igvm, Loading, PlatformKind};
use measured_boot_snp_launch::{SnpLaunch, ZeroPages, igvm_coverage, igvm_notes};

/// All data lies in the file behind the headers, no page is added twice, and the launch of a platform is
/// the same each time.
///
/// A fuzzer finds no checksum: size and checksum are set right before the file is read.
pub const IGVM: Target = Target {
    name: "igvm",
    // A header of 16 bytes becomes a directive of 72, in a list that doubles; a loading lists them again,
    // and sorts their addresses.
    bound: Bound {
        factor: 24,
        constant: 4096,
    },
    longest: 16 << 10,
    vectors: &["measured-boot/igvm-crate"],
    check,
};

/// Measuring more pages would be what the fuzzer spends its time with.
const MOST_PAGES: u64 = 256;

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let mended = mended(bytes);
    judge(bytes, bound) | mended.is_some_and(|mended| judge(&mended, bound))
}

fn judge(file: &[u8], bound: &Bound) -> bool {
    let igvm = match bound.holds(file, || Igvm::read(file)) {
        Ok(igvm) => igvm,
        Err(fault) => {
            assert!(fault.offset <= file.len(), "{fault}");
            return false;
        }
    };
    for directive in igvm.directives() {
        let data = match &directive.kind {
            DirectiveKind::Page(page) => page.data,
            DirectiveKind::VpContext(context) => context.data,
            _ => None,
        };
        if let Some(data) = data {
            assert_eq!(
                file.get(data.offset..)
                    .map(|rest| rest.starts_with(data.bytes)),
                Some(true)
            );
        }
    }
    let mut loaded = false;
    for kind in [
        PlatformKind::SevSnp,
        PlatformKind::Tdx,
        PlatformKind::Native,
    ] {
        match bound.holds(file, || igvm.loading(kind)) {
            Ok(loading) => {
                launch(&loading, kind);
                loaded = true;
            }
            Err(fault) => assert!(fault.offset <= file.len(), "{fault}"),
        }
    }
    loaded
}

fn launch(loading: &Loading<'_, '_>, kind: PlatformKind) {
    let mut pages = Vec::new();
    for directive in loading.directives() {
        let place = match &directive.kind {
            DirectiveKind::Page(page) => (page.gpa, page.bytes()),
            DirectiveKind::Insert(insert) => (insert.gpa, insert.bytes),
            _ => continue,
        };
        pages.push(place);
    }
    pages.sort_unstable();
    assert!(
        pages
            .windows(2)
            .all(|pair| pair[0].0 + pair[0].1 <= pair[1].0)
    );
    let count: u64 = pages.iter().map(|(_, bytes)| bytes / 4096).sum();
    assert!(count <= measured_boot_igvm::MAX_PAGES);
    let policy = loading.policy().unwrap_or(0);
    if let Some(block) = loading.snp_id_block() {
        let made = block.for_firmware(policy);
        if let Ok(identity) = authenticate(&made.block, &made.auth) {
            assert_eq!(identity.id_key_digest, key_digest(&made.auth.id_key));
        }
    }
    if kind != PlatformKind::SevSnp || count > MOST_PAGES {
        return;
    }
    if let Ok(launch) = SnpLaunch::of_igvm(loading, ZeroPages::Normal) {
        let measured: u64 = launch.runs().iter().map(|run| run.pages()).sum();
        assert!(measured >= u64::try_from(launch.vcpus()).expect("few"));
        assert_eq!(launch.measure(&OneByOne), launch.measure(&OneByOne));
        drop(igvm_coverage(loading, &launch));
        drop(igvm_notes(loading, true));
    }
}
