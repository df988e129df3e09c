//! The two programs of others that make file systems and hash trees.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::{Child, Command, Stdio};

use thiserror::Error;

/// A program and the Debian package that brings it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    pub program: &'static str,
    pub package: &'static str,
}

pub(crate) const MKE2FS: Tool = Tool {
    program: "mke2fs",
    package: "e2fsprogs",
};
pub(crate) const DEBUGFS: Tool = Tool {
    program: "debugfs",
    package: "e2fsprogs",
};
pub(crate) const VERITYSETUP: Tool = Tool {
    program: "veritysetup",
    package: "cryptsetup-bin",
};

impl Tool {
    /// Runs to the end with `input`; returns what was printed to stdout and stderr.
    pub(crate) fn run(self, args: &[&str], input: &str) -> Result<(String, String), ToolError> {
        let mut child = self.spawn(args)?;
        let failed = |source| ToolError::Run {
            program: self.program,
            source,
        };
        // Less than a pipe holds, so that this cannot wait for the program to read it.
        let mut stdin = child.stdin.take().expect("stdin is piped");
        match stdin.write_all(input.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(failed(error)),
            _ => drop(stdin),
        }
        let output = child.wait_with_output().map_err(failed)?;
        let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if !output.status.success() {
            return Err(ToolError::Failed {
                program: self.program,
                status: output.status,
                stderr,
            });
        }
        Ok((String::from_utf8_lossy(&output.stdout).into_owned(), stderr))
    }

    /// Starts the program with all three streams piped and nothing of the caller's environment but its
    /// search path: results must not depend on a locale, a time zone or someone's settings.
    pub(crate) fn spawn(self, args: &[&str]) -> Result<Child, ToolError> {
        Command::new(self.program)
            .args(args)
            .env_clear()
            .env("PATH", search_path())
            .env("LC_ALL", "C")
            .env("MKE2FS_CONFIG", "/dev/null")
            .env("E2FSPROGS_FAKE_TIME", FAKE_TIME)
            .env("SOURCE_DATE_EPOCH", FAKE_TIME)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| match source.kind() {
                io::ErrorKind::NotFound => ToolError::Missing {
                    program: self.program,
                    package: self.package,
                },
                _ => ToolError::Run {
                    program: self.program,
                    source,
                },
            })
    }
}

/// The time in every file system that is made. Not zero, which these programs take for "unset".
const FAKE_TIME: &str = "1";

/// Debian keeps these programs in sbin, which is not on everybody's path.
fn search_path() -> OsString {
    let mut path = env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    path.push(":/usr/sbin:/sbin");
    path
}

/// An outside program did not do its work.
#[derive(Debug, Error)]
pub enum ToolError {
    /// Not on this machine.
    #[error("{program} is not installed: run `apt-get install {package}`")]
    Missing {
        /// The program.
        program: &'static str,
        /// The Debian package to install.
        package: &'static str,
    },
    /// It could not be started or talked to.
    #[error("cannot run {program}")]
    Run {
        /// The program.
        program: &'static str,
        /// Why.
        source: io::Error,
    },
    /// It said that it failed.
    #[error("{program} failed ({status}): {stderr}")]
    Failed {
        /// The program.
        program: &'static str,
        /// Its exit status.
        status: std::process::ExitStatus,
        /// What it printed.
        stderr: String,
    },
    /// It exited well, but complained or printed something unexpected.
    #[error("{program} did not do what was asked: {output}")]
    Unexpected {
        /// The program.
        program: &'static str,
        /// What it printed.
        output: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_not_installed_error_names_the_package() {
        let tool = Tool {
            program: "cloister-no-such-tool",
            package: "the-package",
        };
        let error = tool.run(&[], "").unwrap_err().to_string();
        assert!(error.contains("apt-get install the-package"), "{error}");
    }

    #[test]
    fn tool_that_fails_error_carries_its_words() {
        let error = MKE2FS
            .run(&["/nonexistent/image"], "")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("mke2fs failed") && error.contains("/nonexistent/image"),
            "{error}"
        );
    }
}
