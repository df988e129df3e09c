//! `cloister-verifier key`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use attestation_keyring::{Home, KeyId, KeyState};
use attestation_service::{
    Clock, Config, DataDir, Errand, Fault, KeyDesk, KeyLine, KeySource, Settled, Stepped,
};

use crate::output::{Output, tell};

/// What is done with the keys that secrets are under. Each step is an entry of the log, and a running verifier goes by it
/// at once.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Show each key, its state, and how many secrets are under it.
    List(Args),
    /// Make a key that takes over; the one before opens what is under it until that is rewrapped.
    Rotate(Args),
    /// Wrap each secret that is under another key by the active one.
    Rewrap(Args),
    /// Have the active key seal no more, with none in its place: until `rotate` nothing can be put.
    Retire(OneKey),
    /// Destroy a retired key, which no secret may be under any more.
    Destroy(Destroy),
}

#[derive(clap::Args)]
pub struct Args {
    /// The directory that `cloister-verifier init` made.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The configuration that the verifier goes by [default: verifier.toml of the data directory, if it is there].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
    /// TEST ONLY: pause-before-key-entry=FILE or pause-after-key-entry=FILE waits while FILE exists.
    #[arg(long, value_name = "MOMENT=FILE", hide = true)]
    fault: Vec<Fault>,
}

#[derive(clap::Args)]
pub struct OneKey {
    /// The key, as `key list` shows it.
    key: KeyId,
    #[command(flatten)]
    args: Args,
}

#[derive(clap::Args)]
pub struct Destroy {
    #[command(flatten)]
    one: OneKey,
    /// Destroy each secret that is under it too: nobody can ever read them again.
    #[arg(long)]
    with_secrets: bool,
}

pub fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List(args) => list(args),
        Command::Rotate(args) => stepped(args, "active", &open(args)?.rotate()?),
        Command::Rewrap(args) => rewrap(args),
        Command::Retire(OneKey { key, args }) => {
            stepped(args, "retired", &open(args)?.retire(*key)?)
        }
        Command::Destroy(destroy) => {
            let OneKey { key, args } = &destroy.one;
            let done = open(args)?.destroy(*key, destroy.with_secrets)?;
            stepped(args, "destroyed", &done)
        }
    }
}

fn open(args: &Args) -> anyhow::Result<KeyDesk> {
    DataDir::open(&args.data_dir)?;
    let config = Config::load(&args.data_dir, args.config.as_deref())?;
    config.check()?;
    let errand = Errand {
        source: KeySource::open(&config.key_place(&args.data_dir)?)?,
        database: config.location(&args.data_dir)?,
        by: whoever(),
        now: Clock::System.now(),
        faults: args.fault.clone(),
    };
    let desk = KeyDesk::open(&args.data_dir, errand)?;
    match desk.settled() {
        None => {}
        Some(Settled::Finished(event)) => {
            tell(&format!(
                "finished a step that was cut short: key {}",
                event.key
            ));
        }
        Some(Settled::Undone(event)) => {
            tell(&format!(
                "undid a step that was cut short: key {}",
                event.key
            ));
        }
    }
    Ok(desk)
}

/// The user who runs this, and who logged in, where the kernel knows (`/proc/self/loginuid`, by pam_loginuid).
fn whoever() -> String {
    const NOBODY: &str = "4294967295";
    let user = rustix::process::geteuid().as_raw();
    let login = std::fs::read_to_string("/proc/self/loginuid").unwrap_or_default();
    match login.trim() {
        "" | NOBODY => format!("console:uid={user}"),
        login => format!("console:uid={user},login={login}"),
    }
}

fn list(args: &Args) -> anyhow::Result<ExitCode> {
    let keys = open(args)?.list()?;
    args.output.print(&keys, &table(&keys))?;
    Ok(ExitCode::SUCCESS)
}

fn table(keys: &[KeyLine]) -> String {
    let mut text = String::new();
    for line in keys {
        let state = match line.state {
            KeyState::Active => "active",
            KeyState::Retired => "retired",
            KeyState::Destroyed => "destroyed",
        };
        let home = match line.home {
            Home::File => "file",
            Home::Token => "token",
        };
        let (key, version, secrets) = (line.key, line.version, line.secrets);
        let _ = writeln!(
            text,
            "{key}  {version:>4}  {state:<9}  {home:<5}  {secrets} secrets"
        );
    }
    text
}

fn rewrap(args: &Args) -> anyhow::Result<ExitCode> {
    let done = open(args)?.rewrap()?;
    let text = match &done {
        None => "no secret is under another key than the active one".to_owned(),
        Some(done) => format!(
            "{} secrets are under key {} now (log entry {})",
            done.secrets, done.key, done.log_index
        ),
    };
    answer(args, &done, &text)
}

fn stepped(args: &Args, state: &str, done: &Stepped) -> anyhow::Result<ExitCode> {
    let mut text = format!("key {} is {state} (log entry {})", done.key, done.log_index);
    if done.secrets > 0 {
        let _ = write!(text, ", and {} secrets are lost with it", done.secrets);
    }
    answer(args, done, &text)
}

fn answer(args: &Args, done: &impl serde::Serialize, text: &str) -> anyhow::Result<ExitCode> {
    args.output
        .print(done, text)
        .context("it is done, but not all of this answer could be written")?;
    Ok(ExitCode::SUCCESS)
}
