//! What every judgement keeps to.

use crate::event_log::is_plain;
use attestation_verdict::{Check, CheckResult, Judgement, Rejection};

/// Every check once and in order, accepted exactly if nothing that is needed is missing, and nothing that is said
/// could drive a terminal.
pub(crate) fn is_whole<R: Rejection>(judgement: &Judgement<R>) -> bool {
    let record = judgement.record();
    let names: Vec<_> = R::Check::ALL.iter().map(|check| check.name()).collect();
    let found: Vec<_> = record.checks.iter().map(|check| &check.name).collect();
    assert_eq!(found, names);
    let mut fine = true;
    for (check, record) in R::Check::ALL.iter().zip(&record.checks) {
        is_plain(&record.reason);
        fine &= match record.result {
            CheckResult::Pass => true,
            CheckResult::Fail => false,
            CheckResult::NotChecked => check.may_be_left_out(),
        };
    }
    for reason in &record.rejections {
        is_plain(&reason.reason);
        let check = record.check(&reason.check).expect("it is a check");
        assert_eq!(check.result, CheckResult::Fail);
    }
    // Not the other way round: what was not made is told from what was not asked for only in the judgement.
    assert!(fine || !judgement.accepted());
    assert!(record.rejections.is_empty() || !judgement.accepted());
    judgement.accepted()
}
