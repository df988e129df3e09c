//! What protects the guest, and what differs by it.

use core::arch::asm;

use measured_boot_shim_abi::{Page, PieceKind, Refusal};

use crate::{memory, plain, snp, tdx};

/// Where this runs. Its numbers are those of entry.s.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tee {
    /// A virtual machine that nothing protects.
    Plain,
    /// SEV-SNP.
    Snp,
    /// TDX.
    Tdx,
}

impl Tee {
    /// As the entry found it, when nothing was judged yet. Another number ends the guest without a word:
    /// nobody knows what would carry it.
    pub fn detected() -> Self {
        match memory::kind() {
            1 => Self::Plain,
            2 => Self::Snp,
            3 => Self::Tdx,
            // SAFETY: no event is survived.
            _ => unsafe { asm!("ud2", options(noreturn)) },
        }
    }

    /// Judges the pages that only this TEE has.
    pub fn judge_pages(self) -> Result<(), Refusal> {
        if self == Self::Snp {
            memory::cpuid_page().judge()?;
            memory::secrets_page().judge()?;
        }
        Ok(())
    }

    /// Makes a page of RAM usable, and says how many bytes that were.
    ///
    /// A large page that the host backs with small ones is taken as those.
    pub fn take(self, page: Page) -> Result<u64, Refusal> {
        let take = match self {
            Self::Plain => |_| Ok(Taken::All),
            Self::Snp => snp::take,
            Self::Tdx => tdx::take,
        };
        if take(page)? == Taken::OnlyAsSmall {
            for small in page.small() {
                if take(small)? != Taken::All {
                    return Err(Refusal::Internal);
                }
            }
        }
        Ok(page.span().length())
    }

    /// Records a piece whose bytes have this digest.
    pub fn record(self, kind: PieceKind, sha384: &[u8; 48]) -> Result<(), Refusal> {
        match self {
            Self::Plain | Self::Snp => Ok(()),
            Self::Tdx => tdx::extend(kind.event().rtmr, sha384),
        }
    }

    /// Ends the guest and says why.
    pub fn refuse(self, refusal: Refusal) -> ! {
        match self {
            Self::Plain => plain::refuse(refusal),
            Self::Snp => snp::refuse(refusal),
            Self::Tdx => tdx::refuse(refusal),
        }
    }
}

/// What became of a page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// All of it is usable.
    All,
    /// Nothing yet: the host backs it with pages of 4 KiB. Never said of one.
    OnlyAsSmall,
}
