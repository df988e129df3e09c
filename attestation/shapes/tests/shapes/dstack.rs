//! dstack's list of events as a log that can be replayed.

use crate::builders::{dstack, dstack_event, quote};
use attestation_shapes::{EventLog, TdxEvidence};
use measured_boot_event_log::{Algorithm, Log, ReadOptions, Register, Registers};
use serde_json::{Value, json};

fn log(events: &Value) -> Vec<u8> {
    let text = dstack(&quote(), events).to_string();
    let read = TdxEvidence::read(text.as_bytes()).expect("dstack's");
    read.event_log.expect("it has one").into_tcg()
}

fn sha384(parts: &[&[u8]]) -> Vec<u8> {
    let hash = Algorithm::SHA384.hash(parts).expect("it is known");
    hash.as_bytes().to_vec()
}

/// What a register is after one event; `None` if nothing extended it.
fn after(log: &[u8], rtmr: u8) -> Option<Vec<u8>> {
    let options = ReadOptions {
        registers: Some(Registers::Rtmr),
        ..ReadOptions::default()
    };
    let log = Log::read(log, &options).expect("a log");
    assert_eq!(log.findings().total(), 0, "{:?}", log.findings());
    let value = log
        .replay()
        .value(Algorithm::SHA384, Register::Rtmr(rtmr))?;
    Some(value.as_bytes().to_vec())
}

#[test]
fn events_digest_of_firmware_extends_its_register() {
    let mut event = dstack_event();
    event["imr"] = json!(2);
    event["event_type"] = json!(6);
    let log = log(&json!([event]));
    assert_eq!(after(&log, 2), Some(sha384(&[&[0; 48], &[0xAB; 48]])));
}

#[test]
fn own_events_digest_is_made_of_its_name_and_payload_whatever_the_list_says() {
    let first = sha384(&[b"\x01\x00\x00\x08:app-id:\x01\x02"]);
    let second = br#"{"name":"app-id","payload":"0102","type":134217729}"#;
    for (version, digest) in [(1, first), (2, sha384(&[second]))] {
        for said in ["", &"ab".repeat(48)] {
            let mut event = dstack_event();
            event["digest"] = json!(said);
            event["version"] = json!(version);
            let log = log(&json!([event]));
            let expected = sha384(&[&[0; 48], &digest]);
            assert_eq!(after(&log, 3), Some(expected), "version {version}");
        }
    }
}

#[test]
fn separator_without_its_payload_gets_the_bytes_of_its_digest() {
    for bytes in [[0; 4], [0xFF; 4]] {
        let mut event = dstack_event();
        event["imr"] = json!(1);
        event["event_type"] = json!(4);
        event["digest"] = json!(hex::encode(sha384(&[&bytes])));
        event["event_payload"] = json!("");
        let log = log(&json!([event]));
        assert!(log.ends_with(&[&[4, 0, 0, 0][..], &bytes].concat()));
        assert!(after(&log, 1).is_some());
    }
}

#[test]
fn event_of_firmware_without_its_payload_still_extends_its_register() {
    let mut event = dstack_event();
    event["imr"] = json!(0);
    // A UEFI variable, of which nothing can be read here.
    event["event_type"] = json!(0x8000_0001_u32);
    event["event_payload"] = json!("");
    let log = log(&json!([event]));
    assert_eq!(after(&log, 0), Some(sha384(&[&[0; 48], &[0xAB; 48]])));
}

#[test]
fn list_without_events_is_a_log_that_extends_nothing() {
    let log = log(&json!([]));
    let zeros = Some(vec![0; 48]);
    assert!([None, zeros].contains(&after(&log, 3)));
}

#[test]
fn log_in_the_tcgs_format_stays_as_it_is() {
    let log = EventLog::Tcg(vec![1, 2]);
    assert_eq!(log.into_tcg(), [1, 2]);
}
