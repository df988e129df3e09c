//! `docs/confinement.md` says of layers and system calls what the code does.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use attestation_confinement::{Layer, Reach, profile};
use policies_profiles::{Rule, Test, Width};

const NOTHING: Reach = Reach {
    file: false,
    database: false,
    fetch: false,
    names: false,
    token: false,
};

fn layers() -> String {
    let mut table = "| layer | denies | Landlock | required |\n|---|---|---|---|\n".to_owned();
    for layer in Layer::ALL {
        let since = layer.since_landlock().map(|version| version.to_string());
        let required = if layer.is_required() { "yes" } else { "" };
        let (name, denies) = (layer.name(), layer.denies());
        let since = since.unwrap_or_default();
        writeln!(table, "| `{name}` | {denies} | {since} | {required} |").unwrap();
    }
    table
}

fn calls() -> String {
    let database = Reach {
        database: true,
        ..NOTHING
    };
    let names = Reach {
        names: true,
        ..NOTHING
    };
    let file = Reach {
        file: true,
        ..NOTHING
    };
    let token = Reach {
        token: true,
        ..NOTHING
    };
    let fetch = Reach {
        fetch: true,
        ..NOTHING
    };
    // What all clients share is what both of these have and nobody else.
    let (all, of_database, of_names) = (rules(NOTHING), rules(database), rules(names));
    let shared: Vec<Rule> = without(&of_database, &all)
        .into_iter()
        .filter(|rule| of_names.contains(rule))
        .collect();
    let of_clients = [all.clone(), shared.clone()].concat();
    [
        ("Every verifier", all.clone()),
        ("With a store in a file", without(&rules(file), &all)),
        ("With keys in a PKCS#11 token", without(&rules(token), &all)),
        ("To reach anybody", shared),
        (
            "With a store in PostgreSQL",
            without(&of_database, &of_clients),
        ),
        ("To fetch over HTTPS", without(&rules(fetch), &of_clients)),
        (
            "Where anybody is reached by a name",
            without(&of_names, &of_clients),
        ),
    ]
    .iter()
    .map(|(title, rules)| section(title, rules))
    .collect()
}

fn rules(reach: Reach) -> Vec<Rule> {
    profile(reach).rules().to_vec()
}

fn without(rules: &[Rule], others: &[Rule]) -> Vec<Rule> {
    let rest = rules.iter().filter(|rule| !others.contains(rule));
    rest.cloned().collect()
}

fn section(title: &str, rules: &[Rule]) -> String {
    assert!(!rules.is_empty(), "{title}");
    let mut text = format!("\n### {title}\n\n| call | only if | why |\n|---|---|---|\n");
    for rule in rules {
        let conditions: Vec<String> = rule
            .conditions()
            .iter()
            .map(|condition| {
                let bits = match condition.width {
                    Width::Bits32 => "",
                    Width::Bits64 => ", 64 bits",
                };
                match condition.test {
                    Test::Equals(value) => format!("#{} = {value:#x}{bits}", condition.argument),
                    Test::Without(value) => {
                        format!("#{} lacks {value:#x}{bits}", condition.argument)
                    }
                }
            })
            .collect();
        let conditions = conditions.join("; ");
        writeln!(
            text,
            "| `{}` | {conditions} | {} |",
            rule.name(),
            rule.reason()
        )
        .unwrap();
    }
    text
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/confinement.md")
}

/// The page with what lies between two marks exchanged.
fn with(page: &str, name: &str, text: &str) -> String {
    let begin = format!("<!-- {name}: written by a test -->\n");
    let start = page.find(&begin).unwrap() + begin.len();
    let end = start + page[start..].find("<!-- end -->").unwrap();
    format!("{}{text}{}", &page[..start], &page[end..])
}

#[test]
fn page_has_every_layer_and_every_call_as_they_are() {
    let before = fs::read_to_string(path()).unwrap();
    let after = with(&with(&before, "layers", &layers()), "calls", &calls());
    if before != after {
        fs::write(path(), after).unwrap();
        panic!("docs/confinement.md was stale; it has been written anew: look at it and commit it");
    }
}
