//! Waits until it is traced, puts itself under the filter that stops it at watched calls, and becomes the
//! program: `kernel-abi-launcher IOCTLS CALLS PROGRAM [ARGUMENT]...`.
//!
//! The tracer sends one byte on standard input once it has attached.

#![forbid(unsafe_code)]

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use tests_kernel_abi::trace::{Watched, install_filter};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let mut next = || arguments.next().ok_or("an argument is missing");
    let lists = [next()?, next()?].map(|list| list.to_string_lossy().into_owned());
    let program = next()?;
    let watched = Watched::from_arguments(&lists[0], &lists[1])?;
    std::io::stdin().read_exact(&mut [0])?;
    install_filter(&watched)?;
    Err(Command::new(program).args(arguments).exec().into())
}
