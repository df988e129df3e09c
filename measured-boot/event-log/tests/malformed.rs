//! What no log has: refused with its place and its rule.

mod support;

use measured_boot_event_log::{Algorithm, Covered, EventType, LogRule, Registers};
use support::{
    EFI_ACTION, IPL, Made, NO_ACTION, SEPARATOR, VARIABLE, ZEROS, log_bytes, read, refused,
    variable, vectors, with,
};

/// A log of three events, and where the second and third begin.
fn three() -> (Made, usize, usize) {
    let mut log = Made::agile();
    let second = log.event(7, SEPARATOR, &ZEROS);
    let third = log.event(4, EFI_ACTION, b"Calling EFI Application from Boot Option");
    (log, second, third)
}

#[test]
fn log_made_by_hand_is_read() {
    let (made, second, third) = three();
    let log = read(&made.bytes).expect("well formed");
    let offsets: Vec<usize> = log.events.iter().map(|event| event.offset).collect();
    assert_eq!(offsets, [0, second, third]);
    assert_eq!(log.registers, Registers::Pcr);
    assert_eq!(log.events[1].coverage().covered, Covered::All);
    assert_eq!(log.padding, None);
}

#[test]
fn file_without_an_event_is_refused() {
    assert_eq!(refused(&[]), (0, LogRule::Empty));
    for byte in [0x00, 0xFF] {
        let rule = LogRule::OnlyPadding { byte, length: 4096 };
        assert_eq!(refused(&[byte; 4096]), (0, rule));
    }
}

#[test]
fn file_larger_than_any_log_is_refused() {
    let (made, ..) = three();
    let mut bytes = made.bytes;
    bytes.resize((16 << 20) + 1, 0xFF);
    assert_eq!(refused(&bytes).1, LogRule::TooLarge((16 << 20) + 1));
    bytes.pop();
    assert!(read(&bytes).is_ok());
}

/// Every cut but one between two events shows; that one cannot.
#[test]
fn log_cut_off_anywhere_but_between_events_is_refused() {
    let mut legacy = Made::legacy();
    let second = legacy.event(0, 8, b"version");
    let third = legacy.event(7, VARIABLE, &variable("SecureBoot", &[1]));
    let (agile, ..) = three();
    let (_, agile_second, agile_third) = three();
    for (log, between) in [
        (&agile, [agile_second, agile_third]),
        (&legacy, [second, third]),
    ] {
        for length in 1..log.bytes.len() {
            let read = read(&log.bytes[..length]);
            assert_eq!(read.is_ok(), between.contains(&length), "{length} bytes");
        }
    }
}

/// The same with published logs, of every length.
#[test]
fn published_logs_cut_off_anywhere_but_between_events_are_refused() {
    let Some(folder) = vectors() else { return };
    for name in [
        "measured-boot/tpm2-tools/event-sd-boot-fedora37.bin",
        "measured-boot/tpm2-tools/event-uefi-sha1-log.bin",
        "measured-boot/go-eventlog/eventlogs/ccel/CCEL_unpadded.data.bin",
    ] {
        let bytes = log_bytes(&folder, name);
        let log = read(&bytes).expect("a log");
        let starts: Vec<usize> = log.events.iter().map(|event| event.offset).collect();
        for length in 1..bytes.len() {
            let cut = read(&bytes[..length]);
            assert_eq!(
                cut.is_ok(),
                starts.contains(&length),
                "{name}: {length} bytes"
            );
        }
    }
}

#[test]
fn event_longer_than_the_file_is_refused() {
    let (made, _, third) = three();
    let size_at = third + 12 + 2 + 20 + 2 + 32;
    let left = made.bytes.len() - size_at - 4;
    for size in [41, u32::MAX] {
        let spoilt = with(&made, size_at, &size.to_le_bytes());
        assert_eq!(
            refused(&spoilt),
            (size_at, LogRule::EventSize { size, left })
        );
    }
}

#[test]
fn event_with_no_or_too_many_digests_is_refused() {
    let (made, second, _) = three();
    for found in [0, 3, u32::MAX] {
        let spoilt = with(&made, second + 8, &found.to_le_bytes());
        let rule = LogRule::DigestCount { found, declared: 2 };
        assert_eq!(refused(&spoilt), (second + 8, rule));
    }
}

#[test]
fn digest_of_an_undeclared_or_repeated_algorithm_is_refused() {
    let (made, second, _) = three();
    let spoilt = with(&made, second + 12, &[0x0C, 0]);
    let undeclared = LogRule::UndeclaredAlgorithm(Algorithm::SHA384);
    assert_eq!(refused(&spoilt), (second + 12, undeclared));
    let mut twice = Made::with(0, &[0x0B, 0x04]);
    let second = twice.event(7, SEPARATOR, &ZEROS);
    let repeated_at = second + 12 + 2 + 32;
    let spoilt = with(&twice, repeated_at, &[0x0B, 0]);
    // SHA-256's 32 bytes reach into what follows, which is there.
    let mut longer = spoilt;
    longer.extend([0; 64]);
    let rule = LogRule::AlgorithmTwice(Algorithm::SHA256);
    assert_eq!(refused(&longer), (repeated_at, rule));
}

#[test]
fn event_for_a_register_that_is_not_there_is_refused() {
    let (made, second, _) = three();
    let kind = EventType::SEPARATOR;
    for index in [24, 256, u32::MAX] {
        let spoilt = with(&made, second, &index.to_le_bytes());
        assert_eq!(refused(&spoilt), (second, LogRule::Index { index, kind }));
    }
    let mut made = made;
    made.event(u32::MAX, NO_ACTION, b"Windows has one such");
    assert!(read(&made.bytes).is_ok());
    let kind = EventType::NO_ACTION;
    let at = made.event(24, NO_ACTION, b"");
    assert_eq!(
        refused(&made.bytes),
        (at, LogRule::Index { index: 24, kind })
    );
}

#[test]
fn fill_of_eight_bytes_or_more_ends_a_log_and_less_does_not() {
    let mut legacy = Made::legacy();
    legacy.event(0, 8, b"version");
    for made in [three().0, legacy, Made::cc()] {
        let end = made.bytes.len();
        for (byte, length) in [(0x00, 8), (0xFF, 8), (0x00, 4096), (0xFF, 4096)] {
            let padded = [made.bytes.clone(), vec![byte; length]].concat();
            let padding = read(&padded).expect("padded").padding.expect("padding");
            assert_eq!(
                (padding.offset, padding.length, padding.byte),
                (end, length, byte)
            );
        }
        for (byte, length) in [(0x00, 7), (0xFF, 7), (0x00, 1), (0x01, 8)] {
            let padded = [made.bytes.clone(), vec![byte; length]].concat();
            assert!(read(&padded).is_err(), "{length} bytes of {byte:02x}");
        }
    }
}

/// An event whose data ends as fill does is not taken for it.
#[test]
fn zeros_that_end_the_last_event_are_not_padding() {
    let mut made = Made::agile();
    made.event(7, IPL, &[0; 64]);
    let log = read(&made.bytes).expect("well formed");
    assert_eq!((log.events.len(), log.padding), (2, None));
    let padded = [made.bytes.clone(), vec![0; 16]].concat();
    let log = read(&padded).expect("well formed");
    let padding = log.padding.expect("padding");
    assert_eq!((padding.offset, padding.length), (made.bytes.len(), 16));
}

#[test]
fn data_behind_fill_is_refused() {
    let mut legacy = Made::legacy();
    legacy.event(0, 8, b"version");
    for made in [three().0, legacy] {
        let end = made.bytes.len();
        for (byte, length) in [(0xFF, 8), (0xFF, 4096), (0x00, 64), (0x00, 4096)] {
            let mut spoilt = made.clone();
            spoilt.bytes.extend(vec![byte; length]);
            spoilt.event(0x17, SEPARATOR, &[1; 4]);
            let (offset, rule) = refused(&spoilt.bytes);
            assert_eq!(offset, end);
            assert_eq!(rule, LogRule::PaddingThenData { byte, length });
        }
    }
}

#[test]
fn variable_that_overruns_its_event_is_refused() {
    let mut made = Made::agile();
    let at = made.event(7, VARIABLE, &variable("db", b"data"));
    let data = at + 12 + 2 + 20 + 2 + 32 + 4;
    for (place, length) in [
        (16, u64::MAX),
        (24, u64::MAX),
        (16, 3),
        (24, 5),
        (16, 1 << 63),
    ] {
        let spoilt = with(&made, data + place, &length.to_le_bytes());
        let (offset, rule) = refused(&spoilt);
        assert_eq!(offset, data + 16);
        assert!(
            matches!(rule, LogRule::VariableOverrun { event: 40, .. }),
            "{rule}"
        );
    }
    // The first event of a log is held to it, too.
    let mut first = Made::legacy();
    first.event(7, VARIABLE, &variable("db", b"data"));
    let data = 8 + 20 + 4;
    let spoilt = with(&first, data + 24, &[5]);
    assert_eq!(refused(&spoilt).0, data + 16);
    let mut short = Made::agile();
    short.event(7, VARIABLE, &[0; 31]);
    assert!(matches!(refused(&short.bytes).1, LogRule::Truncated { .. }));
}
