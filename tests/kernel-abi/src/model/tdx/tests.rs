use std::path::Path;

use super::*;

const PARAMETERS: Parameters = Parameters {
    attributes: attributes::SEPT_VE_DISABLE,
    xfam: xfam::FP_SSE | xfam::AVX,
    mrconfigid: [1; 48],
    mrowner: [2; 48],
    mrownerconfig: [3; 48],
};

fn begun() -> Td {
    let mut td = Td::default();
    td.init(&Platform::default(), PARAMETERS)
        .expect("what every host gives");
    td
}

#[test]
fn commands_out_of_order_are_refused() {
    let wrong = Err(Refusal::State);
    let mut td = Td::default();
    assert_eq!(td.add(0, &[0; 4096], true), wrong);
    assert_eq!(td.finalize(), wrong);
    let mut td = begun();
    assert_eq!(td.init(&Platform::default(), PARAMETERS), wrong);
    assert_eq!(td.mrtd(), None);
    assert_eq!(td.finalize(), Ok(()));
    assert!(td.mrtd().is_some());
    assert_eq!(td.finalize(), wrong);
    assert_eq!(td.add(0, &[0; 4096], true), wrong);
}

#[test]
fn what_the_platform_does_not_give_is_refused() {
    let init = |change: fn(&mut Parameters)| {
        let mut parameters = PARAMETERS;
        change(&mut parameters);
        Td::default().init(&Platform::default(), parameters)
    };
    let refused = Err(Refusal::Operand);
    assert_eq!(init(|it| it.attributes |= attributes::DEBUG), refused);
    assert_eq!(init(|it| it.xfam |= 1 << 63), refused);
    assert_eq!(init(|it| it.xfam = xfam::AVX), refused);
    assert_eq!(init(|it| it.xfam |= xfam::AMX), Ok(()));
}

#[test]
fn page_is_added_once() {
    let mut td = begun();
    assert_eq!(td.add(0x1000, &[0; 4096], false), Ok(()));
    assert_eq!(td.add(0x1000, &[0; 4096], true), Err(Refusal::Page));
}

#[test]
fn contents_count_where_they_are_measured() {
    let mrtd = |byte, is_measured| {
        let mut td = begun();
        td.add(0x1000, &[byte; 4096], is_measured)
            .expect("it is taken");
        td.finalize().expect("it is built");
        td.mrtd()
    };
    assert_ne!(mrtd(1, true), mrtd(2, true));
    assert_eq!(mrtd(1, false), mrtd(2, false));
    assert_ne!(mrtd(1, false), mrtd(1, true));
}

/// A section of the firmware's metadata.
struct Section {
    offset: usize,
    bytes: usize,
    gpa: u64,
    memory: u64,
    attributes: u32,
}

fn sections(image: &[u8]) -> Vec<Section> {
    let start = image
        .windows(4)
        .rposition(|window| window == b"TDVF")
        .expect("the firmware has TDX metadata");
    let word = |at: usize| u32::from_le_bytes(image[at..at + 4].try_into().expect("four bytes"));
    let long = |at: usize| u64::from_le_bytes(image[at..at + 8].try_into().expect("eight bytes"));
    let size = |at: usize| usize::try_from(word(at)).expect("in the image");
    (0..size(start + 12))
        .map(|index| start + 16 + 32 * index)
        .map(|at| Section {
            offset: size(at),
            bytes: size(at + 4),
            gpa: long(at + 8),
            memory: long(at + 16),
            attributes: word(at + 28),
        })
        .collect()
}

#[test]
fn mrtd_of_debians_firmware_is_what_others_compute() {
    const MEASURED: u32 = 1;
    const ADDED_LATER: u32 = 2;
    const EXPECTED: &str = "4c7206f0f483c524f12c366c711e9049030a8d47c471ee5aa9c4999a08de4057\
                            fb887fed0744d5631a212967fb231c47";
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/vectors/measured-boot/debian-ovmf/OVMF.fd");
    let Ok(image) = std::fs::read(&path) else {
        return println!("skipped: {} is not there", path.display());
    };
    let mut td = begun();
    for section in sections(&image) {
        if section.attributes & ADDED_LATER != 0 {
            continue;
        }
        let contents = &image[section.offset..section.offset + section.bytes];
        let mut pages = contents.chunks(4096);
        for gpa in (section.gpa..section.gpa + section.memory).step_by(4096) {
            let mut page = [0; 4096];
            if let Some(contents) = pages.next() {
                page[..contents.len()].copy_from_slice(contents);
            }
            let is_measured = section.attributes & MEASURED != 0;
            td.add(gpa, &page, is_measured).expect("it is taken");
        }
    }
    td.finalize().expect("it is built");
    let mrtd = td.mrtd().expect("it is final");
    let mrtd: String = mrtd.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(mrtd, EXPECTED);
}
