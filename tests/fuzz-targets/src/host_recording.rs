//! What a host answered, as somebody else sends it to be judged.

use crate::event_log::is_plain;
use crate::{Bound, Target};
use vmm_host_facts::{Facts, Recording, Role, State, Verdict, judge};

/// Whatever a host says, what is said of it is short and could not drive a terminal; a recording that is accepted
/// means the same when it is written and read again; a TEE that can be launched lacks nothing that decides.
pub const HOST_RECORDING: Target = Target {
    name: "host_recording",
    // The TOML parser's, as of `vm_config`; facts keep words and numbers of each line beside it.
    bound: Bound {
        factor: 1024,
        constant: 256 << 10,
    },
    longest: 8 << 10,
    vectors: &[],
    check,
};

/// Characters of what was found, each escaped in ten at most, with our own words around it.
const MOST_CHARACTERS: usize = 4000;

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let Ok(text) = str::from_utf8(bytes) else {
        return false;
    };
    let Ok(recording) = bound.holds(bytes, || Recording::from_toml(text)) else {
        return false;
    };
    let again = recording.to_toml().expect("it has a form in TOML");
    assert_eq!(Recording::from_toml(&again).ok(), Some(recording.clone()));
    let judged = bound.holds(bytes, || {
        let facts = Facts::read(recording.clone());
        is_plain(&facts.origin());
        judge(&facts)
    });
    for finding in &judged.findings {
        is_plain(&finding.found);
        assert!(finding.found.chars().count() <= MOST_CHARACTERS);
        assert!(finding.remedy.is_none() || finding.state == State::Lacks);
    }
    for verdict in &judged.verdicts {
        verdict.fixed.iter().for_each(|text| is_plain(text));
        let lacks = judged.findings.iter().any(|one| {
            let decides = one.role == Role::Decides && one.needed_for.contains(&verdict.tee);
            decides && one.state != State::Has
        });
        assert!(verdict.verdict != Verdict::Can || !lacks);
    }
    assert_eq!(judge(&Facts::read(recording)), judged);
    true
}
