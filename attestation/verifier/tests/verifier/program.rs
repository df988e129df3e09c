//! The program as people and scripts meet it: results, exit codes, errors with their remedies.

use crate::support::{Place, SECRET, failure, run, success};
use attestation_audit::Conclusion;
use attestation_evidence::Nonce;

#[test]
fn whole_life_of_a_verifier_through_its_commands() {
    let place = Place::new();
    let server = place.serve();
    place.furnish(&server.url);

    let (secret, log_index) = place.guest(&server.url).fetch(&place.pins);

    assert_eq!((secret.as_slice(), log_index), (SECRET, 8));
    let report = place.audit("bundle");
    assert_eq!(report.verdict, Conclusion::Agrees, "{:?}", report.findings);
    assert_eq!(server.signal("TERM"), Some(0));
    assert!(
        !std::fs::exists(place.path("ready")).unwrap(),
        "the ready file is gone"
    );
}

/// Into a file of its own, or to standard output.
#[test]
fn bootstrap_token_is_written_where_nobody_else_reads_it() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let server = place.serve();
    let (data, out) = (place.path("data"), place.path("acme.token"));
    let make = ["bootstrap", "--data-dir", &data, "--tenant", "acme"];
    let to_a_file = [make.as_slice(), &["--out", &out]].concat();
    failure(1, &[to_a_file.as_slice(), &["--days", "8"]].concat());
    assert!(!std::fs::exists(&out).unwrap(), "nothing is left behind");

    assert_eq!(success(&to_a_file), "");

    let mode = std::fs::metadata(&out).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let pins = place.path("data/verifier-pins.json");
    let at = ["--url", &server.url, "--pins", &pins];
    let by = ["--admin-token-file", &out];
    success(&[["put", "tenant", "acme"].as_slice(), &at, &by].concat());
    let again = failure(1, &to_a_file);
    assert!(
        again.contains("cannot make") && again.contains(&out),
        "{again}"
    );
}

/// The pins of a tenant's guests say whose they are, and its administrator need not.
#[test]
fn put_goes_to_the_tenant_that_the_pins_name() {
    let place = Place::new();
    let server = place.serve();
    let (data, token) = (place.path("data"), place.path("acme.token"));
    let make = ["bootstrap", "--data-dir", &data, "--tenant", "acme"];
    success(&[make.as_slice(), &["--out", &token]].concat());
    let pins = attestation_evidence::VerifierPins {
        tenant: Some("acme".to_owned()),
        ..place.pins.clone()
    };
    let file = place.path("acme-pins.json");
    std::fs::write(&file, pins.to_json()).unwrap();
    let at = ["--url", &server.url, "--pins", &file];
    let by = ["--admin-token-file", &token];
    success(&[["put", "tenant", "acme"].as_slice(), &at, &by].concat());
    let policy = place.path("policy.rego");
    let put = ["put", "policy", &policy];

    // This token has no role in the tenant `default`.
    success(&[put.as_slice(), &at, &by].concat());

    let elsewhere = [put.as_slice(), &at, &by, &["--tenant", "default"]].concat();
    let refused = failure(1, &elsewhere);
    assert!(refused.contains("not found, or not permitted"), "{refused}");
}

#[test]
fn put_of_what_needs_a_second_person_says_what_that_one_has_to_approve() {
    use attestation_service::test_support::people;
    let place = Place::new();
    people::write(std::path::Path::new(&place.path("data")));
    let server = place.serve();
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let roles = ["default:admin", "default:policy-author"];
    let alice = people::token_of("corp", "alice", &roles, now);
    std::fs::write(place.path("alice.token"), &alice).unwrap();
    let pins = &place.pins;
    let client =
        attestation_service::Client::new(&server.url, &pins.server_name, pins.tls_spki_sha256);
    let set = client
        .unwrap()
        .with_bearer(&alice)
        .send(&attestation_service::Request {
            method: "PUT",
            path: "/v1/four-eyes",
            body: Some(br#"{"actions": ["write-policy"]}"#),
            ..Default::default()
        });
    assert_eq!(set.unwrap().status, 200);
    let (policy, token) = (place.path("policy.rego"), place.path("alice.token"));
    let pins = place.path("data/verifier-pins.json");
    let at = [
        "--url",
        &server.url,
        "--pins",
        &pins,
        "--admin-token-file",
        &token,
    ];

    let said = success(&[["put", "policy", &policy].as_slice(), &at].concat());

    // Named by its place in the log, after the births of four keys and what was wanted.
    assert!(
        said.starts_with("proposed demo as change 5, digest "),
        "{said}"
    );
    assert!(said.contains("/v1/changes/5/approve"), "{said}");
}

#[test]
fn interrupt_ends_the_server_in_order() {
    let place = Place::new();
    assert_eq!(place.serve().signal("INT"), Some(0));
}

#[test]
fn results_as_json_are_one_document() {
    let place = Place::new();
    let json = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap();
    let data = place.path("data");

    let made = json(success(&[
        "init",
        "--data-dir",
        &place.path("two"),
        "-o",
        "json",
    ]));
    assert_eq!(made["pins"]["verifier_vsock_port"], 8443);
    let server = place.serve();
    let policy = place.path("policy.rego");
    let put = [
        "put",
        "policy",
        &policy,
        "--url",
        &server.url,
        "--data-dir",
        &data,
        "-o",
        "json",
    ];
    assert_eq!(json(success(&put))["log_index"], 4);
    let out = place.path("bundle");
    let exported = json(success(&[
        "export",
        "--data-dir",
        &data,
        "--out",
        &out,
        "-o",
        "json",
    ]));
    assert_eq!(exported["entries"], 5);
    assert!(
        exported["checkpoint"]
            .as_str()
            .unwrap()
            .starts_with("cloister-verifier\n5\n")
    );
}

#[test]
fn init_over_a_verifier_is_refused() {
    let place = Place::new();
    let error = failure(1, &["init", "--data-dir", &place.path("data")]);
    assert!(
        error.contains("already exists") && error.contains("--data-dir"),
        "{error}"
    );
}

#[test]
fn directories_given_with_a_trailing_slash_are_made_whole() {
    let place = Place::new();
    let (data, bundle) = (place.path("two/"), place.path("bundle/"));

    success(&["init", "--data-dir", &data]);
    success(&["export", "--data-dir", &data, "--out", &bundle]);

    assert!(std::fs::exists(place.path("two/verifier-pins.json")).unwrap());
    assert!(std::fs::exists(place.path("bundle/checkpoint")).unwrap());
    let names = std::fs::read_dir(place.dir.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<_> = names.filter(|name| name.contains("making")).collect();
    assert_eq!(left, [""; 0]);
    let again = failure(1, &["export", "--data-dir", &data, "--out", &bundle]);
    assert!(again.contains("already exists"), "{again}");
}

#[test]
fn init_with_a_name_that_is_no_dns_name_is_refused() {
    let place = Place::new();
    let error = failure(
        1,
        &["init", "--data-dir", &place.path("two"), "--name", "a b"],
    );
    assert!(error.contains("--name"), "{error}");
    let error = failure(
        1,
        &["init", "--data-dir", &place.path("two"), "--san", "a b"],
    );
    assert!(error.contains("--san"), "{error}");
    assert!(!std::fs::exists(place.path("two")).unwrap());
}

#[test]
fn port_in_use_is_named_with_the_flag() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();

    let error = failure(
        1,
        &[
            "serve",
            "--data-dir",
            &place.path("data"),
            "--listen",
            &address,
        ],
    );

    assert!(
        error.contains(&address) && error.contains("--listen"),
        "{error}"
    );
}

#[test]
fn data_directory_that_holds_no_verifier_is_named_with_the_remedy() {
    let place = Place::new();
    for name in ["absent", "."] {
        let error = failure(1, &["serve", "--data-dir", &place.path(name)]);
        assert!(
            error.contains("cloister-verifier init --data-dir"),
            "{error}"
        );
    }
}

#[test]
fn data_directory_in_use_is_refused() {
    let place = Place::new();
    let _server = place.serve();
    let args = place.serve_args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();

    let error = failure(1, &args);

    assert!(
        error.contains("in use by another cloister-verifier"),
        "{error}"
    );
}

#[test]
fn simulated_root_that_cannot_be_used_is_named_with_the_flag() {
    let place = Place::new();
    let data = place.path("data");
    let serve = [
        "serve",
        "--data-dir",
        &data,
        "--allow-simulated",
        "--simulated-root",
    ];
    for name in ["absent.pem", "policy.rego"] {
        let root = place.path(name);
        let error = failure(1, &[serve.as_slice(), &[&root]].concat());
        assert!(
            error.contains(&root) && error.contains("--simulated-root"),
            "{error}"
        );
    }
}

#[test]
fn simulated_root_without_the_flag_that_it_is_for_is_wrong_usage() {
    let place = Place::new();
    let (data, root) = (place.path("data"), place.path("ark.pem"));
    failure(
        2,
        &["serve", "--data-dir", &data, "--simulated-root", &root],
    );
}

#[test]
fn configuration_that_is_printed_is_taken_and_the_command_line_goes_before_it() {
    let place = Place::new();
    let (data, file) = (place.path("data"), place.path("data/verifier.toml"));
    let print = ["serve", "--data-dir", &data, "--print-config"];
    let defaults = success(&print);
    assert!(
        defaults.contains("listen = \"127.0.0.1:8443\""),
        "{defaults}"
    );

    let changed = defaults.replace("connections = 128", "connections = 3");
    std::fs::write(&file, &changed).unwrap();

    assert_eq!(success(&print), changed);
    let told = success(&[print.as_slice(), &["--listen", "127.0.0.1:1"]].concat());
    assert_eq!(told, changed.replace("127.0.0.1:8443", "127.0.0.1:1"));
    std::fs::write(&file, "connections = 3").unwrap();
    let error = failure(1, &print);
    assert!(
        error.contains(&file) && error.contains("connections"),
        "{error}"
    );
}

#[test]
fn put_without_a_server_names_the_address() {
    let place = Place::new();
    let (data, policy) = (place.path("data"), place.path("policy.rego"));
    let url = "https://127.0.0.1:9";

    let error = failure(
        1,
        &["put", "policy", &policy, "--url", url, "--data-dir", &data],
    );

    assert!(
        error.contains(url) && error.contains("is the verifier running"),
        "{error}"
    );
}

#[test]
fn put_to_another_verifier_than_the_pinned_is_refused() {
    let (place, other) = (Place::new(), Place::new());
    let server = other.serve();
    let (data, policy) = (place.path("data"), place.path("policy.rego"));

    let error = failure(
        1,
        &[
            "put",
            "policy",
            &policy,
            "--url",
            &server.url,
            "--data-dir",
            &data,
        ],
    );

    assert!(error.contains("TLS key is not the pinned one"), "{error}");
}

#[test]
fn put_with_a_wrong_token_is_refused() {
    let place = Place::new();
    let server = place.serve();
    let (policy, pins) = (
        place.path("policy.rego"),
        place.path("data/verifier-pins.json"),
    );
    let token = place.path("secret");

    let error = failure(
        1,
        &[
            "put",
            "policy",
            &policy,
            "--url",
            &server.url,
            "--pins",
            &pins,
            "--admin-token-file",
            &token,
        ],
    );

    assert!(error.contains("bearer token"), "{error}");
}

#[test]
fn put_of_a_secret_without_a_reference_is_wrong_usage() {
    let place = Place::new();
    let (data, secret) = (place.path("data"), place.path("secret"));
    let error = failure(
        2,
        &[
            "put",
            "secret",
            "default/disk/data",
            &secret,
            "--data-dir",
            &data,
        ],
    );
    assert!(error.contains("--reference"), "{error}");
}

#[test]
fn put_of_a_file_that_is_no_policy_names_the_file_and_the_place() {
    let place = Place::new();
    let (data, file) = (place.path("data"), place.path("reference.json"));
    let error = failure(1, &["put", "policy", &file, "--data-dir", &data]);
    assert!(
        error.contains(&file) && error.contains("because: "),
        "{error}"
    );
}

#[test]
fn export_onto_something_that_exists_is_refused() {
    let place = Place::new();
    let data = place.path("data");
    let error = failure(1, &["export", "--data-dir", &data, "--out", &data]);
    assert!(error.contains("--out"), "{error}");
}

#[test]
fn verify_offline_accepts_and_refuses_with_its_exit_code() {
    let place = Place::new();
    let nonce = Nonce::from_bytes([1; 32]);
    let guest = place.guest("https://127.0.0.1:9");
    std::fs::write(place.path("attestation.json"), guest.attestation(nonce)).unwrap();
    let paths = ["attestation.json", "ark.pem", "reference.json"];
    let [attestation, root, reference] = paths.map(|name| place.path(name));
    let with_nonce = |nonce: Nonce| {
        run(&[
            "verify",
            "simulated",
            "--attestation",
            &attestation,
            "--simulated-root",
            &root,
            "--reference",
            &reference,
            "--nonce",
            &nonce.to_string(),
            "--at",
            "1795348800",
            "-o",
            "json",
        ])
    };

    let accepted = with_nonce(nonce);
    let refused = with_nonce(Nonce::from_bytes([2; 32]));

    let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
    assert_eq!(accepted.status.code(), Some(0));
    assert_eq!(json(&accepted.stdout)["verdict"], "accepted");
    assert_eq!(json(&accepted.stdout)["tee"], "simulated");
    assert_eq!(json(&accepted.stdout)["appraisal"]["status"], "warning");
    assert_eq!(refused.status.code(), Some(3));
    assert_eq!(json(&refused.stdout)["rejections"][0]["check"], "nonce");
}

#[test]
fn nonce_of_another_form_is_wrong_usage_and_told_what_is_expected() {
    let place = Place::new();
    let paths = ["policy.rego", "ark.pem", "reference.json"];
    let [policy, root, reference] = paths.map(|name| place.path(name));
    for nonce in ["bad", "", "AAAA", &"A".repeat(44)] {
        let error = failure(
            2,
            &[
                "verify",
                "simulated",
                "--attestation",
                &policy,
                "--simulated-root",
                &root,
                "--policy",
                &policy,
                "--reference",
                &reference,
                "--nonce",
                nonce,
            ],
        );
        assert!(
            error.contains("--nonce") && error.contains("expected 32 bytes in base64"),
            "{error}"
        );
    }
}

#[test]
fn help_tells_the_exit_codes_and_no_test_fault() {
    assert!(success(&["--help"]).contains("3 judged and refused"));
    assert!(!success(&["serve", "--help"]).contains("--fault"));
}
