//! The whole road, once: image, predict, verifier, launch, attest, use, refused, evidence.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;
use tests_lab::{Backend, Lab, Machine, choose, kernel_package, write_initramfs};

use crate::evidence;
use crate::guest::{CMDLINE, Ending, Guest, Launch, furnish, measure};
use crate::programs::{Programs, text, word};
use crate::progress::Progress;
use crate::refused;
use crate::summary::Summary;
use crate::verifier::{Running, Start, Verifier};

/// The secret that the genuine guest needs.
pub const RESOURCE: &str = "default/disk/data";

/// The name of the genuine guest's reference value.
const REFERENCE: &str = "demo-guest";

/// The folder of fetched packages, which outlives a run.
const CACHE: &str = "cache";

/// Size of the random file on the data disk.
const PAYLOAD_BYTES: usize = 1 << 20;

/// Walks the road and writes `summary.json` into `folder`.
///
/// # Errors
/// The first step that did not go as it must.
pub fn run(root: &Path, folder: &Path, backend: Option<Backend>) -> Result<Summary> {
    let backend = choose(backend)?;
    let mut progress = Progress::new(8);
    let road = Road::prepare(root, folder, backend, &mut progress)?;
    let (predicted, config) = road.predict(&mut progress)?;
    let verifier = road.open_verifier(&config, &mut progress)?;
    let machine = road.boot_machine(&mut progress)?;
    let genuine = road.launch(&machine, &predicted, &mut progress)?;
    let seen = road.show_attestation(&genuine, &mut progress)?;
    let tamper = refused::every_case(&road, &machine, verifier, &mut progress)?;
    let audit = evidence::export_and_audit(&road, &mut progress)?;
    let summary = Summary {
        backend: backend.name().to_owned(),
        tee: genuine.event("measured", "tee")?.to_owned(),
        kernel_version: road.kernel_version.clone(),
        launch_digest_predicted: text(&predicted, "/launch_digest")?.to_owned(),
        launch_digest_reported: genuine
            .event("measured", "launch_digest_reported")?
            .to_owned(),
        file_sha256_put_in: road.payload_sha256.clone(),
        file_sha256_seen_by_guest: seen,
        tamper,
        bundle: audit.bundle,
        checkpoint: audit.checkpoint,
        auditor_verdict: audit.verdict,
        forgeries_caught: audit.forgeries_caught,
        seconds: progress.finish(),
    };
    let path = folder.join("summary.json");
    fs::write(&path, serde_json::to_string_pretty(&summary)? + "\n")
        .with_context(|| format!("write {}", path.display()))?;
    println!(
        "\n{}\n  summary                   {}",
        summary.to_text(),
        path.display()
    );
    Ok(summary)
}

/// What the stages share.
#[derive(Debug)]
pub struct Road {
    /// The programs under test.
    pub programs: Programs,
    /// Everything that the demo makes.
    pub folder: PathBuf,
    /// The verifier that the guest trusts.
    pub verifier: Verifier,
    backend: Backend,
    kernel_version: String,
    /// SHA-256 of the random file on the data disk.
    pub payload_sha256: String,
}

impl Road {
    /// Stage 1: keys first, since the guest carries the verifier's pins; then kernel, initramfs, disk.
    ///
    /// # Errors
    /// The step that failed.
    pub fn prepare(
        root: &Path,
        folder: &Path,
        backend: Backend,
        progress: &mut Progress,
    ) -> Result<Self> {
        progress.stage(
            "Image",
            "a stock Debian kernel, the agent with the verifier's pins, an encrypted disk",
        );
        let programs = Programs::find()?;
        clear(folder)?;
        let guest = folder.join("guest");
        fs::create_dir_all(&guest)?;
        let verifier = Verifier::init(&programs, &folder.join("verifier"))?;
        programs.cloister_json(&["simulated-tee", "init", "--dir", word(&guest.join("tee"))?])?;

        let package = kernel_package(&root.join("target/demo/cache"))?;
        progress.line(&format!(
            "kernel package {}",
            package.file_name().unwrap_or_default().display()
        ));
        let kernel_dir = folder.join("kernel");
        let kernel = programs.cloister_json(&[
            "image",
            "kernel",
            "--deb",
            word(&package)?,
            "--out",
            word(&kernel_dir)?,
        ])?;
        fs::copy(kernel_dir.join("vmlinux"), guest.join("vmlinux"))?;
        build_initramfs(
            &programs,
            &kernel_dir,
            &verifier.pins_file(),
            &guest.join("initramfs.cpio"),
            &[],
        )?;
        let payload_sha256 =
            build_disk(&programs, &guest, "data.img", &folder.join("secret.json"))?;
        progress.line(&format!(
            "file on the disk, random: SHA-256 {payload_sha256}"
        ));
        let kernel_version = text(&kernel, "/release")?.to_owned();
        Ok(Self {
            programs,
            folder: folder.to_owned(),
            verifier,
            backend,
            kernel_version,
            payload_sha256,
        })
    }

    /// The guest's files.
    #[must_use]
    pub fn guest_folder(&self) -> PathBuf {
        self.folder.join("guest")
    }

    /// The unpacked kernel.
    #[must_use]
    pub fn kernel_folder(&self) -> PathBuf {
        self.folder.join("kernel")
    }

    /// The root that reports of this demo's simulated TEE lead to.
    #[must_use]
    pub fn simulated_root(&self) -> PathBuf {
        self.guest_folder().join("tee/ark.pem")
    }

    /// Stage 2: what `cloister measure plan` says, and the configuration that it is about.
    ///
    /// # Errors
    /// What it says.
    pub fn predict(&self, progress: &mut Progress) -> Result<(Value, PathBuf)> {
        progress.stage(
            "Predict",
            "the launch digest, offline, from the launch plan",
        );
        let launch = Launch::genuine("genuine", "127.0.0.1:8443");
        let (predicted, config) = measure(&self.programs, &self.guest_folder(), &launch)?;
        progress.line(&format!(
            "launch digest {}",
            text(&predicted, "/launch_digest")?
        ));
        show_components(&predicted, progress)?;
        show_coverage(&predicted, progress)?;
        Ok((predicted, config))
    }

    /// Stage 3: the verifier runs, and knows policy, reference value and secret.
    ///
    /// # Errors
    /// What it says.
    pub fn open_verifier(&self, config: &Path, progress: &mut Progress) -> Result<Running> {
        progress.stage(
            "Verifier",
            "listens on loopback; reference value, policy and secret are registered",
        );
        let running = self.start_verifier(true)?;
        let file = self.folder.join("reference.json");
        make_reference(&self.programs, config, &file)?;
        register(&self.verifier, &self.folder.join("secret.json"), &file)?;
        progress.line(&format!(
            "listens on 127.0.0.1:{}, accepts simulated evidence",
            self.verifier.port()
        ));
        Ok(running)
    }

    /// Starts the verifier that the guest trusts.
    ///
    /// # Errors
    /// When it does not listen.
    pub fn start_verifier(&self, allow_simulated: bool) -> Result<Running> {
        let root = self.simulated_root();
        let simulated_root = allow_simulated.then_some(root.as_path());
        self.verifier.start(&Start {
            simulated_root,
            log: &self.folder.join("verifier.log"),
            flags: &[],
        })
    }

    /// The machine that guests run on, furnished.
    ///
    /// # Errors
    /// When the lab does not come up.
    pub fn boot_machine(&self, progress: &mut Progress) -> Result<Machine> {
        progress.stage(
            "Launch",
            "a guest of 2 vCPUs through the boot shim; the simulated TEE measures what KVM holds",
        );
        let machine = machine(
            &self.programs,
            self.backend,
            &self.folder,
            &self.kernel_folder(),
        )?;
        furnish(
            &machine,
            &self.programs,
            &self.guest_folder(),
            &["vmlinux", "initramfs.cpio", "data.img"],
        )?;
        Ok(machine)
    }

    /// `ADDRESS:PORT` of the verifier, seen from the machine.
    #[must_use]
    pub fn verifier_address(&self, machine: &Machine) -> String {
        format!("{}:{}", machine.outside(), self.verifier.port())
    }

    /// Stage 4.
    fn launch(
        &self,
        machine: &Machine,
        predicted: &Value,
        progress: &mut Progress,
    ) -> Result<Ending> {
        let launch = Launch::genuine("genuine", &self.verifier_address(machine));
        progress.line("launching the guest and waiting until it has powered off");
        let ending = Guest::launch(machine, &launch)?.wait(machine)?;
        let reported = ending.event("measured", "launch_digest_reported")?;
        progress.line(&format!("reported by the simulated TEE {reported}"));
        ensure!(
            reported == text(predicted, "/launch_digest")?,
            "the reported launch digest is not the predicted one"
        );
        ensure!(
            ending.code == 0,
            "the genuine guest did not end well\n{}",
            ending.tail()
        );
        Ok(ending)
    }

    /// Stages 5 and 6 happened inside the guest: its console tells.
    fn show_attestation(&self, genuine: &Ending, progress: &mut Progress) -> Result<String> {
        progress.stage("Attest", "what the guest's agent said on its console");
        let tee = genuine.agent_said("tee")?;
        ensure!(tee == "simulated", "the agent calls its TEE «{tee}»");
        genuine.agent_said("attested")?;
        progress.line("verifier's pinned keys checked, evidence accepted (simulated)");
        progress.line(&format!("release: {}", genuine.agent_said("release")?));
        progress.stage("Use", "dm-crypt and dm-verity opened, the file read");
        let seen = genuine.agent_said("file-sha256")?;
        let seen = seen
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned();
        progress.line(&format!("SHA-256 seen by the guest {seen}"));
        ensure!(
            seen == self.payload_sha256,
            "the guest saw another file than was put in"
        );
        ensure!(
            genuine.agent_said("secret-received")? == "yes",
            "the guest has no secret"
        );
        Ok(seen)
    }
}

/// Boots the lab, or takes this host.
///
/// # Errors
/// When the lab does not come up.
pub fn machine(
    programs: &Programs,
    backend: Backend,
    folder: &Path,
    kernel: &Path,
) -> Result<Machine> {
    let own = folder.join("machine");
    fs::create_dir_all(&own).with_context(|| format!("make {}", own.display()))?;
    if backend == Backend::Kvm {
        return Ok(Machine::Local { folder: own });
    }
    let initramfs = own.join("lab.cpio");
    write_initramfs(kernel, &programs.path("lab-init"), &initramfs)?;
    Ok(Machine::Lab(Lab::boot(
        &kernel.join("vmlinux"),
        &initramfs,
        &own.join("lab.console"),
    )?))
}

/// Builds the guest's initramfs.
///
/// # Errors
/// What `cloister image initramfs` says.
pub fn build_initramfs(
    programs: &Programs,
    kernel: &Path,
    pins: &Path,
    out: &Path,
    more: &[&str],
) -> Result<()> {
    let agent = programs.path("cloister-agent");
    let words = [
        "image",
        "initramfs",
        "--kernel-dir",
        word(kernel)?,
        "--agent",
        word(&agent)?,
    ];
    let files = ["--pins", word(pins)?, "--out", word(out)?];
    programs
        .cloister_json(&[&words, files.as_slice(), more].concat())
        .map(drop)
}

/// Builds a data disk around a random file and returns the file's SHA-256.
///
/// # Errors
/// What `cloister image disk` says.
pub fn build_disk(programs: &Programs, folder: &Path, name: &str, secret: &Path) -> Result<String> {
    let mut payload = vec![0; PAYLOAD_BYTES];
    SystemRandom::new()
        .fill(&mut payload)
        .map_err(|_| anyhow::anyhow!("no random bytes"))?;
    let file = folder.join("payload.bin");
    fs::write(&file, &payload)?;
    let out = folder.join(name);
    programs.cloister_json(&[
        "image",
        "disk",
        "--file",
        word(&file)?,
        "--out",
        word(&out)?,
        "--secret-out",
        word(secret)?,
    ])?;
    Ok(hex::encode(digest(&SHA256, &payload)))
}

/// Writes the reference value of the launch that `config` describes, good for a day.
fn make_reference(programs: &Programs, config: &Path, out: &Path) -> Result<()> {
    let words = ["measure", "reference", word(config)?, "--name", REFERENCE];
    let more = ["--days", "1", "--out", word(out)?];
    programs
        .cloister_json(&[words.as_slice(), &more].concat())
        .map(drop)
}

/// Registers policy, reference value and secret.
///
/// # Errors
/// What `cloister verifier put` says.
pub fn register(verifier: &Verifier, secret: &Path, reference: &Path) -> Result<()> {
    let policy = policy_file()?;
    verifier.put(&["policy", word(&policy)?])?;
    verifier.put(&["reference", word(reference)?])?;
    verifier.put(&["secret", RESOURCE, word(secret)?, "--reference", REFERENCE])?;
    Ok(())
}

fn policy_file() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .context("no checkout")?;
    Ok(root.join("policies/appraisal/simulated.rego"))
}

/// Removes what an earlier run left, all but the fetched package.
fn clear(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    for entry in fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
        let path = entry?.path();
        match path.is_dir() {
            _ if path.ends_with(CACHE) => Ok(()),
            true => fs::remove_dir_all(&path),
            false => fs::remove_file(&path),
        }
        .with_context(|| format!("remove {}", path.display()))?;
    }
    Ok(())
}

/// One line a component; what the load table measures stands below it.
fn show_components(predicted: &Value, progress: &Progress) -> Result<()> {
    for component in predicted["components"]
        .as_array()
        .context("no components")?
    {
        let digest = component["sha384"]
            .as_str()
            .unwrap_or("(its place is measured, not its contents)");
        let indent = match component.get("through") {
            Some(_) => "    ",
            None => "  ",
        };
        let name = format!("{indent}{}", text(component, "/name")?);
        progress.line(&format!("{name:<14} {digest}"));
    }
    Ok(())
}

/// One line a class: what the digest covers, what the report only shows, what neither does.
fn show_coverage(predicted: &Value, progress: &Progress) -> Result<()> {
    let rows = predicted["coverage"].as_array().context("no coverage")?;
    for class in ["measured", "reported", "unmeasured"] {
        let fields: Vec<&str> = rows
            .iter()
            .filter(|row| row["class"] == class)
            .map(|row| text(row, "/field"))
            .collect::<Result<_>>()?;
        progress.line(&format!("{class:<11} {}", fields.join(", ")));
    }
    Ok(())
}

/// The stock command line with one more word: harmless to the kernel, another launch digest.
pub(crate) fn changed_cmdline() -> String {
    format!("{CMDLINE} cloister.tampered=1")
}
