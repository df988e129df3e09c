//! Whether a TEE can be launched, out of what was found.

use crate::finding::{Finding, State};
use crate::requirement::Role;
use crate::tee::Tee;

/// Whether a host can launch guests on a TEE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that decides is there.
    Can,
    /// Something that is needed is not there.
    Cannot,
    /// Nothing is known to lack, and something that decides could not be looked at.
    Unclear,
}

impl Verdict {
    /// As documents spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Can => "can",
            Self::Cannot => "cannot",
            Self::Unclear => "unclear",
        }
    }
}

/// One thing to change, and what is then there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What to do.
    pub remedy: &'static str,
    /// The items that lack.
    pub items: Vec<&'static str>,
}

/// The verdict on one TEE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeeVerdict {
    /// Which.
    pub tee: Tee,
    /// Whether.
    pub verdict: Verdict,
    /// What nobody can change on this machine: then nothing else helps.
    pub fixed: Vec<String>,
    /// What to change, in the order to do it in.
    pub changes: Vec<Change>,
    /// Items that matter and could not be looked at.
    pub unread: Vec<&'static str>,
}

const NO_CAUSE: [&str; 3] = [
    "no cause was found here: see `dmesg | grep -i kvm`",
    "no cause was found here: see `dmesg | grep -iE 'sev|ccp|AMD-Vi|kvm'`, and that BIOS and kernel are new",
    "no cause was found here: see `dmesg | grep -iE 'tdx|kvm|sgx'`, and that BIOS and kernel are new",
];

impl TeeVerdict {
    pub(crate) fn of(tee: Tee, findings: &[Finding]) -> Self {
        let ours: Vec<&Finding> = findings
            .iter()
            .filter(|finding| finding.needed_for.contains(&tee))
            .collect();
        let verdict = verdict(&ours);
        let lacking = |role| lacking(&ours, role);
        let (fixed, changes) = match verdict {
            Verdict::Cannot => (
                lacking(Role::Fixed).map(|f| f.found.clone()).collect(),
                changes(tee, &ours),
            ),
            Verdict::Can | Verdict::Unclear => (Vec::new(), Vec::new()),
        };
        Self {
            tee,
            verdict,
            changes: if fixed.is_empty() {
                changes
            } else {
                Vec::new()
            },
            fixed,
            unread: unread(&ours),
        }
    }
}

/// What decides, decides: a cause that is missing beside it is no lack, KVM knows better. An absent cause is one
/// where nobody could ask KVM.
fn verdict(ours: &[&Finding]) -> Verdict {
    let mut deciding = ours.iter().filter(|f| f.role == Role::Decides).peekable();
    let any = deciding.peek().is_some();
    if any && deciding.all(|f| f.state == State::Has) {
        return Verdict::Can;
    }
    let lacks = |f: &&Finding| is_needed(f) && f.state == State::Lacks;
    match ours.iter().any(lacks) {
        true => Verdict::Cannot,
        false => Verdict::Unclear,
    }
}

fn lacking<'a>(ours: &'a [&Finding], role: Role) -> impl Iterator<Item = &'a Finding> {
    let ours = ours.iter().copied();
    ours.filter(move |f| f.role == role && f.state == State::Lacks)
}

/// Causes first: what follows from them comes right with them, so it counts only where no cause was found.
fn changes(tee: Tee, ours: &[&Finding]) -> Vec<Change> {
    let levels = [Role::Explains, Role::Follows, Role::Decides];
    let found = levels.map(|role| changes_of(lacking(ours, role)));
    let first = found.into_iter().find(|changes| !changes.is_empty());
    first.unwrap_or_else(|| {
        let remedy = match tee {
            Tee::Simulated => NO_CAUSE[0],
            Tee::Snp => NO_CAUSE[1],
            Tee::Tdx => NO_CAUSE[2],
        };
        let items = ours
            .iter()
            .filter(|f| is_needed(f) && f.state == State::Lacks);
        let items = items.map(|f| f.item).collect();
        vec![Change { remedy, items }]
    })
}

/// One change for every remedy: several things that lack may need the same.
fn changes_of<'a>(lacking: impl Iterator<Item = &'a Finding>) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for finding in lacking {
        let Some(remedy) = finding.remedy else {
            continue;
        };
        match changes.iter_mut().find(|change| change.remedy == remedy) {
            Some(change) => change.items.push(finding.item),
            None => changes.push(Change {
                remedy,
                items: vec![finding.item],
            }),
        }
    }
    changes
}

fn is_needed(finding: &Finding) -> bool {
    match finding.role {
        Role::Decides | Role::Explains | Role::Follows | Role::Fixed => true,
        Role::Advises | Role::Tells => false,
    }
}

fn unread(ours: &[&Finding]) -> Vec<&'static str> {
    let unread = |f: &&&Finding| is_needed(f) && f.state == State::Unknown;
    ours.iter().filter(unread).map(|f| f.item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(role: Role, state: State) -> Finding {
        Finding {
            item: "thing",
            about: "a thing",
            role,
            needed_for: &[Tee::Snp],
            state,
            found: "seen".to_owned(),
            remedy: match (role, state) {
                (Role::Explains, State::Lacks) => Some("change it"),
                (Role::Follows, State::Lacks) => Some("change that"),
                _ => None,
            },
        }
    }

    fn of(findings: &[(Role, State)]) -> TeeVerdict {
        let all: Vec<Finding> = findings.iter().map(|(r, s)| finding(*r, *s)).collect();
        TeeVerdict::of(Tee::Snp, &all)
    }

    #[test]
    fn what_decides_is_the_last_word() {
        let causes = [(Role::Explains, State::Lacks), (Role::Fixed, State::Lacks)];
        let can = of(&[causes[0], causes[1], (Role::Decides, State::Has)]);
        assert_eq!(can.verdict, Verdict::Can);
        assert!(can.changes.is_empty() && can.fixed.is_empty());
        let cannot = of(&[(Role::Decides, State::Has), (Role::Decides, State::Lacks)]);
        assert_eq!(cannot.verdict, Verdict::Cannot);
        assert_eq!(cannot.changes[0].remedy, NO_CAUSE[1]);
    }

    #[test]
    fn nothing_that_decides_is_not_everything_that_decides() {
        assert_eq!(of(&[]).verdict, Verdict::Unclear);
        assert_eq!(
            of(&[(Role::Explains, State::Has)]).verdict,
            Verdict::Unclear
        );
    }

    #[test]
    fn what_nobody_could_look_at_is_unclear_unless_a_cause_lacks() {
        let unread = (Role::Decides, State::Unknown);
        let unclear = of(&[unread, (Role::Explains, State::Has)]);
        assert_eq!(unclear.verdict, Verdict::Unclear);
        assert_eq!(unclear.unread, ["thing"]);
        let cannot = of(&[unread, (Role::Explains, State::Lacks)]);
        assert_eq!(cannot.verdict, Verdict::Cannot);
        assert_eq!(cannot.changes[0].remedy, "change it");
    }

    #[test]
    fn advice_and_news_are_never_needed() {
        let lacking = [(Role::Advises, State::Lacks), (Role::Tells, State::Lacks)];
        let can = of(&[lacking[0], lacking[1], (Role::Decides, State::Has)]);
        assert_eq!(can.verdict, Verdict::Can);
        assert_eq!(of(&lacking).verdict, Verdict::Unclear);
    }

    #[test]
    fn several_lacks_of_one_remedy_are_one_change() {
        let lack = (Role::Explains, State::Lacks);
        let cannot = of(&[lack, lack, (Role::Decides, State::Lacks)]);
        assert_eq!(cannot.changes.len(), 1);
        assert_eq!(cannot.changes[0].items, ["thing", "thing"]);
    }

    #[test]
    fn what_follows_counts_only_where_no_cause_was_found() {
        let follows = (Role::Follows, State::Lacks);
        let remedies = |findings: &[(Role, State)]| -> Vec<&'static str> {
            let changes = of(findings).changes;
            changes.iter().map(|change| change.remedy).collect()
        };
        assert_eq!(remedies(&[follows]), ["change that"]);
        assert_eq!(
            remedies(&[follows, (Role::Explains, State::Lacks)]),
            ["change it"]
        );
    }

    #[test]
    fn what_nobody_can_change_leaves_nothing_to_change() {
        let cannot = of(&[
            (Role::Fixed, State::Lacks),
            (Role::Explains, State::Lacks),
            (Role::Decides, State::Unknown),
        ]);
        assert_eq!((cannot.fixed.len(), cannot.changes.len()), (1, 0));
    }
}
