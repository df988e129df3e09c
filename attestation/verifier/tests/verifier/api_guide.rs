//! docs/api.md, line by line: real curl against a real server, in one shell, from the page's top to its end. And the tables of errors,
//! here and in docs/operator.md.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::support::{Place, SECRET};
use attestation_access::{ChangeRefusal, Quota, Quotas, TooSoon};
use attestation_evidence::Challenge;
use attestation_service::Problem;
use attestation_service::test_support::{RESOURCE, people};
use serde_json::Value;

/// Has curl tell the status beside the body.
const TELL_STATUS: &str = "$curl --write-out '%{stderr}%{http_code}' ";
const ADDRESS: &str = "verifier=https://127.0.0.1:8443";

fn page() -> String {
    document("api.md")
}

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    fs::read_to_string(path.join(name)).unwrap()
}

/// A fenced block: its language and its text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let fenced = page.split("\n```").collect::<Vec<_>>();
    let inside = fenced.iter().skip(1).step_by(2);
    inside
        .map(|block| {
            let (language, text) = block.split_once('\n').unwrap();
            (language.to_owned(), text.to_owned())
        })
        .collect()
}

/// A request of the page, and what it says of the answer.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    line: String,
    status: String,
    body: String,
}

/// What the page sets first, and its requests.
fn read(page: &str) -> (String, Vec<Asked>) {
    let mut blocks = blocks(page).into_iter();
    let (_, setting) = blocks.next().unwrap();
    let mut asked = Vec::new();
    while let Some((language, line)) = blocks.next() {
        assert!(
            language == "sh" && line.contains("$curl ") && !line.contains('\n'),
            "not one line of curl: {line}"
        );
        let (language, answer) = blocks.next().unwrap();
        assert_eq!(language, "text", "`{line}` has no answer");
        let (status, body) = answer.split_once('\n').unwrap();
        let (status, body) = (status.to_owned(), body.to_owned());
        asked.push(Asked { line, status, body });
    }
    (setting, asked)
}

/// All of it as one script: the body of request N goes to N.body, its status to N.status.
fn script(setting: &str, asked: &[Asked], url: &str) -> String {
    assert!(setting.contains(ADDRESS), "{setting}");
    let setting = setting.replace(ADDRESS, &format!("verifier={url}"));
    let mut script = format!("set -eu -o pipefail\n{setting}\n");
    for (number, asked) in asked.iter().enumerate() {
        // Who answers the challenge writes it whole.
        if asked.line.contains("@attest.json") {
            script.push_str(
                "for _ in $(seq 300); do test -s attest.json && break; sleep 0.1; done\n",
            );
        }
        let line = asked.line.replacen("$curl ", TELL_STATUS, 1);
        script.push_str(&format!(
            "{{ {line}; }} > {number}.body 2> {number}.status\n"
        ));
    }
    script
}

/// Whether a text is what the page says, in which `…` stands for anything.
fn is_text(said: &str, found: &str) -> bool {
    match said.split_once('…') {
        None => said == found,
        Some((start, "")) => found.starts_with(start),
        Some((start, rest)) => found.strip_prefix(start).is_some_and(|tail| {
            let ends = tail.char_indices().map(|(at, _)| at);
            ends.chain([tail.len()])
                .any(|at| is_text(rest, &tail[at..]))
        }),
    }
}

/// Whether a document has the members, the items and the plain values that the page shows.
fn is_shape(said: &Value, found: &Value) -> bool {
    /// Beyond it a number is a time.
    const TIMES: u64 = 1_000_000_000;
    match (said, found) {
        (Value::Object(said), Value::Object(found)) => {
            said.len() == found.len()
                && said
                    .iter()
                    .all(|(name, said)| found.get(name).is_some_and(|found| is_shape(said, found)))
        }
        (Value::Array(said), Value::Array(found)) => {
            said.len() == found.len()
                && said
                    .iter()
                    .zip(found)
                    .all(|(said, found)| is_shape(said, found))
        }
        (Value::String(said), Value::String(found)) => is_text(said, found),
        (Value::Number(said), Value::Number(found)) => {
            let is_time = |number: &serde_json::Number| number.as_u64() > Some(TIMES);
            said == found || (is_time(said) && is_time(found))
        }
        (said, found) => said == found,
    }
}

fn is_answer(said: &str, found: &str) -> bool {
    match (serde_json::from_str(said), serde_json::from_str(found)) {
        (Ok(said), Ok(found)) => is_shape(&said, &found),
        _ => is_text(said.trim_end(), found.trim_end()),
    }
}

fn missing_program() -> Option<&'static str> {
    let mut needed = ["bash", "curl", "jq", "xxd", "base64"].into_iter();
    needed.find(|program| Command::new(program).arg("--version").output().is_err())
}

/// The guest behind `attest.json`: answers the challenge once it is there.
fn answer_challenge(place: &Place, url: &str) {
    let start = Instant::now();
    let challenge = loop {
        let text = fs::read(place.path("challenge.json")).unwrap_or_default();
        if let Ok(challenge) = Challenge::from_json(&text) {
            break challenge;
        }
        if start.elapsed() > Duration::from_secs(20) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let attestation = place.guest(url).attestation(challenge.nonce);
    fs::write(place.path("attest.making"), attestation).unwrap();
    fs::rename(place.path("attest.making"), place.path("attest.json")).unwrap();
}

#[test]
fn page_of_the_api_is_answered_as_it_says() {
    if let Some(missing) = missing_program() {
        println!("skipped: there is no {missing}");
        return;
    }
    let place = Place::new();
    people::write(Path::new(&place.path("data")));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    for name in ["alice", "bob"] {
        let roles = ["default:admin", "default:policy-author"];
        let token = people::token_of("corp", name, &roles, now.as_secs());
        fs::write(place.path(&format!("{name}.token")), token).unwrap();
    }
    let server = place.serve();
    for file in ["verifier-pins.json", "admin.token"] {
        fs::copy(place.path(&format!("data/{file}")), place.path(file)).unwrap();
    }
    let (setting, asked) = read(&page());
    assert!(asked.len() >= 30, "the page has {} requests", asked.len());
    let script = script(&setting, &asked, &server.url);

    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).current_dir(place.dir.path());
    let output = std::thread::scope(|scope| {
        scope.spawn(|| answer_challenge(&place, &server.url));
        shell.output().unwrap()
    });

    let mut faults = Vec::new();
    let mut releases = 0;
    for (number, asked) in asked.iter().enumerate() {
        let of = |end| fs::read_to_string(place.path(&format!("{number}.{end}")));
        let (status, body) = (
            of("status").unwrap_or_default(),
            of("body").unwrap_or_default(),
        );
        if status != asked.status || !is_answer(&asked.body, &body) {
            faults.push(format!("`{}`: {status}\n{body}", asked.line));
        }
        if body.contains("release_proof") {
            releases += 1;
            let opened = place.guest(&server.url).open(body.as_bytes(), &place.pins);
            assert_eq!(opened.secret.as_slice(), SECRET);
        }
    }
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(faults.is_empty(), "{}\n{said}", faults.join("\n"));
    assert!(output.status.success(), "{said}");
    assert_eq!(releases, 3, "by cookie, and by token on two paths");
}

/// Nothing of a verdict is in memory alone: so a load balancer may send each request anywhere, and a restart forgets nobody.
#[test]
fn guest_that_attested_before_a_restart_gets_its_secret_after_it() {
    let place = Place::new();
    let server = place.serve();
    place.furnish(&server.url);
    let guest = place.guest(&server.url);
    let opened = guest.auth();
    assert_eq!(guest.attest(&opened).status, 200);
    server.kill();

    let server = place.serve();

    let answer = place.guest(&server.url).resource(&opened.cookie, RESOURCE);
    assert_eq!(answer.status, 200);
    let opened = guest.open(&answer.body, &place.pins);
    assert_eq!(opened.secret.as_slice(), SECRET);
}

/// One of each. The match has no arm for what is new, so that nobody adds a problem without its row.
fn problems() -> Vec<Problem> {
    let text = String::new;
    let all = vec![
        Problem::InvalidRequest(text()),
        Problem::ProtocolVersion,
        Problem::UnknownTee(text()),
        Problem::NoSession(""),
        Problem::InvalidToken(text()),
        Problem::Refused(vec![]),
        Problem::NotProven,
        Problem::NotPermitted,
        Problem::ChangeRefused(ChangeRefusal::SameSubject),
        Problem::Suspended,
        Problem::OverQuota(Quotas::default().admit(Quota::Policies, 64, 1).unwrap_err()),
        Problem::Denied(""),
        Problem::NotFound(text()),
        Problem::Method,
        Problem::TooSlow(0),
        Problem::TooSoon(TooSoon { nanoseconds: 1 }),
        Problem::NoCollateral(text()),
        Problem::KeysUnavailable,
        Problem::TooLarge(text()),
        Problem::Busy,
        Problem::NotReady(text()),
        Problem::LogFailed,
        Problem::ClockBehind { clock: 0, last: 0 },
        Problem::Restored,
        Problem::Internal,
    ];
    for problem in &all {
        match problem {
            Problem::InvalidRequest(_)
            | Problem::ProtocolVersion
            | Problem::UnknownTee(_)
            | Problem::NoSession(_)
            | Problem::InvalidToken(_)
            | Problem::Refused(_)
            | Problem::NotProven
            | Problem::NotPermitted
            | Problem::ChangeRefused(_)
            | Problem::Suspended
            | Problem::OverQuota(_)
            | Problem::Denied(_)
            | Problem::NotFound(_)
            | Problem::Method
            | Problem::TooSlow(_)
            | Problem::TooSoon(_)
            | Problem::NoCollateral(_)
            | Problem::KeysUnavailable
            | Problem::TooLarge(_)
            | Problem::Busy
            | Problem::NotReady(_)
            | Problem::LogFailed
            | Problem::ClockBehind { .. }
            | Problem::Restored
            | Problem::Internal => {}
        }
    }
    all
}

/// The rows of a table between `<!-- MARK: … -->` and `<!-- end -->`, head and rule left out.
fn rows(page: &str, mark: &str) -> Vec<Vec<String>> {
    let table = page.split(&format!("<!-- {mark}: ")).nth(1).unwrap();
    let table = table.split("<!-- end -->").next().unwrap();
    let rows = table.lines().skip(3).map(|line| {
        let cells = line.split('|').skip(1);
        cells
            .map(|cell| cell.trim().trim_matches('`').to_owned())
            .collect()
    });
    rows.collect()
}

/// A row's status and name.
fn status_and_name(row: &[String]) -> (u16, String) {
    (row[0].parse().unwrap(), row[1].clone())
}

#[test]
fn page_has_every_error_with_its_status_once() {
    let said: Vec<_> = rows(&page(), "errors")
        .iter()
        .map(|row| status_and_name(row))
        .collect();
    let is = |problem: &Problem| (problem.status(), problem.name().to_owned());
    let found: BTreeSet<_> = problems().iter().map(is).collect();
    assert_eq!(said.iter().cloned().collect::<BTreeSet<_>>(), found);
    assert_eq!(said.len(), found.len(), "a row is there twice");
    // And so has the API's description.
    let described = Problem::KINDS.map(|(name, status)| (status, name.to_owned()));
    assert_eq!(BTreeSet::from(described), found);
}

/// What `Service::ready` and the layers around it can answer.
#[test]
fn operators_page_has_whatever_readiness_can_say_in_its_words() {
    let unready = [
        Problem::LogFailed,
        Problem::Busy,
        Problem::KeysUnavailable,
        Problem::ClockBehind { clock: 0, last: 0 },
        Problem::Internal,
        Problem::TooSlow(30),
    ];
    let said = rows(&document("operator.md"), "readyz");
    assert_eq!(said.len(), unready.len());
    for (row, problem) in said.iter().zip(unready) {
        let found = (problem.status(), problem.name().to_owned());
        assert_eq!(status_and_name(row), found);
        let text = problem.to_string();
        assert!(is_text(&row[2], &text), "{text}");
    }
}

#[test]
fn shape_that_differs_is_seen() {
    for (said, found) in [
        (r#"{"a":1}"#, r#"{"a":2}"#),
        (r#"{"a":1}"#, r#"{"a":1,"b":1}"#),
        (r#"{"a":1,"b":1}"#, r#"{"a":1}"#),
        (r#"["x…"]"#, r#"["y"]"#),
        (r#"["…"]"#, r#"["x","y"]"#),
        (r#"{"time":1795477949}"#, r#"{"time":1}"#),
        ("alive", "ready"),
        ("a\n…z", "a\nb\ny"),
    ] {
        assert!(!is_answer(said, found), "{said} is {found}");
    }
    assert!(is_answer(
        r#"{"time":1795477949,"a":"b…d"}"#,
        r#"{"a":"bcd","time":1795477950}"#
    ));
    assert!(is_answer("a\n…", "a\nb\ny\n"));
}
