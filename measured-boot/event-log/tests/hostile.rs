//! Any bytes at all: no panic, memory by the file and not by what it claims, and nothing read that is not
//! there.

mod support;

use measured_boot_event_log::{Capped, Format, Log, NoteKind};
use proptest::prelude::*;
use support::{
    BOOT_VARIABLE, EFI_ACTION, IPL, Made, NO_ACTION, SEPARATOR, VARIABLE, ZEROS, all_logs,
    log_bytes, read, variable, vectors,
};
use tests_heap::peak_of;

/// A record of 32 bytes becomes an event of 80 in a list that doubles; 256 findings and notes are kept.
const HEAP_FACTOR: usize = 8;
const HEAP_CONSTANT: usize = 64 << 10;

/// Reads a file and asks everything of it. Says whether it is a log.
fn withstands(bytes: &[u8]) -> bool {
    let (is_log, peak) = peak_of(|| {
        let Ok(log) = read(bytes) else { return false };
        ask_everything(&log, bytes);
        true
    });
    let most = HEAP_FACTOR * bytes.len() + HEAP_CONSTANT;
    assert!(peak <= most, "{} bytes took {peak} at once", bytes.len());
    is_log
}

fn ask_everything(log: &Log<'_>, bytes: &[u8]) {
    let end = log.padding.map_or(bytes.len(), |padding| padding.offset);
    assert!(
        written(log) == bytes[..end],
        "read otherwise than it stands there"
    );
    assert_eq!(log.replay(), log.replay());
    assert!(log.findings().list().len() <= Capped::<NoteKind>::MOST);
    assert!(log.notes().list().len() <= Capped::<NoteKind>::MOST);
    for event in &log.events {
        drop(event.coverage());
        let says = event.description();
        assert!(says.chars().count() <= 601, "{says}");
        assert!(!says.chars().any(char::is_control), "{says:?}");
    }
}

/// The log as its events have it.
fn written(log: &Log<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for event in &log.events {
        bytes.extend(event.index.to_le_bytes());
        bytes.extend(event.kind.0.to_le_bytes());
        let agile = log.format == Format::Agile && event.number > 0;
        if agile {
            let count = u32::try_from(event.digests.iter().count()).expect("few");
            bytes.extend(count.to_le_bytes());
        }
        for (algorithm, digest) in event.digests.iter() {
            if agile {
                bytes.extend(algorithm.0.to_le_bytes());
            }
            bytes.extend(digest);
        }
        let size = u32::try_from(event.data.len()).expect("a file of 16 MiB");
        bytes.extend(size.to_le_bytes());
        bytes.extend(event.data);
        let id = log
            .spec_id
            .filter(|id| id.vendor_info_outside && event.number == 0);
        bytes.extend(id.map_or(&[][..], |id| id.vendor_info));
    }
    bytes
}

/// Logs with an event of every kind that is taken apart.
fn seeds() -> Vec<Vec<u8>> {
    let mut option = vec![1, 0, 0, 0, 22, 0, b'o', 0, b's', 0, 0, 0];
    option.extend(b"\x04\x04\x0a\0\\\0a\0\0\0\x01\x01\x06\0\x02\x1f\x7f\xff\x04\0");
    let mut list = vec![0; 16];
    list.extend([28u32 + 48, 0, 48].map(u32::to_le_bytes).concat());
    list.extend([7; 48]);
    let mut image = [0u64, 4096, 0, 10].map(u64::to_le_bytes).concat();
    image.extend(b"\x04\x04\x0a\0\\\0a\0\0\0");
    let mut gpt = vec![0; 92];
    gpt.extend(1u64.to_le_bytes());
    gpt.extend([0x41; 128]);
    let events: [(u32, Vec<u8>); 16] = [
        (NO_ACTION, b"StartupLocality\0\x03".to_vec()),
        (8, b"version".to_vec()),
        (VARIABLE, variable("SecureBoot", &[1])),
        (VARIABLE, variable("db", &list)),
        (BOOT_VARIABLE, variable("BootOrder", &[1, 0, 0, 0])),
        (BOOT_VARIABLE, variable("Boot0001", &option)),
        (0x8000_00E0, variable("db", &[9; 40])),
        (0x8000_0003, image),
        (0x8000_0006, gpt),
        (0x8000_0008, vec![1; 16]),
        (0x8000_000A, [&[2, b'F', b'v'][..], &[1; 16]].concat()),
        (
            0x8000_000B,
            [&[1, b'T'][..], &1u64.to_le_bytes(), &[5; 24]].concat(),
        ),
        (
            10,
            [&b"td_hob\0\0\0\0\0\0\0\0\0\0"[..], &[4, 0, 0, 0], &ZEROS].concat(),
        ),
        (6, [&[1, 0, 0, 0, 4, 0, 0, 0][..], b"init"].concat()),
        (IPL, b"grub_cmd: linux\0".to_vec()),
        (EFI_ACTION, b"Calling EFI Application".to_vec()),
    ];
    let fill = |mut made: Made| {
        for (kind, data) in &events {
            made.event(1, *kind, data);
        }
        made.event(1, SEPARATOR, &ZEROS);
        made.bytes
    };
    let mut padded = fill(Made::cc());
    padded.extend([0xFF; 40]);
    vec![fill(Made::legacy()), fill(Made::agile()), padded]
}

#[test]
fn seeds_and_published_logs_are_withstood_and_written_back_as_they_were() {
    assert!(seeds().iter().all(|seed| withstands(seed)));
    let Some(folder) = vectors() else { return };
    for name in all_logs() {
        assert!(withstands(&log_bytes(&folder, &name)), "{name}");
    }
}

#[test]
fn seeds_cut_off_anywhere_are_withstood() {
    for seed in seeds() {
        for length in 0..seed.len() {
            withstands(&seed[..length]);
        }
    }
}

/// The smallest records there are: their list is the most memory that a file can ask for.
#[test]
fn log_of_empty_events_takes_memory_by_its_length() {
    let mut made = Made::legacy();
    for _ in 0..20_000 {
        made.event(1, IPL, b"");
    }
    assert!(withstands(&made.bytes));
}

/// A partition table of 128 names, each character of which is escaped.
#[test]
fn description_of_an_event_that_says_much_is_cut_off() {
    let mut gpt = vec![0; 92];
    gpt.extend(128u64.to_le_bytes());
    gpt.extend([0x0E, 0x20].repeat(64 * 128));
    let mut made = Made::agile();
    made.event(5, 0x8000_0006, &gpt);
    assert!(withstands(&made.bytes));
    let log = read(&made.bytes).expect("well formed");
    let says = log.events[1].description();
    assert!(
        says.contains("128 partitions: \\u{200e}") && says.ends_with('…'),
        "{says}"
    );
    assert_eq!(says.chars().count(), 601);
}

/// Numbers that readers trust too soon.
fn number() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        any::<u32>().prop_map(|number| number.to_le_bytes().to_vec()),
        (0u32..64).prop_map(|number| number.to_le_bytes().to_vec()),
        Just(vec![0xFF; 4]),
        Just(vec![0xFF; 8]),
        Just(vec![0xFF, 0xFF, 0xFF, 0x7F]),
        Just(vec![0; 16]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn log_with_anything_changed_is_refused_or_read_as_it_stands(
        seed in 0usize..3,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), number()), 1..5),
    ) {
        let mut bytes = seeds().swap_remove(seed);
        for (at, number) in changes {
            let at = at.index(bytes.len());
            for (place, byte) in bytes[at..].iter_mut().zip(number) {
                *place = byte;
            }
        }
        withstands(&bytes);
    }

    #[test]
    fn any_bytes_are_withstood(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        withstands(&bytes);
    }

    #[test]
    fn events_of_any_type_and_data_are_withstood(
        kind in prop_oneof![0u32..20, 0x8000_0000u32..0x8000_0011, Just(0x8000_00E0), any::<u32>()],
        data in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut made = Made::agile();
        made.event(7, kind, &data);
        withstands(&made.bytes);
    }
}
