//! Ten attacks, each refused for its own reason, and no secret released.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use tests_lab::Machine;

use crate::demo::{Road, build_disk, build_initramfs, changed_cmdline, register};
use crate::evidence::Bundle;
use crate::guest::{Ending, Guest, Launch};
use crate::hostile::{self, Answer};
use crate::progress::Progress;
use crate::summary::Tamper;
use crate::verifier::{Running, Start, Verifier};

/// An address at which nobody listens.
const NOBODY: &str = "127.0.0.1:1";

/// Stage 7.
///
/// # Errors
/// When anything is not refused, is refused for another reason, or a secret leaves.
pub fn every_case(
    road: &Road,
    machine: &Machine,
    verifier: Running,
    progress: &mut Progress,
) -> Result<Vec<Tamper>> {
    progress.stage("Refused", "ten attacks, each for its own reason");
    let mut ledger = Ledger::open(road)?;
    let mut found = Vec::new();
    for case in changed_launches(road, machine)? {
        found.push(ledger.settle(changed_launch(machine, &case)?, progress)?);
    }
    for refusal in hostile_host(road, machine)? {
        found.push(ledger.settle(refusal, progress)?);
    }
    found.push(ledger.settle(impostor(road, machine)?, progress)?);
    verifier.stop()?;
    found.push(ledger.settle(no_simulated(road, machine)?, progress)?);
    Ok(found)
}

/// One attack, refused; what it did to the log is not settled yet.
struct Refusal {
    case: String,
    by: Judge,
    reason: String,
    /// What the agent said; a hostile host has none.
    agent_has_secret: bool,
}

/// Who refused.
#[derive(Clone, Copy)]
enum Judge {
    /// The agent: nothing reached the verifier.
    Agent,
    /// The verifier, for this one check: all others passed, or had nothing to look at.
    Verifier { check: &'static str },
}

impl Judge {
    fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Verifier { .. } => "verifier",
        }
    }
}

/// Watches the verifier's log for releases.
struct Ledger<'a> {
    road: &'a Road,
    releases: usize,
}

impl<'a> Ledger<'a> {
    fn open(road: &'a Road) -> Result<Self> {
        Ok(Self {
            road,
            releases: log(road)?.releases(),
        })
    }

    /// Whether a secret left, as the log and the agent both say, and whether the log has the refusal.
    fn settle(&mut self, refusal: Refusal, progress: &Progress) -> Result<Tamper> {
        let log = log(self.road)?;
        if let Judge::Verifier { check } = refusal.by {
            let failed = log.failed_checks(&refusal.reason).unwrap_or_default();
            // What the reference values and the policy make of it follows from it.
            let own = |name: &&String| !matches!(name.as_str(), "reference" | "policy");
            let failed: Vec<&String> = failed.iter().filter(own).collect();
            ensure!(
                failed == [check],
                "{}: the log is to show a refusal by {check} alone, for «{}»; it shows {failed:?}",
                refusal.case,
                refusal.reason
            );
        }
        let releases = log.releases();
        let secret_released = refusal.agent_has_secret || releases != self.releases;
        self.releases = releases;
        ensure!(
            !secret_released,
            "{}: a secret left the verifier",
            refusal.case
        );
        progress.line(&format!(
            "{:<26}refused by the {}",
            refusal.case,
            refusal.by.name()
        ));
        progress.wrapped(&refusal.reason);
        Ok(Tamper {
            case: refusal.case,
            verdict: "refused".to_owned(),
            refused_by: refusal.by.name().to_owned(),
            reason: refusal.reason,
            secret_released,
        })
    }
}

/// The verifier's log as it is now.
fn log(road: &Road) -> Result<Bundle> {
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path().join("bundle");
    road.verifier.export(&folder)?;
    Bundle::read(&folder, &road.verifier.pins()?.log_key)
}

/// A launch that differs from the genuine one, and what its refusal must say.
struct Case {
    name: &'static str,
    launch: Launch,
    /// The check that refuses it.
    check: &'static str,
    /// What the reason must name.
    names: &'static str,
}

fn changed_launches(road: &Road, machine: &Machine) -> Result<Vec<Case>> {
    let guest = road.guest_folder();
    change_kernel(&guest)?;
    let note = guest.join("note");
    fs::write(&note, "slipped in")?;
    let extra = format!("/etc/slipped-in={}", note.display());
    let initrd = guest.join("changed.cpio");
    build_initramfs(
        &road.programs,
        &road.kernel_folder(),
        &road.verifier.pins_file(),
        &initrd,
        &["--extra", &extra],
    )?;
    for name in ["changed.vmlinux", "changed.cpio"] {
        machine.put(&guest.join(name), &format!("guest/{name}"), 0o600)?;
    }
    let genuine = |name: &str| Launch::genuine(name, &road.verifier_address(machine));
    Ok(vec![
        Case {
            name: "changed command line",
            launch: Launch {
                cmdline: changed_cmdline(),
                ..genuine("changed-cmdline")
            },
            check: "launch_digest",
            names: "cmdline",
        },
        Case {
            name: "changed initrd",
            launch: Launch {
                initrd: "changed.cpio".to_owned(),
                ..genuine("changed-initrd")
            },
            check: "launch_digest",
            names: "initrd",
        },
        Case {
            name: "changed kernel",
            launch: Launch {
                kernel: "changed.vmlinux".to_owned(),
                ..genuine("changed-kernel")
            },
            check: "launch_digest",
            names: "kernel",
        },
        Case {
            name: "one more vCPU",
            launch: Launch {
                vcpus: 3,
                ..genuine("one-more-vcpu")
            },
            check: "launch_digest",
            names: "vcpu",
        },
        Case {
            name: "debug policy bit",
            launch: Launch {
                debug: true,
                ..genuine("debug")
            },
            check: "debug",
            names: "debug",
        },
    ])
}

/// Changes one letter of the banner that the kernel prints: another kernel that boots as well.
fn change_kernel(guest: &Path) -> Result<()> {
    let mut kernel = fs::read(guest.join("vmlinux"))?;
    let banner = b"debian-kernel@lists.debian.org";
    let place = kernel
        .windows(banner.len())
        .position(|window| window == banner)
        .context("the kernel's banner does not name Debian's list")?;
    kernel[place] = b'D';
    Ok(fs::write(guest.join("changed.vmlinux"), kernel)?)
}

fn changed_launch(machine: &Machine, case: &Case) -> Result<Refusal> {
    let ending = Guest::launch(machine, &case.launch)?.wait(machine)?;
    let refusal = refusal(case.name, &ending, Judge::Verifier { check: case.check })?;
    ensure!(
        refusal.reason.contains(case.names),
        "{}: the reason does not speak of «{}»: {}",
        case.name,
        case.names,
        refusal.reason
    );
    Ok(refusal)
}

/// The refusal that the agent printed.
fn refusal(case: &str, ending: &Ending, by: Judge) -> Result<Refusal> {
    let reason = ending
        .agent_said(&format!("refused-by {}:", by.name()))
        .context(case.to_owned())?;
    Ok(Refusal {
        case: case.to_owned(),
        by,
        reason: reason.to_owned(),
        agent_has_secret: ending.agent_said("secret-received")? != "no",
    })
}

fn hostile_host(road: &Road, machine: &Machine) -> Result<Vec<Refusal>> {
    // The guest need not boot: its report is genuine from the end of the launch on. Where it could
    // reach the verifier it might get its secret before the attacks are over; no digest covers that.
    let launch = Launch::genuine("captured", NOBODY);
    let mut guest = Guest::launch(machine, &launch)?;
    guest.wait_for_event("running")?;
    let answers = hostile::attacks(machine, &guest, &road.verifier.client()?)?;
    guest.vmm.signal(rustix::process::Signal::TERM)?;
    guest.wait(machine)?;
    answers
        .into_iter()
        .map(|(case, check, answer)| match answer {
            Answer::Refused(reason) => Ok(Refusal {
                case: case.to_owned(),
                by: Judge::Verifier { check },
                reason,
                agent_has_secret: false,
            }),
            Answer::Accepted => bail!("{case}: the verifier accepted it"),
        })
        .collect()
}

/// A verifier with keys and a disk of its own, to which the host leads a genuine guest.
fn impostor(road: &Road, machine: &Machine) -> Result<Refusal> {
    let folder = road.folder.join("impostor");
    fs::create_dir_all(&folder)?;
    let impostor = Verifier::init(&road.programs, &folder.join("data"))?;
    let secret = folder.join("secret.json");
    build_disk(&road.programs, &folder, "impostor.img", &secret)?;
    let root = road.simulated_root();
    let log = folder.join("verifier.log");
    let running = impostor.start(&Start {
        simulated_root: Some(&root),
        log: &log,
        flags: &[],
    })?;
    let genuine = road.folder.join("reference.json");
    register(&impostor, &secret, &genuine)?;
    machine.put(&folder.join("impostor.img"), "guest/impostor.img", 0o600)?;
    let launch = Launch {
        disk: "impostor.img".to_owned(),
        ..Launch::genuine(
            "impostor",
            &format!("{}:{}", machine.outside(), impostor.port()),
        )
    };
    let ending = Guest::launch(machine, &launch)?.wait(machine)?;
    running.stop()?;
    refusal("impostor verifier", &ending, Judge::Agent)
}

fn no_simulated(road: &Road, machine: &Machine) -> Result<Refusal> {
    let running = road.start_verifier(false)?;
    let launch = Launch::genuine("no-simulated", &road.verifier_address(machine));
    let ending = Guest::launch(machine, &launch)?.wait(machine)?;
    running.stop()?;
    let by = Judge::Verifier {
        check: "tee_allowed",
    };
    refusal("no --allow-simulated", &ending, by)
}
