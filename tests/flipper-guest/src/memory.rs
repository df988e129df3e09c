//! The guest's memory: a region that the devices work on, and a pool of pages to flip.
//!
//! Physical addresses are the processor's own: the boot page tables map the first 4 GiB to themselves.

use crate::pattern::{Kind, word};

/// Bytes of a page.
pub const PAGE: u64 = 4096;
/// Words of a page.
pub const WORDS: u32 = 512;

/// Rings, headers and receive buffers. Above the program, which lies at 16 MiB.
const DEVICES: u64 = 32 << 20;
/// Pages of that region.
const DEVICE_PAGES: u64 = 64;

/// The pool.
const POOL: u64 = 36 << 20;
/// Its pages.
pub const POOL_PAGES: u32 = 2048;

/// One page of guest memory that this program may read and write: only this module makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page(u64);

/// What a page must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing was written since it became what it is.
    Zero,
    /// Words of a tag, of the kind that belongs to the page's visibility.
    Pattern(u32),
    /// The disk from this sector on.
    Disk(u32),
}

/// A word that is not what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Which word of the page.
    pub index: u32,
    /// What it must be.
    pub expected: u64,
    /// What it is.
    pub found: u64,
}

/// The only way to pages.
pub struct Memory(());

impl Memory {
    /// Takes the memory from 32 to 44 MiB.
    ///
    /// # Safety
    /// It must be mapped at its physical address, and nothing else may use it: true in the bare-metal
    /// program, once, and nowhere else.
    #[must_use]
    pub unsafe fn claim() -> Self {
        Self(())
    }

    /// Page `index` of the region for devices.
    #[must_use]
    pub fn for_devices(&self, index: u64) -> Page {
        assert!(index < DEVICE_PAGES, "no such page for devices");
        Page(DEVICES + index * PAGE)
    }

    /// Page `index` of the pool.
    #[must_use]
    pub fn in_pool(&self, index: u32) -> Page {
        assert!(index < POOL_PAGES, "no such page in the pool");
        Page(POOL + u64::from(index) * PAGE)
    }
}

/// First address and number of the pages for devices.
#[must_use]
pub fn device_pages() -> (u64, u64) {
    (DEVICES, DEVICE_PAGES)
}

/// First address and number of the pool's pages.
#[must_use]
pub fn pool_pages() -> (u64, u64) {
    (POOL, u64::from(POOL_PAGES))
}

impl Page {
    /// Its guest-physical address.
    #[must_use]
    pub fn address(self) -> u64 {
        self.0
    }

    fn place<T>(self, offset: u64) -> *mut T {
        let size = size_of::<T>() as u64;
        assert!(
            offset.is_multiple_of(size) && offset + size <= PAGE,
            "it is not within the page"
        );
        core::ptr::with_exposed_provenance_mut(
            usize::try_from(self.0 + offset).expect("addresses have 64 bits"),
        )
    }

    /// Reads at a byte offset that is a multiple of its size.
    #[must_use]
    pub fn read<T: Plain>(self, offset: u64) -> T {
        // SAFETY: `Memory::claim` has promised that the page is memory of this program's alone, mapped at
        // its address; `place` keeps within it and aligned; every bit pattern is a `T` (`Plain`).
        // Volatile: devices and hypervisor change it.
        unsafe { self.place::<T>(offset).read_volatile() }
    }

    /// Writes at a byte offset that is a multiple of its size.
    pub fn write<T: Plain>(self, offset: u64, value: T) {
        // SAFETY: as in `read`.
        unsafe { self.place::<T>(offset).write_volatile(value) }
    }

    /// Fills it with zeros.
    pub fn clear(self) {
        (0..u64::from(WORDS)).for_each(|index| self.write(index * 8, 0u64));
    }

    /// Writes `content`.
    pub fn fill(self, kind: Kind, content: Content) {
        (0..WORDS).for_each(|index| self.write(u64::from(index) * 8, content.word(kind, index)));
    }

    /// The first word that is not as `content` has it.
    ///
    /// # Errors
    /// That word.
    pub fn check(self, kind: Kind, content: Content) -> Result<(), Wrong> {
        self.check_each(|index, found| {
            let expected = content.word(kind, index);
            (found == expected).then_some(()).ok_or(expected)
        })
    }

    /// The first word that is neither zero nor as `content` has it.
    ///
    /// # Errors
    /// That word.
    pub fn check_or_zero(self, kind: Kind, content: Content) -> Result<(), Wrong> {
        self.check_each(|index, found| {
            let expected = content.word(kind, index);
            (found == expected || found == 0)
                .then_some(())
                .ok_or(expected)
        })
    }

    fn check_each(self, judge: impl Fn(u32, u64) -> Result<(), u64>) -> Result<(), Wrong> {
        for index in 0..WORDS {
            let found = self.read(u64::from(index) * 8);
            judge(index, found).map_err(|expected| Wrong {
                index,
                expected,
                found,
            })?;
        }
        Ok(())
    }
}

impl Content {
    /// Word `index` of a page with this content.
    #[must_use]
    pub fn word(self, kind: Kind, index: u32) -> u64 {
        const WORDS_OF_A_SECTOR: u32 = 64;
        match self {
            Self::Zero => 0,
            Self::Pattern(tag) => word(kind, tag, index),
            Self::Disk(sector) => word(
                Kind::Disk,
                sector + index / WORDS_OF_A_SECTOR,
                index % WORDS_OF_A_SECTOR,
            ),
        }
    }
}

/// Integers: every bit pattern is one.
pub trait Plain: Copy {}
impl Plain for u8 {}
impl Plain for u16 {}
impl Plain for u32 {}
impl Plain for u64 {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disk_page_goes_on_with_the_next_sector_after_64_words() {
        let page = Content::Disk(8);
        assert_eq!(page.word(Kind::Shared, 63), word(Kind::Disk, 8, 63));
        assert_eq!(page.word(Kind::Shared, 64), word(Kind::Disk, 9, 0));
    }

    #[test]
    fn pattern_of_a_private_page_is_not_that_of_a_shared_one() {
        let content = Content::Pattern(3);
        assert_ne!(
            content.word(Kind::Private, 0),
            content.word(Kind::Shared, 0)
        );
        assert_eq!(Content::Zero.word(Kind::Private, 9), 0);
    }
}
