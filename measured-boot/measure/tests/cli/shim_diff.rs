//! `diff` of launches through the boot shim: what no digest has is not told as measured.

use crate::support::{Folder, document, run, shim_config};
use serde_json::Value;

/// The machine under this TEE, with words of its configuration replaced.
fn machine(tee: &str, changes: &[(&str, &str)]) -> Folder {
    let folder = Folder::with_shim(tee);
    let config = changes.iter().fold(shim_config(tee), |all, (from, to)| {
        assert!(all.contains(from), "{from}");
        all.replace(from, to)
    });
    folder.write("vm.toml", config.as_bytes());
    folder
}

/// As `plan` prints it, in a file.
fn predicted(folder: &Folder) -> (Value, String) {
    let plan = run("plan", &[&folder.named("vm.toml"), "-o", "json"]);
    let file = folder.write("plan.json", &plan.stdout);
    (document(&plan, 0), file)
}

fn difference(a: &str, b: &str) -> Value {
    document(&run("diff", &[a, b, "-o", "json"]), 0)
}

/// What is told, and what shows it.
fn told(document: &Value) -> Vec<(&str, &str)> {
    let rows = document["differences"].as_array().expect("a list");
    rows.iter()
        .map(|row| {
            let says = row["says"].as_str().expect("text");
            (says, row["shown"].as_str().expect("text"))
        })
        .collect()
}

/// By files and by predictions.
fn each_way(a: &Folder, b: &Folder, check: impl Fn(&Value)) {
    let ((_, plan_a), (_, plan_b)) = (predicted(a), predicted(b));
    let (a, b) = (a.named("vm.toml"), b.named("vm.toml"));
    for (a, b) in [(&a, &b), (&plan_a, &b), (&a, &plan_b), (&plan_a, &plan_b)] {
        check(&difference(a, b));
    }
}

#[test]
fn number_of_vcpus_is_measured_of_snp_and_unmeasured_of_a_td() {
    for (tee, shown) in [("snp", "measured"), ("tdx", "unmeasured")] {
        let (two, three) = (
            machine(tee, &[]),
            machine(tee, &[("count = 2", "count = 3")]),
        );
        each_way(&two, &three, |found| {
            let row = ("the number of vCPUs is 2 in A, 3 in B", shown);
            assert!(told(found).contains(&row), "{tee}: {found}");
            let is_measured = |(_, shown): &(&str, &str)| *shown == "measured";
            assert_eq!(told(found).iter().any(is_measured), tee == "snp");
        });
    }
}

#[test]
fn launch_digest_of_a_td_is_the_predicted_mrtd() {
    let td = machine("tdx", &[]);
    let (plan, _) = predicted(&td);
    let found = difference(&td.named("vm.toml"), &td.named("vm.toml"));
    assert_eq!(found["a"]["launch_digest"], plan["launch_digest"]);
    assert_eq!(found["equal"], true);
}

/// A manifest does not have the digests of zero pages, and a prediction does.
#[test]
fn prediction_and_manifest_of_one_launch_are_equal() {
    let folder = machine("snp", &[]);
    let manifest = folder.named("manifest");
    let arguments = [&*folder.named("vm.toml"), "--manifest", &manifest];
    assert!(run("plan", &arguments).status.success());
    let (plan, file) = predicted(&folder);
    let stack = plan["components"].as_array().and_then(|rows| {
        let mut rows = rows.iter();
        rows.find(|row| row["name"] == "stack")
    });
    assert!(
        stack.is_some_and(|stack| stack["sha384"].is_string()),
        "{plan}"
    );
    let found = difference(&file, &manifest);
    assert_eq!(found["equal"], true, "{found}");
}

#[test]
fn size_of_memory_is_in_no_digest() {
    for tee in ["snp", "tdx"] {
        let (less, more) = (machine(tee, &[]), machine(tee, &[("256", "512")]));
        each_way(&less, &more, |found| {
            let rows = found["differences"].as_array().expect("a list");
            assert_eq!(rows.len(), 1, "{found}");
            assert_eq!(rows[0]["shown"], "unmeasured");
            let advice = rows[0]["advice"].as_str().expect("text");
            assert!(advice.starts_with("no digest has it"), "{advice}");
        });
    }
}

#[test]
fn simulated_and_snp_differ_in_nothing_that_is_measured() {
    each_way(&machine("simulated", &[]), &machine("snp", &[]), |found| {
        let rows = told(found);
        assert!(
            rows.iter().all(|(_, shown)| *shown == "reported"),
            "{found}"
        );
        assert!(rows[0].0.contains("is simulated in A, snp in B"), "{found}");
    });
}

#[test]
fn reported_fields_are_those_that_the_tee_has() {
    let mine = "ab".repeat(48);
    let owner = format!("kind = \"tdx\"\nmrowner = \"{mine}\"\ndebug = true");
    let other = machine("tdx", &[("kind = \"tdx\"", &owner)]);
    let found = difference(
        &machine("tdx", &[]).named("vm.toml"),
        &other.named("vm.toml"),
    );
    let says: Vec<&str> = told(&found).into_iter().map(|(says, _)| says).collect();
    assert_eq!(says.len(), 2, "{found}");
    assert_eq!(says[0], "ATTRIBUTES is 0x10000000 in A, 0x10000001 in B");
    assert!(
        says[1].starts_with("MROWNER is zero in A, abab"),
        "{}",
        says[1]
    );

    let with_data = |tee: &str| {
        let kind = format!("kind = \"{tee}\"");
        let lines = format!("{kind}\ninit_data = \"data\"");
        let folder = machine(tee, &[(&kind, &lines)]);
        folder.write("data", b"x");
        folder
    };
    for (tee, field) in [("snp", "HOST_DATA"), ("tdx", "MRCONFIGID")] {
        let (without, with) = (machine(tee, &[]), with_data(tee));
        let found = difference(&without.named("vm.toml"), &with.named("vm.toml"));
        let says = told(&found);
        assert!(says.len() == 1 && says[0].0.starts_with(field), "{found}");
    }
}
