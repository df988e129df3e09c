//! The kernel of `cloister host self-test`, behind the shim: what it says where it finds itself, and how it gives up.

use serde_json::{Value, json};
use tests_shim_models::{KernelEnded, Kind, Launch, Outcome};
use vmm_self_test_guest::{GIVEN_UP, LINE, REASON_SET, code, kernel};

use crate::support::{emulator, launch_of};

/// How the kernel ended, with the hex of RTMR0 to 3; nothing where there is no emulator.
fn run(kind: Kind, trick: Option<(&str, Value)>) -> Option<(KernelEnded, String)> {
    let python = emulator()?;
    let mut launch: Launch = launch_of(kind, 1, &kernel());
    launch.kernel_length = code().len();
    if let Some((name, value)) = trick {
        launch.tricks.insert(name.to_owned(), value);
    }
    let ended = launch.run(&python).unwrap();
    assert_eq!(ended.outcome(), Outcome::Entered);
    Some((ended.kernel.clone().unwrap(), ended.rtmrs.concat()))
}

#[test]
fn kernel_of_the_self_test_says_where_it_finds_itself_and_powers_off() {
    for kind in [Kind::Plain, Kind::Snp, Kind::Tdx] {
        let Some((ended, rtmrs)) = run(kind, None) else {
            return;
        };
        assert_eq!(ended.outcome, "off", "{kind:?}: {ended:?}");
        let said = match kind {
            Kind::Plain => "plain".to_owned(),
            Kind::Snp => "snp sev-status=0000000000000007".to_owned(),
            Kind::Tdx => {
                let (zeros, mrtd) = ("00".repeat(16), "4d".repeat(48));
                format!("tdx td-info={zeros}{mrtd}{}{rtmrs}", "00".repeat(3 * 48))
            }
        };
        assert_eq!(ended.console, format!("{LINE}{said}\n"), "{kind:?}");
    }
}

/// A host that does not share the page, and what else the kernel meets at its conversion.
#[test]
fn kernel_of_the_self_test_says_which_step_failed() {
    let steps = [
        ("taken_back_answer", json!(6)),
        ("page_state_error", json!(1)),
        ("no_ghcb", json!(true)),
    ];
    assert_eq!(steps.len(), GIVEN_UP.len());
    for (reason, step) in (1..).zip(steps) {
        let name = step.0;
        let Some((ended, _)) = run(Kind::Snp, Some(step)) else {
            return;
        };
        assert_eq!(ended.outcome, "refused", "{name}: {ended:?}");
        assert_eq!(
            (ended.reason_set, ended.reason),
            (REASON_SET, reason),
            "{name}"
        );
        assert_eq!(ended.console, "");
    }
}

#[test]
fn kernel_of_the_self_test_tells_the_code_of_a_report_that_was_refused() {
    let Some((ended, _)) = run(Kind::Tdx, Some(("no_report", json!(true)))) else {
        return;
    };
    assert_eq!(ended.outcome, "off");
    assert_eq!(
        ended.console,
        format!("{LINE}tdx td-info=c000010000000000\n")
    );
}
