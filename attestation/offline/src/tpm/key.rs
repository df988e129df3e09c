//! Keys that the caller believes.

use anyhow::{Context, Result, bail};
use attestation_certificates::Certificate;
use attestation_tpm::{AkCertificates, AkTrust, AttestationKey, TeeReport};
use std::path::{Path, PathBuf};

use crate::files::Limit;
use crate::moment::Moment;
use crate::session::Session;

/// Why the TPM's key is believed, where no TEE's report binds it.
#[derive(clap::Args)]
#[command(next_help_heading = "A TPM's key that no TEE's report binds")]
#[group(skip)]
pub struct Arguments {
    /// Believe this attestation key: PEM, DER, certificate, or TPM2B_PUBLIC. The policy has to allow it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ak_certificates", "hcl_report"])]
    ak: Option<PathBuf>,
    /// The attestation key's certificates: its own first, then the issuer of each, the root last; PEM, or DER one
    /// behind the other.
    #[arg(
        long,
        value_name = "FILE",
        requires = "ak_root",
        conflicts_with = "hcl_report"
    )]
    ak_certificates: Option<PathBuf>,
    /// A root that may have certified it. May be given more than once.
    #[arg(long, value_name = "FILE", requires = "ak_certificates")]
    ak_root: Vec<PathBuf>,
}

/// Whom the caller believes.
pub enum Believed {
    Key(AttestationKey),
    Certificates {
        chain: Vec<Certificate>,
        roots: Vec<Certificate>,
    },
}

impl Arguments {
    /// What was named.
    ///
    /// # Errors
    /// It is no key, or no certificate.
    pub fn believed(&self, session: &mut Session<'_>) -> Result<Option<Believed>> {
        if let Some(path) = &self.ak {
            let place = || format!("--ak {}", path.display());
            let file = session.read("--ak", path, Limit::Mebibyte)?;
            let key = AttestationKey::read(&file)
                .with_context(|| format!("{}: no attestation key", place()))?;
            session.warn(format!(
                "the TPM's key is believed because {} names it: nothing says that it is in a TPM",
                place()
            ));
            return Ok(Some(Believed::Key(key)));
        }
        let Some(path) = &self.ak_certificates else {
            return Ok(None);
        };
        session.warn("the TPM's key is believed because of --ak-root");
        let chain = certificates("--ak-certificates", path, session)?;
        let roots = self.ak_root.iter().map(|path| root(path, session));
        Ok(Some(Believed::Certificates {
            chain,
            roots: roots.collect::<Result<_>>()?,
        }))
    }
}

fn certificates(option: &str, path: &Path, session: &mut Session<'_>) -> Result<Vec<Certificate>> {
    let file = session.read(option, path, Limit::Mebibyte)?;
    Certificate::bundle(&file)
        .with_context(|| format!("{option} {}: not certificates, PEM or DER", path.display()))
}

fn root(path: &Path, session: &mut Session<'_>) -> Result<Certificate> {
    match certificates("--ak-root", path, session)?.as_slice() {
        [one] => Ok(one.clone()),
        more => bail!(
            "--ak-root {}: {} certificates, where one is needed",
            path.display(),
            more.len()
        ),
    }
}

/// What the judge is told of it. Nobody is believed where nothing was named and no report binds the key: a TEE's
/// report that cannot be read says so.
pub fn trust<'a>(
    believed: Option<&'a Believed>,
    report: Option<TeeReport<'a>>,
    at: Moment,
) -> AkTrust<'a> {
    match (believed, report) {
        (Some(Believed::Key(key)), _) => AkTrust::Named(key),
        (Some(Believed::Certificates { chain, roots }), _) => AkTrust::Certified(AkCertificates {
            chain,
            anchors: roots,
            now: at.0,
        }),
        (None, report) => AkTrust::Tee(report.unwrap_or(TeeReport::Tdx(&[]))),
    }
}
