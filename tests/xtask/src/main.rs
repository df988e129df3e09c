//! cargo xtask: demo, test, shim, package, fuzz, schemathesis, mutants, bench.
//!
//! `cargo xtask demo` walks the whole road once and writes `target/demo/summary.json`;
//! `cargo xtask test` runs every test. Each first installs what it needs and says so.

#![forbid(unsafe_code)]

mod bench;
mod fuzz;
mod install;
mod mutants;
mod package;
mod test;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};
use tests_lab::Backend;
use tests_scenarios::demo;

/// Cloister's developer commands.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 usage."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Launch, attest, release, refuse and audit, on a stock Linux guest; ends in target/demo/summary.json.
    Demo {
        /// Where guests run: this host's KVM, or the lab (nested, emulated). Chosen when not given.
        #[arg(long, value_enum)]
        backend: Option<BackendName>,
        /// Use the programs as they were built last.
        #[arg(long)]
        no_build: bool,
    },
    /// Run every test.
    Test,
    /// Build the boot shim: target/shim/cloister-shim, and a copy beside the programs.
    Shim,
    /// Make the Debian packages of the verifier's and of the host's side: target/packages.
    Package(package::Arguments),
    /// Look for files that break a parser's promises.
    Fuzz(fuzz::Arguments),
    /// Try a verifier by requests that schemathesis makes up from the API's description.
    Schemathesis {
        /// What chance is made of; the test's own when not given.
        #[arg(long, value_name = "N")]
        seed: Option<u32>,
        /// How many requests an operation gets in each phase, at most.
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
        examples: u32,
    },
    /// Take each guard of the verdict out, and see its test fail; minutes a crate.
    Mutants(mutants::Arguments),
    /// Time it.
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// How fast launches are measured; ends in target/bench/measure.json, and in exit 1 where a claim fails.
    Measure {
        /// How often each is timed; medians are over these.
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
        rounds: u16,
        /// Use the programs as they were built last.
        #[arg(long)]
        no_build: bool,
    },
    /// What a launch through the boot shim costs; ends in target/bench/launch.json, and in exit 1 where a claim fails.
    Launch {
        /// How often each is timed; medians are over these.
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
        rounds: u16,
    },
    /// How many guests a second a verifier serves; ends in target/bench/service.json, and in exit 1 where a claim fails.
    Service {
        /// How often each is timed; medians are over these.
        #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..))]
        rounds: u16,
        /// Handshakes over which memory is looked at; 0 does not look.
        #[arg(long, value_name = "N", default_value_t = 100_000)]
        handshakes: u64,
        /// Use the programs as they were built last.
        #[arg(long)]
        no_build: bool,
    },
    /// How fast evidence is verified; ends in target/bench/verify.json, and in exit 1 where a claim fails.
    Verify {
        /// How often each is timed; medians are over these.
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
        rounds: u16,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum BackendName {
    /// This host's /dev/kvm.
    Kvm,
    /// A stock Linux under QEMU's emulation of AMD-V.
    Lab,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Demo { backend, no_build } => run_demo(backend, no_build),
        Command::Test => test::run(&root()),
        Command::Shim => install::shim(&root()),
        Command::Package(arguments) => package::run(&root(), &arguments),
        Command::Fuzz(arguments) => fuzz::run(&root(), &arguments),
        Command::Schemathesis { seed, examples } => run_schemathesis(seed, examples),
        Command::Mutants(arguments) => mutants::run(&root(), &arguments),
        Command::Bench(Bench::Measure { rounds, no_build }) => {
            bench::measure(&root(), rounds.into(), !no_build)
        }
        Command::Bench(Bench::Launch { rounds }) => bench::launch(&root(), rounds.into()),
        Command::Bench(Bench::Service {
            rounds,
            handshakes,
            no_build,
        }) => run_service(rounds.into(), handshakes, !no_build),
        Command::Bench(Bench::Verify { rounds }) => bench::verify(&root(), rounds.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error}");
            error
                .chain()
                .skip(1)
                .for_each(|cause| eprintln!("  because: {cause}"));
            ExitCode::FAILURE
        }
    }
}

fn run_demo(backend: Option<BackendName>, no_build: bool) -> Result<()> {
    let root = root();
    let backend = backend.map(|name| match name {
        BackendName::Kvm => Backend::Kvm,
        BackendName::Lab => Backend::Lab,
    });
    install::packages(backend)?;
    if !no_build {
        install::build(&root, &["build", "--release", "--workspace"])?;
        install::shim(&root)?;
    }
    let folder = root.join("target/demo");
    demo::run(&root, &folder, backend).context("the demo")?;
    Ok(())
}

fn run_schemathesis(seed: Option<u32>, examples: u32) -> Result<()> {
    let root = root();
    bench::peer::installed(&root).context("install schemathesis")?;
    let seed = seed.map(|seed| ("CLOISTER_SEED", seed.to_string()));
    let examples = ("CLOISTER_EXAMPLES", examples.to_string());
    let test = [
        "test",
        "--release",
        "-p",
        "cloister-verifier",
        "--test",
        "verifier",
    ];
    let only = ["--", "--nocapture", "schemathesis_finds_nothing"];
    let set = seed.into_iter().chain([examples]);
    install::cargo_with(&root, &[test.as_slice(), &only].concat(), set)
}

fn run_service(rounds: usize, handshakes: u64, build: bool) -> Result<()> {
    let root = root();
    if build {
        install::build(&root, &["build", "--release", "-p", "cloister-verifier"])?;
    }
    // Cargo puts all programs beside each other, this one too.
    let program = std::env::current_exe()?.with_file_name("cloister-verifier");
    bench::service(&root, &program, rounds, handshakes)
}

/// The checkout that this program was built from.
fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own).to_path_buf()
}
