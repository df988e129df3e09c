//! What can be wrong with an event log.

use super::{Tpm, case};
use crate::Case;
use crate::tpm::log::{self, SHA256, SHA384};
use crate::tpm::{QuoteDraft, TpmScene};
use serde_json::json;

pub(super) fn event_log() -> Vec<Tpm> {
    let of =
        |name: &str, code, tamper: fn(&mut TpmScene)| case(name, ("tpm_event_log", code), tamper);
    fn log_of(scene: &mut TpmScene) -> &mut Vec<u8> {
        scene.log.as_mut().expect("there is one")
    }
    vec![
        of("no event log", "log_missing", |s| s.log = None),
        of("event log cut short", "log_unreadable", |s| {
            let log = log_of(s);
            log.truncate(log.len() - 1);
        }),
        of("empty event log", "log_unreadable", |s| log_of(s).clear()),
        of("event log with another digest", "log_other", |s| {
            // The digest of the event of PCR 0, behind the first event.
            log_of(s)[log::spec_id(&[SHA256]).len() + 14] ^= 1;
        }),
        of(
            "event log without an event that was measured",
            "log_silent",
            |s| {
                let kept = log::spec_id(&[SHA256]).len();
                let first = log::record(&[SHA256], 0, 8, b"v1\0\0").len();
                log_of(s).drain(kept..kept + first);
            },
        ),
        of("event log with one more event", "log_other", |s| {
            let more = log::record(&[SHA256], 4, 0x8000_0007, b"another image");
            log_of(s).extend(more);
        }),
        of(
            "event log with an event of a PCR that stayed as it was",
            "log_other",
            |s| {
                let more = log::record(&[SHA256], 5, 0x8000_0007, b"x");
                log_of(s).extend(more);
            },
        ),
        of("event log of RTMRs", "log_of_rtmrs", |s| {
            let log = log_of(s);
            log.clear();
            log.extend([1, 0, 0, 0, 3, 0, 0, 0]);
            log.extend(&log::spec_id(&[SHA256])[8..]);
        }),
        of("event log in a bank that is not quoted", "log_bank", |s| {
            let log = log_of(s);
            log.clear();
            log.extend(sha1_log());
        }),
        case(
            "event log with two separators of one PCR",
            ("tpm_event_log", "log_ambiguous"),
            |s| {
                let more = log::record(&[SHA256], 4, 4, &[0; 4]);
                s.log.as_mut().expect("there is one").extend(more);
            },
        )
        .also(("tpm_event_log", "log_other")),
    ]
}

/// One event of PCR 0 in the format before crypto agility, SHA-1.
fn sha1_log() -> Vec<u8> {
    let mut log = [0_u32, 8].map(u32::to_le_bytes).concat();
    log.extend([7; 20]);
    log.extend([2, 0, 0, 0, b'1', 0]);
    log
}

/// Of quotes that cover two banks.
pub(super) fn of_two_banks() -> Vec<Tpm> {
    let of = |name: &str, code, change: fn(&mut TpmScene)| {
        Case::new(name, ("tpm_event_log", code), of_two, move || {
            let mut scene = of_two();
            change(&mut scene);
            scene
        })
    };
    vec![
        of("event log without a bank that is quoted", "log_bank", |s| {
            s.log = Some(log::log(&[SHA256]));
        }),
        of(
            "event log with an event in one of two quoted banks alone",
            "log_bank",
            |s| {
                let more = log::record(&[SHA256], 9, 0x8000_0007, b"x");
                s.log.as_mut().expect("there is one").extend(more);
            },
        ),
        of(
            "event log with another digest in the second bank",
            "log_other",
            |s| {
                // Behind the first event and the other digest of the event of PCR 0.
                let place = log::spec_id(&[SHA256, SHA384]).len() + 14 + 32 + 2;
                s.log.as_mut().expect("there is one")[place] ^= 1;
            },
        ),
    ]
}

fn of_two() -> TpmScene {
    let mut scene = TpmScene::accepted();
    scene.pcrs_384 = log::pcrs(SHA384);
    scene.quote = QuoteDraft::over_both(&scene.pcrs, &scene.pcrs_384);
    scene.log = Some(log::log(&[SHA256, SHA384]));
    scene.limits["banks"] = json!(["sha256", "sha384"]);
    scene
}
