//! The roots that the auditor is given: they come from outside of every bundle.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use attestation_evidence::VerifierPins;
use attestation_evidence::encoding::base64_decode;
use attestation_ledger::VerifyingKey;
use measured_boot_reference_values::VerifyingKey as ReferenceKey;

/// The key that `text` is, or that the file of this name holds.
pub fn log_key(text: &str) -> Result<VerifyingKey> {
    // A key's text holds two `+`; a file of such a name can be given as `./NAME`.
    if text.matches('+').count() >= 2 && !text.starts_with(['.', '/']) {
        return text
            .parse()
            .with_context(|| format!("`{text}` is not a log key"));
    }
    let content = fs::read_to_string(text)
        .with_context(|| format!("cannot read the log key's file {text}"))?;
    if content.trim_start().starts_with('{') {
        return key_of_pins(&content).with_context(|| format!("no log key in the pins {text}"));
    }
    content
        .trim_end()
        .parse()
        .with_context(|| format!("no log key in {text}"))
}

fn key_of_pins(content: &str) -> Result<VerifyingKey> {
    let pins = VerifierPins::from_json(content.as_bytes())?;
    Ok(pins.log_key.parse()?)
}

/// The public key in `path`, by which reference values may have been signed.
pub fn reference_key(path: &Path) -> Result<ReferenceKey> {
    let read =
        || -> Result<ReferenceKey> { Ok(ReferenceKey::from_pem(&fs::read_to_string(path)?)?) };
    read().with_context(|| format!("cannot read the reference key {}", path.display()))
}

/// The certificate in `path`, DER, which is trusted as `what`: a file in PEM with one certificate, or in DER.
pub fn root(what: &str, path: &Path) -> Result<Vec<u8>> {
    let read = || -> Result<Vec<u8>> {
        let content = fs::read(path)?;
        match content.first() {
            // An ASN.1 SEQUENCE: DER. Whether it is a certificate is seen in the replay.
            Some(0x30) => Ok(content),
            _ => pem_certificate(&content).ok_or_else(|| {
                anyhow!("it is not exactly one certificate in PEM or DER: give the simulated TEE's ark.pem")
            }),
        }
    };
    read().with_context(|| format!("cannot read the {what} {}", path.display()))
}

/// RFC 7468 section 5, strictly: one block and nothing around it.
fn pem_certificate(content: &[u8]) -> Option<Vec<u8>> {
    let body = std::str::from_utf8(content)
        .ok()?
        .trim_ascii()
        .strip_prefix("-----BEGIN CERTIFICATE-----")?
        .strip_suffix("-----END CERTIFICATE-----")?;
    base64_decode(&body.split_ascii_whitespace().collect::<String>()).filter(|der| !der.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nMAEB\nMAEB\n-----END CERTIFICATE-----\n";

    #[test]
    fn certificate_in_pem_is_its_bytes() {
        assert_eq!(
            pem_certificate(PEM.as_bytes()),
            Some(vec![0x30, 1, 1, 0x30, 1, 1])
        );
        assert!(pem_certificate(PEM.replace('\n', "\r\n").as_bytes()).is_some());
    }

    #[test]
    fn anything_but_one_certificate_is_refused() {
        for content in [
            String::new(),
            PEM.repeat(2),
            format!("{PEM}tail"),
            format!("head{PEM}"),
            PEM.replace("CERTIFICATE", "PRIVATE KEY"),
            PEM.replace("MAEB", "MA=B"),
            PEM.replace("MAEB\n", ""),
            PEM.replace("-----END CERTIFICATE-----", ""),
        ] {
            assert_eq!(pem_certificate(content.as_bytes()), None, "{content:?}");
        }
    }
}
