//! Takes a process's heap while it may still ask for memory.
//!
//! What the allocator asks the kernel for, and when, depends on the heap's accidental shape. A profile
//! that allowed brk, mmap, munmap, mremap and madvise for its sake would be wide, and which of its
//! rules a test exercises would be luck.

use std::hint::black_box;

/// Makes the allocator take `bytes` at once, keep them, and never ask for memory by another road.
/// Memory that is not used costs nothing: the kernel fills pages when they are touched.
pub(crate) fn reserve(bytes: u64) -> Result<(), ()> {
    let bytes = usize::try_from(bytes).map_err(|_| ())?;
    // One heap, grown by brk alone, and never given back (mallopt(3)).
    for (parameter, value) in [
        (libc::M_ARENA_MAX, 1),
        (libc::M_MMAP_MAX, 0),
        (libc::M_TRIM_THRESHOLD, -1),
    ] {
        // SAFETY: mallopt takes numbers only; there is one thread, as it asks for.
        if unsafe { libc::mallopt(parameter, value) } != 1 {
            return Err(());
        }
    }
    let mut heap = Vec::<u8>::new();
    heap.try_reserve_exact(bytes).map_err(|_| ())?;
    // Freed into the heap's free top. The compiler must not see that nobody used it.
    drop(black_box(heap));
    Ok(())
}
