//! The API's description against the program: what it prints is what it serves, and schemathesis (PyPI), which makes requests up from it,
//! finds nothing that is answered otherwise.
//!
//! `cargo xtask test` installs schemathesis; another folder of Python's programs can be named by `CLOISTER_PEERS`. `cargo xtask
//! schemathesis --seed N` tries more, with other numbers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Place, success};
use attestation_service::Request;
use serde_json::Value;

/// What chance is made of, the same each time.
const SEED: &str = "20261124";
/// How many requests are made up for an operation in each phase, at most.
const EXAMPLES: &str = "6";

/// No client and no tenant is told to wait.
const LIMITS: &str =
    "[limits]\nclient_requests_per_second = 100000\nclient_requests_at_once = 1000000\n";
const QUOTAS: &[u8] = br#"{"challenges": {"per_second": 100000, "burst": 1000000}, "attests": {"per_second": 100000, "burst": 1000000}}"#;

fn schemathesis() -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/peers/bin");
    let folder = std::env::var_os("CLOISTER_PEERS").map_or(installed, PathBuf::from);
    let program = folder.join("schemathesis");
    let there = Command::new(&program).arg("--version").output();
    let there = there.is_ok_and(|output| output.status.success());
    if !there {
        println!("skipped: schemathesis is not in target/tools/peers");
    }
    there.then_some(program)
}

#[test]
fn description_that_the_program_prints_is_the_one_that_it_serves() {
    let place = Place::new();
    let server = place.serve();
    let request = Request {
        method: "GET",
        path: "/v1/openapi.json",
        ..Request::default()
    };
    let served = place.client(&server.url).send(&request).unwrap();
    let served: Value = serde_json::from_slice(&served.body).unwrap();

    let printed: Value = serde_json::from_str(&success(&["openapi"])).unwrap();

    assert_eq!(printed, served);
    assert_eq!(printed["openapi"], "3.1.0");
}

#[test]
fn schemathesis_finds_nothing() {
    let Some(program) = schemathesis() else {
        return;
    };
    let place = Place::on(&["--san", "localhost"]);
    fs::write(place.path("data/verifier.toml"), LIMITS).unwrap();
    let server = place.serve();
    place.furnish(&server.url);
    let token = fs::read_to_string(place.path("data/admin.token")).unwrap();
    let client = place.client(&server.url).with_bearer(token.trim_end());
    let quotas = Request {
        method: "PUT",
        path: "/v1/tenants/default/quotas",
        body: Some(QUOTAS),
        cookie: None,
    };
    assert_eq!(client.send(&quotas).unwrap().status, 200);
    let guest = place.guest(&server.url);
    let opened = guest.auth();
    let attested = guest.attest(&opened).body;
    let attested: Value = serde_json::from_slice(&attested).unwrap();

    let url = server.url.replace("127.0.0.1", "localhost");
    let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verifier/openapi");
    let chosen = |name: &str, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.to_owned());
    let output = Command::new(program)
        .args(["--config-file", "schemathesis.toml", "run"])
        .arg(format!("{url}/v1/openapi.json"))
        .args(["--tls-verify", &place.path("data/tls.crt.pem")])
        .args(["--seed", &chosen("CLOISTER_SEED", SEED)])
        .args(["--max-examples", &chosen("CLOISTER_EXAMPLES", EXAMPLES)])
        .args([
            "--continue-on-failure",
            "--no-color",
            "--generation-database",
            "none",
        ])
        .current_dir(settings)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("CLOISTER_TOKEN", token.trim_end())
        .env("CLOISTER_COOKIE", opened.cookie.split_once('=').unwrap().1)
        .env("CLOISTER_EAR", attested["token"].as_str().unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complaint}");
    let summary: Vec<&str> = said.lines().rev().take(25).collect();
    println!(
        "{}",
        summary.into_iter().rev().collect::<Vec<_>>().join("\n")
    );
    // What could not be asked was not tried.
    assert!(said.contains("Tested: "), "{said}");
    assert!(!said.contains("Errored"), "{said}");
    // The whole log is still what an auditor believes.
    let conclusion = place.audit("bundle").verdict;
    assert_eq!(conclusion, attestation_audit::Conclusion::Agrees);
}
