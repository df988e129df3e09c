//! What no log has: refused with its place and its rule.

mod support;

use measured_boot_event_log::{
    Algorithm, CcKind, CcelTable, Covered, EventType, Log, LogRule, ReadOptions, Registers,
};
use support::{
    EFI_ACTION, GO, IPL, Made, NO_ACTION, SEPARATOR, VARIABLE, ZEROS, log_bytes, read, refused,
    spec_id, variable, vectors,
};

const SHA1: (u16, u16) = (0x04, 20);
const SHA256: (u16, u16) = (0x0B, 32);

/// A log of three events, and where the second and third begin.
fn three() -> (Made, usize, usize) {
    let mut log = Made::agile();
    let second = log.event(7, SEPARATOR, &ZEROS);
    let third = log.event(4, EFI_ACTION, b"Calling EFI Application from Boot Option");
    (log, second, third)
}

fn with(log: &Made, offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut spoilt = log.bytes.clone();
    spoilt[offset..offset + bytes.len()].copy_from_slice(bytes);
    spoilt
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

fn spec(pairs: &[(u16, u16)], vendor_length: u8, vendor: &[u8]) -> Vec<u8> {
    let data = spec_id(pairs, vendor_length, vendor);
    let mut log = Made::with_spec_id(0, &data, &[0x04]);
    log.event(7, SEPARATOR, &ZEROS);
    log.bytes
}

const DATA: usize = 32;
const COUNT: usize = DATA + 24;
const PAIRS: usize = DATA + 28;

#[test]
fn spec_id_of_another_version_index_or_digest_is_refused() {
    let (made, ..) = three();
    let version = |major, minor| LogRule::SpecIdVersion { major, minor };
    let at = DATA + 20;
    assert_eq!(refused(&with(&made, at, &[1])), (at, version(2, 1)));
    assert_eq!(refused(&with(&made, at + 1, &[1])), (at, version(1, 0)));
    assert_eq!(refused(&with(&made, 0, &[2])), (0, LogRule::SpecIdIndex(2)));
    assert_eq!(refused(&with(&made, 27, &[1])), (8, LogRule::SpecIdDigest));
}

#[test]
fn spec_id_with_algorithms_that_cannot_be_is_refused() {
    let (made, ..) = three();
    for count in [0, 3, 17, u32::MAX] {
        let spoilt = with(&made, COUNT, &count.to_le_bytes());
        assert_eq!(
            refused(&spoilt),
            (COUNT, LogRule::SpecIdAlgorithmCount(count))
        );
    }
    let many: Vec<(u16, u16)> = (0x100..0x111).map(|number| (number, 32)).collect();
    assert_eq!(
        refused(&spec(&many, 0, &[])),
        (COUNT, LogRule::SpecIdAlgorithmCount(17))
    );
    let sixteen = Made::with_spec_id(0, &spec_id(&many[..16], 0, &[]), &[]);
    assert!(read(&sixteen.bytes).is_ok());
    let size = |number, size| LogRule::SpecIdDigestSize {
        algorithm: Algorithm(number),
        size,
    };
    assert_eq!(refused(&spec(&[(4, 19)], 0, &[])), (PAIRS + 2, size(4, 19)));
    for unknown in [0, 15, 129] {
        let bytes = spec(&[SHA1, (0x99, unknown)], 0, &[]);
        assert_eq!(refused(&bytes), (PAIRS + 6, size(0x99, unknown)));
    }
    let twice = LogRule::AlgorithmTwice(Algorithm::SHA1);
    assert_eq!(
        refused(&spec(&[SHA1, SHA256, SHA1], 0, &[])),
        (PAIRS + 8, twice)
    );
    assert!(read(&spec(&[SHA1, (0x99, 16)], 0, &[])).is_ok());
}

/// An unknown algorithm keeps its declared size and is not replayed.
#[test]
fn algorithm_that_is_not_known_is_read_and_named() {
    let mut log = Made::with_spec_id(0, &spec_id(&[SHA1, (0x99, 16)], 0, &[]), &[]);
    log.bytes
        .extend([7u32, SEPARATOR, 2].map(u32::to_le_bytes).concat());
    log.bytes.extend([0x99, 0].iter().chain(&[0xAB; 16]));
    log.bytes
        .extend([0x04, 0].iter().chain(&support::hash(0x04, &ZEROS)));
    log.bytes.extend([4, 0, 0, 0, 0, 0, 0, 0]);
    let log = read(&log.bytes).expect("well formed");
    assert_eq!(log.events[1].digest(Algorithm(0x99)), Some(&[0xAB; 16][..]));
    let replay = log.replay();
    assert_eq!(replay.not_replayed, [Algorithm(0x99)]);
    assert_eq!(replay.banks.len(), 1);
}

#[test]
fn spec_id_whose_vendor_bytes_end_neither_with_it_nor_behind_it_is_refused() {
    let said_at = PAIRS + 4;
    let rule = |said, left| LogRule::SpecIdVendorInfo { said, left };
    assert_eq!(refused(&spec(&[SHA1], 1, b"ab")), (said_at, rule(1, 2)));
    assert_eq!(refused(&spec(&[SHA1], 0, b"a")), (said_at, rule(0, 1)));
    assert_eq!(refused(&spec(&[SHA1], 3, b"ab")), (said_at, rule(3, 2)));
    let inside = spec(&[SHA1], 2, b"ab");
    let id = read(&inside).expect("well formed").spec_id.expect("agile");
    assert_eq!(
        (id.vendor_info, id.vendor_info_outside),
        (&b"ab"[..], false)
    );
    // Behind the event there must be all of them.
    let data = spec_id(&[SHA1], 4, &[]);
    let short = Made::with_spec_id(0, &data, &[]).bytes;
    let whole = [short.clone(), b"abcd".to_vec()].concat();
    let id = read(&whole).expect("well formed").spec_id.expect("agile");
    assert_eq!(
        (id.vendor_info, id.vendor_info_outside),
        (&b"abcd"[..], true)
    );
    assert!(matches!(
        refused(&short).1,
        LogRule::Truncated {
            wanted: 4,
            left: 0,
            ..
        }
    ));
}

#[test]
fn second_spec_id_is_refused() {
    let (mut made, ..) = three();
    let at = made.event(0, NO_ACTION, &spec_id(&[SHA1], 0, &[]));
    assert_eq!(refused(&made.bytes), (at, LogRule::SpecIdAgain));
    let mut legacy = Made::legacy();
    legacy.event(0, 8, b"version");
    let at = legacy.event(0, NO_ACTION, &spec_id(&[SHA1], 0, &[]));
    assert_eq!(refused(&legacy.bytes), (at, LogRule::SpecIdAgain));
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

fn table() -> Vec<u8> {
    let mut table = b"CCEL\x38\0\0\0\x01\0INTEL ".to_vec();
    table.resize(36, b'x');
    table.extend([2, 0, 0, 0]);
    table.extend(0x1_0000u64.to_le_bytes());
    table.extend(0x7BE0_0000u64.to_le_bytes());
    summed(table)
}

/// With the checksum put right.
fn summed(mut table: Vec<u8>) -> Vec<u8> {
    table[9] = 0;
    let sum = table.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    table[9] = sum.wrapping_neg();
    table
}

fn spoilt_table(at: usize, byte: u8) -> (usize, LogRule) {
    let mut table = table();
    table[at] = byte;
    let error = CcelTable::read(&summed(table)).expect_err("malformed");
    (error.offset, error.rule)
}

#[test]
fn ccel_table_is_read_and_each_of_its_rules_kept() {
    let read = CcelTable::read(&table()).expect("well formed");
    assert_eq!(read.kind, CcKind::Tdx);
    assert_eq!(
        (read.area_bytes, read.area_address),
        (0x1_0000, 0x7BE0_0000)
    );
    assert_eq!(spoilt_table(0, b'D'), (0, LogRule::TableSignature));
    let length = LogRule::TableLength {
        said: 57,
        found: 56,
    };
    assert_eq!(spoilt_table(4, 57), (4, length));
    assert_eq!(spoilt_table(8, 2), (8, LogRule::TableRevision(2)));
    assert_eq!(spoilt_table(36, 3), (36, LogRule::TableKind(3)));
    assert_eq!(spoilt_table(38, 1), (38, LogRule::TableReserved(1)));
    let mut wrong_sum = table();
    wrong_sum[20] ^= 1;
    let error = CcelTable::read(&wrong_sum).expect_err("malformed");
    assert!(matches!(error.rule, LogRule::TableChecksum(_)));
    let longer = [table(), vec![0]].concat();
    assert!(CcelTable::read(&longer).is_err());
    assert!(CcelTable::read(&table()[..55]).is_err());
}

#[test]
fn log_is_as_long_as_its_table_says_at_most() {
    let options = ReadOptions {
        registers: None,
        table: Some(CcelTable::read(&table()).expect("well formed")),
    };
    // td-shim's index is a TPM's; the table says that it is none.
    let mut bytes = Made::with(0, &[0x0C]).bytes;
    bytes.resize(0x1_0000, 0xFF);
    let log = Log::read(&bytes, &options).expect("as long as the area");
    assert_eq!(log.registers, Registers::Rtmr);
    bytes.push(0xFF);
    let error = Log::read(&bytes, &options).expect_err("longer");
    let rule = LogRule::LogBeyondArea {
        log: 0x1_0001,
        area: 0x1_0000,
    };
    assert_eq!((error.offset, error.rule), (0x1_0000, rule));
}

#[test]
fn published_tables_fit_their_logs() {
    let Some(folder) = vectors() else { return };
    let ccel = "go-tdx-guest/testdata/ccel";
    let go = format!("{GO}/eventlogs/ccel");
    for (table, log) in [
        (
            format!("{ccel}/ccel_table.dat"),
            format!("{ccel}/ccel_data.dat"),
        ),
        (
            format!("{go}/cos-113-intel-tdx.table.bin"),
            format!("{go}/cos-113-intel-tdx.bin"),
        ),
        (format!("{go}/CCEL.bin"), format!("{go}/event_log.bin")),
    ] {
        let file = log_bytes(&folder, &table);
        assert!(CcelTable::is_one(&file));
        let table = CcelTable::read(&file).expect("well formed");
        let bytes = log_bytes(&folder, &log);
        assert_eq!(u64::try_from(bytes.len()), Ok(table.area_bytes));
        let options = ReadOptions {
            registers: None,
            table: Some(table),
        };
        assert!(Log::read(&bytes, &options).is_ok());
    }
}
