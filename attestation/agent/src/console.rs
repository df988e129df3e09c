//! What the agent says on the serial console: few short lines, as each byte costs the guest an exit.

use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use attestation_evidence::Tee;
use attestation_guest::power_off;

/// A reason from afar is cut here.
const REASON_LIMIT: usize = 300;

/// Whether a secret was opened in this boot, for the last words of a panic too.
static SECRET_RECEIVED: AtomicBool = AtomicBool::new(false);

/// One line. Hosts and tests parse them: the texts are fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// The kind of evidence that will be shown.
    Tee(Tee),
    /// TLS is up and its key is the pinned one.
    VerifierPinned,
    /// The verifier accepted the evidence.
    Attested,
    /// The release's log entry is proven to be in the pinned log.
    Released {
        /// The entry's index in the log.
        log_index: u64,
    },
    /// The payload, read through dm-verity and dm-crypt.
    FileSha256 {
        /// Its digest.
        sha256: [u8; 32],
        /// Its name on the disk.
        name: &'static str,
    },
    /// The verifier judged and refused.
    RefusedByVerifier(String),
    /// The agent refused, or could not go on.
    RefusedByAgent(String),
    /// Whether a secret was opened.
    SecretReceived(bool),
    /// The last line; the machine powers off.
    Done,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cloister-agent: ")?;
        match self {
            Self::Tee(tee) => write!(f, "tee {tee}"),
            Self::VerifierPinned => f.write_str("verifier pinned tls ok"),
            Self::Attested => f.write_str("attested"),
            Self::Released { log_index } => write!(f, "release log-index {log_index} proof ok"),
            Self::FileSha256 { sha256, name } => {
                write!(f, "file-sha256 {} {name}", hex::encode(sha256))
            }
            Self::RefusedByVerifier(reason) => {
                write!(f, "refused-by verifier: {}", one_line(reason))
            }
            Self::RefusedByAgent(reason) => write!(f, "refused-by agent: {}", one_line(reason)),
            Self::SecretReceived(true) => f.write_str("secret-received yes"),
            Self::SecretReceived(false) => f.write_str("secret-received no"),
            Self::Done => f.write_str("done"),
        }
    }
}

/// A reason as one short line of printable ASCII, whoever wrote it: terminals obey controls, and some
/// invisible characters of Unicode break or reverse a line.
fn one_line(reason: &str) -> String {
    let printable = |character: char| match character {
        ' '..='~' => character,
        _ if character.is_control() => ' ',
        _ => '?',
    };
    reason.chars().map(printable).take(REASON_LIMIT).collect()
}

/// Writes one line. A console that is gone stops nothing.
pub fn say(line: &Line) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}");
    let _ = stdout.flush();
}

/// To be called as soon as a secret is open.
pub fn note_secret_received() {
    SECRET_RECEIVED.store(true, Ordering::SeqCst);
}

/// The last words, then power off.
pub fn finish() -> ! {
    say(&Line::SecretReceived(
        SECRET_RECEIVED.load(Ordering::SeqCst),
    ));
    say(&Line::Done);
    power_off()
}

/// A panic ends like every other refusal. It names its place and nothing of its values, which
/// could be secret.
pub fn finish_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, |place| format!(" at {place}"));
        say(&Line::RefusedByAgent(format!("internal error{place}")));
        finish()
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_exactly_as_documented() {
        let texts = [
            (Line::Tee(Tee::Simulated), "tee simulated"),
            (Line::VerifierPinned, "verifier pinned tls ok"),
            (Line::Attested, "attested"),
            (
                Line::Released { log_index: 12 },
                "release log-index 12 proof ok",
            ),
            (
                Line::RefusedByVerifier("debug is on".into()),
                "refused-by verifier: debug is on",
            ),
            (
                Line::RefusedByAgent("no disk".into()),
                "refused-by agent: no disk",
            ),
            (Line::SecretReceived(true), "secret-received yes"),
            (Line::SecretReceived(false), "secret-received no"),
            (Line::Done, "done"),
        ];
        for (line, text) in texts {
            assert_eq!(line.to_string(), format!("cloister-agent: {text}"));
        }
        let file = Line::FileSha256 {
            sha256: [0xab; 32],
            name: "payload.bin",
        };
        let expected = format!(
            "cloister-agent: file-sha256 {} payload.bin",
            "ab".repeat(32)
        );
        assert_eq!(file.to_string(), expected);
    }

    #[test]
    fn reason_with_line_breaks_and_controls_stays_one_short_line() {
        let forged = format!(
            "x\r\ncloister-agent: attested\x1b[2J\u{202e}\u{2028}{}",
            "y".repeat(1000)
        );
        let line = Line::RefusedByVerifier(forged).to_string();
        assert!(line.chars().all(|c| matches!(c, ' '..='~')), "{line:?}");
        assert!(
            line.chars().count() <= "cloister-agent: refused-by verifier: ".len() + REASON_LIMIT
        );
    }
}
