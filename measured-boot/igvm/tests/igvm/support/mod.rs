//! Makes IGVM files.

/// The bit of the first platform.
pub const MASK: u32 = 1;

/// A file in the making: variable headers, and the data that they point to.
#[derive(Clone, Default)]
pub struct Builder {
    headers: Vec<u8>,
    data: Vec<u8>,
    /// Where in the headers there is an offset into the data.
    pointers: Vec<usize>,
}

impl Builder {
    /// A file for SEV-SNP, with a guest policy.
    pub fn snp() -> Self {
        Self::default().platform(MASK, 2).policy(MASK, 0x30000)
    }

    pub fn platform(self, mask: u32, kind: u8) -> Self {
        let rest = [0, kind, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        self.header(1, &[&mask.to_le_bytes(), rest.as_slice()].concat())
    }

    pub fn policy(self, mask: u32, policy: u64) -> Self {
        let parts: [&[u8]; 3] = [&policy.to_le_bytes(), &mask.to_le_bytes(), &[0; 4]];
        self.header(0x101, &parts.concat())
    }

    /// A structure with these contents, padded.
    pub fn header(mut self, kind: u32, contents: &[u8]) -> Self {
        let length = u32::try_from(contents.len()).expect("short");
        self.headers.extend(kind.to_le_bytes());
        self.headers.extend(length.to_le_bytes());
        self.headers.extend(contents);
        self.headers
            .resize(self.headers.len().next_multiple_of(8), 0);
        self
    }

    /// Page data of normal type.
    pub fn page(self, gpa: u64, flags: u32, data: &[u8]) -> Self {
        self.page_of_kind(gpa, flags, 0, data)
    }

    /// Page data; without data, of zeros.
    pub fn page_of_kind(mut self, gpa: u64, flags: u32, kind: u16, data: &[u8]) -> Self {
        let at = self.headers.len() + 8 + 12;
        let parts: [&[u8]; 6] = [
            &gpa.to_le_bytes(),
            &MASK.to_le_bytes(),
            &self.pointer(at, data),
            &flags.to_le_bytes(),
            &kind.to_le_bytes(),
            &[0; 2],
        ];
        self.header(0x302, &parts.concat())
    }

    pub fn area(mut self, index: u32, bytes: u64, data: &[u8]) -> Self {
        let at = self.headers.len() + 8 + 12;
        let pointer = self.pointer(at, data);
        let parts: [&[u8]; 3] = [&bytes.to_le_bytes(), &index.to_le_bytes(), &pointer];
        self.header(0x301, &parts.concat())
    }

    pub fn insert(self, gpa: u64, index: u32) -> Self {
        let parts: [&[u8]; 3] = [
            &gpa.to_le_bytes(),
            &MASK.to_le_bytes(),
            &index.to_le_bytes(),
        ];
        self.header(0x303, &parts.concat())
    }

    pub fn parameter(self, kind: u32, index: u32, at: u32) -> Self {
        self.header(kind, &[index.to_le_bytes(), at.to_le_bytes()].concat())
    }

    pub fn vp_context(mut self, gpa: u64, vp_index: u16, data: &[u8]) -> Self {
        let at = self.headers.len() + 8 + 12;
        let parts: [&[u8]; 5] = [
            &gpa.to_le_bytes(),
            &MASK.to_le_bytes(),
            &self.pointer(at, data),
            &vp_index.to_le_bytes(),
            &[0; 2],
        ];
        self.header(0x304, &parts.concat())
    }

    /// An ID block with an author's key, of the secure processor's two structures: the same numbers, packed.
    pub fn id_block(self, block: &[u8], auth: &[u8]) -> Self {
        self.header(0x30B, &packed_id_block(block, auth))
    }

    /// Puts data behind all other, and remembers that the field at `at` points there.
    fn pointer(&mut self, at: usize, data: &[u8]) -> [u8; 4] {
        if data.is_empty() {
            return [0; 4];
        }
        let offset = u32::try_from(self.data.len()).expect("short");
        self.pointers.push(at);
        self.data.extend(data);
        offset.to_le_bytes()
    }

    /// The file in version 1.
    pub fn build(&self) -> Vec<u8> {
        self.with_header(1, &[])
    }

    /// The file in version 2.
    pub fn build_v2(&self) -> Vec<u8> {
        self.with_header(2, &[0, 0, 0, 0, 0, 0x10, 0, 0])
    }

    fn with_header(&self, version: u32, more: &[u8]) -> Vec<u8> {
        let start = 24 + more.len();
        let size = self.headers.len();
        let word = |number: usize| u32::try_from(number).expect("short").to_le_bytes();
        let mut headers = self.headers.clone();
        for at in &self.pointers {
            let field = &mut headers[*at..at + 4];
            let offset = u32::from_le_bytes(field.try_into().expect("four bytes"));
            let placed = usize::try_from(offset).expect("short") + start + size;
            field.copy_from_slice(&word(placed));
        }
        let parts = [
            b"IGVM".as_slice(),
            &version.to_le_bytes(),
            &word(start),
            &word(size),
            &word(start + size + self.data.len()),
            &[0; 4],
            more,
            &headers,
            &self.data,
        ];
        let mut file = parts.concat();
        mend_checksum(&mut file);
        file
    }
}

/// A vCPU's state from which KVM makes the same again: flat 32-bit code at 0x10000.
pub fn vmsa() -> [u8; 4096] {
    let mut vmsa = [0; 4096];
    let mut set = |offset: usize, value: u64| {
        vmsa[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
    };
    // ES, SS, DS, FS, GS; CS; LDTR and TR.
    for segment in [0x000, 0x020, 0x030, 0x040, 0x050] {
        set(segment, 0xFFFF_FFFF_0C93_0018);
    }
    set(0x010, 0xFFFF_FFFF_0C9B_0008);
    set(0x070, 0x0000_FFFF_0082_0000);
    set(0x090, 0x0000_FFFF_008B_0000);
    set(0x0D0, 0x1000); // EFER
    set(0x148, 0x40); // CR4
    set(0x158, 0x11); // CR0
    set(0x160, 0x400); // DR7
    set(0x168, 0xFFFF_0FF0); // DR6
    set(0x170, 2); // RFLAGS
    set(0x178, 0x1_0000); // RIP
    set(0x268, 0x0007_0406_0007_0406); // PAT
    set(0x3B0, 1); // SEV_FEATURES
    set(0x3E8, 1); // XCR0
    set(0x408, 0x1F80); // MXCSR
    set(0x410, 0x037F); // FCW
    vmsa
}

/// What the structure of an ID block holds: no policy, and of each key and signature what is in use.
pub fn packed_id_block(block: &[u8], auth: &[u8]) -> Vec<u8> {
    let key = |at: usize| [&auth[at..at + 4], &[0; 4], &auth[at + 4..at + 148]].concat();
    let parts = [
        &[1, 0, 0, 0, 1, 0, 0, 0],
        &block[..0x58],
        &auth[..8],
        &auth[0x40..0x40 + 144],
        &key(0x240),
        &auth[0x680..0x680 + 144],
        &key(0x880),
    ];
    parts.concat()
}

/// Sets the checksum right over the headers as they are.
pub fn mend_checksum(file: &mut [u8]) {
    let word = |at: usize| {
        let bytes = file[at..at + 4].try_into().expect("four bytes");
        usize::try_from(u32::from_le_bytes(bytes)).expect("short")
    };
    let (start, size) = (word(8), word(12));
    let fixed = if word(4) == 2 { 32 } else { 24 };
    let mut covered = file[..fixed].to_vec();
    covered[20..24].fill(0);
    covered.extend(&file[start..start + size]);
    let checksum = crc32(&covered);
    file[20..24].copy_from_slice(&checksum.to_le_bytes());
}

/// Bit by bit, as nobody would who is in a hurry.
fn crc32(bytes: &[u8]) -> u32 {
    let mut remainder = !0_u32;
    for byte in bytes {
        remainder ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = remainder & 1;
            remainder = (remainder >> 1) ^ (0xEDB8_8320 * carry);
        }
    }
    !remainder
}
