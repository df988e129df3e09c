//! Makes small kernels by hand: ELF files of a few segments.

#![forbid(unsafe_code)]

/// `__START_KERNEL_map`, where Linux is linked.
pub const KERNEL_HALF: u64 = 0xFFFF_FFFF_8000_0000;

const PAGE: usize = 0x1000;
const ELF_HEADER: u64 = 64;
const PROGRAM_HEADER: u16 = 56;

/// A loadable segment.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Physical address.
    pub paddr: u64,
    /// Virtual address.
    pub vaddr: u64,
    /// Bytes of memory that it takes, at least as many as it has.
    pub memsz: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Segment {
    /// A segment of these bytes at `paddr`, linked as Linux is.
    ///
    /// # Panics
    /// Beyond Linux's half of the address space.
    #[must_use]
    pub fn new(paddr: u64, bytes: Vec<u8>) -> Self {
        Self {
            paddr,
            vaddr: KERNEL_HALF.checked_add(paddr).expect("a kernel lies low"),
            memsz: length(&bytes),
            bytes,
        }
    }

    /// The same, with `memsz` bytes of memory.
    #[must_use]
    pub fn with_memory(mut self, memsz: u64) -> Self {
        self.memsz = memsz;
        self
    }
}

/// An executable for x86-64 of these segments, each at a page of the file, entered at `entry`.
///
/// # Panics
/// With more than 65,535 segments.
#[must_use]
pub fn elf(entry: u64, segments: &[Segment]) -> Vec<u8> {
    let count = u16::try_from(segments.len()).expect("a few segments");
    let mut file = header(entry, count);
    let mut offset = length(&[0; PAGE]);
    for segment in segments {
        file.extend(program_header(segment, offset));
        offset += length(&segment.bytes).next_multiple_of(length(&[0; PAGE]));
    }
    for segment in segments {
        file.resize(file.len().next_multiple_of(PAGE), 0);
        file.extend(&segment.bytes);
    }
    file
}

fn header(entry: u64, segments: u16) -> Vec<u8> {
    let mut file = b"\x7FELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend(2_u16.to_le_bytes()); // ET_EXEC
    file.extend(62_u16.to_le_bytes()); // EM_X86_64
    file.extend(1_u32.to_le_bytes());
    for word in [entry, ELF_HEADER, 0] {
        file.extend(word.to_le_bytes()); // e_entry, e_phoff, e_shoff
    }
    file.extend(0_u32.to_le_bytes());
    for half in [64, PROGRAM_HEADER, segments, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    file
}

fn program_header(segment: &Segment, offset: u64) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(1_u32.to_le_bytes()); // PT_LOAD
    header.extend(7_u32.to_le_bytes());
    let Segment {
        paddr,
        vaddr,
        memsz,
        bytes,
    } = segment;
    for word in [offset, *vaddr, *paddr, length(bytes), *memsz, 0x1000] {
        header.extend(word.to_le_bytes());
    }
    header
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("usize is at most 64 bits")
}
