//! The statement that a person reads, files and signs: an assessor of PCI DSS, say.

use std::io::{Result, Write};
use std::path::Path;

use attestation_audit::{AuditReport, PredecessorLine, ReleaseLine, VerdictLine};
use attestation_ledger::Outcome;

/// Writes the whole statement; its last line is the conclusion.
pub fn write(out: &mut impl Write, bundle: &Path, report: &AuditReport) -> Result<()> {
    writeln!(out, "Evidence bundle {}", bundle.display())?;
    writeln!(out)?;
    match &report.log {
        Some(_) => write_checks(out, report)?,
        None => writeln!(out, "  log key     {}", report.log_key)?,
    }
    write_verdicts(out, &report.verdicts)?;
    write_releases(out, &report.releases)?;
    write_findings(out, report)?;
    write_conclusion(out, report)
}

fn write_checks(out: &mut impl Write, report: &AuditReport) -> Result<()> {
    let counts = &report.counts;
    let mut line = |name: &str, text: String| writeln!(out, "  {name:<12}{text}");
    if let Some(log) = &report.log {
        line(
            "log",
            format!(
                "{}, {} entries, root {}",
                log.origin, report.entries, log.root
            ),
        )?;
    }
    line("log key", report.log_key.clone())?;
    if let Some(before) = &report.predecessor {
        line("begun after", predecessor(before))?;
    }
    line(
        "files",
        format!(
            "{}: the checkpoint, {} tiles, {} blobs; each compared with the log",
            counts.files, counts.tiles, counts.blobs
        ),
    )?;
    line(
        "verdicts",
        format!(
            "{} accepted, {} refused; {} of {} came out the same when appraised again as of their \
             time (rules {})",
            counts.accepted,
            counts.refused,
            counts.replayed,
            counts.accepted + counts.refused,
            report.ruleset
        ),
    )?;
    line("nonces", "none may be taken as fresh twice".to_owned())?;
    line(
        "releases",
        format!(
            "{}; each held to its verdict and to the secret's terms",
            counts.releases
        ),
    )?;
    line(
        "registered",
        format!(
            "{} acts: policies, reference values, secrets, keys, tenants",
            counts.registrations
        ),
    )?;
    if report.simulated {
        line("TEE", simulated(report))?;
    }
    Ok(())
}

/// What is not in this log, and by whose word.
fn predecessor(before: &PredecessorLine) -> String {
    let PredecessorLine {
        log_key,
        key_is_pinned,
        entries,
        entries_known,
        carried,
        time,
        why,
    } = before;
    let pinned = match key_is_pinned {
        Some(_) => "which is the key given for it",
        None => "compare that with the key you have for it (--predecessor-key)",
    };
    let lost = entries_known.saturating_sub(*entries);
    format!(
        "the log {}, {pinned}, on {time}: {}; from its first {entries} entries {carried} registrations were carried over; at \
         least {lost} entries of it are lost",
        printable(log_key),
        printable(why),
    )
}

fn simulated(report: &AuditReport) -> String {
    let roots: String = report
        .simulated_roots
        .iter()
        .map(|root| format!("; root sha256 {root}"))
        .collect();
    let sample = match report.allow_sample {
        true => "; samples were allowed, which anybody can write",
        false => "",
    };
    format!("simulated: no hardware vouches for this evidence, it protects nothing{roots}{sample}")
}

fn write_verdicts(out: &mut impl Write, verdicts: &[VerdictLine]) -> Result<()> {
    if verdicts.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    writeln!(
        out,
        "  {:>6}  {:<20}  {:<8}  {:<9}  reason",
        "entry", "time (UTC)", "verdict", "TEE"
    )?;
    for verdict in verdicts {
        let outcome = match verdict.outcome {
            Outcome::Accepted => "accepted",
            Outcome::Refused => "refused",
        };
        let doubt = if verdict.replay_agrees {
            ""
        } else {
            "NOT CONFIRMED: "
        };
        let VerdictLine {
            entry,
            time,
            tee,
            reason,
            ..
        } = verdict;
        let reason = printable(reason);
        let tenant = of_tenant(&verdict.tenant);
        writeln!(
            out,
            "  {entry:>6}  {time:<20}  {outcome:<8}  {:<9}  {doubt}{tenant}{reason}",
            printable(tee)
        )?;
    }
    Ok(())
}

fn write_releases(out: &mut impl Write, releases: &[ReleaseLine]) -> Result<()> {
    if releases.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    writeln!(
        out,
        "  {:>6}  {:<20}  {:<8}  {:<9}  to the key",
        "entry", "time (UTC)", "release", "TEE"
    )?;
    for release in releases {
        let ReleaseLine {
            entry,
            time,
            verdict_index,
            secret_version,
            ..
        } = release;
        writeln!(
            out,
            "  {entry:>6}  {time:<20}  {:<8}  {:<9}  {}{}: {} version {secret_version}, by entry {verdict_index}",
            "wrapped",
            printable(&release.tee),
            of_tenant(&release.tenant),
            printable(&release.recipient),
            printable(&release.resource),
        )?;
    }
    Ok(())
}

/// Whose it is, where there are others.
fn of_tenant(tenant: &str) -> String {
    match tenant {
        "default" => String::new(),
        tenant => format!("tenant {}: ", printable(tenant)),
    }
}

fn write_findings(out: &mut impl Write, report: &AuditReport) -> Result<()> {
    if report.findings.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    writeln!(out, "  {} findings", report.findings.len())?;
    for finding in &report.findings {
        writeln!(out, "  - {}", printable(&finding.text))?;
    }
    Ok(())
}

fn write_conclusion(out: &mut impl Write, report: &AuditReport) -> Result<()> {
    writeln!(out)?;
    writeln!(
        out,
        "{}",
        if report.agrees() {
            "agrees"
        } else {
            "disagrees"
        }
    )
}

/// What stands in a record must not steer the reader's terminal or fake a line of this statement.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn control_characters_are_not_printed() {
        assert_eq!(
            printable("a\n\x1b[2Jagrees\u{9b}"),
            "a\u{fffd}\u{fffd}[2Jagrees\u{fffd}"
        );
    }
}
