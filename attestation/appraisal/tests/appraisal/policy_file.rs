//! What is no policy.

use crate::support::{policy, source};
use attestation_appraisal::{Policy, PolicyError};

fn refused(text: &str) -> PolicyError {
    Policy::from_rego(text).expect_err("it is no policy")
}

#[test]
fn policy_with_every_rule_is_read() {
    let policy = policy("");
    assert_eq!(policy.about().name, "test");
    assert_eq!(policy.about().dated, "2026-11-23");
    assert_eq!(policy.digest().len(), "sha256:".len() + 64);
    assert_ne!(policy.digest(), Policy::strict().digest());
}

#[test]
fn policy_of_another_package_is_refused() {
    for package in ["cloister", "cloister.appraisal.more", "main"] {
        let text = source("").replace("package cloister.appraisal", &format!("package {package}"));
        let refused = refused(&text);
        let PolicyError::Package { found, wanted } = refused else {
            panic!("{refused}");
        };
        assert_eq!((found.as_str(), wanted), (package, "cloister.appraisal"));
    }
}

#[test]
fn policy_without_a_rule_is_refused() {
    for (rule, without) in [
        ("about", "about := "),
        ("limits", "limits := "),
        ("trust_vector", "trust_vector := "),
        ("deny", "deny := "),
    ] {
        let text = source("").replace(without, &format!("un{without}"));
        let refused = refused(&text);
        let PolicyError::NoRule { rule: missing, .. } = refused else {
            panic!("{refused}");
        };
        assert_eq!(missing, rule);
    }
}

#[test]
fn policy_that_is_no_rego_is_refused_with_line_and_column() {
    let PolicyError::Syntax(message) = refused(&source("more := {1, ")) else {
        panic!("it is a matter of syntax");
    };
    assert!(message.contains("policy.rego:7:1"), "{message}");
    for text in ["", "package", "deny if { }"] {
        assert!(matches!(refused(text), PolicyError::Syntax(_)), "{text:?}");
    }
}

#[test]
fn policy_of_more_bytes_than_allowed_is_refused() {
    let long = source(&"# more\n".repeat(40_000));
    assert_eq!(
        refused(&long),
        PolicyError::TooLong {
            bytes: long.len(),
            most: 256 * 1024
        }
    );
}

#[test]
fn policy_that_says_nothing_sound_of_itself_is_refused() {
    for about in [
        r#"about := {"name": "test", "dated": "2026-11-23", "text": ""}"#,
        r#"about := {"name": "test", "dated": "2026-11-23", "text": "", "sources": [], "more": 1}"#,
        r#"about := {"name": "no name", "dated": "2026-11-23", "text": "", "sources": []}"#,
        r#"about := {"name": "", "dated": "2026-11-23", "text": "", "sources": []}"#,
        r#"about := {"name": "test", "dated": "yesterday", "text": "", "sources": []}"#,
        r#"about := "test""#,
    ] {
        let error = refused(&source(about));
        assert!(
            matches!(&error, PolicyError::Answer { rule, .. } if rule == "about"),
            "{error}"
        );
    }
}

#[test]
fn engine_version_is_the_lock_files() {
    let lock = include_str!("../../../../Cargo.lock");
    let lock: toml::Table = lock.parse().expect("a lock file");
    let packages = lock["package"].as_array().expect("packages");
    let versions: Vec<_> = packages
        .iter()
        .filter(|package| package["name"].as_str() == Some("regorus"))
        .filter_map(|package| package["version"].as_str())
        .collect();
    let [version] = versions[..] else {
        panic!("one engine: {versions:?}");
    };
    assert!(Policy::engine().starts_with(&format!("regorus {version}, ")));
}
