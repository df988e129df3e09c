use super::*;

const LOW_END: u64 = 0xc000_0000;
const HIGH: u64 = 1 << 32;
const HIGH_END: u64 = HIGH + 0x2000;

fn with_a_hole() -> RamLayout {
    RamLayout::new(&[0..LOW_END, HIGH..HIGH_END])
}

#[test]
fn parts_lie_one_behind_the_other_in_the_file() {
    let part = |start, bytes, offset| RamPart {
        start,
        bytes,
        offset,
    };
    let ram = with_a_hole();
    let expected = [part(0, LOW_END, 0), part(HIGH, 0x2000, LOW_END)];
    assert_eq!(ram.parts().collect::<Vec<_>>(), expected);
    assert_eq!(ram.bytes(), LOW_END + 0x2000);
}

#[test]
fn pieces_are_at_most_a_gibibyte_and_all_of_it() {
    let pieces = |ram: RamLayout| {
        let pieces = ram.pieces().map(Result::unwrap);
        pieces
            .map(|pages| (pages.start(), pages.pages()))
            .collect::<Vec<_>>()
    };
    const GIB: u64 = 1 << 30;
    assert_eq!(
        pieces(with_a_hole()),
        [
            (0, 0x4_0000),
            (GIB, 0x4_0000),
            (2 * GIB, 0x4_0000),
            (HIGH, 2)
        ]
    );
    assert_eq!(
        pieces(RamLayout::from_zero(GIB + 0x1000)),
        [(0, 0x4_0000), (GIB, 1)]
    );
    assert_eq!(pieces(RamLayout::from_zero(0)), []);
    let within = RamLayout::new(&[0x800..0x1800, 0..0]);
    assert!(within.pieces().all(|pages| pages.is_err()));
}

#[test]
fn part_without_a_byte_is_none() {
    let ram = RamLayout::from_zero(0x3000);
    assert_eq!(ram, RamLayout::new(&[0..0x3000, 0..0]));
    for empty in [
        HIGH..HIGH,
        Range {
            start: HIGH,
            end: 0,
        },
    ] {
        let ram = RamLayout::new(&[0..0x3000, empty]);
        assert_eq!(ram.parts().count(), 1);
        assert_eq!(ram.bytes(), 0x3000);
        assert_eq!(ram.place(HIGH, 0), None);
    }
}

#[test]
fn range_has_a_place_in_the_file_only_if_one_part_has_all_of_it() {
    let ram = with_a_hole();
    #[rustfmt::skip] // a table: one case a line
    let cases = [
        (0,                1,               Some(0..1)),
        (0,                LOW_END,         Some(0..LOW_END)),
        (LOW_END - 1,      1,               Some(LOW_END - 1..LOW_END)),
        (LOW_END - 1,      2,               None),
        (LOW_END,          1,               None),
        (HIGH - 1,         1,               None),
        (HIGH - 1,         2,               None),
        (LOW_END - 0x1000, HIGH - LOW_END + 0x2000, None),
        (0,                HIGH_END,        None),
        (HIGH,             1,               Some(LOW_END..LOW_END + 1)),
        (HIGH + 0x1000,    0x1000,          Some(LOW_END + 0x1000..LOW_END + 0x2000)),
        (HIGH,             0x2001,          None),
        (HIGH_END,         1,               None),
        (HIGH,             u64::MAX,        None),
        (u64::MAX,         2,               None),
        // Nothing at all has a place up to the end of each part.
        (LOW_END,          0,               Some(LOW_END..LOW_END)),
        (LOW_END + 1,      0,               None),
        (HIGH_END,         0,               Some(LOW_END + 0x2000..LOW_END + 0x2000)),
    ];
    for (address, length, place) in cases {
        assert_eq!(
            ram.place(address, length),
            place,
            "{length:#x} at {address:#x}"
        );
    }
}

#[test]
fn pages_are_held_by_one_part_or_by_none() {
    let ram = with_a_hole();
    let holds = |start, pages| ram.holds(PageRange::new(start, pages).unwrap());
    assert!(holds(LOW_END - 0x1000, 1) && holds(HIGH, 2));
    assert!(!holds(LOW_END - 0x1000, 2) && !holds(LOW_END, 1));
    assert!(!holds(HIGH - 0x1000, 2) && !holds(HIGH, 3));
}

/// No plan has them; but nothing here may wrap.
#[test]
fn ranges_without_sense_wrap_nowhere() {
    let ram = RamLayout::new(&[0..u64::MAX, 0x1000..u64::MAX]);
    assert_eq!(ram.bytes(), u64::MAX);
    assert_eq!(ram.place(u64::MAX, 1), None);
    let ram = RamLayout::new(&[0x1000..u64::MAX, 0..u64::MAX]);
    assert_eq!(ram.place(0, u64::MAX), None);
}

#[test]
fn layout_is_told_by_its_ranges() {
    let told = with_a_hole().to_string();
    assert_eq!(told, "0x0 to 0xc0000000 and 0x100000000 to 0x100002000");
    assert_eq!(RamLayout::from_zero(0x3000).to_string(), "0x0 to 0x3000");
}
