//! The table of what can be wrong.

use std::collections::BTreeSet;
use tests_tampered::{Tried, all};

#[test]
fn evidence_that_was_tampered_with_is_refused_for_its_own_reason() {
    let all = all();
    let faults: Vec<String> = all.iter().filter_map(fault).collect();
    println!("{} cases", all.len());
    assert!(
        faults.is_empty(),
        "{} of {}\n{}",
        faults.len(),
        all.len(),
        faults.join("\n")
    );
}

fn fault(tried: &Tried) -> Option<String> {
    let fault = tried.fault.as_ref()?;
    Some(format!("{}: {fault}", tried.name))
}

#[test]
fn table_has_no_name_twice() {
    let all = all();
    let names: BTreeSet<_> = all.iter().map(|tried| &tried.name).collect();
    assert_eq!(names.len(), all.len());
}
