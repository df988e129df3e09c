//! The result for people: first what this host can run, then what to change, then everything that was found.

use std::collections::BTreeMap;
use std::fmt::Write;
use vmm_host_facts::{Facts, Finding, Judgement, Role, State, Tee, TeeVerdict, Verdict};

use crate::table::{marked, table};

/// The whole page.
pub fn of(facts: &Facts, judgement: &Judgement, asked: Option<Tee>, all: bool) -> String {
    let verdicts: Vec<&TeeVerdict> = judgement
        .verdicts
        .iter()
        .filter(|one| asked.is_none_or(|asked| one.tee == asked))
        .collect();
    let mut page = summary(&verdicts);
    for one in &verdicts {
        page.push_str(&to_change(one));
    }
    let rows: Vec<&Finding> = judgement
        .findings
        .iter()
        .filter(|finding| all || matters(finding, &verdicts))
        .collect();
    page.push_str(&advice(&rows));
    page.push('\n');
    page.push_str(&findings(&rows));
    page.push_str(&unread(&rows));
    let _infallible = write!(
        page,
        "\nAs told by {}. Nothing was changed.\n",
        facts.origin()
    );
    page
}

/// `snp` alone, or `snp and tdx`.
fn listed(verdicts: &[&TeeVerdict], which: Verdict) -> Option<String> {
    let of = verdicts.iter().filter(|one| one.verdict == which);
    let names: Vec<&str> = of.map(|one| one.tee.name()).collect();
    (!names.is_empty()).then(|| names.join(" and "))
}

fn summary(verdicts: &[&TeeVerdict]) -> String {
    let can = listed(verdicts, Verdict::Can);
    let rows = verdicts.iter().filter_map(|one| match one.verdict {
        Verdict::Can => None,
        Verdict::Cannot => Some((format!("It cannot run {}:", one.tee), cannot(one))),
        Verdict::Unclear => Some((format!("It may run {}:", one.tee), unclear(one))),
    });
    let every = verdicts.len() == Tee::ALL.len();
    let none = every && verdicts.iter().all(|one| one.verdict == Verdict::Cannot);
    let first = match can {
        Some(names) => Some(format!("{names}.")),
        None => none.then(|| "nothing.".to_owned()),
    };
    let first = first.map(|names| ("This host can run:".to_owned(), names));
    let rows: Vec<(String, String)> = first.into_iter().chain(rows).collect();
    let rows: Vec<[&str; 2]> = rows
        .iter()
        .map(|(mark, text)| [mark.as_str(), text.as_str()])
        .collect();
    let mut text = table(&rows);
    if verdicts
        .iter()
        .any(|one| one.tee == Tee::Simulated && one.verdict == Verdict::Can)
    {
        text.push_str("The TEE simulated measures as SEV-SNP does, and protects nothing.\n");
    }
    text
}

/// Of several reasons that nobody can change, the processor's is the last one and says most.
fn cannot(one: &TeeVerdict) -> String {
    match one.fixed.last() {
        Some(why) => format!("{why}. No change to this machine helps."),
        None => format!("{} to change.", things(one.changes.len())),
    }
}

fn unclear(one: &TeeVerdict) -> String {
    let count = things(one.unread.len());
    format!("{count} could not be looked at, and nothing is known to lack.")
}

fn things(count: usize) -> String {
    match count {
        1 => "1 thing".to_owned(),
        more => format!("{more} things"),
    }
}

fn to_change(one: &TeeVerdict) -> String {
    if one.changes.is_empty() {
        return String::new();
    }
    let mut text = format!("\nTo run {}, change:\n", one.tee);
    for (number, change) in (1..).zip(&one.changes) {
        let for_what = format!("{} [{}]", change.remedy, change.items.join(", "));
        text.push_str(&marked(&format!("{number:>3}."), &for_what));
    }
    text
}

/// Rows of TEEs that this machine can never have only hide the others; the row that says so stays.
fn matters(finding: &Finding, verdicts: &[&TeeVerdict]) -> bool {
    let for_one = |one: &&TeeVerdict| {
        let never = one.verdict == Verdict::Cannot && !one.fixed.is_empty();
        finding.needed_for.contains(&one.tee) && (!never || finding.role == Role::Fixed)
    };
    finding.needed_for.is_empty() || verdicts.iter().any(for_one)
}

fn advice(rows: &[&Finding]) -> String {
    let lacking = rows
        .iter()
        .filter(|f| f.role == Role::Advises && f.state == State::Lacks);
    let advised: Vec<String> = lacking
        .filter_map(|finding| Some(format!("{} [{}]", finding.remedy?, finding.item)))
        .collect();
    if advised.is_empty() {
        return String::new();
    }
    let lines: String = advised.iter().map(|text| marked("   -", text)).collect();
    format!("\nBetter, though nothing waits for it:\n{lines}")
}

/// What lacks first, then what could not be looked at, then the rest, in the table's order.
fn findings(rows: &[&Finding]) -> String {
    let mut cells: Vec<(usize, [String; 4])> = rows
        .iter()
        .map(|finding| {
            let (order, mark) = mark(finding);
            let item = finding.item.to_owned();
            let found = format!("{}: {}", finding.about, finding.found);
            (order, [mark.to_owned(), for_whom(finding), item, found])
        })
        .collect();
    cells.sort_by_key(|(order, _)| *order);
    let title = ["RESULT", "FOR", "ITEM", "FOUND"];
    let body = cells
        .iter()
        .map(|(_, row)| row.each_ref().map(String::as_str));
    table(&std::iter::once(title).chain(body).collect::<Vec<_>>())
}

fn for_whom(finding: &Finding) -> String {
    let tees: Vec<&str> = finding.needed_for.iter().map(|tee| tee.name()).collect();
    match tees.len() {
        0 => "-".to_owned(),
        3 => "all".to_owned(),
        _ => tees.join(","),
    }
}

fn mark(finding: &Finding) -> (usize, &'static str) {
    match (finding.role, finding.state) {
        (Role::Tells, State::Has) => (5, "yes"),
        (Role::Tells, State::Lacks) => (5, "no"),
        (Role::Advises, State::Lacks) => (3, "advice"),
        (Role::Follows, State::Lacks) => (1, "lacks"),
        (_, State::Lacks) => (0, "LACKS"),
        (_, State::Unknown) => (2, "unknown"),
        (_, State::Has) => (4, "has"),
    }
}

/// The reasons why something could not be looked at, with how much each hides.
fn unread(rows: &[&Finding]) -> String {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in rows
        .iter()
        .filter(|finding| finding.state == State::Unknown)
    {
        *reasons.entry(&finding.found).or_default() += 1;
    }
    if reasons.is_empty() {
        return String::new();
    }
    let lines = reasons
        .iter()
        .map(|(why, count)| marked(&format!("{count:>4}"), why));
    format!(
        "\nNot looked at, which is not the same as absent:\n{}",
        lines.collect::<String>()
    )
}
