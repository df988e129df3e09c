//! Launches that must fail, and what people must read then.

use tests_kernel_abi::host::{Host, Trouble};
use tests_kernel_abi::machine::Folder;
use tests_kernel_abi::trace::Ended;

/// Something that goes wrong, and words that the VMM must say: the step, the cause, the remedy.
pub struct Refusal {
    pub trouble: Trouble,
    pub words: &'static [&'static str],
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
