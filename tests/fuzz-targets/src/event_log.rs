//! TPM and CC event logs.

use crate::{Bound, Target};
use measured_boot_event_log::{
    Algorithm, Capped, EventType, Format, Log, LogError, ReadOptions, Register, Replay,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Records written again are the file's bytes up to its padding, a second implementation replays them to
/// the same registers, and nothing that is said of them could drive a terminal.
pub const EVENT_LOG: Target = Target {
    name: "event_log",
    // A record of 32 bytes becomes an event of 112, in a list that doubles; what is said of events is a
    // sentence each, of which 256 are kept.
    bound: Bound {
        factor: 24,
        constant: 128 << 10,
    },
    longest: 8 << 10,
    vectors: &[
        "measured-boot/go-eventlog",
        "measured-boot/tpm2-tools",
        "measured-boot/trustee",
        "go-tdx-guest/testdata/ccel",
    ],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let options = ReadOptions::default();
    let log = match bound.holds(bytes, || Log::read(bytes, &options)) {
        Ok(log) => log,
        Err(error) => return check_error(&error, bytes),
    };
    let end = log
        .padding
        .as_ref()
        .map_or(bytes.len(), |padding| padding.offset);
    assert_eq!(written(&log), bytes[..end]);
    let replay = bound.holds(bytes, || log.replay());
    compare(&log, &replay);
    let findings = bound.holds(bytes, || log.findings());
    assert!(findings.list().len() <= Capped::<()>::MOST);
    for finding in findings.list() {
        assert!(finding.offset <= bytes.len());
    }
    for note in bound.holds(bytes, || log.notes()).list() {
        is_plain(&note.kind.to_string());
    }
    assert_eq!(log.coverage().len(), log.events.len());
    for event in &log.events {
        is_plain(&event.description());
    }
    true
}

/// Never accepted.
pub(crate) fn check_error(error: &LogError, bytes: &[u8]) -> bool {
    assert!(error.offset <= bytes.len(), "{error}");
    is_plain(&error.to_string());
    false
}

/// Nothing in it moves a cursor or turns the direction of writing.
pub(crate) fn is_plain(text: &str) {
    let turns = |c: char| matches!(c, '\u{200E}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    assert!(
        !text.chars().any(|c| c.is_control() || turns(c)),
        "{text:?}"
    );
}

fn written(log: &Log<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for event in &log.events {
        bytes.extend(event.index.to_le_bytes());
        bytes.extend(event.kind.0.to_le_bytes());
        let digests: Vec<_> = event.digests.iter().collect();
        if log.format == Format::Agile && event.number > 0 {
            bytes.extend(u32::try_from(digests.len()).expect("few").to_le_bytes());
            for (algorithm, digest) in digests {
                bytes.extend(algorithm.0.to_le_bytes());
                bytes.extend(digest);
            }
        } else {
            digests.iter().for_each(|(_, digest)| bytes.extend(*digest));
        }
        bytes.extend(
            u32::try_from(event.data.len())
                .expect("it fits")
                .to_le_bytes(),
        );
        bytes.extend(event.data);
        if let Some(spec_id) = log
            .spec_id
            .as_ref()
            .filter(|spec| event.number == 0 && spec.vendor_info_outside)
        {
            bytes.extend(spec_id.vendor_info);
        }
    }
    bytes
}

/// PCR 0 begins with what other events say: it is left out.
fn compare(log: &Log<'_>, replay: &Replay) {
    let Some(bank) = replay.bank(Algorithm::SHA256) else {
        return;
    };
    let mut registers = BTreeMap::new();
    for event in log
        .events
        .iter()
        .filter(|event| event.kind != EventType::NO_ACTION)
    {
        if let Some(digest) = event.digest(Algorithm::SHA256) {
            let value: &mut [u8; 32] = registers.entry(event.register).or_default();
            *value = Sha256::digest([&value[..], digest].concat()).into();
        }
    }
    for (register, value) in &bank.registers {
        if *register != Register::Pcr(0) {
            let ours = registers.get(register).copied().unwrap_or_default();
            assert_eq!(value.as_bytes(), ours);
        }
    }
}
