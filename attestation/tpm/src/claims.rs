//! What evidence says, for policies. It proves nothing: a judgement does.

use crate::reading::Reading;
use crate::{AkTrust, AttestationKey, Quote, TpmEvidence};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a quote and what came with it say. What cannot be read is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TpmClaims {
    /// What the TPM signed.
    pub quote: Option<QuoteClaims>,
    /// Bank, then PCR, then its value in hexadecimal digits; only PCRs that the quote covers.
    pub pcrs: BTreeMap<String, BTreeMap<String, String>>,
    /// The attestation key.
    pub ak: Option<AkClaims>,
    /// The HCL report.
    pub hcl: Option<HclClaims>,
    /// The event log.
    pub event_log: Option<LogClaims>,
}

/// What the TPM signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuoteClaims {
    /// `extraData`, in hexadecimal digits.
    pub nonce: String,
    /// The qualified name of the key that signed, in hexadecimal digits.
    pub qualified_signer: String,
    /// The TPM's vendor's version of its firmware: 16 hexadecimal digits.
    pub firmware_version: String,
    /// Milliseconds that the TPM was powered.
    pub clock: u64,
    /// How often the TPM was reset.
    pub reset_count: u32,
    /// How often it was restarted or resumed since the last reset.
    pub restart_count: u32,
    /// Whether no later value of the clock was ever reported.
    pub safe: bool,
    /// Bank, then the PCRs that the quote covers.
    pub selection: BTreeMap<String, Vec<u8>>,
}

/// The attestation key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AkClaims {
    /// What makes it believable: `tee`, `named` or `certified`.
    pub trust: &'static str,
    /// `rsa` or `ecdsa`.
    pub kind: &'static str,
    /// Bits of the modulus or of the curve's field.
    pub bits: u32,
    /// SHA-256 of its SubjectPublicKeyInfo in DER, in hexadecimal digits.
    pub fingerprint: String,
}

/// The HCL report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HclClaims {
    /// The version in the header.
    pub version: u32,
    /// `snp` or `tdx`: whose report is inside.
    pub tee: &'static str,
    /// The digest that REPORT_DATA has to hold: `sha256`, `sha384` or `sha512`.
    pub hash: &'static str,
    /// The members of `vm-configuration` that are text, numbers or yes and no, by their names.
    pub vm_configuration: BTreeMap<String, serde_json::Value>,
    /// What the guest had bound in `user-data`, in hexadecimal digits; empty if nothing.
    pub user_data: String,
}

/// The event log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogClaims {
    /// How many events it has.
    pub events: usize,
    /// What makes it ambiguous: how many findings.
    pub findings: usize,
    /// Bank, then the quoted PCRs whose values it explains: none of a bank of which an event has no digest. It has
    /// every quoted bank whose values could be believed, accepted by limits or not.
    pub explains: BTreeMap<String, Vec<u8>>,
}

impl TpmClaims {
    /// What the evidence says. Where a TEE is to bind the key, the key is that of the runtime data.
    pub fn of(evidence: &TpmEvidence<'_>, trust: AkTrust<'_>) -> Self {
        let reading = Reading::of(evidence, trust);
        Self {
            quote: reading.quote.as_ref().ok().map(quote),
            pcrs: pcrs(&reading),
            ak: reading.ak.as_ref().map(|key| ak(key, trust)),
            hcl: hcl(&reading),
            event_log: log(&reading),
        }
    }
}

fn pcrs(reading: &Reading) -> BTreeMap<String, BTreeMap<String, String>> {
    let pcr = |(index, value): &(u8, &[u8])| (index.to_string(), hex::encode(value));
    let banks = reading.banks().into_iter();
    banks
        .map(|(bank, pcrs)| (bank.to_string(), pcrs.iter().map(pcr).collect()))
        .collect()
}

fn quote(quote: &Quote) -> QuoteClaims {
    let selection = quote.selections.iter().map(|selection| {
        let pcrs = selection.iter().collect();
        (selection.algorithm.to_string(), pcrs)
    });
    QuoteClaims {
        nonce: hex::encode(&quote.extra_data),
        qualified_signer: hex::encode(&quote.qualified_signer),
        firmware_version: format!("{:016x}", quote.firmware_version),
        clock: quote.clock.clock,
        reset_count: quote.clock.reset_count,
        restart_count: quote.clock.restart_count,
        safe: quote.clock.safe,
        selection: selection.collect(),
    }
}

fn ak(key: &AttestationKey, trust: AkTrust<'_>) -> AkClaims {
    AkClaims {
        trust: match trust {
            AkTrust::Tee(_) => "tee",
            AkTrust::Named(_) => "named",
            AkTrust::Certified(_) => "certified",
        },
        kind: key.kind(),
        bits: key.bits(),
        fingerprint: hex::encode(key.fingerprint()),
    }
}

fn hcl(reading: &Reading) -> Option<HclClaims> {
    let hcl = reading.hcl.as_ref()?.as_ref().ok()?;
    let data = reading.runtime_data.as_ref()?.as_ref().ok()?;
    Some(HclClaims {
        version: hcl.version,
        tee: hcl.hardware.tee(),
        hash: hcl.hash.name()?,
        vm_configuration: data.vm.members.clone(),
        user_data: hex::encode(&data.user_data),
    })
}

fn log(reading: &Reading) -> Option<LogClaims> {
    let log = reading.log.as_ref()?.as_ref().ok()?;
    let explains = reading.banks().into_iter().map(|(bank, pcrs)| {
        let explained = |(index, value): &&(u8, &[u8])| {
            let replayed = log.value(bank, *index);
            log.has(bank) && replayed.is_some_and(|replayed| replayed == *value)
        };
        let pcrs = pcrs.iter().filter(explained).map(|(index, _)| *index);
        (bank.to_string(), pcrs.collect())
    });
    Some(LogClaims {
        events: log.events,
        findings: log.findings.total(),
        explains: explains.collect(),
    })
}
