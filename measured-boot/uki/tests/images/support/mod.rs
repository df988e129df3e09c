//! A PE image made by hand, so that each of its parts can be spoilt.

#![allow(dead_code, reason = "each test program uses a part of it")]

/// Where things are in every image that is made here.
pub const PE: usize = 0x80;
pub const OPTIONAL: usize = PE + 24;
pub const FILE_ALIGNMENT: usize = OPTIONAL + 36;
pub const IMAGE_SIZE: usize = OPTIONAL + 56;
pub const HEADERS_SIZE: usize = OPTIONAL + 60;
pub const CHECKSUM: usize = OPTIONAL + 64;
pub const DIRECTORY_COUNT: usize = OPTIONAL + 108;
pub const CERTIFICATE_ENTRY: usize = OPTIONAL + 112 + 4 * 8;
pub const RELOCATION_ENTRY: usize = OPTIONAL + 112 + 5 * 8;
pub const SECTION_TABLE: usize = OPTIONAL + 240;

/// Bytes into a section's header.
pub const VIRTUAL_SIZE: usize = 8;
pub const VIRTUAL_ADDRESS: usize = 12;
pub const RAW_SIZE: usize = 16;
pub const RAW_OFFSET: usize = 20;

/// The names that the stub of systemd 252 looks for, as it has them.
pub const NAMES_252: &[u8] =
    b"\0.linux\0.osrel\0.cmdline\0.initrd\0.splash\0.dtb\0.pcrsig\0.pcrpkey\0";

/// What an image is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Names and contents, in the order of the table and of the file.
    pub sections: Vec<(String, Vec<u8>)>,
    /// What follows the last section.
    pub trailing: Vec<u8>,
}

impl Parts {
    /// A stub with a kernel: 252's names, version 252.
    pub fn uki() -> Self {
        Self::stub("252.1", NAMES_252)
            .with(".osrel", b"ID=test\n")
            .with(".cmdline", b"quiet")
            .with(".linux", b"a kernel")
            .with(".initrd", b"an initrd")
    }

    /// A stub that says a version and has these names.
    pub fn stub(version: &str, names: &[u8]) -> Self {
        let magic = format!("#### LoaderInfo: systemd-stub {version} ####\0");
        let empty = Self {
            sections: Vec::new(),
            trailing: Vec::new(),
        };
        empty
            .with(".data", names)
            .with(".sdmagic", magic.as_bytes())
    }

    pub fn with(mut self, name: &str, content: &[u8]) -> Self {
        self.sections.push((name.to_owned(), content.to_vec()));
        self
    }

    /// Where a section's header begins.
    pub fn header(&self, name: &str) -> usize {
        let index = self.sections.iter().position(|one| one.0 == name);
        SECTION_TABLE + 40 * index.expect("the section is there")
    }

    fn headers_size(&self) -> usize {
        (SECTION_TABLE + 40 * self.sections.len()).next_multiple_of(512)
    }

    pub fn file(&self) -> Vec<u8> {
        let mut file = vec![0; self.headers_size()];
        put(&mut file, 0, b"MZ");
        put32(&mut file, 0x3c, PE);
        put(&mut file, PE, b"PE\0\0\x64\x86");
        put16(&mut file, PE + 6, self.sections.len());
        put16(&mut file, PE + 20, 240);
        put16(&mut file, OPTIONAL, 0x20b);
        put32(&mut file, FILE_ALIGNMENT, 512);
        put32(&mut file, HEADERS_SIZE, self.headers_size());
        put32(&mut file, CHECKSUM, 0x1234_5678);
        put32(&mut file, DIRECTORY_COUNT, 16);
        let mut address = file.len().next_multiple_of(4096);
        for (index, (name, content)) in self.sections.iter().enumerate() {
            let header = SECTION_TABLE + 40 * index;
            let place = file.len();
            put(&mut file, header, name.as_bytes());
            put32(&mut file, header + VIRTUAL_SIZE, content.len());
            put32(&mut file, header + VIRTUAL_ADDRESS, address);
            file.extend_from_slice(content);
            file.resize(file.len().next_multiple_of(512), 0);
            let raw_size = file.len() - place;
            put32(&mut file, header + RAW_SIZE, raw_size);
            put32(&mut file, header + RAW_OFFSET, place);
            address = (address + content.len().max(1)).next_multiple_of(4096);
        }
        put32(&mut file, IMAGE_SIZE, address);
        file.extend_from_slice(&self.trailing);
        file
    }
}

/// The number that a section's header says.
pub fn get32(file: &[u8], at: usize) -> usize {
    let bytes = file[at..at + 4].try_into().expect("four");
    usize::try_from(u32::from_le_bytes(bytes)).expect("small")
}

pub fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

pub fn put16(file: &mut [u8], at: usize, value: usize) {
    let value = u16::try_from(value).expect("small");
    put(file, at, &value.to_le_bytes());
}

pub fn put32(file: &mut [u8], at: usize, value: usize) {
    let value = u32::try_from(value).expect("small");
    put(file, at, &value.to_le_bytes());
}

/// Appends a certificate table with these certificates' contents.
pub fn sign(file: &mut Vec<u8>, certificates: &[&[u8]]) {
    file.resize(file.len().next_multiple_of(8), 0);
    let place = file.len();
    for certificate in certificates {
        let length = u32::try_from(certificate.len() + 8).expect("small");
        file.extend_from_slice(&length.to_le_bytes());
        file.extend_from_slice(&[0, 2, 2, 0]);
        file.extend_from_slice(certificate);
        file.resize(file.len().next_multiple_of(8), 0);
    }
    let size = file.len() - place;
    put32(file, CERTIFICATE_ENTRY, place);
    put32(file, CERTIFICATE_ENTRY + 4, size);
}
