//! Tries variants alone and in pairs, with every number of vCPUs.

use super::variant::{Dimension, Variant};
use crate::{Difference, Launch, Piece, launches};
use measured_boot_digest::{DigestChain, LaunchDigest};
use std::collections::BTreeMap;

/// So many pages and vCPUs are chained at most: two to three seconds on one core.
const MOST_STEPS: u64 = 4_000_000;
/// More vCPUs are not tried, but where more are planned.
const MOST_VCPUS: u64 = 512;

/// What was tried, and what fits.
#[derive(Clone, Debug)]
pub struct Explanation<'v, 'a> {
    /// What fits, fewest changes first; empty if nothing does.
    pub fits: Vec<Fit<'v, 'a>>,
    /// What was tried.
    pub tried: Tried,
}

/// A launch that has the digest.
#[derive(Clone, Debug)]
pub struct Fit<'v, 'a> {
    /// Which variants make it.
    pub variants: Vec<&'v Variant<'a>>,
    /// Its number of vCPUs, where that is not the planned one.
    pub vcpus: Option<u64>,
    /// What differs between the plan and it.
    pub differences: Vec<Difference>,
}

/// What was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// How many launches.
    pub launches: u64,
    /// Of what.
    pub dimensions: Vec<Dimension>,
    /// Up to how many vCPUs; none where the number is not free.
    pub vcpus: Option<u64>,
    /// Whether the bound on the work came before the end.
    pub is_cut_short: bool,
}

/// Looks for the launch that has the digest `reported`, among the variants of `planned`.
///
/// Where the number of vCPUs changes nothing but how often a VMSA is measured, `free_vcpus` is the planned
/// number, and `planned` and the variants have two vCPUs at least, so that the others' VMSA is known.
pub fn search<'v, 'a>(
    planned: &Launch<'a>,
    reported: LaunchDigest,
    variants: &'v [Variant<'a>],
    free_vcpus: Option<u64>,
) -> Explanation<'v, 'a> {
    let mut search = Search {
        planned,
        light: without_bytes(planned),
        reported,
        planned_vcpus: free_vcpus,
        vcpus: free_vcpus.map(|planned| MOST_VCPUS.max(planned)),
        prefixes: BTreeMap::new(),
        steps: 0,
        tried: 0,
        fits: Vec::new(),
    };
    let is_whole = search.all(variants);
    let mut dimensions: Vec<_> = variants.iter().map(|variant| variant.dimension).collect();
    dimensions.sort_unstable();
    dimensions.dedup();
    search
        .fits
        .sort_by_key(|fit| fit.variants.len() + usize::from(fit.vcpus.is_some()));
    // A fit that is another one with a change that changes nothing is none of its own.
    let least = search.fits.first().map_or(0, |fit| {
        fit.variants.len() + usize::from(fit.vcpus.is_some())
    });
    search
        .fits
        .retain(|fit| fit.variants.len() + usize::from(fit.vcpus.is_some()) == least);
    Explanation {
        tried: Tried {
            launches: search.tried,
            dimensions,
            vcpus: search.vcpus,
            is_cut_short: !is_whole,
        },
        fits: search.fits,
    }
}

struct Search<'v, 'a, 's> {
    planned: &'s Launch<'a>,
    light: Launch<'a>,
    reported: LaunchDigest,
    planned_vcpus: Option<u64>,
    vcpus: Option<u64>,
    /// The digest before the vCPUs, by the variants that change what is before them.
    prefixes: BTreeMap<Vec<usize>, DigestChain>,
    steps: u64,
    tried: u64,
    fits: Vec<Fit<'v, 'a>>,
}

impl<'v, 'a> Search<'v, 'a, '_> {
    /// Whether all were tried.
    fn all(&mut self, variants: &'v [Variant<'a>]) -> bool {
        self.one(variants, &[]);
        for index in 0..variants.len() {
            self.one(variants, &[index]);
        }
        for first in 0..variants.len() {
            for second in first + 1..variants.len() {
                if self.steps > MOST_STEPS {
                    return false;
                }
                if variants[first].dimension != variants[second].dimension {
                    self.one(variants, &[first, second]);
                }
            }
        }
        true
    }

    fn one(&mut self, variants: &'v [Variant<'a>], chosen: &[usize]) {
        // What replaces everything comes first; the others change what it made.
        let mut order = chosen.to_vec();
        order.sort_by_key(|index| !variants[*index].change.is_whole());
        let mut launch = self.light.clone();
        for index in &order {
            if variants[*index].apply(&mut launch, &self.light).is_none() {
                return;
            }
        }
        let vcpus: Vec<_> = launch
            .pieces
            .iter()
            .filter(|piece| piece.is_vcpu())
            .cloned()
            .collect();
        let is_last = launch
            .pieces
            .iter()
            .rev()
            .take(vcpus.len())
            .all(Piece::is_vcpu);
        if !is_last {
            self.count(launch.pieces.iter());
            if launch.digest() == self.reported {
                self.fits_with(variants, &order, None);
            }
            return;
        }
        let key: Vec<usize> = order
            .iter()
            .copied()
            .filter(|index| !variants[*index].change.is_of_vcpus())
            .collect();
        let before = match self.prefixes.get(&key) {
            Some(chain) => chain.clone(),
            None => {
                let pieces = launch.pieces.iter().filter(|piece| !piece.is_vcpu());
                self.count(pieces.clone());
                let mut chain = DigestChain::after(launch.before);
                pieces.for_each(|piece| piece.measure(&mut chain));
                self.prefixes.insert(key, chain.clone());
                chain
            }
        };
        self.vcpus_of(variants, &order, before, &vcpus);
    }

    /// Every number of vCPUs, or the planned one.
    fn vcpus_of(
        &mut self,
        variants: &'v [Variant<'a>],
        order: &[usize],
        mut chain: DigestChain,
        vcpus: &[Piece<'a>],
    ) {
        let own: u64 = vcpus.iter().map(|piece| piece.count).sum();
        let most = self.vcpus.unwrap_or(own);
        let one_each = vcpus.iter().flat_map(|piece| {
            std::iter::repeat_n(piece, usize::try_from(piece.count).unwrap_or(0))
        });
        let more = vcpus.last().into_iter().cycle();
        for (count, piece) in (1..=most).zip(one_each.chain(more)) {
            let mut single = piece.clone();
            single.count = 1;
            single.measure(&mut chain);
            self.steps += 1;
            let is_tried = self.vcpus.is_some() || count == own;
            self.tried += u64::from(is_tried);
            if is_tried && chain.digest() == self.reported {
                let other = self.planned_vcpus.filter(|planned| *planned != count);
                self.fits_with(variants, order, other.map(|_| count));
            }
        }
    }

    fn count<'p>(&mut self, pieces: impl Iterator<Item = &'p Piece<'a>>)
    where
        'a: 'p,
    {
        self.steps += pieces.map(|piece| piece.count).sum::<u64>();
    }

    fn fits_with(&mut self, variants: &'v [Variant<'a>], order: &[usize], vcpus: Option<u64>) {
        let mut launch = self.planned.clone();
        for index in order {
            let _ = variants[*index].apply(&mut launch, self.planned);
        }
        let mut differences = launches(self.planned, &launch);
        if let Some(vcpus) = vcpus {
            differences.push(Difference::VcpuCount {
                a: self.planned_vcpus.unwrap_or_default(),
                b: vcpus,
            });
        }
        self.fits.push(Fit {
            variants: order.iter().map(|index| &variants[*index]).collect(),
            vcpus,
            differences,
        });
    }
}

/// The same launch, cheap to copy: of all contents, only those of VMSAs are changed.
fn without_bytes<'a>(launch: &Launch<'a>) -> Launch<'a> {
    use measured_boot_snp_abi::PageType;
    let pieces = launch.pieces.iter().map(|piece| Piece {
        name: piece.name.clone(),
        page_type: piece.page_type,
        gpa: piece.gpa,
        count: piece.count,
        digests: piece.digests.clone(),
        bytes: match piece.page_type {
            PageType::Vmsa => piece.bytes.clone(),
            _ => None,
        },
        origin: piece.origin,
    });
    Launch {
        pieces: pieces.collect(),
        staged: launch.staged.clone(),
        before: launch.before,
    }
}
