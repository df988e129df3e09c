//! What protects the guest, and what differs by it.

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
    /// As the entry found it, when nothing was judged yet.
    pub fn detected() -> Self {
        match memory::kind() {
            1 => Self::Snp,
            2 => Self::Tdx,
            _ => Self::Plain,
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
    pub fn take(self, page: Page) -> Result<u64, Refusal> {
        match self {
            Self::Plain => Ok(page.span().length()),
            Self::Snp => snp::take(page),
            Self::Tdx => tdx::take(page),
        }
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
