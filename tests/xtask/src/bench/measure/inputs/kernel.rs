//! An ELF file that a launch plan takes for a kernel.

const START: u64 = 16 << 20;
/// `__START_KERNEL_map`, where Linux is linked.
const KERNEL_HALF: u64 = 0xFFFF_FFFF_8000_0000;
const HEADER_BYTES: u64 = 64;
const CONTENTS_OFFSET: usize = 4096;

/// A file of one loadable segment with these contents, entered at its first byte.
pub fn elf(contents: &[u8]) -> Vec<u8> {
    let length = u64::try_from(contents.len()).expect("usize has 64 bits");
    let mut file = b"\x7FELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    halves(&mut file, [2, 62, 1, 0]); // ET_EXEC, EM_X86_64, EV_CURRENT
    words(&mut file, [START, HEADER_BYTES, 0]);
    halves(&mut file, [0, 0, 64, 56, 1, 0, 0, 0]); // one program header
    halves(&mut file, [1, 0, 7, 0]); // PT_LOAD, readable, writable, executable
    words(
        &mut file,
        [4096, KERNEL_HALF + START, START, length, length, 4096],
    );
    file.resize(CONTENTS_OFFSET, 0);
    file.extend(contents);
    file
}

fn halves<const N: usize>(file: &mut Vec<u8>, values: [u16; N]) {
    file.extend(values.map(u16::to_le_bytes).as_flattened());
}

fn words<const N: usize>(file: &mut Vec<u8>, values: [u64; N]) {
    file.extend(values.map(u64::to_le_bytes).as_flattened());
}
