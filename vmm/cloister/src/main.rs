//! The one command that people type.
//!
//! Like git and cargo it finds its parts, which lie beside it, and becomes one of them: so no trust
//! domain links another's code to be convenient.

#![forbid(unsafe_code)]

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// The words that a person types, the program they run, its own words, and what it is for. The first that fits is
/// meant.
const PARTS: [Part; 11] = [
    Part::new(
        "measure",
        "cloister-measure",
        &[],
        "predict a launch digest, offline",
    ),
    Part::new(
        "image",
        "cloister-image",
        &[],
        "build kernel, initramfs and data disk of a guest",
    ),
    Part::new(
        "vm",
        "cloister-vmm",
        &[],
        "launch a guest: `cloister vm run vm.toml`",
    ),
    Part::new(
        "host self-test",
        "cloister-self-test",
        &[],
        "launch tiny guests here, and write a report to send back",
    ),
    Part::new(
        "host",
        "cloister-host",
        &[],
        "say what this host can launch, and what to change: `cloister host check`",
    ),
    Part::new(
        "verify",
        "cloister-verify",
        &[],
        "judge one piece of evidence, offline: `cloister verify snp`, `tdx`, `tpm`",
    ),
    Part::new(
        "policy",
        "cloister-verify",
        &["policy"],
        "list, show, test and replay appraisal policies",
    ),
    Part::new(
        "collateral",
        "cloister-collateral",
        &[],
        "fetch, keep, export and import certificates and collateral",
    ),
    Part::new(
        "verifier",
        "cloister-verifier",
        &[],
        "run the attestation and key-release service",
    ),
    Part::new(
        "audit",
        "cloister-auditor",
        &[],
        "replay an evidence bundle: `cloister audit verify DIR`",
    ),
    Part::new(
        "simulated-tee",
        "cloister-simulated-tee",
        &[],
        "make the keys of a simulated TEE",
    ),
];

const HELP: &str = "cloister: confidential virtual machines that prove what they booted

Usage: cloister <COMMAND> [ARGUMENTS]

Commands:
";

const TAIL: &str = "
Every command explains itself: cloister <COMMAND> --help
Every command that prints a result takes -o json.

Exit codes: 0 done, 1 failed, 2 usage, 3 judged and refused (of a host: it cannot).
";

/// One command and the program behind it.
struct Part {
    word: &'static str,
    program: &'static str,
    before: &'static [&'static str],
    what: &'static str,
}

impl Part {
    const fn new(
        word: &'static str,
        program: &'static str,
        before: &'static [&'static str],
        what: &'static str,
    ) -> Self {
        Self {
            word,
            program,
            before,
            what,
        }
    }

    /// What follows its words, if the arguments begin with them.
    fn rest<'a>(&self, arguments: &'a [OsString]) -> Option<(&Self, &'a [OsString])> {
        let mut rest = arguments;
        for word in self.word.split(' ') {
            let (first, behind) = rest.split_first()?;
            (first == word).then_some(())?;
            rest = behind;
        }
        Some((self, rest))
    }
}

fn main() -> ExitCode {
    let words: Vec<OsString> = env::args_os().skip(1).collect();
    let Some(word) = words.first() else {
        eprint!("{}", help());
        return ExitCode::from(2);
    };
    match word.to_str() {
        Some("help" | "--help" | "-h") => say(&help()),
        Some("--version" | "-V") => say(&format!("cloister {}\n", env!("CARGO_PKG_VERSION"))),
        _ => match PARTS.iter().find_map(|part| part.rest(&words)) {
            Some((part, rest)) => become_part(part, rest),
            None => {
                eprintln!("error: cloister has no command «{}»\n", word.display());
                eprint!("{}", help());
                ExitCode::from(2)
            }
        },
    }
}

fn say(text: &str) -> ExitCode {
    let mut stdout = io::stdout().lock();
    if let Err(error) = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        eprintln!("error: cannot write to standard output: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Replaces this process; comes back only when that fails.
fn become_part(part: &Part, arguments: &[OsString]) -> ExitCode {
    let program = match beside(part.program) {
        Ok(program) => program,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::FAILURE;
        }
    };
    let error = Command::new(&program)
        .args(part.before)
        .args(arguments)
        .exec();
    eprintln!("error: start {}: {error}", program.display());
    ExitCode::FAILURE
}

/// Only the folder of this very program is searched: PATH may belong to somebody else.
fn beside(program: &str) -> Result<PathBuf, String> {
    let own = env::current_exe().map_err(|error| format!("find this program's folder: {error}"))?;
    let path = own.with_file_name(program);
    if path.is_file() {
        return Ok(path);
    }
    Err(format!(
        "{} is not installed beside {}: install the package cloister-verifier or cloister, or build it with \
         `cargo build --release`",
        program,
        own.display()
    ))
}

fn help() -> String {
    let rows = PARTS
        .iter()
        .map(|part| format!("  {:<16}{}\n", part.word, part.what));
    format!("{HELP}{}{TAIL}", rows.collect::<String>())
}
