//! Options that every kind of evidence takes.

use anyhow::{Context, Result};
use attestation_verdict::{ExpectedData, ExpectedDataError};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::moment::Moment;
use crate::output::Output;
use crate::{reference, state, token};

/// What the evidence has to bind: one of the two, always.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
#[command(next_help_heading = "What the evidence has to bind (one of the two is needed)")]
pub struct Binding {
    /// What REPORT_DATA (TDX: REPORTDATA) must be: 1 to 64 bytes in hexadecimal, filled up with zeros behind.
    #[arg(long, value_name = "HEX", value_parser = expected_data)]
    expect_report_data: Option<ExpectedData>,
    /// Accept evidence that is tied to nothing: anybody may have sent it again. The verdict says so.
    #[arg(long)]
    no_binding: bool,
}

fn expected_data(text: &str) -> Result<ExpectedData, ExpectedDataError> {
    ExpectedData::from_hex(text)
}

impl Binding {
    /// What is expected, said by one option or the other.
    pub fn expected(&self) -> ExpectedData {
        self.expect_report_data
            .clone()
            .unwrap_or(ExpectedData::Unbound)
    }
}

/// What every verdict takes.
#[derive(clap::Args)]
#[command(next_help_heading = "How it is judged")]
pub struct Common {
    /// Judge as of this time, RFC 3339 or seconds since 1970-01-01 UTC; now when not given.
    #[arg(long, value_name = "TIME")]
    at: Option<Moment>,
    /// The appraisal policy: a file (Rego), or the name of a built-in one of `cloister policy list`; `strict` when not
    /// given.
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    #[command(flatten)]
    pub reference: reference::Arguments,
    #[command(flatten)]
    pub state: state::Arguments,
    #[command(flatten)]
    pub token: token::Arguments,
    /// How to print the verdict.
    #[arg(
        short,
        long,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Options"
    )]
    pub output: Output,
}

impl Common {
    /// When it is judged.
    ///
    /// # Errors
    /// This machine's clock is before 1970.
    pub fn at(&self) -> Result<Moment> {
        match self.at {
            Some(at) => Ok(at),
            None => now().context("this machine's clock is before 1970: give --at"),
        }
    }
}

fn now() -> Result<Moment> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(Moment(since.as_secs()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use std::collections::BTreeSet;

    /// Options are put together of many parts. Two of a name are one to the parser, which says so in a debug build
    /// alone.
    #[test]
    fn options_and_groups_have_names_of_their_own() {
        let mut command = crate::Cli::command();
        command.build();
        for command in command.get_subcommands() {
            let options = command.get_arguments().map(|option| option.get_id());
            let groups = command.get_groups().map(|group| group.get_id());
            let names: Vec<_> = options.chain(groups).collect();
            let different: BTreeSet<_> = names.iter().collect();
            assert_eq!(different.len(), names.len(), "{names:?}");
        }
    }
}
