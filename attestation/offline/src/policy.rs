//! `cloister policy`, and the policy that a verdict is appraised by.

use anyhow::{Context, Result};
use attestation_appraisal::{Decision, Policy, Verdict};
use clap::Subcommand;
use serde_json::{Map, Value, json};
use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::EXIT_CODES;
use crate::document::BESIDE;
use crate::files::{self, Limit};
use crate::output::{self, Output};
use crate::page::{self, shown};
use crate::session::REFUSED;

mod limits;
mod source;
mod trial;

use source::{Source, shipped};
use trial::Trial;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the tests that policies bring: their rules named `test_...`.
    #[command(after_help = EXIT_CODES)]
    Test {
        /// Policies: files, or names of built-in ones; all built-in ones when not given.
        #[arg(value_name = "FILE")]
        policies: Vec<PathBuf>,
        /// How to print the result.
        #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
        output: Output,
    },
    /// Print a policy, for reading or to begin one's own.
    #[command(after_help = EXIT_CODES)]
    Show {
        /// A file, or the name of a built-in one.
        #[arg(value_name = "FILE", default_value = STRICT)]
        policy: PathBuf,
        /// Print what it says of itself, not its text.
        #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
        output: Output,
    },
    /// Ask a policy once more about a verdict that was printed as JSON: the same input, policy and engine have to give
    /// the same decision.
    #[command(after_help = EXIT_CODES)]
    Replay {
        /// What `cloister verify ... -o json` printed.
        #[arg(value_name = "VERDICT.JSON")]
        verdict: PathBuf,
        /// The policy: a file, or the name of a built-in one.
        #[arg(long, value_name = "FILE", default_value = STRICT)]
        policy: PathBuf,
        /// How to print the result.
        #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
        output: Output,
    },
    /// List the built-in policies: what each is for, and of when it is.
    #[command(after_help = EXIT_CODES)]
    List {
        /// How to print the result.
        #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
        output: Output,
    },
}

/// The built-in one that is used unless another is named.
const STRICT: &str = "strict";

/// Why nothing is decided where checks were made under other limits than the policy's.
const OTHER_LIMITS: &str = "judged under other limits: judge the evidence again (cloister verify ... --policy ... --at ...)";

/// Why nothing is decided about what was changed.
const OTHER_INPUT: &str = "it says something else than what was appraised (input_digest): judge the evidence again (cloister verify ... --at ...)";

/// The policy that `--policy` names, or the strict one.
///
/// # Errors
/// It cannot be read, or is no policy.
pub fn chosen(named: Option<&Path>) -> Result<Policy> {
    Ok(Source::of("--policy", named.unwrap_or(Path::new(STRICT)))?.policy)
}

/// Runs the command.
///
/// # Errors
/// A policy is none.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.command {
        Command::Test { policies, output } => test(policies, *output),
        Command::Show { policy, output } => show(policy, *output),
        Command::Replay {
            verdict,
            policy,
            output,
        } => replay(verdict, policy, *output),
        Command::List { output } => list(*output),
    }
}

fn test(policies: &[PathBuf], output: Output) -> Result<ExitCode> {
    let sources = match policies {
        [] => shipped()?,
        named => named
            .iter()
            .map(|one| Source::of("policy", one))
            .collect::<Result<_>>()?,
    };
    let trials: Vec<_> = sources.iter().map(Trial::of).collect();
    let passed = trials.iter().all(Trial::passed);
    output::print(&match output {
        Output::Text => trials.iter().map(Trial::as_text).collect(),
        Output::Json => serde_json::to_string_pretty(&json!({
            "passed": passed,
            "policies": trials.iter().map(Trial::as_json).collect::<Vec<_>>(),
        }))?,
    })?;
    Ok(match passed {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(REFUSED),
    })
}

fn show(named: &Path, output: Output) -> Result<ExitCode> {
    let source = Source::of("policy", named)?;
    output::print(&match output {
        Output::Text => for_reading(source.text),
        Output::Json => serde_json::to_string_pretty(&source.about())?,
    })?;
    Ok(ExitCode::SUCCESS)
}

/// As it is, for a file; a terminal is shown what it would obey.
fn for_reading(text: String) -> String {
    if !stdout().is_terminal() {
        return text;
    }
    let lines: Vec<_> = text.lines().map(shown).collect();
    lines.join("\n")
}

fn replay(verdict: &Path, named: &Path, output: Output) -> Result<ExitCode> {
    let policy = Source::of("--policy", named)?.policy;
    let place = || {
        format!(
            "{} cannot be replayed",
            shown(&verdict.display().to_string())
        )
    };
    let text = files::text("verdict", verdict, Limit::SixteenMebibytes)?;
    let mut document: Map<String, Value> = serde_json::from_str(&text).with_context(place)?;
    for name in BESIDE {
        document.remove(name);
    }
    let document = Value::Object(document).to_string();
    let replay = Verdict::replay_with(&document, &policy, |tee, claims| {
        limits::limits(&policy, tee, claims)
    });
    let replay = replay.with_context(place)?;
    let (verdict, reason) = decision(replay.decision);
    let differences = shown(&replay.differences.join(", "));
    output::print(&match output {
        Output::Json => serde_json::to_string_pretty(&json!({
            "same": replay.same(),
            "verdict": verdict,
            "reason": reason,
            "differences": replay.differences,
        }))?,
        Output::Text => match (verdict, reason) {
            (Some(verdict), _) if replay.same() => format!("the same: {verdict}"),
            (Some(verdict), _) => format!("NOT THE SAME: {verdict}; it differs in {differences}"),
            (None, reason) => format!(
                "NOT THE SAME, and no verdict: {}; it differs in {differences}",
                reason.unwrap_or_default()
            ),
        },
    })?;
    Ok(match replay.same() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(REFUSED),
    })
}

/// What to call a decision; where there is none, why, and what to do.
fn decision(decision: Decision) -> (Option<&'static str>, Option<&'static str>) {
    match decision {
        Decision::Accepted => (Some("accepted"), None),
        Decision::Refused => (Some("refused"), None),
        Decision::OtherLimits => (None, Some(OTHER_LIMITS)),
        Decision::OtherInput => (None, Some(OTHER_INPUT)),
    }
}

fn list(output: Output) -> Result<ExitCode> {
    let sources = shipped()?;
    output::print(&match output {
        Output::Json => {
            serde_json::to_string_pretty(&sources.iter().map(Source::about).collect::<Vec<_>>())?
        }
        Output::Text => {
            let about = sources.iter().map(|source| source.policy.about());
            let rows: Vec<_> = about
                .map(|about| {
                    [
                        about.name.as_str(),
                        about.dated.as_str(),
                        about.text.as_str(),
                    ]
                })
                .collect();
            page::table(&rows)
        }
    })?;
    Ok(ExitCode::SUCCESS)
}
