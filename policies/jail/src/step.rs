//! What a child does between clone3 and its program's first instruction, and how it says what failed.

use std::fmt;

use rustix::io::Errno;

/// Bytes of a failure report: the step, then the error number, little-endian.
pub(crate) const REPORT_LENGTH: usize = 5;

/// A step on the way to the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Hear from its parent, and tie its life to it.
    Parent,
    /// Leave the terminal's session.
    Session,
    /// Become root of its user namespace, which is nobody on the host.
    User,
    /// Set resource limits.
    Limits,
    /// Put descriptors in their places and close the others.
    Descriptors,
    /// Execute the program.
    Execute,
}

impl Step {
    const ALL: [Step; 6] = [
        Step::Parent,
        Step::Session,
        Step::User,
        Step::Limits,
        Step::Descriptors,
        Step::Execute,
    ];

    pub(crate) fn report(self, error: Errno) -> [u8; REPORT_LENGTH] {
        let [a, b, c, d] = error.raw_os_error().to_le_bytes();
        [self as u8, a, b, c, d]
    }

    pub(crate) fn from_report(report: [u8; REPORT_LENGTH]) -> Option<(Step, Errno)> {
        let [step, a, b, c, d] = report;
        let step = *Step::ALL.get(usize::from(step))?;
        let error = i32::from_le_bytes([a, b, c, d]);
        Some((step, Errno::from_raw_os_error(error)))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Parent => "tie its life to its parent's",
            Step::Session => "leave the terminal's session",
            Step::User => "change its user",
            Step::Limits => "set its resource limits",
            Step::Descriptors => "arrange its descriptors",
            Step::Execute => "execute it",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_every_one_survives_its_report() {
        for step in Step::ALL {
            let report = step.report(Errno::ACCESS);
            assert_eq!(Step::from_report(report), Some((step, Errno::ACCESS)));
        }
    }

    #[test]
    fn report_unknown_step_is_none() {
        assert_eq!(Step::from_report([99, 0, 0, 0, 0]), None);
    }
}
