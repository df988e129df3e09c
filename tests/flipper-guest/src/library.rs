//! What the compiler calls and a C library would have.

use core::arch::asm;

/// # Safety
/// As C's `memcpy`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, bytes: usize) -> *mut u8 {
    // SAFETY: the caller vouches for both ranges; the direction flag is clear (System V ABI).
    unsafe {
        asm!("rep movsb", inout("rdi") to => _, inout("rsi") from => _, inout("rcx") bytes => _, options(nostack));
    }
    to
}

/// # Safety
/// As C's `memmove`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, bytes: usize) -> *mut u8 {
    if to.addr().wrapping_sub(from.addr()) >= bytes {
        // SAFETY: going up, no byte is written before it is read.
        return unsafe { memcpy(to, from, bytes) };
    }
    for index in (0..bytes).rev() {
        // SAFETY: within the caller's ranges; going down, no byte is written before it is read.
        // Volatile, or the compiler would call this function for its own loop.
        unsafe {
            to.add(index)
                .write_volatile(from.add(index).read_volatile())
        };
    }
    to
}

/// # Safety
/// As C's `memset`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, value: i32, bytes: usize) -> *mut u8 {
    let [value, ..] = value.to_le_bytes();
    // SAFETY: the caller vouches for the range; the direction flag is clear (System V ABI).
    unsafe {
        asm!("rep stosb", inout("rdi") to => _, in("al") value, inout("rcx") bytes => _, options(nostack));
    }
    to
}

/// # Safety
/// As C's `memcmp`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, bytes: usize) -> i32 {
    for index in 0..bytes {
        // SAFETY: within the caller's ranges. Volatile, or the compiler would call this function for it.
        let (a, b) = unsafe {
            (
                one.add(index).read_volatile(),
                other.add(index).read_volatile(),
            )
        };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

/// # Safety
/// As BSD's `bcmp`.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, bytes: usize) -> i32 {
    // SAFETY: the same as the caller's.
    unsafe { memcmp(one, other, bytes) }
}
