//! Launches that were made up, as they should be and otherwise.

use serde_json::{Value, json};
use vmm_host_facts::Tee;
use vmm_self_test_guest::LINE;

use super::*;
use crate::trial::Trial;

const PREDICTED: [u8; 48] = [0xab; 48];

fn digest(byte: u8) -> String {
    hex::encode([byte; 48])
}

/// A launch as it should be, on hardware that is as it should be.
pub(crate) fn good(tee: Tee, case: Case) -> Launch {
    let predicted = hex::encode(PREDICTED);
    let (compared_by, console) = match tee {
        Tee::Simulated => ("tee", format!("{LINE}plain\n")),
        Tee::Snp => (
            "id-block",
            format!("{LINE}snp sev-status=0000000000000005\n"),
        ),
        Tee::Tdx => (
            "guest-report",
            format!("{LINE}tdx td-info={}\n", td_info(0xab)),
        ),
    };
    let mut measured = json!({
        "event": "measured", "compared_by": compared_by, "launch_digest": predicted,
    });
    if tee == Tee::Simulated {
        measured["launch_digest_reported"] = predicted.clone().into();
    }
    Launch {
        trial: Trial { tee, case },
        configuration: String::new(),
        id_block: (tee == Tee::Snp).then(|| predicted.clone()),
        predicted,
        rtmrs: (1..4).map(digest).collect(),
        events: vec![
            measured,
            json!({"event": "running", "vcpus": 1}),
            json!({"event": "stopped", "reason": "guest-poweroff"}),
        ],
        said: String::new(),
        console,
        exit_code: Some(0),
        no_answer_after_seconds: None,
        milliseconds: 1,
    }
}

/// MRTD of these bytes; RTMR0 is of ones, RTMR1 of twos, and so on.
fn td_info(mrtd: u8) -> String {
    let mut info = vec![0; vmm_self_test_guest::TD_INFO_BYTES];
    info[16..64].fill(mrtd);
    for (index, value) in (0_usize..4).zip(1..) {
        info[208 + 48 * index..][..48].fill(value);
    }
    hex::encode(info)
}

fn failed(error: &str) -> Vec<Value> {
    vec![json!({"event": "failed", "error": error})]
}

/// A launch that the firmware refused for its digest.
fn refused_by_firmware(case: Case) -> Launch {
    let held = match case {
        Case::OtherDigest => digest(0xaa),
        _ => digest(0xab),
    };
    Launch {
        id_block: Some(held),
        events: failed("LAUNCH_FINISH failed: BAD_MEASUREMENT"),
        console: String::new(),
        exit_code: Some(1),
        ..good(Tee::Snp, case)
    }
}

/// A launch that the boot shim refused.
fn refused_by_shim(tee: Tee) -> Launch {
    let mut launch = good(tee, Case::ChangedKernel);
    let sentence = Refusal::KernelHash.sentence();
    (launch.events[2], launch.console) = match tee {
        Tee::Simulated => (
            json!({"event": "stopped", "reason": "guest-reset"}),
            format!("cloister-shim: {sentence}\r\n"),
        ),
        Tee::Snp | Tee::Tdx => (
            json!({"event": "stopped", "reason": "guest-terminated", "detail": format!("it says: {sentence}")}),
            String::new(),
        ),
    };
    launch
}

fn outcomes(launch: &Launch) -> Vec<Outcome> {
    steps(launch, 0).iter().map(|step| step.result).collect()
}

/// The one result that is no pass has these words.
fn assert_fails(launch: &Launch, outcome: Outcome, words: &[&str]) {
    let steps = steps(launch, 0);
    let wrong: Vec<_> = steps
        .iter()
        .filter(|step| step.result != Outcome::Passed)
        .collect();
    assert_eq!(wrong.len(), 1, "{steps:#?}");
    assert_eq!(wrong[0].result, outcome, "{steps:#?}");
    for word in words {
        assert!(wrong[0].found.contains(word), "{word}: {}", wrong[0].found);
    }
}

use Outcome::{Failed as Fails, Passed as Passes, Skipped as Skips};

#[test]
fn launch_as_it_should_be_passes_everywhere() {
    for tee in Tee::ALL {
        for case in [Case::OneVcpu, Case::TwoVcpus] {
            assert_eq!(outcomes(&good(tee, case)), [Passes, Passes], "{tee}");
        }
        assert_eq!(outcomes(&refused_by_shim(tee)), [Passes], "{tee}");
    }
    assert_eq!(outcomes(&refused_by_firmware(Case::OtherDigest)), [Passes]);
}

#[test]
fn other_measurement_fails_and_the_digests_are_named() {
    let mut simulated = good(Tee::Simulated, Case::OneVcpu);
    simulated.events[0]["launch_digest_reported"] = digest(0xcd).into();
    assert_fails(&simulated, Fails, &[&digest(0xab), &digest(0xcd)]);
    let mut td = good(Tee::Tdx, Case::OneVcpu);
    td.console = format!("{LINE}tdx td-info={}\n", td_info(0xcd));
    assert_fails(&td, Fails, &[&digest(0xab), &digest(0xcd)]);
    // No firmware tells what it measured.
    let refused = refused_by_firmware(Case::OneVcpu);
    assert_eq!(outcomes(&refused), [Fails, Skips]);
    let found = &steps(&refused, 0)[0].found;
    assert!(
        found.contains(&digest(0xab)) && found.contains("BAD_MEASUREMENT"),
        "{found}"
    );
}

#[test]
fn measurement_that_nobody_compared_is_none() {
    let mut without = good(Tee::Snp, Case::OneVcpu);
    without.events[0]["compared_by"] = "guest-report".into();
    assert_fails(&without, Fails, &["no ID block"]);
    let mut other = good(Tee::Snp, Case::OneVcpu);
    other.id_block = Some(digest(0xcd));
    assert_fails(&other, Fails, &[&digest(0xab), &digest(0xcd)]);
    let mut untold = good(Tee::Simulated, Case::OneVcpu);
    untold.events[0]["launch_digest_reported"] = Value::Null;
    assert_fails(&untold, Fails, &["predicted"]);
    let mut empty = good(Tee::Simulated, Case::OneVcpu);
    empty.predicted = String::new();
    empty.events[0]["launch_digest_reported"] = "".into();
    assert_fails(&empty, Fails, &["predicted"]);
}

#[test]
fn guest_that_finds_itself_elsewhere_fails() {
    let words = [
        (Tee::Snp, "plain".to_owned(), "in an ordinary VM"),
        (
            Tee::Snp,
            "snp sev-status=0000000000000003".to_owned(),
            "SEV_STATUS 0x3",
        ),
        (
            Tee::Snp,
            format!("tdx td-info={}", td_info(0xab)),
            "in a TD",
        ),
        (
            Tee::Simulated,
            "snp sev-status=0000000000000005".to_owned(),
            "under SEV",
        ),
    ];
    for (tee, word, found) in words {
        let mut launch = good(tee, Case::OneVcpu);
        launch.console = format!("{LINE}{word}\n");
        assert_fails(&launch, Fails, &[found, &format!("not on {tee}")]);
    }
    let mut td = good(Tee::Tdx, Case::OneVcpu);
    td.console = format!("{LINE}plain\n");
    assert_eq!(outcomes(&td), [Fails, Fails]);
    td.console = format!("{LINE}tdx td-info=c000010000000000\n");
    assert_eq!(outcomes(&td), [Fails, Fails]);
}

#[test]
fn register_of_a_td_that_is_not_the_predicted_one_fails() {
    let mut td = good(Tee::Tdx, Case::OneVcpu);
    td.rtmrs[1] = digest(0x77);
    assert_fails(&td, Fails, &["RTMR1", &digest(0x77), &digest(2)]);
    td.rtmrs.truncate(1);
    assert_fails(&td, Fails, &["RTMR1", "none"]);
}

#[test]
fn guest_that_says_nothing_or_does_not_power_off_fails() {
    let mut silent = good(Tee::Snp, Case::OneVcpu);
    silent.console = "cloister-shim: no\n".to_owned();
    assert_fails(&silent, Fails, &["said nothing", "guest-poweroff"]);
    let mut resets = good(Tee::Snp, Case::OneVcpu);
    resets.events[2]["reason"] = "guest-reset".into();
    assert_fails(&resets, Fails, &["guest-reset"]);
    let mut hangs = good(Tee::Snp, Case::OneVcpu);
    hangs.events.pop();
    hangs.no_answer_after_seconds = Some(60);
    assert_fails(&hangs, Fails, &["no answer after 60 s"]);
}

#[test]
fn launch_that_fails_is_a_guest_that_was_not_tried() {
    let mut launch = good(Tee::Snp, Case::OneVcpu);
    launch.events = failed("/dev/sev: it is not there");
    assert_eq!(outcomes(&launch), [Fails, Skips]);
    assert!(steps(&launch, 0)[0].found.contains("/dev/sev"));
    launch.events.clear();
    launch.exit_code = None;
    launch.said = "Killed\n".to_owned();
    assert!(
        steps(&launch, 0)[0]
            .found
            .ends_with("it was killed: Killed")
    );
}

/// The controls: what must be refused and is not, or for another reason.
#[test]
fn refusal_that_does_not_come_fails() {
    let taken = Launch {
        id_block: Some(digest(0xaa)),
        ..good(Tee::Snp, Case::OtherDigest)
    };
    assert_fails(&taken, Fails, &["did not refuse"]);
    let mut other = refused_by_firmware(Case::OtherDigest);
    other.events = failed("LAUNCH_FINISH failed: BAD_SIGNATURE");
    assert_fails(
        &other,
        Fails,
        &["did not refuse it for its digest", "BAD_SIGNATURE"],
    );
    let mut same = refused_by_firmware(Case::OtherDigest);
    same.id_block = Some(digest(0xab));
    assert_fails(&same, Fails, &["did not refuse"]);
    for tee in Tee::ALL {
        assert_fails(&good(tee, Case::ChangedKernel), Fails, &["did not refuse"]);
        let mut both = refused_by_shim(tee);
        both.console.push_str(&format!("\n{LINE}plain\n"));
        assert_fails(&both, Fails, &["did not refuse"]);
        let mut early = refused_by_shim(tee);
        early.events = failed("no room");
        assert_fails(&early, Fails, &["no room"]);
    }
    let mut otherwise = refused_by_shim(Tee::Snp);
    otherwise.events[2]["detail"] = Refusal::InitrdHash.sentence().into();
    assert_fails(&otherwise, Fails, &["did not refuse", "initrd"]);
    // Without SEV-SNP the shim says so on the console.
    let mut plain = refused_by_shim(Tee::Simulated);
    plain.trial.tee = Tee::Snp;
    assert_fails(&plain, Fails, &["did not refuse", "guest-reset"]);
}

#[test]
fn host_that_cannot_says_what_to_change_and_one_of_which_nothing_is_known_is_tried() {
    let blank = judged("version = 1\norigin = 'nobody'").unwrap();
    assert_eq!(why_not(&blank, Tee::Snp), None);
    assert!(judged("version = 2").is_err());
    assert_eq!(host("nonsense").result, Fails);
}
