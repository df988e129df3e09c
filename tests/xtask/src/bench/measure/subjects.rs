//! What is timed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use measured_boot_digest::{HashPages, sha384};
use measured_boot_page_hash::{AllCores, Lanes};
use measured_boot_snp_abi::PageType;
use measured_boot_snp_launch::{Contents, Run, SnpLaunch};

use super::inputs::{FIRMWARE_BYTES, Inputs, MIB};
use crate::bench::peer::Peer;
use crate::bench::samples::{Subject, Unit};

/// One core, SHA-384 over many bytes at once: the rate that others are held against.
pub const SHA384: &str = "SHA-384 of 16 MiB (ring, one core)";
/// One core, page by page, by each of its ways.
pub const PAGES: &str = "pages of 16 MiB, one core, ";
/// The launch that the claims speak of; one of [`LINEAR`].
pub const LAUNCH: &str = LINEAR[2];
/// Launches in process, on all cores.
pub const LINEAR: [&str; 4] = [
    "launch of 4 + 16 MiB",
    "launch of 4 + 32 MiB",
    "launch of 4 + 64 MiB",
    "launch of 4 + 128 MiB",
];
const LINEAR_MIB: [usize; 4] = [16, 32, 64, 128];
/// The whole command over files.
pub const COMMAND_IGVM: &str = "cloister measure snp, IGVM of 4 + 64 MiB";
/// The same.
pub const COMMAND_PLAN: &str = "cloister measure plan, 4 + 64 MiB";
/// The same.
pub const COMMAND_DEBIAN: &str = "cloister measure snp, Debian's OVMF";
/// What others take for it.
pub const PEER_DEBIAN: &str = "sev-snp-measure, Debian's OVMF";
/// The same.
pub const COMMAND_SVSM: &str = "cloister measure snp, OVMF for an SVSM";
/// The same.
pub const PEER_SVSM: &str = "sev-snp-measure, OVMF for an SVSM";
/// The same.
pub const COMMAND_FIRMWARE: &str = "cloister measure snp, OVMF of 4 MiB";
/// The same.
pub const PEER_FIRMWARE: &str = "sev-snp-measure, OVMF of 4 MiB";

/// Everything, in the order of the tables. Whatever two programs measure is compared first.
///
/// # Errors
/// Two programs do not agree, or one fails.
pub fn all<'a>(root: &Path, inputs: &'a Inputs, peer: &Peer) -> Result<Vec<Subject<'a>>> {
    let mut subjects = in_process(inputs);
    let cloister = Cloister::built(root);
    let igvm = cloister.command(&["snp", "--igvm"], &inputs.igvm);
    let plan = cloister.command(&["plan"], &inputs.config);
    let launched = FIRMWARE_BYTES + 64 * MIB;
    subjects.push(command(COMMAND_IGVM, launched, igvm));
    subjects.push(command(COMMAND_PLAN, launched, plan));
    let firmwares = [
        (COMMAND_DEBIAN, PEER_DEBIAN, inputs.debian_ovmf.as_ref()),
        (COMMAND_SVSM, PEER_SVSM, inputs.svsm_ovmf.as_ref()),
        (COMMAND_FIRMWARE, PEER_FIRMWARE, Some(&inputs.ovmf)),
    ];
    for (own, others, firmware) in firmwares {
        let Some(firmware) = firmware else { continue };
        let bytes = usize::try_from(std::fs::metadata(firmware)?.len())?;
        let own = command(own, bytes, cloister.snp(firmware));
        let others = command(others, bytes, peer.command(firmware));
        agree(firmware, &cloister, peer)?;
        subjects.extend([own, others]);
    }
    Ok(subjects)
}

fn in_process(inputs: &Inputs) -> Vec<Subject<'_>> {
    let sixteen = &inputs.random[..16 * MIB];
    let mut subjects = vec![subject(SHA384, sixteen.len(), || {
        std::hint::black_box(sha384(sixteen));
    })];
    for lanes in Lanes::available() {
        let one = AllCores::with(1, lanes);
        subjects.push(subject(
            &format!("{PAGES}{lanes}"),
            sixteen.len(),
            move || {
                std::hint::black_box(one.hash_pages(sixteen));
            },
        ));
    }
    let all = AllCores::new();
    for (name, mib) in LINEAR.into_iter().zip(LINEAR_MIB) {
        subjects.push(launch(name, inputs, mib, all));
    }
    let plain = AllCores::with(all.threads(), Lanes::available()[0]);
    subjects.push(launch(
        "launch of 4 + 64 MiB, one lane a core",
        inputs,
        64,
        plain,
    ));
    subjects
}

/// Firmware of 4 MiB below 4 GiB, and so many MiB more elsewhere.
fn launch<'a>(name: &str, inputs: &'a Inputs, mib: usize, cores: AllCores) -> Subject<'a> {
    let (firmware, rest) = inputs.random.split_at(FIRMWARE_BYTES);
    let run = |name: &str, gpa, bytes| Run {
        name: name.to_owned(),
        gpa,
        page_type: PageType::Normal,
        contents: Contents::File { bytes, offset: 0 },
    };
    let runs = vec![
        run("firmware", 0xFFC0_0000, firmware),
        run("rest", 0x100_0000, &rest[..mib * MIB]),
    ];
    let launch = SnpLaunch::of_runs(runs);
    subject(name, FIRMWARE_BYTES + mib * MIB, move || {
        let measurement = launch.measure(&cores);
        std::hint::black_box((measurement.digest(), measurement.components()));
    })
}

fn subject<'a>(name: &str, bytes: usize, mut work: impl FnMut() + 'a) -> Subject<'a> {
    Subject {
        name: name.to_owned(),
        amount: bytes,
        unit: Unit::Bytes,
        work: Box::new(move || {
            work();
            Ok(())
        }),
    }
}

fn command<'a>(name: &str, bytes: usize, mut command: Command) -> Subject<'a> {
    Subject {
        name: name.to_owned(),
        amount: bytes,
        unit: Unit::Bytes,
        work: Box::new(move || output(&mut command).map(drop)),
    }
}

/// What a program prints.
fn output(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("run {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} fails: {said}");
    Ok(String::from_utf8(output.stdout)?)
}

/// A comparison of times is worth nothing where the results differ.
fn agree(firmware: &Path, cloister: &Cloister, peer: &Peer) -> Result<()> {
    let document = output(&mut cloister.snp(firmware))?;
    let document: serde_json::Value = serde_json::from_str(&document)?;
    let theirs = output(&mut peer.command(firmware))?;
    let (own, theirs) = (document["launch_digest"].as_str(), theirs.trim());
    let place = firmware.display();
    ensure!(
        own == Some(theirs),
        "{place}: cloister says {own:?}, {theirs} is what sev-snp-measure says"
    );
    Ok(())
}

/// The program, as built.
struct Cloister(PathBuf);

impl Cloister {
    fn built(root: &Path) -> Self {
        Self(root.join("target/x86_64-unknown-linux-gnu/release/cloister"))
    }

    fn snp(&self, ovmf: &Path) -> Command {
        let one = ["snp", "--vcpus", "1", "--vcpu-type", "EPYC-v4", "--ovmf"];
        self.command(&one, ovmf)
    }

    fn command(&self, arguments: &[&str], file: &Path) -> Command {
        let mut command = Command::new(&self.0);
        command.arg("measure").args(arguments).arg(file);
        command.args(["-o", "json"]);
        command
    }
}
