//! Every request of Trustee's own client, as recorded: `../shared/vectors/kbs-protocol-0.4.0`.

use std::path::Path;

use attestation_evidence::{
    Attestation, Challenge, ErrorBody, Request, Token, report_data_binding,
};
use serde_json::Value;
use serde_json::value::RawValue;

const TRANSCRIPT: &str = "../../../shared/vectors/kbs-protocol-0.4.0/transcript.json";

/// The messages as text without white space, in the order and with the member order of the
/// recording. `content-length` in the recording says that the client sent them like that.
struct Transcript {
    messages: Vec<Message>,
}

struct Message {
    request: Option<String>,
    request_length: Option<usize>,
    response: String,
}

#[derive(serde::Deserialize)]
struct RawTranscript<'a> {
    #[serde(borrow)]
    log: Vec<RawExchange<'a>>,
}

#[derive(serde::Deserialize)]
struct RawExchange<'a> {
    #[serde(borrow)]
    request: RawRequest<'a>,
    #[serde(borrow)]
    response: RawResponse<'a>,
}

#[derive(serde::Deserialize)]
struct RawRequest<'a> {
    headers: Value,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(serde::Deserialize)]
struct RawResponse<'a> {
    #[serde(borrow)]
    body: &'a RawValue,
}

fn transcript() -> Option<Transcript> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(TRANSCRIPT);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: no recorded KBS transcript at {}", path.display());
        return None;
    };
    let raw: RawTranscript = serde_json::from_str(&text).expect("the recording is JSON");
    let messages = raw.log.iter().map(|exchange| {
        let body = exchange.request.body.get();
        let length = exchange.request.headers["content-length"].as_str();
        Message {
            request: (body != "null").then(|| without_space(body)),
            request_length: length.map(|length| length.parse().expect("a number")),
            response: without_space(exchange.response.body.get()),
        }
    });
    Some(Transcript {
        messages: messages.collect(),
    })
}

/// Takes white space out between tokens. The recording has none inside strings but after a colon.
fn without_space(json: &str) -> String {
    let mut in_string = false;
    let keep = |character: &char| {
        in_string ^= *character == '"';
        in_string || !character.is_ascii_whitespace()
    };
    json.chars().filter(keep).collect()
}

#[test]
fn request_of_the_recorded_client_is_written_byte_for_byte() {
    let Some(transcript) = transcript() else {
        return;
    };
    let sent = transcript.messages[1]
        .request
        .as_deref()
        .expect("a POST has a body");
    assert_eq!(Some(sent.len()), transcript.messages[1].request_length);

    let request = Request::from_json(sent.as_bytes()).expect("a request of the protocol");

    assert_eq!(
        (request.version.as_str(), request.tee.as_str()),
        ("0.4.0", "sample")
    );
    assert_eq!(request.to_json(), sent);
}

#[test]
fn challenge_that_the_recorded_client_accepted_is_written_byte_for_byte() {
    let Some(transcript) = transcript() else {
        return;
    };
    let answered = &transcript.messages[1].response;

    let challenge = Challenge::from_json(answered.as_bytes()).expect("a challenge");

    assert_eq!(challenge.to_json(), *answered);
    assert_eq!(Challenge::new(challenge.nonce), challenge);
}

#[test]
fn attestation_of_the_recorded_client_is_written_byte_for_byte() {
    let Some(transcript) = transcript() else {
        return;
    };
    let sent = transcript.messages[2]
        .request
        .as_deref()
        .expect("a POST has a body");
    assert_eq!(Some(sent.len()), transcript.messages[2].request_length);

    let attestation = Attestation::from_json(sent.as_bytes()).expect("an attestation");

    assert_eq!(attestation.to_json(), sent);
}

#[test]
fn report_data_of_the_recorded_client_is_the_binding() {
    let Some(transcript) = transcript() else {
        return;
    };
    let sent = transcript.messages[2]
        .request
        .as_deref()
        .expect("a POST has a body");
    let attestation = Attestation::from_json(sent.as_bytes()).expect("an attestation");
    let evidence: Value =
        serde_json::from_str(attestation.tee_evidence.primary_evidence.get()).expect("JSON");

    let binding = report_data_binding(
        &attestation.runtime_data,
        &attestation.tee_evidence.additional_evidence,
    );

    // The sample attester sends the hash without its padding.
    let sent = evidence["report_data"].as_str().expect("text");
    assert_eq!(
        attestation_evidence::encoding::base64_encode(&binding[..48]),
        sent
    );
    assert_eq!(binding[48..], [0; 16]);
}

#[test]
fn answers_that_the_recorded_client_accepted_are_read() {
    let Some(transcript) = transcript() else {
        return;
    };

    let error = ErrorBody::from_json(transcript.messages[0].response.as_bytes()).expect("an error");
    let token = Token::from_json(transcript.messages[2].response.as_bytes()).expect("a token");

    assert_eq!(error, ErrorBody::new("TokenNotFound", "no session"));
    assert_eq!(format!("{token:?}"), "Token(redacted)");
}
