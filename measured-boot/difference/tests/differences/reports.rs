//! Reports and quotes against each other.

use crate::vectors;
use measured_boot_difference::{
    Difference, QuoteFault, QuoteFields, missing_at_the_end, planned_fields, quote_and_log, quotes,
    reported_fields, reports,
};
use measured_boot_event_log::{Log, ReadOptions};
use measured_boot_snp_abi::{AttestationReport, GuestPolicy};
use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

fn said(differences: &[Difference]) -> Vec<String> {
    differences.iter().map(ToString::to_string).collect()
}

const REPORT: &str = "trustee/deps/verifier/test_data/snp/test-report.bin";
const COS: &str = "go-tdx-guest/testdata/ccel/cos-113-tdx-quote.dat";

#[test]
fn real_report_changed_in_a_field_is_told_by_that_field_alone() {
    let Some(bytes) = vectors::read(REPORT) else {
        return;
    };
    let report = AttestationReport::read_from_bytes(&bytes).expect("a report's length");
    let with = |change: &dyn Fn(&mut AttestationReport)| {
        let mut other = report.clone();
        change(&mut other);
        said(&reports(&report, &other))
    };
    assert_eq!(with(&|_| ()), Vec::<String>::new());
    assert_eq!(
        with(&|report| report.policy = U64::new(0xB_001F)),
        [
            "POLICY is 0x3001f (SMT, ABI at least 0.31) in A, 0xb001f (SMT, DEBUG, ABI at least 0.31) in B"
        ]
    );
    assert_eq!(
        with(&|report| report.host_data[0] ^= 1),
        ["HOST_DATA is zero in A, 0100000000000000… in B"]
    );
    assert_eq!(
        with(&|report| report.vmpl = 2.into()),
        ["VMPL is 0 in A, 2 in B"]
    );
    assert_eq!(
        with(&|report| report.id_key_digest = [0; 48]),
        ["ID_KEY_DIGEST is 0356215882a82527… in A, zero in B"]
    );
    let other = with(&|report| report.measurement[0] ^= 1);
    assert_eq!(other.len(), 1);
    assert!(other[0].starts_with("the launch digest is a1f3930413247bb3"));
}

/// A field that is compared nowhere would pass for equal.
#[test]
fn every_byte_of_a_report_but_reserved_ones_is_compared() {
    let report = AttestationReport::new_zeroed();
    let silent = (0..0x2D0usize).filter(|at| {
        let mut bytes = report.as_bytes().to_vec();
        bytes[*at] ^= 1;
        let other = AttestationReport::read_from_bytes(&bytes).expect("as long");
        reports(&report, &other).is_empty()
    });
    let silent: Vec<_> = silent.collect();
    let reserved = (0x4C..0x50)
        .chain(0x18B..0x1A0)
        .chain([0x1EB, 0x1EF])
        .chain(0x208..0x2A0);
    assert_eq!(silent, reserved.collect::<Vec<_>>());
}

#[test]
fn report_of_a_plan_is_told_by_what_no_digest_covers() {
    let plan = crate::plans::Inputs::changed(|_| ()).plan();
    let mut report = AttestationReport::new_zeroed();
    report.policy = U64::new(plan.policy.0.bits());
    assert_eq!(planned_fields(&plan, &report), []);
    report.policy = U64::new(GuestPolicy::STRICT.with_smt(true).with_debug(true).bits());
    report.host_data[31] = 1;
    report.guest_svn = 2.into();
    let found = planned_fields(&plan, &report);
    assert_eq!(
        said(&found),
        [
            "POLICY is 0x30000 (SMT) in A, 0xb0000 (SMT, DEBUG) in B",
            "HOST_DATA is 0000000000000000000000000000000000000000000000000000000000000000 in A, 0000000000000000000000000000000000000000000000000000000000000001 in B",
            "GUEST_SVN is 0 in A, 2 in B",
        ]
    );
    assert_eq!(reported_fields(&report)[0].value, "0xb0000 (SMT, DEBUG)");
}

#[test]
fn quote_changed_in_a_register_or_field_is_told_by_it_alone() {
    let Some(bytes) = vectors::read(COS) else {
        return;
    };
    let quote = QuoteFields::read(&bytes).expect("a quote");
    let with = |at: usize| {
        let mut other = bytes.clone();
        other[at] ^= 1;
        let other = QuoteFields::read(&other).expect("a quote").fields().count();
        assert_eq!(other, 10);
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let found = said(&quotes(
            &quote,
            &QuoteFields::read(&changed).expect("a quote"),
        ));
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].split(" is ").next().map(str::to_owned)
    };
    assert_eq!(with(184).as_deref(), Some("the MRTD"));
    assert_eq!(with(376).as_deref(), Some("the RTMR0"));
    assert_eq!(with(376 + 3 * 48 + 47).as_deref(), Some("the RTMR3"));
    assert_eq!(with(48 + 120).as_deref(), Some("TDATTRIBUTES"));
    assert_eq!(with(48 + 184).as_deref(), Some("MRCONFIGID"));
    assert_eq!(with(48 + 520).as_deref(), Some("REPORTDATA"));
}

#[test]
fn quote_cut_off_or_of_another_kind_is_refused_with_the_place() {
    let mut quote = vec![0; 700];
    assert_eq!(QuoteFields::read(&quote).err(), Some(QuoteFault::Kind));
    quote[0] = 4;
    assert_eq!(
        QuoteFields::read(&quote).err(),
        Some(QuoteFault::Kind),
        "SGX"
    );
    quote[4] = 0x81;
    assert!(QuoteFields::read(&quote[..632]).is_ok());
    let cut = |at, length| Some(QuoteFault::Truncated { at, length });
    assert_eq!(QuoteFields::read(&quote[..631]).err(), cut(48, 631));
    quote[0] = 5;
    assert!(QuoteFields::read(&quote[..638]).is_ok());
    assert_eq!(QuoteFields::read(&quote[..637]).err(), cut(54, 637));
}

#[test]
fn real_quote_and_its_log_agree_and_another_log_does_not() {
    let logs = "measured-boot/go-eventlog/eventlogs/ccel/";
    let (Some(quote), Some(log), Some(other)) = (
        vectors::read(COS),
        vectors::read("go-tdx-guest/testdata/ccel/ccel_data.dat"),
        vectors::read(&format!("{logs}cos-113-intel-tdx-dupe-separator.bin")),
    ) else {
        return;
    };
    let quote = QuoteFields::read(&quote).expect("a quote");
    let found = |bytes: &[u8]| {
        let log = Log::read(bytes, &ReadOptions::default()).expect("a log");
        said(&quote_and_log(&quote, &log))
    };
    assert_eq!(found(&log), Vec::<String>::new());
    let found = found(&other);
    assert!(!found.is_empty());
    assert!(
        found.iter().all(|one| one.starts_with("the RTMR")),
        "{found:?}"
    );
}

#[test]
fn log_that_was_taken_too_early_is_told_by_what_it_lacks() {
    let (Some(quote), Some(log)) = (
        vectors::read(COS),
        vectors::read("go-tdx-guest/testdata/ccel/ccel_data.dat"),
    ) else {
        return;
    };
    let quote = QuoteFields::read(&quote).expect("a quote");
    let read = |bytes| Log::read(bytes, &ReadOptions::default()).expect("a log");
    let whole = read(&log);
    assert_eq!(missing_at_the_end(&quote, &whole, 1), None);
    let exit = whole
        .events
        .iter()
        .find(|event| event.data == b"Exit Boot Services Invocation")
        .expect("it ends so");
    let early = read(&log[..exit.offset]);
    assert_eq!(
        missing_at_the_end(&quote, &early, 1),
        Some(
            &[
                "Exit Boot Services Invocation",
                "Exit Boot Services Returned with Success"
            ][..]
        )
    );
}
