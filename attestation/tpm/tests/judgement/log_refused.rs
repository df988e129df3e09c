//! What an event log has to explain.

use crate::forge::{Quote, SHA256, hash};
use crate::log_edit::{SHA384, edited};
use crate::recorded;
use crate::support::{
    NONCE, Sample, assert_accepted, assert_refused_for, codes, limits, limits_with, nonce, read,
    vectors,
};
use attestation_tpm::{
    AkTrust, AttestationKey, Bank, PcrTable, TpmCheck, TpmClaims, TpmLimits, TpmRejection,
};
use attestation_verdict::{Finding, Judgement};
use measured_boot_event_log::Algorithm;
use serde_json::{Value, json};

fn judged(sample: &Sample, key: &AttestationKey, limits: &TpmLimits) -> Judgement<TpmRejection> {
    sample.judged(AkTrust::Named(key), &nonce(NONCE), limits)
}

fn with_log(log: &[u8]) -> (Sample, AttestationKey) {
    let (mut sample, key) = recorded::sample("ecc256-ecdsa-sha256");
    sample.event_log = Some(log.to_vec());
    (sample, key)
}

#[test]
fn log_missing_is_refused_where_the_limits_need_one() {
    let (sample, key) = recorded::sample("ecc256-ecdsa-sha256");
    let required = limits_with("require_event_log", json!(true));
    assert_refused_for(&judged(&sample, &key, &required), "log_missing");
    let judgement = judged(&sample, &key, &limits());
    assert!(judgement.accepted() && !judgement.passed(TpmCheck::EventLog));
}

#[test]
fn log_that_is_none_is_refused() {
    for log in [&b""[..], b"not a log", &[0; 64]] {
        let (sample, key) = with_log(log);
        assert_refused_for(&judged(&sample, &key, &limits()), "log_unreadable");
    }
}

#[test]
fn log_of_rtmrs_is_refused() {
    let Some(folder) = vectors() else { return };
    let log = folder.join("measured-boot/go-eventlog/eventlogs/ccel/cos-113-intel-tdx.bin");
    let (sample, key) = with_log(&read(&log));
    assert_refused_for(&judged(&sample, &key, &limits()), "log_of_rtmrs");
}

#[test]
fn log_of_another_boot_is_refused_for_every_pcr_that_differs() {
    let Some(folder) = vectors() else { return };
    let log = folder.join("measured-boot/go-eventlog/eventlogs/tpm/rhel8-uefi.bin");
    let (sample, key) = with_log(&read(&log));
    let judgement = judged(&sample, &key, &limits());
    assert!(!judgement.accepted() && !judgement.passed(TpmCheck::EventLog));
    let found = codes(&judgement);
    assert!(
        found.len() > 1 && found.iter().all(|code| *code == "log_other"),
        "{found:?}"
    );
}

#[test]
fn log_with_a_changed_digest_is_refused() {
    let Some(log) = recorded::log() else { return };
    // TCG_PCR_EVENT2 of PCR 0: index, type, count, then SHA-1's number and digest, then SHA-256's.
    let first = 32 + u32::from_le_bytes(log[28..32].try_into().expect("4 bytes")) as usize;
    let sha256 = first + 12 + 2 + 20;
    assert_eq!(log[sha256..sha256 + 2], [0x0B, 0]);
    let mut changed = log.clone();
    changed[sha256 + 2] ^= 1;
    let (sample, key) = with_log(&changed);
    assert_refused_for(&judged(&sample, &key, &limits()), "log_other");
    let unlogged = limits_with("unlogged_pcrs", json!([0]));
    assert_accepted(&judged(&sample, &key, &unlogged));
}

#[test]
fn log_of_a_bank_that_is_not_quoted_is_refused() {
    let Some(folder) = vectors() else { return };
    let log = folder.join("measured-boot/go-eventlog/eventlogs/tpm/debian-10.bin");
    let (sample, key) = with_log(&read(&log));
    assert_refused_for(&judged(&sample, &key, &limits()), "log_bank");
}

/// A log is not signed: who leaves a bank out of it leaves nothing that could explain its PCRs.
#[test]
fn log_without_a_bank_that_is_quoted_and_accepted_is_refused() {
    let Some(log) = recorded::log() else { return };
    let (mut sample, key) = recorded::sample("ecc384-ecdsa-sha384");
    let both = limits_with("banks", json!(["sha256", "sha384"]));
    sample.event_log = Some(log.clone());
    assert_accepted(&judged(&sample, &key, &both));
    sample.event_log = Some(edited(&log, |_, algorithm| algorithm != SHA384));
    let judgement = judged(&sample, &key, &both);
    assert_refused_for(&judgement, "log_bank");
    let bank = TpmRejection::LogBank(Bank::Sha384);
    assert!(judgement.rejections().eq([&bank]));
    assert!(bank.to_string().contains("sha384"));
    let explains = explained(&sample, &key);
    assert_eq!(
        explains,
        json!({"sha256": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], "sha384": []})
    );
}

/// Nobody relies on a bank that the limits do not accept, nor on a PCR that they let hold more than the log explains.
#[test]
fn log_needs_no_bank_that_is_not_accepted_or_has_nothing_to_explain() {
    let Some(log) = recorded::log() else { return };
    let (mut sample, key) = recorded::sample("ecc384-ecdsa-sha384");
    sample.event_log = Some(edited(&log, |_, algorithm| algorithm != SHA384));
    let judgement = judged(&sample, &key, &limits());
    assert_accepted(&judgement);
    assert!(judgement.passed(TpmCheck::EventLog));
    let mut both = limits_with("banks", json!(["sha256", "sha384"]));
    both.unlogged_pcrs.extend([0, 7]);
    let judgement = judged(&sample, &key, &both);
    assert_accepted(&judgement);
    assert!(judgement.passed(TpmCheck::EventLog));
    // Where nothing is left to explain, the log affirms nothing.
    both.unlogged_pcrs.extend(0..24);
    let judgement = judged(&sample, &key, &both);
    assert_accepted(&judgement);
    assert!(!judgement.passed(TpmCheck::EventLog));
    both.banks.clear();
    let judgement = judged(&sample, &key, &both);
    let finding = judgement.finding(TpmCheck::EventLog);
    assert!(matches!(finding, Some(Finding::NotMade(_))), "{finding:?}");
}

/// Such an event is left out of the replay, so that an attacker's would be shown and not be measured.
#[test]
fn log_with_an_event_that_has_no_digest_of_a_quoted_bank_is_refused() {
    let Some(log) = recorded::log() else { return };
    let (mut sample, key) = recorded::sample("ecc384-ecdsa-sha384");
    let both = limits_with("banks", json!(["sha256", "sha384"]));
    // An event of PCR 4, of which no SHA-384 value is quoted.
    sample.event_log = Some(edited(&log, |pcr, algorithm| {
        pcr != 4 || algorithm != SHA384
    }));
    assert_refused_for(&judged(&sample, &key, &both), "log_bank");
    assert_eq!(explained(&sample, &key)["sha384"], json!([]));
}

fn explained(sample: &Sample, key: &AttestationKey) -> Value {
    let claims = TpmClaims::of(&sample.evidence(), AkTrust::Named(key));
    json!(claims.event_log.expect("there is a log").explains)
}

#[test]
fn log_that_is_ambiguous_is_refused() {
    let Some(log) = recorded::log() else { return };
    // A startup locality of 0 after PCR 0 was extended changes no register and says nothing.
    let zeros = [(0x04_u16, 20), (0x0B, 32), (0x0C, 48)];
    let mut event = [0_u32, 3, 3].map(u32::to_le_bytes).concat();
    for (algorithm, size) in zeros {
        event.extend(algorithm.to_le_bytes());
        event.extend(vec![0; size]);
    }
    event.extend(17_u32.to_le_bytes());
    event.extend(b"StartupLocality\0\0");
    let (sample, key) = with_log(&[log, event].concat());
    assert_refused_for(&judged(&sample, &key, &limits()), "log_ambiguous");
}

/// What is extended later than the log ends has to be foreseen.
#[test]
fn log_that_has_no_event_of_an_extended_pcr_is_refused() {
    let Some(log) = recorded::log() else { return };
    let (recorded, _) = recorded::sample("ecc256-ecdsa-sha256");
    // 10 was extended by IMA; 17 to 22 hold ones, as after a reset.
    let mut table = PcrTable::default();
    let bank = Algorithm::SHA256;
    let mut values = Vec::new();
    for index in 0..23 {
        let read = recorded.pcrs.value(bank, index).map(<[u8]>::to_vec);
        let value = match index {
            10 => vec![1; 32],
            17..=22 => vec![0xFF; 32],
            _ => read.unwrap_or(vec![0; 32]),
        };
        table.insert(bank, index, &value).expect("a PCR");
        values.extend(value);
    }
    let quote = Quote {
        selections: vec![(SHA256, vec![0xFF, 0xFF, 0x7F])],
        digest: hash(&values),
        ..Quote::good()
    };
    let (mut sample, key) = quote.signed();
    sample.pcrs = table;
    sample.event_log = Some(log);
    assert_refused_for(&judged(&sample, &key, &limits()), "log_silent");
    let ima = limits_with("unlogged_pcrs", json!([10]));
    assert_accepted(&judged(&sample, &key, &ima));
}
