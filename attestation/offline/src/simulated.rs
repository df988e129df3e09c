//! `cloister verify simulated`: judged by the service's own program, which lies beside this one.

use anyhow::{Context, Result, bail};
use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

const PROGRAM: &str = "cloister-verifier";

/// What follows `simulated`.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Arguments {
    /// Handed on as they are.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENTS"
    )]
    rest: Vec<OsString>,
}

/// Becomes the other program. Only the folder of this one is searched: PATH may belong to somebody else.
///
/// # Errors
/// It is not there, or cannot be started.
pub fn run(arguments: &Arguments) -> Result<Infallible> {
    let own = std::env::current_exe().context("this program's folder cannot be found")?;
    let program = own.with_file_name(PROGRAM);
    if !program.is_file() {
        bail!(
            "{PROGRAM} is not installed beside {}: build it with `cargo build --release`",
            own.display()
        );
    }
    let error = Command::new(&program)
        .args(["verify", "simulated"])
        .args(&arguments.rest)
        .exec();
    Err(error).with_context(|| format!("{} cannot be started", program.display()))
}
