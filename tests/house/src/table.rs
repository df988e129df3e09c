//! Renders `docs/tcb.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::graph::{Graph, Member};
use crate::source::Source;

/// What a crate named here carries that is not Rust, where its `links` key does not say so.
const COMPILED_IN: [(&str, &str); 2] = [
    ("ring", "ring's C and assembly"),
    ("libsqlite3-sys", "SQLite"),
];

/// The whole page.
#[must_use]
pub fn render(graph: &Graph, sources: &[(&Member, Source)]) -> String {
    let sources: BTreeMap<&str, &Source> = sources
        .iter()
        .map(|(member, source)| (member.name.as_str(), source))
        .collect();
    let mut page = String::from(HEAD);
    for (id, member) in programs(graph) {
        page.push_str(&row(graph, id, member, &sources));
    }
    page.push_str(CRATES);
    for member in sorted(graph) {
        let source = sources[member.name.as_str()];
        let kind = member
            .kind
            .map(|kind| format!("{kind:?}").to_lowercase())
            .unwrap_or_default();
        let _ = writeln!(
            page,
            "| `{}` | {} | {kind} | {} | {} | {} |",
            member.name, member.top, source.lines, source.unsafe_blocks, member.description
        );
    }
    page
}

const HEAD: &str = "# What each trust domain rests on

Written by `cargo nextest run --release -p tests-house` from `cargo metadata` and the sources; a stale page fails that
test. Lines are lines of code without comments, blank lines and tests. External crates are those linked on
x86-64 Linux, procedural macros left out, with the features that the workspace as a whole turns on: an upper bound.

| domain | program | our crates | our lines | of them in `sys` crates | unsafe blocks | external crates | not Rust |
|---|---|---|---|---|---|---|---|
";

const CRATES: &str = "
## Crates

| crate | folder | kind | lines | unsafe blocks | what it is for |
|---|---|---|---|---|---|
";

fn programs(graph: &Graph) -> Vec<(&str, &Member)> {
    let mut programs: Vec<_> = graph
        .members
        .iter()
        .filter(|(_, member)| member.domain.is_some() && member.top != "tests")
        .map(|(id, member)| (id.as_str(), member))
        .collect();
    programs.sort_by_key(|(_, member)| (member.domain.clone(), member.name.clone()));
    programs
}

fn sorted(graph: &Graph) -> Vec<&Member> {
    let mut members: Vec<_> = graph.members.values().collect();
    members.sort_by_key(|member| (&member.top, &member.name));
    members
}

fn row(graph: &Graph, id: &str, member: &Member, sources: &BTreeMap<&str, &Source>) -> String {
    let linked = graph.closure(id);
    let ours: Vec<&Member> = linked
        .iter()
        .filter_map(|id| graph.members.get(*id))
        .collect();
    let externals: Vec<_> = linked
        .iter()
        .filter_map(|id| graph.externals.get(*id))
        .collect();
    let lines = |members: &[&Member]| -> usize {
        members
            .iter()
            .map(|member| sources[member.name.as_str()].lines)
            .sum()
    };
    let sys: Vec<&Member> = ours
        .iter()
        .filter(|member| member.kind == Some(crate::graph::Kind::Sys))
        .copied()
        .collect();
    let blocks: usize = ours
        .iter()
        .map(|member| sources[member.name.as_str()].unsafe_blocks)
        .sum();
    let libraries: BTreeSet<String> = externals
        .iter()
        .filter_map(|external| {
            let compiled = COMPILED_IN.iter().find(|(name, _)| *name == external.name);
            compiled
                .map(|(_, what)| (*what).to_owned())
                .or_else(|| external.library.clone())
        })
        // A `links` key that only keeps two versions apart links nothing.
        .filter(|library| !library.starts_with("prettyplease") && !library.ends_with("_core"))
        .collect();
    let libraries = if libraries.is_empty() {
        "—".to_owned()
    } else {
        Vec::from_iter(libraries).join(", ")
    };
    format!(
        "| {} | `{}` | {} | {} | {} | {blocks} | {} | {libraries} |\n",
        member.domain.as_deref().unwrap_or_default(),
        member.name,
        ours.len(),
        lines(&ours),
        lines(&sys),
        externals.len(),
    )
}
