//! MRTD: Debian's firmware as others measure it, and images made by hand against a plain recomputation.

mod support;

use measured_boot_digest::sha384;
use measured_boot_firmware::{Tdvf, TdvfMeasure};
use measured_boot_tdx_launch::{LaunchFault, PageOrder, TdxLaunch};
use support::tdvf::{Row, image, row, rows};

/// MRTD of a launch by the words of the specification: records and chunks in one buffer.
fn by_hand(rows: &[Row], image: &[u8], two_pass: bool) -> String {
    let mut stream = Vec::new();
    for row in rows.iter().filter(|row| row.attributes != 2) {
        let page_of = |gpa: u64| usize::try_from(gpa - row.gpa).expect("small");
        let pages = (row.gpa..row.gpa + row.memory).step_by(4096);
        let add = |stream: &mut Vec<u8>, gpa: u64| {
            stream.extend(b"MEM.PAGE.ADD\0\0\0\0");
            stream.extend(gpa.to_le_bytes());
            stream.extend([0; 104]);
        };
        let extend = |stream: &mut Vec<u8>, gpa: u64| {
            let end = usize::try_from(row.offset + row.bytes).expect("small");
            for chunk in (gpa..gpa + 4096).step_by(256) {
                stream.extend(b"MR.EXTEND\0\0\0\0\0\0\0");
                stream.extend(chunk.to_le_bytes());
                stream.extend([0; 104]);
                let start = usize::try_from(row.offset).expect("small") + page_of(chunk);
                stream.extend((start..start + 256).map(|at| if at < end { image[at] } else { 0 }));
            }
        };
        for gpa in pages.clone() {
            add(&mut stream, gpa);
            if row.attributes == 1 && !two_pass {
                extend(&mut stream, gpa);
            }
        }
        if row.attributes == 1 && two_pass {
            pages.for_each(|gpa| extend(&mut stream, gpa));
        }
    }
    hex::encode(sha384(&stream))
}

fn mrtd(rows: &[Row], order: PageOrder) -> String {
    let image = image(rows);
    let tdvf = Tdvf::read(&image).expect("it is whole");
    let launch = TdxLaunch::of_tdvf(&tdvf, None).expect("no payload");
    launch.mrtd(order).to_string()
}

#[test]
fn debians_firmware_has_the_mrtd_that_others_compute() {
    let Some(image) = support::debians_firmware() else {
        return;
    };
    let tdvf = Tdvf::read(&image).unwrap();
    let launch = TdxLaunch::of_tdvf(&tdvf, None).unwrap();
    let single = "4c7206f0f483c524f12c366c711e9049030a8d47c471ee5aa9c4999a08de4057fb887fed0744d5631a212967fb231c47";
    let two = "acccbcc870a381adab0d3919d90a7f268ac3b0364771f202ed4bb4e892d045b33db3b32e6924cba830a724eed443f7e1";
    assert_eq!(launch.mrtd(PageOrder::SinglePass).to_string(), single);
    assert_eq!(launch.mrtd(PageOrder::TwoPass).to_string(), two);
}

#[test]
fn components_are_the_sections_with_their_digests() {
    let image = image(&rows());
    let tdvf = Tdvf::read(&image).unwrap();
    let parts = TdxLaunch::of_tdvf(&tdvf, None).unwrap().components();
    let names: Vec<_> = parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["BFV", "CFV", "TempMem", "TD_HOB", "TempMem"]);
    let code = &parts[0];
    assert_eq!((code.gpa, code.pages, code.bytes), (0xFFFF_D000, 3, 0x3000));
    assert_eq!(code.sha384, Some(sha384(&image[0x1000..])));
    assert_eq!(code.measure, TdvfMeasure::Contents);
    assert_eq!(parts[1].sha384, Some(sha384(&image[..0x1000])));
    assert_eq!(parts[1].measure, TdvfMeasure::Addresses);
    assert_eq!((parts[3].sha384, parts[3].pages), (None, 2));
}

#[test]
fn pages_say_where_in_the_file_they_are() {
    let mut rows = rows();
    rows[1].bytes = 0x1000;
    rows[1].memory = 0x2000;
    rows[1].gpa = 0xFFFF_A000;
    let image = image(&rows);
    let tdvf = Tdvf::read(&image).unwrap();
    let launch = TdxLaunch::of_tdvf(&tdvf, None).unwrap();
    let places: Vec<_> = launch.runs()[..2]
        .iter()
        .flat_map(|run| run.pages())
        .map(|page| (page.gpa, page.file_offset, page.bytes.len()))
        .collect();
    let expected = [
        (0xFFFF_D000, Some(0x1000), 4096),
        (0xFFFF_E000, Some(0x2000), 4096),
        (0xFFFF_F000, Some(0x3000), 4096),
        (0xFFFF_A000, Some(0), 4096),
        (0xFFFF_B000, None, 0),
    ];
    assert_eq!(places, expected);
}

#[test]
fn sections_are_measured_in_order_each_in_passes_of_its_own() {
    let mut rows = rows();
    // Two sections with contents: passes over all of them at once would give another digest.
    rows[1].attributes = 1;
    let image = image(&rows);
    let single = by_hand(&rows, &image, false);
    let two = by_hand(&rows, &image, true);
    assert_ne!(single, two);
    assert_eq!(mrtd(&rows, PageOrder::SinglePass), single);
    assert_eq!(mrtd(&rows, PageOrder::TwoPass), two);
    rows.swap(2, 4);
    assert_ne!(mrtd(&rows, PageOrder::SinglePass), single);
}

#[test]
fn memory_behind_a_sections_bytes_is_measured_as_zeros_not_as_the_files_next_bytes() {
    let mut rows = rows();
    rows[0] = row(0x1000, 0x1080, 0xFFFF_D000, 0x3000, 0, 1);
    let image = image(&rows);
    let expected = by_hand(&rows, &image, false);
    assert_eq!(mrtd(&rows, PageOrder::SinglePass), expected);
}

#[test]
fn memory_that_the_guest_accepts_is_neither_measured_nor_gone_through() {
    let mut rows = rows();
    rows.push(row(0, 0, 1 << 51, 1 << 51, 4, 2));
    rows.push(row(0, 0, 1 << 32, 0x2000, 4, 2));
    let image = image(&rows);
    let expected = by_hand(&rows, &image, false);
    assert_eq!(mrtd(&rows, PageOrder::SinglePass), expected);
    assert_eq!(
        mrtd(&rows, PageOrder::TwoPass),
        by_hand(&rows, &image, true)
    );
}

#[test]
fn sections_for_tools_are_not_measured() {
    let mut rows = rows();
    rows.push(row(0x100, 0x80, 0, 0, 7, 0));
    let image = image(&rows);
    let expected = by_hand(&rows, &image, false);
    assert_eq!(mrtd(&rows, PageOrder::SinglePass), expected);
    let tdvf = Tdvf::read(&image).unwrap();
    assert_eq!(TdxLaunch::of_tdvf(&tdvf, None).unwrap().runs().len(), 5);
}

#[test]
fn payload_that_the_vmm_fills_in_is_needed_exactly_where_there_is_a_place_for_it() {
    let mut rows = rows();
    let of = |rows: &[Row], payload: Option<&[u8]>| {
        let image = image(rows);
        let tdvf = Tdvf::read(&image).unwrap();
        TdxLaunch::of_tdvf(&tdvf, payload)
            .map(|launch| launch.mrtd(PageOrder::SinglePass).to_string())
    };
    assert_eq!(of(&rows, Some(b"kernel")), Err(LaunchFault::PayloadUnused));
    rows.push(row(0, 0, 0x200_0000, 0x2000, 5, 1));
    assert_eq!(
        of(&rows, None),
        Err(LaunchFault::PayloadMissing(0x200_0000))
    );
    let large = LaunchFault::PayloadTooLarge {
        gpa: 0x200_0000,
        bytes: 0x2001,
        memory: 0x2000,
    };
    assert_eq!(of(&rows, Some(&[1; 0x2001])), Err(large));
    let filled = image(&rows);
    let tdvf = Tdvf::read(&filled).unwrap();
    let launch = TdxLaunch::of_tdvf(&tdvf, Some(&[7; 0x1080])).unwrap();
    let run = launch.runs().last().unwrap();
    assert_eq!((run.bytes, run.file_offset), (&[7; 0x1080][..], None));
    let lengths: Vec<_> = run.pages().map(|page| page.bytes.len()).collect();
    assert_eq!(lengths, [0x1000, 0x80]);
    assert_ne!(of(&rows, Some(&[7; 0x1080])), of(&rows, Some(&[7; 0x1081])));
    rows.last_mut().unwrap().attributes = 0;
    assert!(of(&rows, None).is_ok(), "not measured, so not needed");
}
