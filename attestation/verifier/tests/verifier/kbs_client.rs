//! Trustee's own client, unmodified, against the program: administrators' calls, attestation and resources.
//!
//! `CLOISTER_KBS_CLIENT` names a `kbs-client` of Trustee's, of protocol 0.4.0 (0.14 or newer), built with the sample attester. Those before
//! 0.21 sign their own tokens as administrators, which prove nobody here: for them the program's own client registers.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::{Place, SECRET, Server, success};
use attestation_audit::Conclusion;
use attestation_evidence::encoding::{base64_decode, base64url_decode};
use serde_json::{Value, json};

const RESOURCE: &str = "default/key/k1";

/// A reference value of whatever the sample attester measures, which is nothing.
fn reference() -> String {
    json!({
        "version": 2, "name": "any-sample", "tee": "sample", "launch_digest": null, "rtmrs": [null, null, null, null],
        "min_svn": null, "not_before": 0, "not_after": 4_102_444_800_u64, "revoked": null, "source": {"kind": "plain"},
        "manifest": null,
    })
    .to_string()
}

/// The client, a verifier that takes samples, and the paths below which the client looks for it.
struct Scene {
    client: OsString,
    place: Place,
    server: Server,
    below: &'static str,
}

/// A verifier whose certificate has the address; nothing, said so, where there is no client.
fn scene(below: &'static str) -> Option<Scene> {
    let Some(client) = std::env::var_os("CLOISTER_KBS_CLIENT") else {
        println!("skipped: CLOISTER_KBS_CLIENT names no kbs-client of Trustee's");
        return None;
    };
    let place = Place::on(&["--san", "127.0.0.1"]);
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/appraisal/sample.rego");
    std::fs::copy(policy, place.path("sample.rego")).unwrap();
    std::fs::write(place.path("any-sample.json"), reference()).unwrap();
    let data = place.path("data");
    let args = ["serve", "--data-dir", &data, "--listen", "127.0.0.1:0"];
    let samples = ["--policy", "sample", "--allow-simulated"];
    let args = args.iter().chain(&samples).map(ToString::to_string);
    let args: Vec<String> = args.collect();
    let server = Server::start(&args, &[], Path::new(&place.path("ready")));
    Some(Scene {
        client,
        place,
        server,
        below,
    })
}

impl Scene {
    fn run(&self, args: &[&str]) -> Output {
        let url = format!("{}{}", self.server.url, self.below);
        Command::new(&self.client)
            .args(["--url", &url, "--cert-file"])
            .arg(self.place.path("data/tls.crt.pem"))
            .args(args)
            .env_clear()
            .env("HOME", self.place.dir.path())
            .env("RUST_LOG", "error")
            .env("RUST_BACKTRACE", "0")
            .output()
            .unwrap()
    }

    /// The last line of what a call that succeeded printed.
    #[track_caller]
    fn succeed(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let said = String::from_utf8(output.stdout).unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said} {complaint}");
        said.lines().last().unwrap_or_default().to_owned()
    }

    /// What a call that failed printed.
    #[track_caller]
    fn fail(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(!output.status.success(), "{args:?}");
        let told = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&told).into_owned()
    }

    /// Whether its administrators show a token of the verifier's.
    fn has_bearer_tokens(&self) -> bool {
        let help = self.run(&["config", "--help"]).stdout;
        String::from_utf8(help)
            .unwrap()
            .contains("--admin-token-file")
    }

    fn configure(&self, args: &[&str]) -> String {
        let token = self.place.path("data/admin.token");
        self.succeed(&[&["config", "--admin-token-file", &token], args].concat())
    }

    /// Policy, reference value and secret are registered: by Trustee's client, if it can.
    fn furnish(&self) {
        let [policy, reference_file, secret] =
            ["sample.rego", "any-sample.json", "secret"].map(|name| self.place.path(name));
        if self.has_bearer_tokens() {
            self.configure(&["set-attestation-policy", "--policy-file", &policy]);
            self.configure(&["set-sample-reference-value", "any-sample", &reference()]);
            self.configure(&[
                "set-resource",
                "--path",
                RESOURCE,
                "--resource-file",
                &secret,
            ]);
            return;
        }
        println!(
            "its administrators sign tokens of their own: registered by cloister-verifier put"
        );
        let data = self.place.path("data");
        let at = ["--url", &self.server.url, "--data-dir", &data];
        success(&[["put", "policy", &policy].as_slice(), &at].concat());
        success(&[["put", "reference", &reference_file].as_slice(), &at].concat());
        let secret = [
            "put",
            "secret",
            RESOURCE,
            &secret,
            "--reference",
            "any-sample",
        ];
        success(&[secret.as_slice(), &at].concat());
    }

    #[track_caller]
    fn expect_agreement(&self) {
        let report = self.place.audit("bundle");
        assert_eq!(report.verdict, Conclusion::Agrees, "{:?}", report.findings);
    }
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a JWT");
    serde_json::from_slice(&base64url_decode(payload).unwrap()).unwrap()
}

/// All that a guest of Trustee's does, at the paths below `below`.
fn get_a_secret_below(below: &'static str) {
    let Some(scene) = scene(below) else { return };
    scene.furnish();

    let by_cookie = scene.succeed(&["get-resource", "--path", RESOURCE]);

    assert_eq!(base64_decode(&by_cookie).unwrap(), SECRET);
    let [token, key] = ["token", "tee-key.pem"].map(|name| scene.place.path(name));
    let made = rcgen::KeyPair::generate().unwrap();
    std::fs::write(&key, made.serialize_pem()).unwrap();
    let ear = scene.succeed(&["attest", "--tee-key-file", &key]);
    let said = claims(&ear);
    assert_eq!(said["cloister_tee"], "sample");
    assert_eq!(said["cloister_simulated"], true);
    assert_ne!(said["submods"]["cpu0"]["ear.status"], "affirming");
    std::fs::write(&token, ear).unwrap();
    let by_token = [
        "get-resource",
        "--path",
        RESOURCE,
        "--attestation-token",
        &token,
        "--tee-key-file",
        &key,
    ];
    let by_token = scene.succeed(&by_token);
    assert_eq!(base64_decode(&by_token).unwrap(), SECRET);
    scene.expect_agreement();
}

#[test]
fn secret_is_got_by_trustees_client_by_cookie_and_by_token() {
    get_a_secret_below("");
}

#[test]
fn secret_is_got_by_trustees_client_below_the_path_of_a_tenant() {
    get_a_secret_below("/t/default");
}

#[test]
fn token_of_another_guest_gives_trustees_client_nothing_that_it_can_open() {
    let Some(scene) = scene("") else { return };
    scene.furnish();
    let [token, key] = ["token", "tee-key.pem"].map(|name| scene.place.path(name));
    std::fs::write(&key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let other = scene.succeed(&["attest"]);
    std::fs::write(&token, other).unwrap();

    let told = scene.fail(&[
        "get-resource",
        "--path",
        RESOURCE,
        "--attestation-token",
        &token,
        "--tee-key-file",
        &key,
    ]);

    assert!(told.contains("decrypt"), "{told}");
}

#[test]
fn refusal_is_told_to_trustees_client_with_its_reason() {
    let Some(scene) = scene("") else { return };
    scene.furnish();

    let told = scene.fail(&["get-resource", "--path", "default/key/none"]);

    assert!(
        told.contains("PolicyDeny") || told.contains("ResourceNotFound"),
        "{told}"
    );
    let before = scene.place.audit("before").verdict;
    assert_eq!(before, Conclusion::Agrees);
}

#[test]
fn what_nobody_here_would_check_is_refused_by_its_name() {
    let Some(scene) = scene("") else { return };
    scene.furnish();
    let init_data = "version = \"0.1.0\"\nalgorithm = \"sha384\"\n\n[data]\n\"a\" = \"b\"\n";
    let get = ["get-resource", "--path", RESOURCE];

    let help = String::from_utf8(scene.run(&["get-resource", "--help"]).stdout).unwrap();
    if help.contains("INIT_DATA") {
        let told = scene.fail(&[get.as_slice(), &[init_data]].concat());
        assert!(told.contains("init_data: "), "{told}");
    } else {
        println!("this kbs-client sends no init data");
    }
    scene.expect_agreement();
}

#[test]
fn administrator_of_trustees_client_reads_and_destroys_what_was_registered() {
    let Some(scene) = scene("") else { return };
    if !scene.has_bearer_tokens() {
        println!("skipped: this kbs-client's administrators sign tokens of their own");
        return;
    }
    scene.furnish();

    let value = scene.configure(&["get-reference-value", "--id", "any-sample"]);
    scene.configure(&["delete-resource", "--path", RESOURCE]);

    assert!(value.contains("sample"), "{value}");
    scene.fail(&["get-resource", "--path", RESOURCE]);
    scene.expect_agreement();
}

#[test]
fn policy_of_trustees_is_refused_with_what_is_wrong() {
    let Some(scene) = scene("") else { return };
    if !scene.has_bearer_tokens() {
        println!("skipped: this kbs-client's administrators sign tokens of their own");
        return;
    }
    let policy = scene.place.path("theirs.rego");
    std::fs::write(
        &policy,
        "package policy\n\ntrust_claims := {\"hardware\": 2}\n",
    )
    .unwrap();
    let token = scene.place.path("data/admin.token");
    let args = [
        "config",
        "--admin-token-file",
        &token,
        "set-attestation-policy",
        "--policy-file",
        &policy,
    ];

    let told = scene.fail(&args);

    assert!(told.contains("cloister.appraisal"), "{told}");
}

#[test]
fn administrators_call_without_a_token_is_refused() {
    let Some(scene) = scene("") else { return };
    if !scene.has_bearer_tokens() {
        println!("skipped: this kbs-client's administrators sign tokens of their own");
        return;
    }
    let secret = scene.place.path("secret");

    let told = scene.fail(&[
        "config",
        "set-resource",
        "--path",
        RESOURCE,
        "--resource-file",
        &secret,
    ]);

    assert!(told.contains("NotProven"), "{told}");
}
