//! By which bytes a kind of file is known.

use measured_boot_event_log::{Log, ReadOptions};
use measured_boot_firmware::{FirmwareFault, FooterTable, Rule};
use measured_boot_snp_abi::{AttestationReport, REPORT_SIZE};

use super::Kind;

/// By what the bytes begin or end with, strictest first.
pub fn binary(bytes: &[u8]) -> Option<Kind> {
    if bytes.starts_with(b"CLMF") {
        return Some(Kind::Manifest);
    }
    if bytes.starts_with(b"IGVM") {
        return Some(Kind::Igvm);
    }
    if bytes.starts_with(b"MZ") {
        return Some(Kind::Pe);
    }
    if is_quote(bytes) {
        return Some(Kind::Quote);
    }
    if is_report(bytes) {
        return Some(Kind::Report);
    }
    if is_firmware(bytes) {
        return Some(Kind::Firmware);
    }
    if is_acpi(bytes) {
        return Some(Kind::AcpiTables);
    }
    let log = Log::read(bytes, &ReadOptions::default());
    log.is_ok().then_some(Kind::EventLog)
}

/// Version 2 to 5 and one of the two signature algorithms: an image may have any length.
pub fn is_report(bytes: &[u8]) -> bool {
    bytes.len() == REPORT_SIZE
        && AttestationReport::from_untrusted(bytes).is_some_and(|report| {
            (2..=5).contains(&report.version.get()) && report.signature_algorithm.get() <= 1
        })
}

/// Version 4 or 5, TEE type 0x81 (Intel *TDX DCAP Quoting Library API*, A.3, quote header).
fn is_quote(bytes: &[u8]) -> bool {
    let is_version = |version: u8| bytes.starts_with(&[version, 0]);
    (is_version(4) || is_version(5)) && bytes.get(4..8) == Some(&[0x81, 0, 0, 0])
}

/// A table that contradicts itself is one all the same: comparing says what is wrong with it.
fn is_firmware(bytes: &[u8]) -> bool {
    match FooterTable::read(bytes) {
        Ok(_) => true,
        Err(FirmwareFault { rule, .. }) => rule != Rule::FooterMissing,
    }
}

/// A table that QEMU's file may begin with, and its length (ACPI 6.5, 5.2.6). Read as a log it would be of register 0x53434146.
fn is_acpi(bytes: &[u8]) -> bool {
    const FIRST: [&[u8]; 6] = [b"FACS", b"DSDT", b"FACP", b"APIC", b"RSDT", b"XSDT"];
    let length = bytes.get(4..8).and_then(|length| length.try_into().ok());
    let length = length
        .map(u32::from_le_bytes)
        .and_then(|length| usize::try_from(length).ok());
    FIRST.into_iter().any(|first| bytes.starts_with(first))
        && length.is_some_and(|length| (36..=bytes.len()).contains(&length))
}
