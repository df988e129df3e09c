//! What a launch shows.

use measured_boot_shim_abi::Refusal;
use vmm_host_facts::{Facts, Judgement, Recording, Tee, Verdict, judge};
use vmm_kernel_abi::sev::FirmwareStatus;

use crate::report::{Launch, Outcome, Step};
use crate::trial::Case;
use crate::word::{TdInfo, Word};

/// SNP_Active of SEV_STATUS (APM volume 2 rev 3.42, section 15.34.10).
const SNP_ACTIVE: u64 = 1 << 2;

/// A result, or why it is none.
type Shown = Result<String, Fault>;

enum Fault {
    Failed(String),
    Skipped(String),
}

use Fault::{Failed, Skipped};

/// What `launch`, which is number `index`, shows.
pub fn steps(launch: &Launch, index: usize) -> Vec<Step> {
    let shown: Vec<(&str, Shown)> = match launch.trial.case {
        Case::OneVcpu | Case::TwoVcpus => {
            vec![("measured", measured(launch)), ("guest", guest(launch))]
        }
        Case::OtherDigest => vec![("refused", other_digest(launch))],
        Case::ChangedKernel => vec![("refused", changed_kernel(launch))],
    };
    let step = |(what, shown)| {
        let (result, found) = match shown {
            Ok(found) => (Outcome::Passed, found),
            Err(Failed(why)) => (Outcome::Failed, why),
            Err(Skipped(why)) => (Outcome::Skipped, why),
        };
        Step {
            step: format!("{} {what}", launch.trial.name()),
            result,
            found,
            launch: Some(index),
        }
    };
    shown.into_iter().map(step).collect()
}

/// Whether a recording says anything.
pub fn host(recording: &str) -> Step {
    let (result, found) = match judged(recording) {
        Ok(judgement) => (Outcome::Passed, summary(&judgement)),
        Err(why) => (Outcome::Failed, why),
    };
    Step {
        step: "host recorded".to_owned(),
        result,
        found,
        launch: None,
    }
}

/// What `cloister host check` makes of a recording.
///
/// # Errors
/// It is none.
pub fn judged(recording: &str) -> Result<Judgement, String> {
    let recording = Recording::from_toml(recording).map_err(|error| error.to_string())?;
    Ok(judge(&Facts::read(recording)))
}

fn summary(judgement: &Judgement) -> String {
    let found = ["processor", "microcode", "kernel"].map(|item| {
        let mut findings = judgement.findings.iter();
        let found = findings.find(|finding| finding.item == item);
        found.map_or("unknown", |finding| &finding.found).to_owned()
    });
    let verdicts = judgement.verdicts.iter();
    let verdicts = verdicts.map(|one| format!("{} {}", one.verdict.name(), one.tee));
    let verdicts: Vec<_> = verdicts.collect();
    format!("{}; {}", found.join("; "), verdicts.join(", "))
}

/// Why nothing is launched on a TEE, if nothing is.
pub fn why_not(judgement: &Judgement, tee: Tee) -> Option<String> {
    let verdict = judgement.verdicts.iter().find(|one| one.tee == tee)?;
    if verdict.verdict != Verdict::Cannot {
        return None;
    }
    let changes = verdict.changes.iter().map(|change| change.remedy);
    Some(match verdict.fixed.last() {
        Some(why) => why.clone(),
        None => format!(
            "to change first: {}",
            changes.collect::<Vec<_>>().join("; ")
        ),
    })
}

/// Whether it was measured as predicted, by whoever can know.
fn measured(launch: &Launch) -> Shown {
    if launch.event("measured").is_none() {
        return Err(Failed(not_measured(launch)));
    }
    let predicted = &launch.predicted;
    match launch.trial.tee {
        Tee::Simulated => {
            let reported = launch.told("measured", "launch_digest_reported");
            is_predicted(launch, "the simulated TEE", reported)?;
            Ok(format!(
                "the simulated TEE reported the predicted {predicted}"
            ))
        }
        Tee::Snp => {
            let held = launch.id_block.as_deref().unwrap_or_default();
            is_predicted(launch, "the ID block", held)?;
            match launch.told("measured", "compared_by") {
                "id-block" => Ok(format!(
                    "the firmware found its measurement to be the predicted {predicted}"
                )),
                _ => Err(Failed("the firmware was given no ID block".to_owned())),
            }
        }
        Tee::Tdx => {
            let info = td_info(launch)?;
            is_predicted(launch, "MRTD", &info.mrtd)?;
            Ok(format!(
                "MRTD is the predicted {predicted}, as the TDX module told the guest"
            ))
        }
    }
}

fn is_predicted(launch: &Launch, who: &str, digest: &str) -> Result<(), Fault> {
    let predicted = &launch.predicted;
    match digest == predicted && !digest.is_empty() {
        true => Ok(()),
        false => Err(Failed(format!("predicted {predicted}; {who}: {digest}"))),
    }
}

fn not_measured(launch: &Launch) -> String {
    let error = ending(launch);
    match error.contains(FirmwareStatus::BadMeasurement.name()) {
        true => format!(
            "the firmware measured another launch than the predicted {}, and tells nobody which: {error}",
            launch.predicted
        ),
        false => error,
    }
}

/// Whether the guest ran, where it had to, through the shim to its own end.
fn guest(launch: &Launch) -> Shown {
    if launch.event("running").is_none() {
        return Err(Skipped("it was not launched".to_owned()));
    }
    let said = match (launch.trial.tee, word(launch)?) {
        (Tee::Simulated, Word::Plain) => "the guest ran, in an ordinary VM".to_owned(),
        (Tee::Snp, Word::Snp(status)) if status & SNP_ACTIVE != 0 => format!(
            "the guest ran under SEV-SNP, SEV_STATUS {status:#x}, and shared a page with the host"
        ),
        (Tee::Tdx, Word::Tdx(info)) => {
            registers(launch, &info)?;
            "the guest ran in a TD, RTMR0 to RTMR2 as predicted".to_owned()
        }
        (_, Word::TdxWithoutReport(code)) => {
            return Err(Failed(format!("the TDX module gave no report: {code:#x}")));
        }
        (tee, other) => {
            let where_it_ran = match other {
                Word::Plain => "in an ordinary VM".to_owned(),
                Word::Snp(status) => format!("under SEV, SEV_STATUS {status:#x}"),
                Word::Tdx(_) | Word::TdxWithoutReport(_) => "in a TD".to_owned(),
            };
            return Err(Failed(format!(
                "the guest ran {where_it_ran}, not on {tee}"
            )));
        }
    };
    match launch.told("stopped", "reason") {
        "guest-poweroff" => Ok(said),
        _ => Err(Failed(format!("{said}, and then: {}", ending(launch)))),
    }
}

fn registers(launch: &Launch, info: &TdInfo) -> Result<(), Fault> {
    let pairs = (0..3).map(|at| (at, launch.rtmrs.get(at), info.rtmrs.get(at)));
    for (register, predicted, found) in pairs {
        if predicted.is_none() || predicted != found {
            let [predicted, found] = [predicted, found].map(|one| one.map_or("none", |one| one));
            return Err(Failed(format!(
                "RTMR{register}: predicted {predicted}; the TDX module: {found}"
            )));
        }
    }
    Ok(())
}

fn td_info(launch: &Launch) -> Result<Box<TdInfo>, Fault> {
    match word(launch)? {
        Word::Tdx(info) => Ok(info),
        other => Err(Failed(format!(
            "FINALIZE went well, and that is all: no report of the TD ({other:?})"
        ))),
    }
}

fn word(launch: &Launch) -> Result<Word, Fault> {
    Word::of(&launch.console)
        .ok_or_else(|| Failed(format!("the guest said nothing: {}", ending(launch))))
}

/// A launch that the firmware must have refused, and for this reason.
fn other_digest(launch: &Launch) -> Shown {
    let refusal = FirmwareStatus::BadMeasurement.name();
    let error = ending(launch);
    let held = launch.id_block.as_deref().unwrap_or_default();
    if held == launch.predicted || launch.event("measured").is_some() {
        return Err(Failed(format!("the firmware did not refuse it: {error}")));
    }
    match error.contains(refusal) {
        true => Ok(format!(
            "the firmware refused the digest {held}, which is another: {refusal}"
        )),
        false => Err(Failed(format!(
            "the firmware did not refuse it for its digest: {error}"
        ))),
    }
}

/// A launch that was measured as predicted, and that the boot shim must have refused, and for this reason.
fn changed_kernel(launch: &Launch) -> Shown {
    if launch.event("running").is_none() {
        return Err(Failed(not_measured(launch)));
    }
    let refusal = Refusal::KernelHash.sentence();
    let (reason, detail) = (
        launch.told("stopped", "reason"),
        launch.told("stopped", "detail"),
    );
    let is_refused = match launch.trial.tee {
        Tee::Simulated => reason == "guest-reset" && launch.console.contains(refusal),
        Tee::Snp | Tee::Tdx => reason == "guest-terminated" && detail.contains(refusal),
    };
    match is_refused && Word::of(&launch.console).is_none() {
        true => Ok(format!("the boot shim refused it: {refusal}")),
        false => Err(Failed(format!(
            "the boot shim did not refuse it: {}",
            ending(launch)
        ))),
    }
}

/// How a launch ended, in the words of whoever ended it.
fn ending(launch: &Launch) -> String {
    if let Some(seconds) = launch.no_answer_after_seconds {
        return format!("no answer after {seconds} s");
    }
    let error = launch.told("failed", "error");
    let reason = launch.told("stopped", "reason");
    let detail = launch.told("stopped", "detail");
    match (error, reason, detail) {
        ("", "", _) => match launch.exit_code {
            Some(code) => format!("it ended with exit code {code}: {}", launch.said.trim()),
            None => format!("it was killed: {}", launch.said.trim()),
        },
        ("", reason, "") => reason.to_owned(),
        ("", reason, detail) => format!("{reason}: {detail}"),
        (error, ..) => error.to_owned(),
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
pub(crate) mod tests;
