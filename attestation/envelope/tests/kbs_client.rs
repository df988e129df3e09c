//! Trustee's own client opens what is sealed here, for each kind of key that it takes.
//!
//! `CLOISTER_KBS_CLIENT` names a `kbs-client` of Trustee's (0.19 or newer, which takes keys on P-521; any attester). It is handed a key and a token, so that it
//! asks for one resource and nothing else, and prints in base64 what it decrypted.

#[path = "support/peer.rs"]
mod other;

use attestation_envelope::{Entropy, JweParts};
use attestation_evidence::encoding::base64_encode;
use other::{PeersKey, done, peer};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use zeroize::Zeroizing;

const SECRET: &[u8] = b"the disk's key";

/// Answers requests with one body, until the process ends.
fn serve(body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.expect("a connection"), &body);
        }
    });
    address
}

fn answer(mut stream: TcpStream, body: &str) {
    let mut lines = BufReader::new(stream.try_clone().expect("a socket")).lines();
    while lines
        .next()
        .is_some_and(|line| !line.expect("a line").is_empty())
    {}
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .expect("the client reads");
}

#[test]
fn secret_for_each_kind_of_key_is_opened_by_trustees_client() {
    let Some(client) = std::env::var_os("CLOISTER_KBS_CLIENT") else {
        println!("skipped: CLOISTER_KBS_CLIENT names no kbs-client of Trustee's");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let [token, tee_key] = ["token", "key.pem"].map(|name| folder.path().join(name));
    std::fs::write(&token, "e30.e30.e30").expect("written");
    for kind in ["P-256", "P-521", "RSA 2048", "RSA 3072", "RSA 4096"] {
        let Some(made) = peer(&["key", kind], b"") else {
            return;
        };
        let key: PeersKey = serde_json::from_slice(&done(made)).expect("a key");
        std::fs::write(&tee_key, &key.private).expect("written");
        let entropy = Entropy::from_bytes(&Zeroizing::new([1; Entropy::LENGTH]));
        let jwe = JweParts::seal(SECRET, &key.public, entropy).expect("a good key");
        let address = serve(serde_json::to_string(&jwe).expect("it is JSON"));
        let mut command = Command::new(&client);
        command.args(["--url", &format!("http://{address}"), "get-resource"]);
        command.args(["--path", "default/key/k1"]);
        command.arg("--attestation-token").arg(&token);
        command.arg("--tee-key-file").arg(&tee_key);
        command.env("HOME", folder.path());
        let output = command.output().expect("the client starts");
        let (said, complaint) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "{kind}: {said} {complaint}");
        assert!(
            said.trim_end().ends_with(&base64_encode(SECRET)),
            "{kind}: {said}"
        );
    }
}
