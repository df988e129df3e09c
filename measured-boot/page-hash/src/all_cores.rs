//! Pages shared out among threads.

use crate::Lanes;
use measured_boot_digest::HashPages;
use std::sync::{Mutex, OnceLock};
use std::thread;

/// More cores than these gain nothing: the launch digest's own chain, which nobody can share out, is then
/// what takes the time.
const MAX_THREADS: usize = 8;
/// What a thread takes at a time. Half a megabyte is hashed in 0.2 to 0.4 ms with four lanes; to start a
/// thread costs a tenth of that, so that smaller inputs are better off without.
const SHARE_PAGES: usize = 128;

/// How many threads work side by side in a program that has nothing else to do: as many as it has cores, up
/// to eight. The system is asked once, since it reads a handful of files to answer.
fn threads() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    let cores = CORES.get_or_init(|| thread::available_parallelism().map_or(1, usize::from));
    (*cores).min(MAX_THREADS)
}

/// Hashes on every core that this process may use, up to eight, by the fastest [`Lanes`] of this CPU.
#[derive(Clone, Copy, Debug)]
pub struct AllCores {
    threads: usize,
    lanes: Lanes,
}

impl AllCores {
    /// As many threads as this process has cores.
    pub fn new() -> Self {
        Self::with(threads(), Lanes::best())
    }

    /// So many threads, 1 to 8, each with these lanes.
    pub fn with(threads: usize, lanes: Lanes) -> Self {
        let threads = threads.clamp(1, MAX_THREADS);
        Self { threads, lanes }
    }

    /// How many threads a large input is shared out among.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// How each of them hashes.
    pub fn lanes(&self) -> Lanes {
        self.lanes
    }
}

impl Default for AllCores {
    fn default() -> Self {
        Self::new()
    }
}

impl HashPages for AllCores {
    fn hash_each(&self, pages: &[&[u8]]) -> Vec<[u8; 48]> {
        let (distinct, places) = neighbours_once(pages);
        let digests = self.hash_all(&distinct);
        places.into_iter().map(|place| digests[place]).collect()
    }
}

/// The pages without those that are as the one before them, and where among them each has its like.
///
/// Firmware is padded: a quarter of the pages of Debian's OVMF are like this. Pages that differ mostly do so in
/// their first bytes, so that to look costs next to nothing.
fn neighbours_once<'p>(pages: &[&'p [u8]]) -> (Vec<&'p [u8]>, Vec<usize>) {
    let mut distinct = Vec::with_capacity(pages.len());
    let mut places = Vec::with_capacity(pages.len());
    for page in pages {
        if distinct.last() != Some(page) {
            distinct.push(*page);
        }
        places.push(distinct.len() - 1);
    }
    (distinct, places)
}

impl AllCores {
    fn hash_all(&self, pages: &[&[u8]]) -> Vec<[u8; 48]> {
        let mut digests = vec![[0; 48]; pages.len()];
        let shares = pages
            .chunks(SHARE_PAGES)
            .zip(digests.chunks_mut(SHARE_PAGES));
        let helpers = self.threads.min(shares.len()).saturating_sub(1);
        let queue = Mutex::new(shares);
        let work = || {
            let next = || queue.lock().expect("no share panics").next();
            while let Some((pages, digests)) = next() {
                self.lanes.hash(pages, digests);
            }
        };
        thread::scope(|scope| {
            for _ in 0..helpers {
                // Where no thread is to be had, this one does it all.
                let _ = thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
        digests
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use measured_boot_digest::OneByOne;

    #[test]
    fn pages_as_the_one_before_are_hashed_once_and_keep_their_places() {
        let (a, b, short) = ([1; 4096], [2; 4096], [1; 100]);
        let pages: [&[u8]; 9] = [&a, &a, &b, &b, &b, &a, &short, &short, &b];
        let (distinct, places) = neighbours_once(&pages);
        assert_eq!(distinct, [&a as &[u8], &b, &a, &short, &b]);
        assert_eq!(places, [0, 0, 1, 1, 1, 2, 3, 3, 4]);
        assert_eq!(
            AllCores::new().hash_each(&pages),
            OneByOne.hash_each(&pages)
        );
        assert!(AllCores::new().hash_each(&[]).is_empty());
    }
}
