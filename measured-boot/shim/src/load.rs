//! Copies what the host supplies into private memory, and checks the copy.

use measured_boot_shim_abi::{Load, PieceKind, Refusal, Span};
use sha2::{Digest, Sha384};

use crate::memory;

/// As much is copied and then hashed at once: what was copied is still in the cache.
const CHUNK: u64 = 64 << 10;

/// Puts a piece where it goes. The host can change its side until it is copied, and nothing after.
pub fn place(load: &Load<'_>) -> Result<(), Refusal> {
    let mut hash = Sha384::new();
    let mut done = 0;
    while let Some(chunk) = chunk(load.destination, done) {
        if !load.is_in_place() {
            memory::copy_from_host(load.source.start() + done, chunk)?;
        }
        memory::read(chunk, |bytes| hash.update(bytes))?;
        done += chunk.length();
    }
    if hash.finalize() != *load.sha384 {
        return Err(mismatch(load.kind));
    }
    // To the page's end: what the launch placed there unmeasured, the host chose.
    let pages = load.memory.pages().ok_or(Refusal::Internal)?;
    Span::between(load.destination.end(), pages.end()).map_or(Ok(()), memory::zero)
}

/// What comes after the first `done` bytes.
fn chunk(all: Span, done: u64) -> Option<Span> {
    let start = all.start() + done;
    Span::between(start, all.end().min(start + CHUNK))
}

const fn mismatch(kind: PieceKind) -> Refusal {
    match kind {
        PieceKind::Kernel => Refusal::KernelHash,
        PieceKind::Initrd => Refusal::InitrdHash,
        PieceKind::Cmdline => Refusal::CmdlineHash,
        PieceKind::Acpi => Refusal::AcpiHash,
    }
}
