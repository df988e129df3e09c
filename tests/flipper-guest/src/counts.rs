//! What the guest did, for its report.

use core::fmt;

/// Counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests to convert that were carried out.
    pub conversions: u64,
    /// Pages in them.
    pub pages: u64,
    /// Pages that were touched for the first time since they became private: as many private faults.
    pub private_touches: u64,
    /// Requests to convert that were refused, as they had to be.
    pub refused: u64,
    /// Pages that had to read zero, and did.
    pub zero_checks: u64,
    /// Pages that had to hold what was last written, and did.
    pub content_checks: u64,
    /// Reads of the disk that ended well.
    pub reads: u64,
    /// Bytes in them, compared with the disk's.
    pub read_bytes: u64,
    /// Pages that the server echoed.
    pub echoes: u64,
    /// Bytes in them, compared.
    pub echo_bytes: u64,
    /// Pages taken from under a device that used them.
    pub stolen: u64,
    /// Devices that had to be reset.
    pub restarts: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = [
            ("conversions", self.conversions),
            ("pages", self.pages),
            ("private-touches", self.private_touches),
            ("refused", self.refused),
            ("zero-checks", self.zero_checks),
            ("content-checks", self.content_checks),
            ("reads", self.reads),
            ("read-bytes", self.read_bytes),
            ("echoes", self.echoes),
            ("echo-bytes", self.echo_bytes),
            ("stolen", self.stolen),
            ("restarts", self.restarts),
        ];
        fields
            .iter()
            .try_for_each(|(name, value)| write!(out, " {name}={value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_with_their_names() {
        let counts = Counts {
            conversions: 3,
            restarts: 1,
            ..Counts::default()
        };
        let text = counts.to_string();
        assert!(
            text.starts_with(" conversions=3 pages=0") && text.ends_with(" restarts=1"),
            "{text}"
        );
    }
}
