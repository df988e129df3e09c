//! A software secure processor: SEV-SNP's formats under a root of its own. It protects nothing.

use std::ops::Range;

use anyhow::{Context, Result};
use attestation_evidence::{CertChain, RuntimeData, SimulatedEvidence, report_data_binding};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P384_SHA384, date_time_ymd,
};

use crate::LAUNCH_DIGEST;

/// Bytes of a report, and of it those that are signed: AMD 56860, table "ATTESTATION_REPORT Structure".
const REPORT: usize = 1184;
const SIGNED: usize = 0x2A0;
const REPORT_DATA: Range<usize> = 0x50..0x90;
const MEASUREMENT: Range<usize> = 0x90..0xC0;
/// Halves of the signature, 72 bytes each, of which P-384 fills 48.
const R: usize = SIGNED;
const S: usize = SIGNED + 72;
const HALF: usize = 48;

/// A software secure processor.
pub struct Tee {
    vcek: EcdsaKeyPair,
    chain: CertChain,
    /// A report but for REPORT_DATA and signature.
    report: Vec<u8>,
}

impl Tee {
    /// One with fresh keys.
    ///
    /// # Errors
    /// No keys can be made.
    pub fn generate() -> Result<Self> {
        let (ark_key, ask_key, vcek_key) = (key()?, key()?, key()?);
        let (ark, ask) = (authority("simulated ARK", 1), authority("simulated ASK", 0));
        let ark_made = ark.self_signed(&ark_key)?;
        let ark_issuer = Issuer::new(ark, ark_key);
        let ask_made = ask.signed_by(&ask_key, &ark_issuer)?;
        let ask_issuer = Issuer::new(ask, ask_key);
        let vcek_made = named("simulated VCEK").signed_by(&vcek_key, &ask_issuer)?;
        let vcek =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &vcek_key.serialize_der());
        let [vcek_der, ask, ark] = [vcek_made, ask_made, ark_made].map(|made| made.der().to_vec());
        Ok(Self {
            vcek: vcek
                .ok()
                .context("a key that was just made cannot be read")?,
            chain: CertChain {
                vcek: vcek_der,
                ask,
                ark,
            },
            report: unsigned_report(),
        })
    }

    /// The root, DER.
    pub fn ark(&self) -> &[u8] {
        &self.chain.ark
    }

    /// The evidence of a guest that has this key and nonce.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn evidence(&self, runtime: &RuntimeData) -> Result<SimulatedEvidence> {
        let mut report = self.report.clone();
        report[REPORT_DATA].copy_from_slice(&report_data_binding(runtime, ""));
        let signature = self.vcek.sign(&SystemRandom::new(), &report[..SIGNED]);
        let signature = signature.ok().context("the report cannot be signed")?;
        let (r, s) = signature.as_ref().split_at(HALF);
        for (place, half) in [(R, r), (S, s)] {
            let little_endian = half.iter().rev();
            for (byte, value) in report[place..place + HALF].iter_mut().zip(little_endian) {
                *byte = *value;
            }
        }
        Ok(SimulatedEvidence {
            attestation_report: report,
            cert_chain: self.chain.clone(),
            manifest: None,
        })
    }
}

fn unsigned_report() -> Vec<u8> {
    let mut report = vec![0; REPORT];
    let mut put = |at: usize, bytes: &[u8]| report[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &3_u32.to_le_bytes());
    // Guest policy: SMT allowed, and the bit that has to be 1.
    put(0x08, &0x3_0000_u64.to_le_bytes());
    // ECDSA P-384 with SHA-384; ALIAS_CHECK_COMPLETE apart, SMT enabled.
    put(0x34, &1_u32.to_le_bytes());
    put(0x40, &1_u64.to_le_bytes());
    put(MEASUREMENT.start, &LAUNCH_DIGEST);
    // REPORT_ID_MA: no migration agent.
    put(0x160, &[0xFF; 32]);
    // Family, model and stepping of a Milan.
    put(0x188, &[0x19, 0x01, 0x01]);
    put(0x1A0, b"SIMULATED");
    report
}

fn key() -> Result<KeyPair> {
    Ok(KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?)
}

fn authority(name: &str, path_length: u8) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_length));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2036, 1, 1);
    params
}
