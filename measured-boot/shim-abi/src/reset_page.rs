//! The page at a TD's reset vector, where each of its processors starts in 32-bit flat mode.

use crate::layout::SHIM;

/// In EBP at the shim's entry: a TD's reset page was here. All other launches start it with EBP zero.
pub const TDX_MAGIC: u32 = u32::from_le_bytes(*b"TDX\x01");

/// Where in the page the reset vector is: 16 bytes before its end.
const VECTOR: usize = 0xFF0;

/// The contents of the page at [`layout::TDX_RESET_PAGE`](crate::layout::TDX_RESET_PAGE), which the launch
/// places and measures.
#[must_use]
pub fn tdx_reset_page() -> [u8; 4096] {
    const MOV_EBP: u8 = 0xBD;
    const MOV_EAX: u8 = 0xB8;
    const JMP_EAX: [u8; 2] = [0xFF, 0xE0];
    let [m0, m1, m2, m3] = TDX_MAGIC.to_le_bytes();
    let [e0, e1, e2, e3, ..] = SHIM.to_le_bytes();
    let [jmp, eax] = JMP_EAX;
    let code = [MOV_EBP, m0, m1, m2, m3, MOV_EAX, e0, e1, e2, e3, jmp, eax];
    let mut page = [0; 4096];
    page[VECTOR..][..code.len()].copy_from_slice(&code);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reset_vector_marks_a_td_and_jumps_to_the_shim() {
        let page = tdx_reset_page();
        assert_eq!(page[..VECTOR], [0; VECTOR]);
        assert_eq!(
            page[VECTOR..],
            *b"\xBDTDX\x01\xB8\x00\x00\x01\x00\xFF\xE0\0\0\0\0"
        );
    }
}
