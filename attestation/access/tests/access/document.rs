//! docs/access.md says what the tables of this crate say.

use attestation_access::{Quota, Quotas, Role, TABLE};

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/access.md");
    std::fs::read_to_string(path).unwrap()
}

/// The lines of the table that begins with this one.
fn rows(page: &str, first: &str) -> Vec<String> {
    page.lines()
        .skip_while(|line| !line.starts_with(first))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn page_has_the_table_of_roles_and_actions() {
    let names: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
    let head = format!("| action | {} | why |", names.join(" | "));
    let expected: Vec<String> = TABLE
        .iter()
        .map(|row| {
            let cells: Vec<&str> = Role::ALL
                .iter()
                .map(|role| if row.roles.contains(role) { "yes" } else { "-" })
                .collect();
            format!(
                "| `{}` | {} | {} |",
                row.action,
                cells.join(" | "),
                row.reason
            )
        })
        .collect();
    let found = rows(&page(), &head);
    assert_eq!(
        found,
        expected,
        "docs/access.md should have:\n{}",
        expected.join("\n")
    );
}

#[test]
fn page_has_the_table_of_quotas() {
    let rates = |name: &str, rate: attestation_access::Rate| {
        let bound = attestation_access::Rate::MOST_PER_SECOND;
        let once = attestation_access::Rate::MOST_AT_ONCE;
        format!(
            "| `{name}` | {} a second, {} at once | {bound} a second, {once} at once |",
            rate.per_second(),
            rate.burst()
        )
    };
    let quotas = Quotas::default();
    let mut expected: Vec<String> = Quota::ALL
        .iter()
        .map(|quota| {
            format!(
                "| `{quota}` | {} | {} |",
                quota.default_limit(),
                quota.highest_limit()
            )
        })
        .collect();
    expected.push(rates("challenges", quotas.challenges()));
    expected.push(rates("attests", quotas.attests()));
    let found = rows(&page(), "| quota | default | highest |");
    assert_eq!(
        found,
        expected,
        "docs/access.md should have:\n{}",
        expected.join("\n")
    );
}
