//! The virtual machine monitor: one process a VM.
//!
//! [`run`] is the order of things: read and plan, open everything, start the confined helpers,
//! confine itself, launch, and only then run what was measured.

mod arguments;
mod bus;
mod com1;
mod confidential;
mod console;
mod cpuid;
mod devices;
mod events;
mod inputs;
mod interrupt;
mod io_apic;
mod power;
mod processes;
mod run;
mod runtime_dir;
mod screen;
mod tee;
mod trust_domain;
mod watch;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::{Arguments, Command};

fn main() -> ExitCode {
    end_process_on_panic();
    let Command::Run(arguments) = Arguments::parse().command;
    match run::run(&arguments) {
        Ok(run::Outcome::Orderly) => ExitCode::SUCCESS,
        Ok(run::Outcome::Interrupted) => ExitCode::FAILURE,
        Err(error) => {
            if events::await_reader(std::io::stderr()).is_ok() {
                eprintln!("error: {error}");
                for cause in error.chain().skip(1) {
                    eprintln!("  because: {cause}");
                }
            }
            ExitCode::FAILURE
        }
    }
}

/// A VM whose one thread is gone is neither running nor stopped: nobody shall have to find out which.
fn end_process_on_panic() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        std::process::exit(1);
    }));
}
