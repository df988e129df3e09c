//! The pinned verifier: read from the measured initramfs, from nowhere else.

use std::path::Path;

use anyhow::Context;
use attestation_evidence::VerifierPins;
use attestation_ledger::VerifyingKey;

/// Where `cloister-image` puts the pins. The launch digest covers it; the kernel's command line
/// has no say in it.
pub const PINS: &str = "/etc/cloister/verifier.json";

/// Reads the pins and their log key.
pub fn read(path: &Path) -> anyhow::Result<(VerifierPins, VerifyingKey)> {
    let json =
        std::fs::read(path).with_context(|| format!("cannot read pins {}", path.display()))?;
    parse(&json).with_context(|| format!("pins {} are unusable", path.display()))
}

fn parse(json: &[u8]) -> anyhow::Result<(VerifierPins, VerifyingKey)> {
    let pins = VerifierPins::from_json(json)?;
    let log_key = pins.log_key.parse()?;
    Ok((pins, log_key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    fn pins(log_key: &str) -> String {
        let spki = "00".repeat(32);
        format!(
            r#"{{"version":1,"tls_spki_sha256":"{spki}","log_key":"{log_key}","verifier_vsock_port":8443,"server_name":"cloister-verifier","resource":"default/disk/data"}}"#
        )
    }

    #[test]
    fn pins_well_formed_read() {
        let (pins, log_key) = parse(pins(LOG_KEY).as_bytes()).unwrap();
        assert_eq!(pins.verifier_vsock_port, 8443);
        assert_eq!(log_key.name(), "PeterNeumann");
    }

    #[test]
    fn pins_damaged_log_key_refused() {
        let damaged = LOG_KEY.replace("c74f", "c74e");
        assert!(parse(pins(&damaged).as_bytes()).is_err());
    }

    #[test]
    fn pins_missing_file_named() {
        let error = read(Path::new("/nowhere/verifier.json")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read pins /nowhere/verifier.json");
    }
}
