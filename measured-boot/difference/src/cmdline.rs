//! Which words of two command lines differ.

use crate::Difference;
use crate::bytes::{plain, until_nul};
use std::collections::BTreeMap;

/// The difference of two command lines, each up to its NUL; `None` where these are equal.
pub fn cmdline(a: &[u8], b: &[u8]) -> Option<Difference> {
    let (a, b) = (until_nul(a), until_nul(b));
    if a == b {
        return None;
    }
    let (only_a, only_b) = (only_in(a, b), only_in(b, a));
    Some(if only_a.is_empty() && only_b.is_empty() {
        Difference::CmdlineSpelling {
            a: plain(a),
            b: plain(b),
        }
    } else {
        Difference::Cmdline { only_a, only_b }
    })
}

/// Words of the first that the second has not, or has less often, in order.
fn only_in(these: &[u8], those: &[u8]) -> Vec<String> {
    let mut left: BTreeMap<&[u8], usize> = BTreeMap::new();
    for word in words(those) {
        *left.entry(word).or_default() += 1;
    }
    words(these)
        .filter(|word| match left.get_mut(*word) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        })
        .map(plain)
        .collect()
}

fn words(cmdline: &[u8]) -> impl Iterator<Item = &[u8]> {
    cmdline
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}
