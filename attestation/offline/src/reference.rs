//! Launches that the caller accepts, from any of the forms in which `cloister measure` writes them.

mod members;
mod predicted;

use anyhow::{Context, Result, bail};
use attestation_appraisal::Files;
use attestation_evidence::Tee as Measured;
use attestation_evidence::encoding::FormatVersion;
use attestation_judge::{Digest48, ReferenceValue, Source};
use measured_boot_reference_values::{
    Alternative, CorimRejection, ReferenceSet, Signed, Tee, Validity, VerifyingKey,
};
use serde::Deserialize;
use std::path::{Path, PathBuf};

use crate::files::{self, Limit};
use crate::moment::Moment;
use members::Members;

const OPTION: &str = "--reference";

/// Which launches may have been measured.
#[derive(clap::Args)]
#[command(next_help_heading = "Launches that are accepted")]
#[group(skip)]
pub struct Arguments {
    /// Launches that are accepted: what `cloister measure reference` wrote (JSON, or a signed CoRIM with
    /// --reference-key), or what `cloister measure plan`, `snp` or `tdx` printed with -o json. May be given more
    /// than once: any of them will do. Without it the launch digest is not checked.
    #[arg(long = "reference", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The public key that must have signed the CoRIMs: PEM, ECDSA on P-384.
    #[arg(long = "reference-key", value_name = "PUB.PEM", requires = "files")]
    key: Option<PathBuf>,
}

/// One launch that is accepted, for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The workload's name, or the file's.
    pub name: String,
    /// The launch digest; of a trust domain, MRTD.
    pub digest: [u8; 48],
    /// RTMR0 to RTMR3 as far as they are predicted.
    pub rtmrs: [Option<[u8; 48]>; 4],
    /// The least GUEST_SVN.
    pub min_svn: Option<u32>,
    /// The first second of its validity, and the last.
    pub validity: Validity,
}

impl Launch {
    /// Whether it is in its time.
    pub fn is_good_at(&self, at: Moment) -> bool {
        (self.validity.not_before..=self.validity.not_after).contains(&at.0)
    }

    /// As the judge takes it, of this TEE.
    pub fn as_value(&self, tee: Measured) -> ReferenceValue {
        ReferenceValue {
            version: FormatVersion,
            name: self.name.clone(),
            tee,
            launch_digest: Some(self.digest),
            rtmrs: self.rtmrs.map(|rtmr| rtmr.map(Digest48)),
            min_svn: self.min_svn,
            not_before: self.validity.not_before,
            not_after: self.validity.not_after,
            revoked: None,
            source: Source::Plain,
            manifest: None,
        }
    }

    fn out_of_time(&self, place: &str) -> String {
        format!(
            "{place}: reference value {} is not in its time ({} to {}), so it allows nothing",
            self.name,
            Moment(self.validity.not_before),
            Moment(self.validity.not_after)
        )
    }
}

/// What the files say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Launches of the asked TEE.
    pub launches: Vec<Launch>,
    /// Why others are none of them, and which of them allow nothing now.
    pub left_out: Vec<String>,
}

impl Arguments {
    /// Whether any file is named.
    pub fn is_given(&self) -> bool {
        !self.files.is_empty()
    }

    /// The launches of `tee` that are accepted; nothing where no file was given.
    ///
    /// # Errors
    /// A file is no reference value in any form.
    pub fn accepted(
        &self,
        tee: Tee,
        at: Moment,
        read_files: &mut Files,
    ) -> Result<Option<Accepted>> {
        if self.files.is_empty() {
            return Ok(None);
        }
        let key = self.key.as_deref();
        let key = key
            .map(|path| verifying_key(path, read_files))
            .transpose()?;
        let mut accepted = Accepted::default();
        for path in &self.files {
            let bytes = files::read(OPTION, path, Limit::Mebibyte)?;
            read_files.add("reference", &bytes);
            let place = || format!("{OPTION} {}", path.display());
            match read(path, &bytes, key.as_ref(), at).with_context(place)? {
                Ok((found, launches)) if found == tee => {
                    let late = launches.iter().filter(|launch| !launch.is_good_at(at));
                    let why = late.map(|launch| launch.out_of_time(&place()));
                    accepted.left_out.extend(why);
                    accepted.launches.extend(launches);
                }
                Ok((found, _)) => accepted.left_out.push(format!(
                    "{} is of {}, so it allows nothing of {}",
                    place(),
                    found.name(),
                    tee.name()
                )),
                Err(why) => accepted.left_out.push(format!(
                    "{} is refused, so it allows nothing: {why}",
                    place()
                )),
            }
        }
        Ok(Some(accepted))
    }
}

fn verifying_key(path: &Path, read_files: &mut Files) -> Result<VerifyingKey> {
    let pem = files::text("--reference-key", path, Limit::Mebibyte)?;
    read_files.add("reference-key", pem.as_bytes());
    let place = || format!("--reference-key {}: not a key to check by", path.display());
    VerifyingKey::from_pem(&pem).with_context(place)
}

/// The launches of one file; or why a file that can be read is not to be relied on.
type Found = Result<(Tee, Vec<Launch>), CorimRejection>;

fn read(path: &Path, bytes: &[u8], key: Option<&VerifyingKey>, at: Moment) -> Result<Found> {
    if !bytes.trim_ascii_start().starts_with(b"{") {
        let Some(key) = key else {
            bail!(
                "no JSON; if it is a signed CoRIM, name the key that must have signed it: --reference-key PUB.PEM"
            );
        };
        return signed(bytes, key, at);
    }
    let members = Members::of(bytes).context("no JSON, or a member twice")?;
    let (tee, launch) = match predicted::is_one(&members) {
        true => predicted::read(path, bytes)?,
        false => Plain::read(bytes)?,
    };
    Ok(Ok((tee, vec![launch])))
}

/// What the key signed. The judge says of a document that is not in force what that means, so it is opened as of
/// when it was.
fn signed(bytes: &[u8], key: &VerifyingKey, at: Moment) -> Result<Found> {
    let opened = match Signed::open(bytes, key, at.0) {
        Err(CorimRejection::NotYetValid { from, .. }) => Signed::open(bytes, key, from),
        Err(CorimRejection::Expired { until, .. }) => Signed::open(bytes, key, until),
        opened => opened,
    };
    match opened {
        Ok(Signed { set, .. }) => Ok(Ok((set.tee, launches(&set)))),
        Err(CorimRejection::Cbor(fault)) => Err(fault).context("neither JSON nor a signed CoRIM"),
        Err(rejection) => Ok(Err(rejection)),
    }
}

fn launches(set: &ReferenceSet) -> Vec<Launch> {
    let launch = |alternative: &Alternative| Launch {
        name: format!("{}/vcpus/{}", set.id(), alternative.vcpus),
        digest: alternative.digest,
        rtmrs: alternative.rtmrs,
        min_svn: set.min_svn,
        validity: set.validity,
    };
    set.alternatives.iter().map(launch).collect()
}

/// What `cloister measure reference` writes without a signature; docs/verdict.md has the form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    version: u32,
    name: String,
    tee: String,
    launch_digest: String,
    /// By which a refusal could name the component that differs; the offline verdict does not. It may be null, and is
    /// always there.
    #[serde(rename = "manifest", deserialize_with = "Option::deserialize")]
    _manifest: Option<String>,
    not_before: u64,
    not_after: u64,
}

impl Plain {
    fn read(bytes: &[u8]) -> Result<(Tee, Launch)> {
        let plain: Self = serde_json::from_slice(bytes).context(
            "neither a reference value nor a whole prediction of `cloister measure ... -o json`",
        )?;
        if plain.version != 1 {
            bail!("version {} is not 1, the one that is known", plain.version);
        }
        let launch = Launch {
            name: plain.name,
            digest: digest(&plain.launch_digest)?,
            rtmrs: [None; 4],
            min_svn: None,
            validity: Validity {
                not_before: plain.not_before,
                not_after: plain.not_after,
            },
        };
        Ok((tee(&plain.tee)?, launch))
    }
}

fn tee(name: &str) -> Result<Tee> {
    let known = [Tee::Snp, Tee::Tdx, Tee::Simulated];
    let tee = known.into_iter().find(|tee| tee.name() == name);
    tee.with_context(|| format!("{name:?} is no TEE"))
}

fn digest(text: &str) -> Result<[u8; 48]> {
    let bytes = hex::decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    bytes.with_context(|| format!("{text:?} is no digest of 48 bytes"))
}
