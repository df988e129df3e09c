//! What differs between two launches and two reports.

use crate::event_log::is_plain;
use crate::{Bound, Target};
use measured_boot_difference::{Launch, Names, launches, reports};
use measured_boot_digest::Manifest;
use measured_boot_snp_abi::{AttestationReport, REPORT_SIZE};

/// Launches of other digests are never called equal, nor equal ones different unless their components have
/// other names, and the sentences could not
/// drive a terminal.
///
/// The input's first two bytes are the length of the first manifest; the second follows it. Two reports
/// are compared where the input is as long as both.
pub const DIFFERENCES: Target = Target {
    name: "differences",
    // A difference is a few dozen bytes and names at most a page; ranges of bytes are joined.
    bound: Bound {
        factor: 64,
        constant: 2 << 20,
    },
    longest: 4 << 10,
    vectors: &[],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    if let Some((a, b)) = bytes.split_at_checked(REPORT_SIZE)
        && let (Some(a), Some(b)) = (
            AttestationReport::from_untrusted(a),
            AttestationReport::from_untrusted(b),
        )
    {
        say(&bound.holds(bytes, || reports(a, b)));
    }
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return false;
    };
    let split = usize::from(u16::from_le_bytes(*length)).min(rest.len());
    let (a, b) = rest.split_at(split);
    if let (Ok(a), Ok(b)) = (Manifest::from_bytes(a), Manifest::from_bytes(b)) {
        let (a, b) = (Launch::of_manifest(&a), Launch::of_manifest(&b));
        let found = bound.holds(bytes, || launches(&a, &b));
        let is_named_alike = names(&a) == names(&b);
        if found.is_empty() || is_named_alike {
            assert_eq!(found.is_empty(), a.digest() == b.digest(), "{found:?}");
        }
        say(&found);
        return true;
    }
    false
}

fn names<'l>(launch: &'l Launch<'_>) -> Vec<&'l str> {
    launch
        .pieces
        .iter()
        .map(|piece| piece.name.as_str())
        .collect()
}

fn say(found: &[measured_boot_difference::Difference]) {
    for difference in found {
        is_plain(&difference.sentence(&Names { a: "a", b: "b" }));
        is_plain(&difference.advice().unwrap_or_default());
    }
}
