//! The ACPI table that says how long a log can be.

mod support;

use measured_boot_event_log::{CcKind, CcelTable, Log, LogRule, ReadOptions, Registers};
use support::{GO, Made, log_bytes, vectors};

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
