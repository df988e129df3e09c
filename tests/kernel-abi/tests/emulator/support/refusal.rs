//! Launches that must fail, and what people must read then.

use nix::errno::Errno;
use tests_kernel_abi::host::{Host, Step, Trouble, What};
use tests_kernel_abi::machine::Folder;
use tests_kernel_abi::trace::Ended;

/// Something that goes wrong, and words that the VMM must say: the step, the cause, the remedy.
pub struct Refusal {
    pub trouble: Trouble,
    pub words: &'static [&'static str],
}

/// A step that fails whenever it is tried.
pub const fn row(step: Step, what: What, words: &'static [&'static str]) -> Refusal {
    let trouble = Trouble::at(step, what);
    Refusal { trouble, words }
}

/// A step that fails after it went well so often.
pub const fn later(
    step: Step,
    after: usize,
    what: What,
    words: &'static [&'static str],
) -> Refusal {
    let trouble = Trouble::at(step, what).after(after);
    Refusal { trouble, words }
}

/// Runs one row: the error says its words, the exit code is 1, the guest never ran, nothing is left. What is
/// wrong, if anything is.
pub fn judge(folder: &Folder, host: &mut Host, row: &Refusal) -> Result<(), String> {
    host.trouble.push(row.trouble);
    let outcome = super::run(folder, host);
    let fail = |what: &str| Err(format!("{:?}: {what}: {outcome:#?}", row.trouble));
    if outcome.ended != Ended::Exited(1) {
        return fail("another end");
    }
    if outcome.event("running").is_some() {
        return fail("the guest ran");
    }
    if !outcome.left.is_empty() {
        return fail("something is left");
    }
    let error = outcome.error();
    match row.words.iter().find(|words| !error.contains(**words)) {
        Some(words) => fail(&format!("it does not say {words:?}")),
        None if outcome.said.is_empty() => fail("people are told nothing"),
        None => Ok(()),
    }
}

/// Which of these errors of steps no row injects.
pub fn without_row(errors: &[(Step, Errno)], rows: &[&[Refusal]]) -> Vec<(Step, Errno)> {
    let injects = |row: &Refusal, step, errno| {
        let injected = match row.trouble.what {
            What::Errno(errno) | What::Status(errno, _) => Some(errno),
            What::Partly(_, errno) => errno,
            What::Nothing => None,
        };
        (row.trouble.step, injected) == (step, Some(errno))
    };
    let has_row = |&&(step, errno): &&(Step, Errno)| {
        let mut rows = rows.iter().copied().flatten();
        !rows.any(|row| injects(row, step, errno))
    };
    errors.iter().filter(has_row).copied().collect()
}

/// Which of these steps no row lets fail. Those that only ask what the host can do are left out: such an answer
/// is no error but a host that lacks something (`host_that_lacks_a_capability_names_it`). So is KVM_RUN, which
/// comes after the launch.
pub fn steps_without_row(steps: &[Step], rows: &[&[Refusal]]) -> Vec<Step> {
    let fails = |step: Step| {
        let mut rows = rows.iter().copied().flatten();
        rows.any(|row| row.trouble.step == step)
    };
    let left_out = [
        Step::CheckExtension,
        Step::DeviceAttribute,
        Step::SupportedCpuid,
        Step::CreateVm(0),
        Step::Run,
    ];
    let mut without: Vec<Step> = Vec::new();
    for &step in steps {
        if !left_out.contains(&step) && !fails(step) && !without.contains(&step) {
            without.push(step);
        }
    }
    without
}
