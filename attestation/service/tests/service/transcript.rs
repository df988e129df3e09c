//! What other people's KBS clients expect: a recorded session of Trustee's own client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{DIGEST, Place, SECRET, Verifier};
use attestation_audit::Conclusion;
use attestation_evidence::encoding::base64_encode;
use attestation_evidence::{RuntimeData, TeePublicKey, report_data_binding};
use attestation_judge::test_support::reference;
use attestation_pinned_http::TlsStream;
use attestation_service::Request;
use attestation_service::test_support::connect;
use serde::Deserialize;
use serde_json::Value;

/// The recorded requests and answers; says so and gives `None` where they are absent.
fn transcript() -> Option<Vec<Value>> {
    let file = "../shared/vectors/kbs-protocol-0.4.0/transcript.json";
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "..", file]
        .iter()
        .collect();
    let Ok(text) = std::fs::read(path) else {
        println!("skipped: {file} is not there");
        return None;
    };
    let recorded: Value = serde_json::from_slice(&text).unwrap();
    Some(recorded["log"].as_array().unwrap().clone())
}

#[test]
fn recorded_resource_request_without_a_session_is_answered_as_recorded() {
    let Some(log) = transcript() else { return };
    let place = Place::new();
    let verifier = place.serve();

    let answer = verifier.get(log[0]["request"]["path"].as_str().unwrap());

    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.status, log[0]["response"]["status"]);
    assert_eq!(body["type"], log[0]["response"]["body"]["type"]);
}

#[test]
fn recorded_requests_of_a_known_tee_get_answers_of_the_recorded_shape() {
    let Some(log) = transcript() else { return };
    let place = Place::new();
    let verifier = place.serve().furnished();
    let send = |index: usize, body: &Value, cookie: Option<&str>| {
        let path = log[index]["request"]["path"].as_str().unwrap();
        let body = body.to_string();
        let body = Some(body.as_bytes());
        verifier
            .client()
            .send(&Request {
                method: "POST",
                path,
                body,
                cookie,
            })
            .unwrap()
    };

    let mut auth = log[1]["request"]["body"].clone();
    auth["tee"] = "simulated".into();
    let challenge = send(1, &auth, None);
    let cookie = challenge.set_cookies.first().unwrap();
    let cookie = cookie.split(';').next().unwrap();
    // Its evidence is a sample's, so it is refused, but as evidence, not as a request.
    let refused = send(2, &log[2]["request"]["body"], Some(cookie));

    let members = |body: &Value| {
        body.as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    let challenge: Value = serde_json::from_slice(&challenge.body).unwrap();
    assert_eq!(members(&challenge), members(&log[1]["response"]["body"]));
    assert!(cookie.starts_with("kbs-session-id="));
    assert_eq!(
        refused.status,
        401,
        "{}",
        String::from_utf8_lossy(&refused.body)
    );
}

#[test]
fn secret_is_answered_with_the_recorded_members_and_the_proof() {
    let Some(log) = transcript() else { return };
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();

    let token = guest.attest(&opened);
    let secret = guest.resource(&opened.cookie, crate::support::RESOURCE);

    let token: Value = serde_json::from_slice(&token.body).unwrap();
    let secret: Value = serde_json::from_slice(&secret.body).unwrap();
    assert!(token["token"].is_string());
    for member in log[3]["response"]["body"].as_object().unwrap().keys() {
        assert!(secret[member].is_string(), "{member}");
    }
    assert!(
        secret["release_proof"]
            .as_str()
            .unwrap()
            .starts_with("c2sp.org/tlog-proof@v1\n")
    );
}

/// A key of another library, and its public half as Trustee's client sends it.
#[derive(Deserialize)]
struct PeersKey {
    public: TeePublicKey,
    private: String,
}

/// What the library of attestation/envelope's tests says; says so and gives `None` where it is absent.
fn peer(arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let installed = project.join("target/tools/peers/bin");
    let folder = std::env::var_os("CLOISTER_PEERS").map_or(installed, PathBuf::from);
    let python = folder.join("python3");
    let mut ready = Command::new(&python);
    let ready = ready
        .args(["-c", "import cryptography"])
        .stderr(Stdio::null());
    if !ready.status().is_ok_and(|status| status.success()) {
        println!(
            "skipped: cryptography is not in target/tools/peers (cargo xtask test installs it)"
        );
        return None;
    }
    let mut child = Command::new(&python)
        .arg(project.join("attestation/envelope/tests/peer.py"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the peer failed");
    Some(output.stdout)
}

/// The headers, in the order in which the client sends them, which the reading of the record does not keep.
const HEADERS: [&str; 6] = [
    "content-type",
    "accept",
    "user-agent",
    "cookie",
    "host",
    "content-length",
];

/// A recorded request, with its headers as they were recorded and in their order, but for those of this run: `host`, `cookie` and
/// `content-length`, of which the last has to be as it was recorded. A body is the text that is given.
fn as_recorded(request: &Value, host: &str, cookie: &str, body: &str) -> String {
    let text = |name: &str| request[name].as_str().unwrap();
    let mut head = format!("{} {} HTTP/1.1\r\n", text("method"), text("path"));
    for name in HEADERS {
        let Some(value) = request["headers"].get(name) else {
            continue;
        };
        let value = match name {
            "host" => host,
            "cookie" => cookie,
            _ => value.as_str().unwrap(),
        };
        head += &format!("{name}: {value}\r\n");
    }
    let length = &request["headers"]["content-length"];
    if !body.is_empty() {
        assert_eq!(*length, body.len().to_string(), "{body}");
    }
    format!("{head}\r\n{body}")
}

/// An answer's status, its cookie and its body.
struct Said {
    status: u64,
    cookie: Option<String>,
    body: Value,
}

/// Sends on a connection that stays, as the client does.
fn exchange(stream: &mut BufReader<TlsStream<TcpStream>>, request: &str) -> Said {
    stream.get_mut().write_all(request.as_bytes()).unwrap();
    let mut said = Said {
        status: 0,
        cookie: None,
        body: Value::Null,
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        match line.split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(("set-cookie", value)) => {
                said.cookie = Some(value.split(';').next().unwrap().to_owned());
            }
            Some(_) => {}
            None => said.status = line.split(' ').nth(1).unwrap().parse().unwrap(),
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    said.body = serde_json::from_slice(&body).unwrap();
    said
}

/// The recorded guest's secret, for whoever has a sample attester.
fn furnish_for_samples(verifier: &Verifier<'_>) {
    let shipped = include_str!("../../../../policies/appraisal/sample.rego");
    let policy = shipped.replace(r#""name": "sample""#, r#""name": "demo""#);
    let mut value = reference(DIGEST);
    value.tee = attestation_evidence::Tee::Sample;
    value.launch_digest = None;
    let value = serde_json::to_vec(&value).unwrap();
    for (path, body) in [
        ("/v1/policies/demo", policy.as_bytes()),
        ("/v1/reference-values/demo", &value),
        ("/v1/secrets/default/key/k1?references=demo", SECRET),
    ] {
        assert_eq!(verifier.put(path, body).status, 200, "{path}");
    }
}

/// The recorded session once more: each request to the byte, but for the nonce, the key and what follows from them.
#[test]
fn recorded_session_gets_the_secret_that_another_library_opens() {
    let Some(log) = transcript() else { return };
    let Some(key) = peer(&["key", "P-256"], b"") else {
        return;
    };
    let key: PeersKey = serde_json::from_slice(&key).unwrap();
    let place = Place::new();
    let verifier = place.serve();
    furnish_for_samples(&verifier);
    let host = verifier.url.strip_prefix("https://").unwrap();
    let mut stream = BufReader::new(connect(&verifier.url, &place.pins));
    let mut send = |step: usize, cookie: &str, body: &str| {
        let request = as_recorded(&log[step]["request"], host, cookie, body);
        let said = exchange(&mut stream, &request);
        let recorded = &log[step]["response"];
        assert_eq!(recorded["status"], said.status, "{step}: {}", said.body);
        // Whatever a client finds in the record it finds here.
        for member in recorded["body"].as_object().unwrap().keys() {
            assert!(!said.body[member].is_null(), "{step}: {member}");
        }
        said
    };

    let refused = send(0, "", "");
    let auth = r#"{"version":"0.4.0","tee":"sample","extra-params":{"supported-hash-algorithms":["sha256","sha384","sha512","sm3"]}}"#;
    assert_eq!(
        log[1]["request"]["body"],
        serde_json::from_str::<Value>(auth).unwrap()
    );
    let challenge = send(1, "", auth);
    let cookie = challenge.cookie.unwrap();
    let nonce = challenge.body["nonce"].as_str().unwrap();
    let runtime = RuntimeData {
        nonce: serde_json::from_value(challenge.body["nonce"].clone()).unwrap(),
        tee_pubkey: key.public.clone(),
    };
    let report_data = base64_encode(&report_data_binding(&runtime, "")[..48]);
    let point = serde_json::to_value(&key.public).unwrap();
    let [x, y] = ["x", "y"].map(|name| point[name].as_str().unwrap());
    let attest = format!(
        r#"{{"init-data":null,"runtime-data":{{"nonce":"{nonce}","tee-pubkey":{{"kty":"EC","crv":"P-256","alg":"ECDH-ES+A256KW","x":"{x}","y":"{y}"}}}},"tee-evidence":{{"primary_evidence":{{"report_data":"{report_data}","svn":"1"}},"additional_evidence":""}}}}"#
    );
    let token = send(2, &cookie, &attest);
    let secret = send(3, &cookie, "");

    assert_eq!(refused.body["type"], log[0]["response"]["body"]["type"]);
    assert!(cookie.starts_with("kbs-session-id="));
    assert_eq!(
        challenge.body["extra-params"],
        log[1]["response"]["body"]["extra-params"]
    );
    assert_eq!(token.body["token"].as_str().unwrap().split('.').count(), 3);
    let opened = peer(&["open", &key.private], secret.body.to_string().as_bytes());
    assert_eq!(opened.unwrap(), SECRET);
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}

#[test]
fn path_as_trustee_attester_writes_it_names_the_same_secret() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();
    assert_eq!(guest.attest(&opened).status, 200);

    let answer = guest.resource(&opened.cookie, &format!("/{}", crate::support::RESOURCE));

    assert_eq!(answer.status, 200);
    let released = guest.open(&answer.body, &place.pins);
    assert_eq!(released.secret.as_slice(), SECRET);
    // One more than it writes is no path.
    let more = format!("//{}", crate::support::RESOURCE);
    let answer = guest.resource(&opened.cookie, &more);
    crate::support::expect_error(&answer, 404, "ResourceNotFound");
}
