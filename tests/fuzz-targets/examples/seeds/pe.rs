//! PE images and unified kernel images.

use crate::{Seed, bytes};

const PE: usize = 0x40;
const OPTIONAL: usize = PE + 24;
const ENTRY: usize = OPTIONAL + 112 + 32;
const SECTIONS: usize = OPTIONAL + 240;
const NAMES: &[u8] = b"\0.linux\0.osrel\0.cmdline\0.initrd\0.splash\0.dtb\0.pcrsig\0.pcrpkey\0";

type Section<'a> = (&'a [u8], &'a [u8]);

const SDMAGIC: Section<'_> = (b".sdmagic", b"#### LoaderInfo: systemd-stub 252.1 ####\0");
const NEWER: Section<'_> = (b".sdmagic", b"#### LoaderInfo: systemd-stub 257 ####\0");
const LINUX: Section<'_> = (b".linux", b"a kernel");

pub(crate) fn pe() -> Vec<Seed> {
    let image = image(&[(b".text", b"code"), (b".data", b"data")]);
    let mut trailing = image.clone();
    trailing.extend(b"more");
    vec![
        ("two-sections", image.clone()),
        ("signed", signed(image)),
        ("trailing", trailing),
        ("no-sections", super::pe::image(&[])),
    ]
}

pub(crate) fn uki() -> Vec<Seed> {
    let whole = [
        (b".data".as_slice(), NAMES),
        SDMAGIC,
        (b".osrel", b"ID=x"),
        (b".cmdline", b"quiet"),
        LINUX,
        (b".initrd", b"rd"),
    ];
    let profiles = [
        NEWER,
        LINUX,
        (b".profile", b"ID=a"),
        (b".cmdline", b"a"),
        (b".profile", b"ID=b"),
        (b".cmdline", b"b"),
    ];
    let matched = [
        NEWER,
        LINUX,
        (b".dtbauto", b"1"),
        (b".dtbauto", b"2"),
        (b".sbat", b"sbat,1"),
    ];
    vec![
        ("whole", image(&whole)),
        ("signed", signed(image(&whole))),
        ("profiles", image(&profiles)),
        ("dtbauto", image(&matched)),
        ("no-stub", image(&[LINUX])),
    ]
}

/// Sections one after the other, 32 bytes apart in the file and a page apart in memory.
fn image(sections: &[Section<'_>]) -> Vec<u8> {
    let headers = (SECTIONS + 40 * sections.len()).next_multiple_of(32);
    let mut file = vec![0; headers];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    let number = |number: usize| u32::try_from(number).expect("small").to_le_bytes();
    put(0, b"MZ");
    put(0x3C, &number(PE));
    put(PE, b"PE\0\0\x64\x86");
    put(PE + 6, &number(sections.len())[..2]);
    put(PE + 20, &240_u16.to_le_bytes());
    put(OPTIONAL, &0x20B_u16.to_le_bytes());
    put(OPTIONAL + 32, &number(4096));
    put(OPTIONAL + 36, &number(32));
    put(OPTIONAL + 56, &number(4096 * (sections.len() + 1)));
    put(OPTIONAL + 60, &number(headers));
    put(OPTIONAL + 108, &number(16));
    let mut place = headers;
    for (index, (name, content)) in sections.iter().enumerate() {
        let row = SECTIONS + 40 * index;
        let raw = content.len().next_multiple_of(32);
        let numbers = [content.len(), 4096 * (index + 1), raw, place]
            .map(number)
            .concat();
        put(row, &bytes(&[name, &vec![0; 8 - name.len()], &numbers]));
        place += raw;
    }
    for (_, content) in sections {
        file.extend_from_slice(content);
        file.resize(file.len().next_multiple_of(32), 0);
    }
    file
}

/// One certificate of eight bytes behind everything.
fn signed(mut image: Vec<u8>) -> Vec<u8> {
    image.resize(image.len().next_multiple_of(8), 0);
    let place = u32::try_from(image.len()).expect("small").to_le_bytes();
    image[ENTRY..ENTRY + 8].copy_from_slice(&bytes(&[&place, &[16, 0, 0, 0]]));
    image.extend(bytes(&[&[16, 0, 0, 0, 0, 2, 2, 0], b"unsigned"]));
    image
}
