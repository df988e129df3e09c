//! What happens to the VM, told to people or programs.

use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::path::Path;

use measured_boot_digest::LaunchDigest;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use serde::Serialize;
use vmm_launch::Told;

use crate::arguments::Output;
use crate::cpuid::{self, AdoptedLeaf};

/// One thing that happened.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event<'a> {
    /// The launch is planned.
    Planned {
        /// Name of the VM.
        name: &'a str,
        /// Which TEE will measure it.
        tee: &'static str,
        /// Lower-case hexadecimal.
        launch_digest_predicted: String,
    },
    /// The guest gets another CPUID than planned, as `--adopt-cpuid` allows.
    CpuidAdopted {
        /// Where it differs.
        leaves: &'a [AdoptedLeaf],
    },
    /// The configuration names certificates for the guest, and this host's kernel cannot hand them over.
    CertificatesLeftOut {},
    /// The runtime directory is one that a killed VM left behind.
    TookOver {
        /// Its path.
        runtime_dir: &'a Path,
    },
    /// A helper process runs, confined.
    Spawned {
        /// Its program.
        process: String,
        /// Its process id on the host.
        pid: u32,
        /// Whether the kernel's Landlock confines it too.
        landlock: bool,
    },
    /// The launch is loaded and measured.
    Measured {
        /// Which TEE.
        tee: &'static str,
        /// Who compares what was measured with what was predicted: `tee` (it reported the digest, which is the
        /// predicted one), `id-block` (the firmware did, before it lets the guest run), `guest-report` (no host
        /// is told; whoever verifies the guest's own report will).
        compared_by: &'static str,
        /// In lower-case hexadecimal.
        launch_digest_predicted: String,
        /// The same, only where the TEE itself reported it.
        #[serde(skip_serializing_if = "Option::is_none")]
        launch_digest_reported: Option<String>,
        /// In words.
        #[serde(rename = "meaning")]
        sentence: &'static str,
    },
    /// The guest runs.
    Running {
        /// Number of vCPUs.
        vcpus: usize,
    },
    /// A TD gets no quote.
    NoQuote {
        /// Why.
        error: String,
    },
    /// It did not come to running, or the VMM itself failed: the last event.
    Failed {
        /// The error and its causes, in one line.
        error: String,
    },
    /// The guest stopped.
    Stopped {
        /// Why.
        reason: &'static str,
        /// More about it, for people.
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
}

impl Event<'_> {
    /// Of a launch that was predicted to have `digest`.
    pub fn measured(tee: &'static str, digest: LaunchDigest, told: Told) -> Self {
        Self::Measured {
            tee,
            compared_by: told.name(),
            launch_digest_predicted: digest.to_string(),
            launch_digest_reported: matches!(told, Told::Digest(_)).then(|| digest.to_string()),
            sentence: told.sentence(),
        }
    }
}

/// Tells events.
#[derive(Clone, Copy)]
pub struct Teller(pub Output);

impl Teller {
    /// Tells one.
    ///
    /// # Errors
    /// Nobody listens any more.
    pub fn tell(self, event: &Event<'_>) -> io::Result<()> {
        match self.0 {
            Output::Text => {
                await_reader(io::stderr())?;
                writeln!(io::stderr().lock(), "cloister-vmm: {}", sentence(event))
            }
            Output::Json => {
                await_reader(io::stdout())?;
                let line = serde_json::to_string(event)?;
                let mut out = io::stdout().lock();
                writeln!(out, "{line}")?;
                out.flush()
            }
        }
    }
}

/// Whoever does not read must not keep the VMM from ending.
///
/// # Errors
/// A pipe stays full.
pub fn await_reader(to: impl AsFd) -> io::Result<()> {
    const PATIENCE: Timespec = Timespec {
        tv_sec: 5,
        tv_nsec: 0,
    };
    let mut waiting = [PollFd::new(&to, PollFlags::OUT)];
    match retry_on_intr(|| poll(&mut waiting, Some(&PATIENCE)))? {
        0 => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "nobody reads what happens",
        )),
        _ => Ok(()),
    }
}

const NO_CERTIFICATES: &str = "the guest gets no certificates from this host: its kernel hands none over \
    (Linux 7.0 does); verifiers fetch them";

fn spawned(process: &str, pid: u32, landlock: bool) -> String {
    let without = match landlock {
        true => "",
        false => ", without Landlock, which this kernel lacks",
    };
    format!("{process} runs, confined, as process {pid}{without}")
}

fn sentence(event: &Event<'_>) -> String {
    match event {
        Event::Planned {
            name,
            tee,
            launch_digest_predicted,
        } => {
            format!(
                "{name}: planned for the {tee} TEE\n  launch digest predicted {launch_digest_predicted}"
            )
        }
        Event::CpuidAdopted { leaves } => cpuid::sentence(leaves),
        Event::CertificatesLeftOut {} => NO_CERTIFICATES.to_owned(),
        Event::TookOver { runtime_dir } => format!(
            "took over the runtime directory {}, which a VM that was killed left behind",
            runtime_dir.display()
        ),
        Event::Spawned {
            process,
            pid,
            landlock,
        } => spawned(process, *pid, *landlock),
        Event::Measured {
            tee,
            launch_digest_predicted,
            launch_digest_reported,
            sentence,
            ..
        } => {
            let digest = match launch_digest_reported {
                Some(reported) => format!("reported {reported}"),
                None => format!("predicted {launch_digest_predicted}"),
            };
            format!("measured by the {tee} TEE\n  launch digest {digest}\n  {sentence}")
        }
        Event::Running { vcpus } => format!("running on {vcpus} vCPUs"),
        Event::NoQuote { error } => format!("the guest gets no quote: {error}"),
        Event::Failed { error } => error.clone(),
        Event::Stopped {
            reason,
            detail: None,
        } => format!("stopped: {reason}"),
        Event::Stopped {
            reason,
            detail: Some(detail),
        } => format!("stopped: {reason}: {detail}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_json_documents_with_their_name() {
        let digest = LaunchDigest([0; 48]);
        let zeros = "00".repeat(48);
        let measured = Event::measured("simulated", digest, Told::Digest(digest));
        assert_eq!(
            serde_json::to_value(&measured).unwrap(),
            serde_json::json!({
                "event": "measured",
                "tee": "simulated",
                "compared_by": "tee",
                "launch_digest_predicted": zeros,
                "launch_digest_reported": zeros,
                "meaning": "predicted; the TEE reported the same",
            })
        );
        let stopped = Event::Stopped {
            reason: "guest-poweroff",
            detail: None,
        };
        assert_eq!(
            serde_json::to_value(&stopped).unwrap(),
            serde_json::json!({"event": "stopped", "reason": "guest-poweroff"})
        );
    }

    /// Only a TEE that reports a digest gets it called reported.
    #[test]
    fn measured_says_who_compares_the_digest() {
        let digest = LaunchDigest([7; 48]);
        for (told, by, words) in [
            (
                Told::HeldByIdBlock(digest),
                "id-block",
                "the firmware compared it with the ID block",
            ),
            (
                Told::Nothing,
                "guest-report",
                "the guest's own report will show it",
            ),
        ] {
            let event = Event::measured("snp", digest, told);
            let document = serde_json::to_value(&event).unwrap();
            assert_eq!(document["compared_by"], by);
            assert_eq!(document.get("launch_digest_reported"), None);
            assert!(sentence(&event).contains(words));
            assert!(sentence(&event).contains(&format!("launch digest predicted {digest}")));
        }
        let reported = sentence(&Event::measured("simulated", digest, Told::Digest(digest)));
        assert!(reported.contains(&format!("launch digest reported {digest}")));
    }
}
