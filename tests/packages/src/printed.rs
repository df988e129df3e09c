//! A configuration out of what a program prints of its defaults.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::recipe::Printed;
use crate::run;

/// The text of the file.
///
/// # Errors
/// The program fails.
pub fn file(programs: &Path, printed: &Printed) -> Result<String> {
    let mut command = Command::new(programs.join(&printed.program));
    command.args(&printed.arguments);
    let text = String::from_utf8(on_one_cpu(&mut command)?)?;
    Ok(format!("{}\n{}", printed.head, commented(&text)))
}

/// Some defaults follow the number of CPUs, and the file has to be the same wherever it is made.
fn on_one_cpu(command: &mut Command) -> Result<Vec<u8>> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let allowed = sched_getaffinity(None)?;
            let first = (0..CpuSet::MAX_CPU)
                .find(|cpu| allowed.is_set(*cpu))
                .context("no CPU is allowed")?;
            let mut one = CpuSet::new();
            one.set(first);
            // This thread's alone, and what it starts inherits it.
            sched_setaffinity(None, &one)?;
            run::output(command)
        });
        thread
            .join()
            .map_err(|_| anyhow!("the thread that runs the program panicked"))?
    })
}

/// Every member behind a `#`; sections and explanations stay.
fn commented(text: &str) -> String {
    text.lines()
        .map(|line| match line.as_bytes().first() {
            None | Some(b'#' | b'[') => format!("{line}\n"),
            Some(_) => format!("#{line}\n"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_commented_out_and_nothing_else() {
        let text = "# What it is for.\nlisten = 1\n\n[database]\n# Empty: none.\nurl = \"\"\n";
        assert_eq!(
            commented(text),
            "# What it is for.\n#listen = 1\n\n[database]\n# Empty: none.\n#url = \"\"\n"
        );
    }

    #[test]
    fn program_that_counts_cpus_counts_one() {
        let counted = on_one_cpu(&mut Command::new("nproc")).unwrap();
        assert_eq!(counted, b"1\n");
    }
}
