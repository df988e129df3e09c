//! The folder of a trial: the guest, its configuration, its identity.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use measured_boot_draft::Deferral;
use measured_boot_id_block::IdKey;
use measured_boot_plan::{LaunchConfig, LaunchPlan, Source, Sources, plan};
use measured_boot_snp_abi::IdBlock;
use measured_boot_tdx_launch::{BootPlan, Register, predicted_digest};
use p384::SecretKey;
use p384::pkcs8::LineEnding;
use ring::rand::{SecureRandom, SystemRandom};
use vmm_host_facts::Tee;
use zerocopy::IntoBytes as _;

use crate::programs::{self, Program};
use crate::trial::{Case, Trial};

const KERNEL: &str = "kernel";
const INITRD: &str = "initrd";
const IGVM: &str = "guest.igvm";
const ID_BLOCK: &str = "id-block.bin";
const ID_AUTH: &str = "id-auth.bin";
const KEYS: &str = "simulated-tee";
const CONFIGURATION: &str = "vm.toml";

/// A folder that is removed at its end, and a signal waits for that.
pub struct Folder {
    place: tempfile::TempDir,
    // Dropped behind the folder.
    _signals: Deferral,
}

/// What is launched, and what is predicted of it.
pub struct Prepared {
    /// The text of the VM's configuration.
    pub configuration: String,
    /// Its digest, in lower-case hexadecimal.
    pub predicted: String,
    /// The digest in the ID block, if there is one.
    pub id_block: Option<String>,
    /// Of a TD: RTMR0 to RTMR2.
    pub rtmrs: Vec<String>,
}

/// A plan, and what is predicted of it.
struct Planned {
    plan: LaunchPlan,
    digest: [u8; 48],
    rtmrs: Vec<String>,
}

impl Folder {
    /// One with the guest in it.
    ///
    /// # Errors
    /// There is no room.
    pub fn new() -> Result<Self> {
        let signals = Deferral::begin();
        let folder = Self {
            place: tempfile::tempdir().context("cannot make a folder for the guest")?,
            _signals: signals,
        };
        folder.write(KERNEL, &vmm_self_test_guest::kernel())?;
        // A launch has one, and this guest does not look at it.
        folder.write(INITRD, b"cloister-self-test")?;
        Ok(folder)
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// The path of the VM's configuration.
    pub fn configuration(&self) -> PathBuf {
        self.path(CONFIGURATION)
    }

    /// Writes what `trial` launches.
    ///
    /// # Errors
    /// It cannot be written or planned; a program that helps fails.
    pub fn prepare(&self, trial: Trial) -> Result<Prepared> {
        if trial.tee == Tee::Simulated {
            self.make_keys()?;
        }
        let boot = match trial.case {
            Case::ChangedKernel => {
                self.make_changed_igvm(trial)?;
                format!("protocol = \"igvm\"\nigvm = \"{IGVM}\"\n")
            }
            _ => through_the_shim(),
        };
        let unsigned = configuration(trial, &boot, "");
        let planned = self.plan(&unsigned)?;
        let (configuration, id_block) = match trial.tee {
            Tee::Snp => {
                let held = self.sign(trial, &planned)?;
                let lines = format!("id_block = \"{ID_BLOCK}\"\nid_auth = \"{ID_AUTH}\"\n");
                (configuration(trial, &boot, &lines), Some(hex::encode(held)))
            }
            Tee::Simulated | Tee::Tdx => (unsigned, None),
        };
        self.write(CONFIGURATION, configuration.as_bytes())?;
        Ok(Prepared {
            configuration,
            predicted: hex::encode(planned.digest),
            id_block,
            rtmrs: planned.rtmrs,
        })
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    }

    fn plan(&self, text: &str) -> Result<Planned> {
        let config = LaunchConfig::from_toml(text)?;
        let mut files: Vec<(Source, Vec<u8>)> = Vec::new();
        for named in config.files() {
            let path = match named.path {
                Some(name) => self.path(name),
                None => Program::Shim.path()?,
            };
            let bytes = fs::read(&path);
            let bytes = bytes.with_context(|| format!("cannot read {}", path.display()))?;
            files.push((named.source, bytes));
        }
        let none = Sources::default();
        let sources = files
            .iter()
            .fold(none, |all, (source, bytes)| all.with(*source, bytes));
        let plan = plan(&config, &sources)?;
        let digest = predicted_digest(&plan, &sources).0;
        let registers = BootPlan::of_shim(&plan, &sources);
        let value = |register| registers.as_ref()?.value(register).ok();
        let values = [Register::Rtmr0, Register::Rtmr1, Register::Rtmr2];
        let rtmrs = values
            .into_iter()
            .filter_map(value)
            .map(hex::encode)
            .collect();
        Ok(Planned {
            plan,
            digest,
            rtmrs,
        })
    }

    /// Signs an ID block by a key that is thrown away, and says which digest is in it.
    fn sign(&self, trial: Trial, planned: &Planned) -> Result<[u8; 48]> {
        let mut digest = planned.digest;
        if trial.case == Case::OtherDigest {
            digest[0] ^= 1;
        }
        let block = IdBlock::new(digest, planned.plan.policy.0);
        let auth = new_key()?.sign(&block, None);
        self.write(ID_BLOCK, block.as_bytes())?;
        self.write(ID_AUTH, auth.as_bytes())?;
        Ok(digest)
    }

    fn make_keys(&self) -> Result<()> {
        let dir = self.path(KEYS);
        if dir.exists() {
            return Ok(());
        }
        let mut command = Command::new(Program::SimulatedTee.path()?);
        programs::help(command.args(["init", "--dir"]).arg(dir))
    }

    /// An IGVM file in whose unmeasured pages a bit of the kernel is another.
    fn make_changed_igvm(&self, trial: Trial) -> Result<()> {
        let platform = match trial.tee {
            Tee::Simulated | Tee::Snp => "snp",
            Tee::Tdx => "tdx",
        };
        let text = configuration(trial, &through_the_shim(), "");
        self.write(CONFIGURATION, text.as_bytes())?;
        let mut command = Command::new(Program::Image.path()?);
        command.args(["igvm", "--platform", platform, "--config"]);
        command.arg(self.configuration());
        programs::help(command.arg("--out").arg(self.path(IGVM)))?;
        let mut file = fs::read(self.path(IGVM)).context("cannot read the IGVM file")?;
        change(&mut file, vmm_self_test_guest::code())?;
        self.write(IGVM, &file)
    }
}

/// Changes the last byte of the only place where `code` is in `file`.
fn change(file: &mut [u8], code: &[u8]) -> Result<()> {
    let mut places = file.windows(code.len()).enumerate();
    let mut places = places.by_ref().filter(|(_, bytes)| *bytes == code);
    let (Some((start, _)), None) = (places.next(), places.next()) else {
        bail!("the IGVM file does not hold the kernel once");
    };
    file[start + code.len() - 1] ^= 1;
    Ok(())
}

fn through_the_shim() -> String {
    format!(
        "protocol = \"shim\"\nkernel = \"{KERNEL}\"\ninitrd = \"{INITRD}\"\ncmdline = \"cloister-self-test\"\n"
    )
}

fn configuration(trial: Trial, boot: &str, identity: &str) -> String {
    let keys = match trial.tee {
        Tee::Simulated => format!("keys = \"{KEYS}\"\n"),
        Tee::Snp | Tee::Tdx => String::new(),
    };
    format!(
        "name = \"cloister-self-test\"\n[tee]\nkind = \"{}\"\n{keys}{identity}[boot]\n{boot}[cpu]\ncount = {}\n\
         model = \"x86-64-v2\"\n[memory]\nmib = 64\n",
        trial.tee,
        trial.case.vcpus()
    )
}

fn new_key() -> Result<IdKey> {
    let random = SystemRandom::new();
    let mut bytes = [0; 48];
    // All but one in 2^190 of these numbers are keys.
    for _ in 0..4 {
        ensure!(random.fill(&mut bytes).is_ok(), "no random numbers");
        if let Ok(secret) = SecretKey::from_slice(&bytes) {
            let pem = secret.to_sec1_pem(LineEnding::LF);
            return Ok(IdKey::from_pem(&pem.context("cannot make a key")?)?);
        }
    }
    bail!("no random number is a key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_of_the_kernel_is_changed_and_only_where_it_is_once() {
        let mut file = b"..code...".to_vec();
        change(&mut file, b"code").unwrap();
        assert_eq!(file, b"..codd...");
        assert!(change(&mut file, b"code").is_err());
        assert!(change(&mut b"codecode".to_vec(), b"code").is_err());
    }
}
