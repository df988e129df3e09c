//! IGVM files: the one whose MRTD others computed, and what each page adds.

mod support;

use measured_boot_digest::sha384;
use measured_boot_firmware::TdvfMeasure;
use measured_boot_tdx_launch::{PageOrder, TdxLaunch};

/// A file for TDX with bit 2: address, file offset (0 for zeros, 1 for the next of the data) and flags.
fn file(pages: &[(u64, u32, u32)]) -> Vec<u8> {
    let mut headers = header(1, &[&2u32.to_le_bytes(), &[0, 3, 1, 0], &[0; 8]]);
    let start = u32::try_from(24 + 24 + 32 * pages.len()).expect("small");
    let mut next = 0;
    for (gpa, data, flags) in pages {
        let offset = match data {
            0 => 0,
            _ => {
                next += 1;
                start + 4096 * (next - 1)
            }
        };
        let words = [2, offset, *flags].map(u32::to_le_bytes).concat();
        headers.extend(header(0x302, &[&gpa.to_le_bytes(), &words, &[0; 4]]));
    }
    let bytes = u32::try_from(headers.len()).expect("small");
    let mut file = b"IGVM".to_vec();
    let total = start + 4096 * next;
    file.extend([1, 24, bytes, total, 0].map(u32::to_le_bytes).concat());
    file.extend(headers);
    for number in 0..next {
        file.extend([number.to_le_bytes()[0] + 1; 4096]);
    }
    let sum = crc32(&file[..usize::try_from(start).expect("small")]);
    file[20..24].copy_from_slice(&sum.to_le_bytes());
    file
}

fn header(kind: u32, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u32::try_from(body.len()).expect("small");
    [&kind.to_le_bytes()[..], &length.to_le_bytes(), &body].concat()
}

/// CRC-32 as ISO 3309 has it.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ if sum & 1 == 0 { 0 } else { 0xEDB8_8320 }
        })
    };
    !bytes.iter().fold(!0, step)
}

/// What a page adds to MRTD by the words of the specification.
fn page(gpa: u64, contents: Option<[u8; 4096]>) -> Vec<u8> {
    let record = |name: &[u8; 16], gpa: u64| [&name[..], &gpa.to_le_bytes(), &[0; 104]].concat();
    let mut stream = record(b"MEM.PAGE.ADD\0\0\0\0", gpa);
    for (at, chunk) in (gpa..)
        .step_by(256)
        .zip(contents.iter().flat_map(|page| page.chunks(256)))
    {
        stream.extend(record(b"MR.EXTEND\0\0\0\0\0\0\0", at));
        stream.extend(chunk);
    }
    stream
}

#[test]
fn file_of_others_has_the_mrtd_that_others_compute() {
    let Some(file) = support::vector("measured-boot/igvm-crate/sample.igvm") else {
        return;
    };
    let launch = TdxLaunch::of_igvm(&file).unwrap();
    let expected = "e5b664c2f8fc076acd3376ab8097523052f6e3b85042c8122d7cd0a7697be779cc67bdd92a7c1ddaca4dde0080ebd9fb";
    assert_eq!(launch.mrtd(PageOrder::SinglePass).to_string(), expected);
    let measures: Vec<_> = launch
        .components()
        .iter()
        .map(|part| part.measure)
        .collect();
    assert!(measures.contains(&TdvfMeasure::Contents));
    assert!(measures.contains(&TdvfMeasure::Addresses));
}

#[test]
fn pages_that_follow_one_another_are_one_run_and_measured_one_by_one() {
    let pages = [
        (0x1000, 1, 0),
        (0x2000, 1, 0),
        (0x3000, 0, 0),
        (0x4000, 0, 0),
        (0x6000, 1, 2),
        (0x5000, 1, 4),
    ];
    let file = file(&pages);
    let launch = TdxLaunch::of_igvm(&file).unwrap();
    let runs: Vec<_> = launch
        .runs()
        .iter()
        .map(|run| (run.name.as_str(), run.gpa, run.pages, run.bytes.len()))
        .collect();
    let expected = [
        ("data", 0x1000, 2, 0x2000),
        ("zeros", 0x3000, 2, 0),
        ("unmeasured", 0x6000, 1, 0x1000),
    ];
    assert_eq!(runs, expected, "the shared page is none");
    let stream = [
        page(0x1000, Some([1; 4096])),
        page(0x2000, Some([2; 4096])),
        page(0x3000, Some([0; 4096])),
        page(0x4000, Some([0; 4096])),
        page(0x6000, None),
    ];
    assert_eq!(
        launch.mrtd(PageOrder::SinglePass).0,
        sha384(&stream.concat())
    );
}

#[test]
fn pages_that_lie_apart_in_memory_or_in_the_file_are_runs_of_their_own() {
    let runs = |pages: &[(u64, u32, u32)]| {
        let file = file(pages);
        TdxLaunch::of_igvm(&file).unwrap().runs().len()
    };
    assert_eq!(runs(&[(0x1000, 1, 0), (0x2000, 1, 0)]), 1);
    assert_eq!(runs(&[(0x1000, 1, 0), (0x3000, 1, 0)]), 2);
    assert_eq!(runs(&[(0x1000, 1, 0), (0x2000, 0, 0)]), 2);
    assert_eq!(runs(&[(0x1000, 1, 0), (0x2000, 1, 2)]), 2);
    assert_eq!(runs(&[(0x1000, 1, 0), (0x9000, 1, 4), (0x2000, 1, 0)]), 2);
}
