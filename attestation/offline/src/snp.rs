//! `cloister verify snp`.

use anyhow::{Context, Result, bail};
use attestation_certificates::{Certificate, Crl};
use attestation_evidence::Tee;
use attestation_judge::{Bound, ReferenceValue, SnpSubject};
use attestation_shapes::{HostCertificates, SnpEvidence};
use attestation_snp::{
    Anchors, Endorsement, Proof, REPORT_SIZE, SnpCheck, SnpClaims, SnpRejection,
};
use attestation_verdict::{Finding, Judgement};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use crate::arguments::{Binding, Common};
use crate::endorsement;
use crate::evidence::{self, Came, Evidence};
use crate::files::Limit;
use crate::moment::Moment;
use crate::session::{Found, Session};
use crate::warning::{self, FORGETFUL_OF_LISTS, NO_LIST_SEEN};

#[derive(clap::Args)]
pub struct Arguments {
    /// The report: raw, hexadecimal, base64, or in one of the JSON forms of docs/evidence-shapes.md.
    #[arg(long, value_name = "FILE")]
    report: PathBuf,
    #[command(flatten)]
    certificates: Certificates,
    #[command(flatten)]
    binding: Binding,
    #[command(flatten)]
    common: Common,
}

/// What endorses the key that signed a report.
#[derive(clap::Args)]
#[command(next_help_heading = "Who vouches for the TEE's report")]
pub struct Certificates {
    /// The certificate of the key that signed the report, VCEK or VLEK: PEM or DER, with its chain or without; or
    /// what Azure's host answers to /metadata/THIM/amd/certification (JSON). Not needed where the evidence brings it.
    #[arg(long, value_name = "FILE")]
    vek: Option<PathBuf>,
    /// ASK or ASVK and ARK, in any order: PEM, or DER one behind the other. AMD's own are built in.
    #[arg(long, value_name = "FILE")]
    chain: Option<PathBuf>,
    /// A revocation list of the ARK's: PEM or DER. May be given more than once.
    #[arg(long, value_name = "FILE")]
    crl: Vec<PathBuf>,
    /// Trust this root alone, in the vendor's place. The verdict says so.
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
}

/// Judges a report.
///
/// # Errors
/// A file cannot be read as what it is given as.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut session = Session::of(&arguments.common)?;
    let report = &arguments.report;
    let (evidence, sha256) = evidence::read("--report", report, &mut session, SnpEvidence::read)?;
    if let Some(warning) = warning::unjudged(evidence.shape) {
        session.warn(warning);
    }
    let launches = session.launches(Tee::Snp)?;
    let expected = arguments.binding.expected();
    let found = Subject {
        report: &evidence.report,
        vek: evidence.vek.as_deref(),
        chain: &evidence.chain,
        certificates: &arguments.certificates,
        bound: Bound::ByReport(&expected),
        launches: launches.as_deref(),
    }
    .judge(&mut session)?;
    let came = Came {
        shape: evidence.shape.name(),
        layers: evidence.layers,
        sha256,
    };
    session.end(found, expected, &came)
}

/// A report with what came along, and what is asked of it.
pub struct Subject<'a> {
    pub report: &'a [u8; REPORT_SIZE],
    /// What the evidence brings; files that are named take its place.
    pub vek: Option<&'a [u8]>,
    pub chain: &'a [Vec<u8>],
    pub certificates: &'a Certificates,
    pub bound: Bound<'a>,
    pub launches: Option<&'a [Arc<ReferenceValue>]>,
}

impl Subject<'_> {
    /// Judges it by the session's policy.
    ///
    /// # Errors
    /// A certificate or list cannot be read.
    pub fn judge(&self, session: &mut Session<'_>) -> Result<Found> {
        let anchors = self.certificates.anchors(session)?;
        let proof = self.proof(&anchors, session)?;
        let found = SnpSubject {
            report: self.report,
            proof: &proof,
            bound: self.bound,
            references: self.launches,
            seen: session.seen(),
            now: session.at.0,
        }
        .judge(&session.policy);
        if self.certificates.root.is_none()
            && let Some(advice) = endorsement::missing(&found.claims)
        {
            session.warn(advice);
        }
        if let Some(judgement) = &found.judgement {
            self.warn(judgement, session);
        }
        Ok(Found {
            subject: Evidence::Snp,
            facts: facts(&found.claims),
            judged: found.judged,
            observations: found.observations,
        })
    }

    /// What became of revocation lists that nobody would miss.
    fn warn(&self, judgement: &Judgement<SnpRejection>, session: &mut Session<'_>) {
        let revocation = judgement.finding(SnpCheck::Revocation);
        match (session.keeps_state(), revocation) {
            (true, Some(Finding::NotAsked(_))) => session.warn(NO_LIST_SEEN),
            (false, _) if !self.certificates.crl.is_empty() => session.warn(FORGETFUL_OF_LISTS),
            _ => (),
        }
    }

    fn proof(&self, anchors: &Anchors, session: &mut Session<'_>) -> Result<Proof> {
        let Certificates {
            vek, chain, crl, ..
        } = self.certificates;
        let vek = vek.as_deref();
        let mut vek = vek.map(|path| key_certificate(path, session)).transpose()?;
        let chain = chain.as_deref();
        let chain = chain.map(|path| bundle("--chain", path, session));
        let brought = vek.as_mut().and_then(|vek| vek.chain.take());
        let chain = chain.transpose()?.or(brought).map(|given| vec![given]);
        let crls = crl.iter().map(|path| list(path, session));
        let crls = crls.collect::<Result<Vec<_>>>()?;
        let endorsement = Endorsement::read(
            vek.as_ref()
                .map(|vek| vek.certificate.as_slice())
                .or(self.vek),
            &slices(chain.as_deref().unwrap_or(self.chain)),
            &slices(&crls),
            anchors,
        );
        Ok(endorsement
            .context("what endorses the signing key cannot be read")?
            .prove())
    }
}

impl Certificates {
    /// The root that is named.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// The roots that are trusted.
    fn anchors(&self, session: &mut Session<'_>) -> Result<Anchors> {
        let Some(path) = self.root.as_deref() else {
            return Ok(Anchors::builtin());
        };
        let root = session.read_root(path, "AMD")?;
        Anchors::explicit(&root)
            .with_context(|| format!("--root {} cannot be used", path.display()))
    }
}

/// What `--vek` names.
struct KeyCertificate {
    certificate: Vec<u8>,
    chain: Option<Vec<u8>>,
}

fn key_certificate(path: &Path, session: &mut Session<'_>) -> Result<KeyCertificate> {
    let bytes = session.read("--vek", path, Limit::Mebibyte)?;
    if bytes.trim_ascii_start().starts_with(b"{") {
        let answer = HostCertificates::read(&bytes)
            .with_context(|| format!("--vek {}: no certificates", path.display()))?;
        return Ok(KeyCertificate {
            certificate: answer.vcek,
            chain: Some(answer.chain),
        });
    }
    Ok(KeyCertificate {
        certificate: certificates("--vek", path, bytes)?,
        chain: None,
    })
}

fn bundle(option: &str, path: &Path, session: &mut Session<'_>) -> Result<Vec<u8>> {
    let bytes = session.read(option, path, Limit::Mebibyte)?;
    certificates(option, path, bytes)
}

/// A file of certificates; read here too, so that an error names the file.
fn certificates(option: &str, path: &Path, bytes: Vec<u8>) -> Result<Vec<u8>> {
    if !is_certificate_text(&bytes) {
        bail!(
            "{option} {}: not certificates: neither PEM, which has -----BEGIN CERTIFICATE-----, nor DER",
            path.display()
        );
    }
    Certificate::bundle(&bytes)
        .with_context(|| format!("{option} {}: not certificates, PEM or DER", path.display()))?;
    Ok(bytes)
}

/// Whether it may be PEM, or DER, which begins with a SEQUENCE (X.690 §8.9).
fn is_certificate_text(bytes: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN ";
    bytes.first() == Some(&0x30) || bytes.windows(BEGIN.len()).any(|found| found == BEGIN)
}

fn list(path: &Path, session: &mut Session<'_>) -> Result<Vec<u8>> {
    let bytes = session.read("--crl", path, Limit::SixteenMebibytes)?;
    Crl::read(&bytes)
        .with_context(|| format!("--crl {}: no revocation list, PEM or DER", path.display()))?;
    Ok(bytes)
}

fn slices(files: &[Vec<u8>]) -> Vec<&[u8]> {
    files.iter().map(Vec::as_slice).collect()
}

fn facts(claims: &SnpClaims) -> Vec<(&'static str, String)> {
    let product = claims.product.as_deref().unwrap_or("not proven");
    let tcb = &claims.reported_tcb;
    let fmc = tcb
        .fmc
        .map(|fmc| format!("FMC {fmc}, "))
        .unwrap_or_default();
    let valid = claims.chain.map_or_else(
        || "not proven".to_owned(),
        |chain| {
            format!(
                "{} to {}",
                Moment(chain.not_before),
                Moment(chain.not_after)
            )
        },
    );
    vec![
        ("product", product.to_owned()),
        ("endorsed", valid),
        ("launch digest", hex::encode(claims.launch_digest.0)),
        ("REPORT_DATA", hex::encode(claims.report_data.0)),
        (
            "reported TCB",
            format!(
                "{fmc}boot loader {}, TEE {}, SNP {}, microcode {}",
                tcb.boot_loader, tcb.tee, tcb.snp, tcb.microcode
            ),
        ),
    ]
}
