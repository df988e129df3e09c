//! `cloister-verifier restore`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use attestation_service::{Clock, Database, Order, Restored, Way, restore};
use clap::ArgGroup;
use serde::Serialize;

use crate::making;
use crate::output::Output;

/// Exactly one of: the log's last checkpoint, by which it goes on; or a place for the log that ends.
#[derive(clap::Args)]
#[command(group = ArgGroup::new("way").required(true).multiple(true).args(["last_checkpoint", "old_log"]))]
pub struct Args {
    /// The backup; or a data directory that nobody serves from, whose store or database was put back.
    #[arg(long, value_name = "FILE|DIR")]
    from: PathBuf,
    /// The directory to make; it must not exist, or be empty.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The last checkpoint of the log, from whoever kept it outside of the verifier after the verifier had stopped. Alone: the log
    /// goes on, if exactly these entries are there.
    #[arg(long, value_name = "FILE")]
    last_checkpoint: Option<PathBuf>,
    /// End the log, whose evidence bundle is written to this new directory, and begin another under a new key, which guests' images
    /// have to be made with.
    #[arg(long, value_name = "DIR")]
    old_log: Option<PathBuf>,
    /// Why, for the log.
    #[arg(long, value_name = "TEXT", default_value = "restored from a backup")]
    why: String,
    /// The PostgreSQL database that was put back, where it is not the one of the backup's configuration.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// A file with its password.
    #[arg(long, value_name = "FILE", requires = "database")]
    database_password_file: Option<PathBuf>,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
    #[command(flatten)]
    fault: making::Fault,
}

#[derive(Serialize)]
struct Document<'a> {
    data_dir: &'a PathBuf,
    entries: u64,
    lost: u64,
    log_key: &'a str,
    predecessor: Option<&'a str>,
    carried: u64,
    old_log: Option<&'a PathBuf>,
    without: &'a [String],
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    making::begin(&args.data_dir, &args.fault)?;
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {} (--last-checkpoint)", path.display()))
    };
    let restored = restore(&Order {
        from: args.from.clone(),
        data_dir: args.data_dir.clone(),
        database: args.database.clone().map(|url| Database {
            url,
            password_file: args.database_password_file.clone().unwrap_or_default(),
        }),
        last_checkpoint: args.last_checkpoint.as_ref().map(read).transpose()?,
        way: match &args.old_log {
            Some(old_log) => Way::BeginAnew {
                old_log: old_log.clone(),
            },
            None => Way::Continue,
        },
        why: args.why.clone(),
        now: Clock::System.now(),
    })?;
    let document = Document {
        data_dir: &args.data_dir,
        entries: restored.entries,
        lost: restored.lost,
        log_key: &restored.log_key,
        predecessor: restored.predecessor.as_deref(),
        carried: restored.carried,
        old_log: args.old_log.as_ref(),
        without: &restored.without,
    };
    args.output.print(&document, &text(args, &restored))?;
    Ok(ExitCode::SUCCESS)
}

fn text(args: &Args, restored: &Restored) -> String {
    let place = args.data_dir.display();
    let mut text = format!(
        "restored {place}: log entries {}, known to be lost {}\n",
        restored.entries, restored.lost
    );
    match (&restored.predecessor, &args.old_log) {
        (Some(predecessor), Some(old_log)) => text.push_str(&format!(
            "a new log was begun, registrations carried over {}\n  its key   {}\n  before it {predecessor}, in {}\n\
             next: make guests' images anew with {place}/verifier-pins.json, since theirs refuse this log; give auditors the pins, \
             {place}/log-succession.txt and the old bundle\n",
            restored.carried,
            restored.log_key,
            old_log.display(),
        )),
        _ => text.push_str("the log goes on; guests' images stay good\n"),
    }
    for file in &restored.without {
        text.push_str(&format!(
            "next: put {file} into {place}: it was left out of the backup\n"
        ));
    }
    text.push_str(&format!(
        "next: withdraw again what was withdrawn since; `cloister-verifier bootstrap --data-dir {place}` makes a token; serve\n"
    ));
    text
}
