//! What is exposed is what Prometheus reads, under the names that a Trustee has, and no more of it than there should be.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use attestation_evidence::Tee;
use attestation_metrics::{
    Area, AttestationOutcome, Build, Closed, CollateralOutcome, Label, Limit, Metrics, NAMED,
    OTHER, PolicyOutcome, Resource, StatusClass, StoreTrouble, Vendor,
};
use serde_json::Value;

/// Trustee's names of 2026 (78962cd4), their types and labels, in the order of its own table.
const TRUSTEES: &[(&str, &str, &[&str])] = &[
    ("kbs_resource_reads_total", "counter", &["resource_path"]),
    ("kbs_resource_writes_total", "counter", &["resource_path"]),
    ("kbs_resource_deletes_total", "counter", &["resource_path"]),
    ("kbs_http_requests_total", "counter", &[]),
    ("kbs_http_request_duration_seconds", "histogram", &["le"]),
    ("kbs_http_request_size_bytes", "histogram", &["le"]),
    ("kbs_http_response_size_bytes", "histogram", &["le"]),
    ("kbs_http_active_connections", "gauge", &[]),
    ("kbs_policy_evaluations_total", "counter", &[]),
    ("kbs_policy_approvals_total", "counter", &[]),
    ("kbs_policy_violations_total", "counter", &[]),
    ("kbs_policy_errors_total", "counter", &[]),
    ("kbs_attestation_requests_total", "counter", &[]),
    ("kbs_attestation_errors_total", "counter", &[]),
    ("kbs_attestation_successes_total", "counter", &["tee_type"]),
    ("kbs_attestation_failures_total", "counter", &["tee_type"]),
    ("kbs_auth_requests_total", "counter", &[]),
    ("kbs_auth_successes_total", "counter", &[]),
    ("kbs_auth_errors_total", "counter", &[]),
    ("kbs_plugin_requests_total", "counter", &["plugin_name"]),
    ("kbs_plugin_errors_total", "counter", &["plugin_name"]),
    (
        "kbs_build_info",
        "gauge",
        &["version", "git_hash", "build_date"],
    ),
];

/// Its histograms' bounds.
const BOUNDS: &[(&str, &[&str])] = &[
    (
        "kbs_http_request_duration_seconds",
        &[
            "0.0005", "0.001", "0.005", "0.01", "0.05", "0.5", "1", "+Inf",
        ],
    ),
    (
        "kbs_http_request_size_bytes",
        &["32", "128", "512", "2048", "8192", "+Inf"],
    ),
];

const BUILD: Build = Build {
    version: "0.1.0",
    git_hash: "abc",
    date: "",
};

const PATH: Label<'_> = Label::Known("default/disk/root");
const TENANT: Label<'_> = Label::Known("bank");

/// Everything once.
fn busy() -> Metrics {
    let metrics = Metrics::new(BUILD);
    metrics.guest_request_began(100);
    metrics.guest_request_ended(Duration::from_millis(2), Some(300));
    metrics.guest_request_began(9000);
    metrics.answered(Area::Guests, StatusClass::Success);
    metrics.challenge_requested();
    metrics.challenged();
    metrics.challenge_failed();
    metrics.challenge_limited(Limit::Client);
    metrics.nonce_burned(true);
    metrics.nonce_burned(false);
    metrics.attestation_requested();
    metrics.attested(Tee::Snp, TENANT, AttestationOutcome::Accepted);
    metrics.attested(Tee::Tdx, TENANT, AttestationOutcome::Refused);
    metrics.attestation_failed();
    metrics.policy_evaluated(PolicyOutcome::Approved);
    metrics.policy_evaluated(PolicyOutcome::Violated);
    metrics.policy_evaluated(PolicyOutcome::Failed);
    metrics.resource_requested();
    metrics.resource_refused();
    metrics.released(TENANT, PATH);
    metrics.resource(Resource::Write, PATH);
    metrics.resource(Resource::Delete, PATH);
    metrics.log_is(7);
    metrics.log_grew(1000);
    metrics.committed(Duration::from_micros(7500), 3);
    metrics.store_failed(StoreTrouble::Busy);
    metrics.fails_closed(true);
    metrics.collateral(Vendor::Amd, CollateralOutcome::Fetched);
    metrics.collateral_is_of(Vendor::Amd, 1_700_000_000);
    metrics.confined("files", true);
    metrics.confined("tcp-ports", false);
    metrics
}

/// The samples of an exposition, by name and labels as written.
fn samples(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.map(|line| line.rsplit_once(' ').unwrap());
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn each_event_moves_its_numbers() {
    let before = samples(&Metrics::new(BUILD).render());
    let after = samples(&busy().render());

    let mut moved: Vec<String> = after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(value) && !name.contains("_bucket"))
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    moved.sort();
    let mut expected = [
        "kbs_http_requests_total 2",
        "kbs_http_active_connections 1",
        "kbs_http_request_duration_seconds_sum 0.002",
        "kbs_http_request_duration_seconds_count 1",
        "kbs_http_request_size_bytes_sum 9100",
        "kbs_http_request_size_bytes_count 2",
        "kbs_http_response_size_bytes_sum 300",
        "kbs_http_response_size_bytes_count 1",
        "kbs_auth_requests_total 1",
        "kbs_auth_successes_total 1",
        "kbs_auth_errors_total 2",
        "kbs_attestation_requests_total 1",
        "kbs_attestation_errors_total 1",
        "kbs_attestation_successes_total{tee_type=\"snp\"} 1",
        "kbs_attestation_failures_total{tee_type=\"tdx\"} 1",
        "kbs_policy_evaluations_total 3",
        "kbs_policy_approvals_total 1",
        "kbs_policy_violations_total 1",
        "kbs_policy_errors_total 1",
        "kbs_plugin_requests_total{plugin_name=\"resource\"} 1",
        "kbs_plugin_errors_total{plugin_name=\"resource\"} 1",
        "kbs_resource_reads_total{resource_path=\"default/disk/root\"} 1",
        "kbs_resource_writes_total{resource_path=\"default/disk/root\"} 1",
        "kbs_resource_deletes_total{resource_path=\"default/disk/root\"} 1",
        "cloister_verifier_http_answers_total{area=\"kbs\",status=\"2xx\"} 1",
        "cloister_verifier_verdicts_total{tenant=\"bank\",outcome=\"accepted\"} 1",
        "cloister_verifier_verdicts_total{tenant=\"bank\",outcome=\"refused\"} 1",
        "cloister_verifier_releases_total{tenant=\"bank\"} 1",
        "cloister_verifier_challenges_refused_total{limit=\"client\"} 1",
        "cloister_verifier_nonces_burned_total 1",
        "cloister_verifier_nonces_burned_before_total 1",
        "cloister_verifier_log_entries 7",
        "cloister_verifier_log_bytes_total 1000",
        "cloister_verifier_commit_duration_seconds_sum 0.0075",
        "cloister_verifier_commit_duration_seconds_count 1",
        "cloister_verifier_commit_writers_sum 3",
        "cloister_verifier_commit_writers_count 1",
        "cloister_verifier_store_errors_total{trouble=\"busy\"} 1",
        "cloister_verifier_fail_closed 1",
        "cloister_verifier_collateral_fetches_total{vendor=\"amd\",outcome=\"fetched\"} 1",
        "cloister_verifier_collateral_timestamp_seconds{vendor=\"amd\"} 1700000000",
        "cloister_verifier_confined{layer=\"files\"} 1",
        "cloister_verifier_confined{layer=\"tcp-ports\"} 0",
    ];
    expected.sort_unstable();
    assert_eq!(moved, expected);
}

#[test]
fn bound_counts_what_is_no_larger() {
    let metrics = Metrics::new(BUILD);
    for bytes in [32, 33, 8192, 8193] {
        metrics.guest_request_began(bytes);
    }
    let found = samples(&metrics.render());
    for (bound, count) in [
        ("32", "1"),
        ("128", "2"),
        ("2048", "2"),
        ("8192", "3"),
        ("+Inf", "4"),
    ] {
        let name = format!("kbs_http_request_size_bytes_bucket{{le=\"{bound}\"}}");
        assert_eq!(found[&name], count, "{bound}");
    }
}

#[test]
fn duration_in_a_buckets_midst_is_counted_there() {
    let metrics = Metrics::new(BUILD);
    metrics.guest_request_ended(Duration::from_micros(700), None);
    let found = samples(&metrics.render());
    for (bound, count) in [("0.0005", "0"), ("0.001", "1"), ("1", "1")] {
        let name = format!("kbs_http_request_duration_seconds_bucket{{le=\"{bound}\"}}");
        assert_eq!(found[&name], count, "{bound}");
    }
}

/// Python with Prometheus's library, or why there is none.
fn python() -> Result<PathBuf, String> {
    let folder = std::env::var_os("CLOISTER_PEERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/peers/bin"),
        PathBuf::from,
    );
    let python = folder.join("python3");
    let found = Command::new(&python)
        .args(["-c", "import prometheus_client"])
        .output();
    match found {
        Ok(output) if output.status.success() => Ok(python),
        _ => Err(
            "prometheus_client is not in target/tools/peers (cargo xtask test installs it)"
                .to_owned(),
        ),
    }
}

/// What Prometheus's Python library reads in an exposition, by name; the names of counters as they were written.
fn parsed(python: &Path, text: &str) -> BTreeMap<String, Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parse.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let families: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let named = families.into_iter().map(|family| {
        let name = family["name"].as_str().unwrap();
        let total = if family["kind"] == "counter" {
            "_total"
        } else {
            ""
        };
        (format!("{name}{total}"), family)
    });
    named.collect()
}

#[test]
fn prometheus_reads_every_family_with_trustees_names_types_labels_and_bounds() {
    let python = match python() {
        Ok(python) => python,
        Err(why) => return println!("skipped: {why}"),
    };
    let metrics = busy();

    let families = parsed(&python, &metrics.render());

    for documented in metrics.documented() {
        let family = &families[documented.name];
        assert_eq!(family["kind"], documented.kind, "{}", documented.name);
        assert!(!family["samples"].as_array().unwrap().is_empty());
    }
    assert_eq!(families.len(), metrics.documented().len());
    for (name, kind, labels) in TRUSTEES {
        let family = &families[*name];
        assert_eq!(family["kind"], *kind, "{name}");
        let found = family["samples"][0]["labels"].as_object().unwrap();
        let mut found: Vec<&str> = found.keys().map(String::as_str).collect();
        let mut labels = labels.to_vec();
        found.sort_unstable();
        labels.sort_unstable();
        assert_eq!(found, labels, "{name}");
    }
    for (name, bounds) in BOUNDS {
        let samples = families[*name]["samples"].as_array().unwrap();
        let found = samples
            .iter()
            .filter_map(|sample| sample["labels"]["le"].as_str());
        assert_eq!(found.collect::<Vec<_>>(), *bounds, "{name}");
    }
}

#[test]
fn names_of_a_trustee_are_all_there_and_the_others_are_our_own() {
    let documented = Metrics::new(BUILD).documented();
    let names: Vec<&str> = documented.iter().map(|family| family.name).collect();
    for (name, kind, _) in TRUSTEES {
        let found = documented.iter().find(|family| family.name == *name);
        assert_eq!(found.unwrap().kind, *kind, "{name}");
    }
    for name in &names {
        let is_trustees = TRUSTEES.iter().any(|(theirs, _, _)| theirs == name);
        assert_eq!(
            is_trustees,
            !name.starts_with("cloister_verifier_"),
            "{name}"
        );
        assert_eq!(
            names.iter().filter(|other| *other == name).count(),
            1,
            "{name}"
        );
    }
}

#[test]
fn number_of_series_does_not_grow_with_what_clients_say() {
    let metrics = busy();
    let before = samples(&metrics.render()).len();

    for _ in 0..1000 {
        metrics.released(Label::Unknown, Label::Unknown);
        metrics.resource(Resource::Read, Label::Unknown);
        metrics.attested(Tee::Snp, Label::Unknown, AttestationOutcome::Refused);
    }

    let found = samples(&metrics.render());
    // One for reads, one for releases, two for both outcomes of verdicts.
    assert_eq!(found.len(), before + 4);
    let reads = format!("kbs_resource_reads_total{{resource_path=\"{OTHER}\"}}");
    assert_eq!(found[&reads], "2000");
}

#[test]
fn tenants_and_resources_beyond_a_number_share_a_label_and_none_is_lost() {
    let metrics = Metrics::new(BUILD);
    let before = samples(&metrics.render()).len();
    let many = NAMED * 3;
    for index in 0..many {
        let (tenant, path) = (format!("tenant-{index}"), format!("default/disk/{index}"));
        metrics.released(Label::Known(&tenant), Label::Known(&path));
    }
    // Who has a label keeps it.
    metrics.released(Label::Known("tenant-0"), Label::Unknown);

    let found = samples(&metrics.render());

    assert_eq!(found.len(), before + 2 * (NAMED + 1));
    let of = |label: &str| {
        found[&format!("cloister_verifier_releases_total{{tenant=\"{label}\"}}")].clone()
    };
    assert_eq!(of("tenant-0"), "2");
    assert_eq!(of(OTHER), (many - NAMED).to_string());
}

#[test]
fn tenant_whose_name_is_hostile_stays_one_label() {
    let python = match python() {
        Ok(python) => python,
        Err(why) => return println!("skipped: {why}"),
    };
    let hostile = "x\"} 1\ncloister_verifier_fail_closed 1\n\\";
    let metrics = Metrics::new(BUILD);
    metrics.released(Label::Known(hostile), Label::Unknown);

    let families = parsed(&python, &metrics.render());

    let releases = &families["cloister_verifier_releases_total"]["samples"];
    assert_eq!(releases.as_array().unwrap().len(), 1);
    assert_eq!(releases[0]["labels"]["tenant"], hostile);
    assert_eq!(
        families["cloister_verifier_fail_closed"]["samples"][0]["value"],
        0.0
    );
}

#[test]
fn tees_are_those_that_are_known() {
    let text = Metrics::new(BUILD).render();
    for tee in Tee::ALL {
        let series = format!(
            "kbs_attestation_successes_total{{tee_type=\"{}\"}} 0",
            tee.name()
        );
        assert!(text.contains(&series), "{series}");
    }
}

/// `docs/metrics.md` between its two marks.
fn page() -> (PathBuf, String, String) {
    const BEGIN: &str = "<!-- the table: written by a test -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let text = fs::read_to_string(&path).unwrap();
    let start = text.find(BEGIN).unwrap() + BEGIN.len();
    let end = start + text[start..].find("<!-- end -->").unwrap();
    let rest = format!("{}\0{}", &text[..start], &text[end..]);
    (path, text[start..end].to_owned(), rest)
}

#[test]
fn page_has_every_family_as_it_is() {
    let metrics = busy();
    let text = metrics.render();
    let mut table = "| name | type | labels | what |\n|---|---|---|---|\n".to_owned();
    for family in metrics.documented() {
        let line = text
            .lines()
            .find(|line| line.starts_with(family.name) && line.contains('{'));
        let labels = line.map(|line| {
            let inside = line.split_once('{').unwrap().1.rsplit_once('}').unwrap().0;
            let names = inside
                .split("\",")
                .map(|pair| pair.split_once('=').unwrap().0);
            let names = names.filter(|name| *name != "le");
            names
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(" ")
        });
        table.push_str(&format!(
            "| `{}` | {} | {} | {} |\n",
            family.name,
            family.kind,
            labels.unwrap_or_default(),
            family.help
        ));
    }
    let (path, found, rest) = page();
    if found != table {
        fs::write(&path, rest.replace('\0', &table)).unwrap();
        panic!("docs/metrics.md was stale; it has been written anew: look at it and commit it");
    }
}
