//! Event logs, written here byte by byte, beside quotes with the RTMRs that they replay to.

use crate::support::Question;
use attestation_tdx::test_support::{Scene, offset};
use measured_boot_event_log::{Algorithm, Log, ReadOptions, Register, Registers};
use ring::digest::{SHA256, SHA384, digest};

const SEPARATOR: u32 = 4;
const ACTION: u32 = 0x8000_0007;

/// A log that declares SHA-256 and SHA-384.
fn log(events: &[Vec<u8>]) -> Vec<u8> {
    let mut spec = b"Spec ID Event03\0".to_vec();
    spec.extend([0, 0, 0, 0, 0, 2, 0, 2]);
    spec.extend(2_u32.to_le_bytes());
    spec.extend([0x0B, 0, 32, 0, 0x0C, 0, 48, 0, 0]);
    let mut log = Vec::new();
    log.extend(0_u32.to_le_bytes());
    log.extend(3_u32.to_le_bytes());
    log.extend([0; 20]);
    log.extend(u32::try_from(spec.len()).expect("short").to_le_bytes());
    log.extend(spec);
    log.extend(events.concat());
    log
}

/// An event of RTMR0 with digests of these algorithms.
fn event(kind: u32, data: &[u8], sha384: bool) -> Vec<u8> {
    let mut event = 1_u32.to_le_bytes().to_vec();
    event.extend(kind.to_le_bytes());
    event.extend((1 + u32::from(sha384)).to_le_bytes());
    event.extend([0x0B, 0]);
    event.extend(digest(&SHA256, data).as_ref());
    if sha384 {
        event.extend([0x0C, 0]);
        event.extend(digest(&SHA384, data).as_ref());
    }
    event.extend(u32::try_from(data.len()).expect("short").to_le_bytes());
    event.extend(data);
    event
}

/// A quote whose RTMRs are those that the log replays to in SHA-384.
fn question(log: Vec<u8>) -> Question {
    let options = ReadOptions {
        registers: Some(Registers::Rtmr),
        ..ReadOptions::default()
    };
    let replay = Log::read(&log, &options).expect("well-formed").replay();
    let mut scene = Scene::new();
    let rtmrs = [offset::RTMR0, offset::RTMR1, offset::RTMR2, offset::RTMR3];
    for (number, at) in (0..).zip(rtmrs) {
        let value = replay.value(Algorithm::SHA384, Register::Rtmr(number));
        scene.body[at..][..48].copy_from_slice(value.expect("all four are there").as_bytes());
    }
    let mut question = Question::of(&scene.make());
    question.event_log = Some(log);
    question
}

#[test]
fn log_that_replays_is_accepted() {
    let events = [
        event(ACTION, b"boot", true),
        event(SEPARATOR, &[0; 4], true),
    ];
    question(log(&events)).is_accepted();
}

#[test]
fn log_of_another_boot_is_refused() {
    let mut question = question(log(&[event(ACTION, b"boot", true)]));
    question.event_log = Some(log(&[event(ACTION, b"boat", true)]));
    question.is_refused_for(&[("event_log", "event_log_replay")]);
}

#[test]
fn log_with_two_separators_of_a_register_is_refused_though_it_replays() {
    let separator = event(SEPARATOR, &[0; 4], true);
    let question = question(log(&[separator.clone(), separator]));
    question.is_refused_for(&[("event_log", "event_log_ambiguous")]);
}

#[test]
fn log_with_an_event_that_has_no_sha_384_digest_is_refused_though_it_replays() {
    let question = question(log(&[
        event(ACTION, b"hidden", false),
        event(ACTION, b"boot", true),
    ]));
    question.is_refused_for(&[("event_log", "event_log_kind")]);
}

#[test]
fn log_that_cannot_be_read_is_refused() {
    let mut question = question(log(&[event(ACTION, b"boot", true)]));
    question.event_log.as_mut().expect("given").push(1);
    question.is_refused_for(&[("event_log", "event_log_unreadable")]);
}
