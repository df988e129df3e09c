//! Pid 1 of the measured initramfs: attests, gets the disk's secret, opens and uses the disk.
//!
//! Everything that this program decides by is inside the launch digest: its own bytes, the modules, the
//! pins of the verifier. The host supplies the rest (the disk, the network, the report's transport,
//! the clock, the kernel's command line, which is measured but not trusted to switch anything off), and none of
//! it is believed. The order is the argument:
//!
//! 1. Devices and modules: nothing else works without them, and nothing is read from them yet.
//! 2. RDRAND or RDSEED must be there, **before any key is made**: other entropy is the host's.
//! 3. The pins are read, **before any connection is made**: the guest knows whom it will talk to.
//! 4. TLS to exactly the pinned key. An impostor verifier ends here, with its own key and its own disk.
//! 5. The verifier's nonce and a fresh key go into REPORT_DATA; the report goes to the verifier. A
//!    relay gains nothing by it: what comes back is wrapped to that key.
//! 6. The release comes with the proof of its log entry, which is checked against the pinned log key
//!    **before the secret is decrypted**: a secret is used only if an auditor will see that it was given.
//! 7. The secret holds the disk's key and its verity root hash, so the host's disk is either the one
//!    that was meant, block by block, or unreadable.
//! 8. Whatever happens, the last lines say whether a secret was received, and the machine powers off.

mod console;
mod evidence_source;
mod kbs;
mod pins;
mod storage;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use attestation_envelope::{Expected, TeeKey};
use attestation_evidence::VerifierPins;
use attestation_guest::{
    HOST_CID, VsockAddress, VsockStream, is_pid_1, load_module, mount_device_nodes,
    mount_tsm_reports, require_hardware_random,
};
use attestation_ledger::VerifyingKey;
use attestation_pinned_http::HttpClient;
use measured_boot_disk::DiskSecret;
use measured_boot_snp_abi::simulated::SIMULATED_TEE_PORT;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use console::{Line, say};
use evidence_source::{ConfigfsTsm, EvidenceSource, Simulated, TSM_REPORTS};
use kbs::KbsError;
use storage::DataDisk;

/// The modules to load, in order, one path a line.
const MODULES: &str = "/etc/cloister/modules";
const PAYLOAD: &str = "payload.bin";

/// A peer that says nothing for this long is gone.
const IO_TIMEOUT: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    if !is_pid_1() {
        eprintln!(
            "cloister-agent {}: runs only as pid 1 of a confidential guest's initramfs; it takes no arguments.\n\
             Make that initramfs with `cloister-image initramfs --agent BIN` and start it with `cloister vm run`.",
            env!("CARGO_PKG_VERSION")
        );
        return ExitCode::from(2);
    }
    console::finish_on_panic();
    if let Err(error) = boot() {
        say(&refusal(&error));
    }
    console::finish()
}

fn refusal(error: &anyhow::Error) -> Line {
    match error.downcast_ref() {
        Some(KbsError::Refused(reason)) => Line::RefusedByVerifier(reason.clone()),
        _ => Line::RefusedByAgent(format!("{error:#}")),
    }
}

fn boot() -> anyhow::Result<()> {
    mount_device_nodes()?;
    load_modules(Path::new(MODULES))?;
    require_hardware_random()?;
    let (pins, log_key) = pins::read(Path::new(pins::PINS))?;
    let mut source = evidence_source()?;
    say(&Line::Tee(source.tee()));
    let secret = obtain_secret(&pins, &log_key, source.as_mut())?;
    use_disk(&secret)
}

fn load_modules(list: &Path) -> anyhow::Result<()> {
    let list =
        std::fs::read_to_string(list).with_context(|| format!("cannot read {}", list.display()))?;
    for path in list.lines().filter(|line| !line.is_empty()) {
        load_module(&Path::new("/").join(path))?;
    }
    Ok(())
}

/// The TEE that the kernel has a driver for, else the simulated one.
///
/// Falling back weakens nothing: the verifier is told `simulated`, and takes that only if it was
/// started for it.
fn evidence_source() -> anyhow::Result<Box<dyn EvidenceSource>> {
    // A kernel without configfs has no TEE's driver either.
    let tsm = match mount_tsm_reports() {
        Ok(()) => ConfigfsTsm::find(Path::new(TSM_REPORTS))?,
        Err(_) => None,
    };
    Ok(match tsm {
        Some(tsm) => Box::new(tsm),
        None => Box::new(Simulated::new(|| dial(SIMULATED_TEE_PORT))),
    })
}

fn obtain_secret(
    pins: &VerifierPins,
    log_key: &VerifyingKey,
    source: &mut dyn EvidenceSource,
) -> anyhow::Result<DiskSecret> {
    let port = pins.verifier_vsock_port;
    let stream = dial(port)
        .with_context(|| format!("cannot reach the verifier through vsock port {port}"))?;
    let stream = attestation_pinned_http::connect(stream, &pins.server_name, pins.tls_spki_sha256)?;
    say(&Line::VerifierPinned);

    let http = HttpClient::over(stream, &pins.server_name);
    let key = fresh_key()?;
    let prefix = pins.prefix();
    let session = kbs::attest(&http, &prefix, source, &key)?;
    say(&Line::Attested);

    let opened = session.fetch(&Expected {
        resource: pins.resource.clone(),
        tee: source.tee(),
        log_key: log_key.clone(),
    })?;
    console::note_secret_received();
    say(&Line::Released {
        log_index: opened.log_index,
    });
    Ok(DiskSecret::from_json(&opened.secret)?)
}

fn dial(port: u32) -> std::io::Result<VsockStream> {
    VsockStream::connect(
        VsockAddress {
            cid: HOST_CID,
            port,
        },
        IO_TIMEOUT,
    )
}

/// One key a boot; nothing outlives the machine.
fn fresh_key() -> anyhow::Result<TeeKey> {
    let mut entropy = Zeroizing::new([0; 32]);
    SystemRandom::new()
        .fill(entropy.as_mut_slice())
        .ok()
        .context("the kernel gives no random bytes")?;
    Ok(TeeKey::from_entropy(&entropy)?)
}

fn use_disk(secret: &DiskSecret) -> anyhow::Result<()> {
    let disk = DataDisk::open(Path::new(storage::DATA_DISK), secret)?;
    let sha256 = disk.file_sha256(PAYLOAD)?;
    say(&Line::FileSha256 {
        sha256,
        name: PAYLOAD,
    });
    disk.close()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_of_the_verifier_is_said_in_its_words() {
        let error = anyhow::Error::from(KbsError::Refused("the debug policy bit is set".into()));
        let expected = "cloister-agent: refused-by verifier: the debug policy bit is set";
        assert_eq!(refusal(&error).to_string(), expected);
    }

    #[test]
    fn failure_of_the_verifier_is_not_said_to_be_its_refusal() {
        let error = anyhow::Error::from(KbsError::Failed("too many sessions are open".into()));
        let expected = "cloister-agent: refused-by agent: the verifier failed: \
                        too many sessions are open";
        assert_eq!(refusal(&error).to_string(), expected);
    }

    #[test]
    fn refusal_of_the_agent_names_every_cause() {
        let error = anyhow::Error::from(attestation_pinned_http::TlsError::Handshake(
            std::io::ErrorKind::UnexpectedEof.into(),
        ));
        let expected = "cloister-agent: refused-by agent: TLS handshake with the verifier failed: \
                        unexpected end of file";
        assert_eq!(refusal(&error).to_string(), expected);
    }

    #[test]
    fn module_list_missing_or_naming_a_missing_module_refused() {
        let refused = |list: &Path| format!("{:#}", load_modules(list).unwrap_err());
        assert!(refused(Path::new("/nowhere/modules")).contains("cannot read /nowhere/modules"));
        let list = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(list.path(), "lib/modules/none.ko\n").unwrap();
        assert!(refused(list.path()).contains("cannot open module /lib/modules/none.ko"));
    }
}
