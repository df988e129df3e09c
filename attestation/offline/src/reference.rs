//! Launches that the caller accepts, from any of the forms in which `cloister measure` writes them.

use anyhow::{Context, Result, bail};
use measured_boot_reference_values::{Alternative, Signed, Tee, VerifyingKey};
use serde::Deserialize;
use std::path::{Path, PathBuf};

use crate::files::{self, Limit};
use crate::moment::Moment;

const OPTION: &str = "--reference";

/// Which launches may have been measured.
#[derive(clap::Args)]
#[command(next_help_heading = "Launches that are accepted")]
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

/// One launch that is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The launch digest; of a trust domain, MRTD.
    pub digest: [u8; 48],
    /// RTMR0 to RTMR3 as far as they are predicted.
    pub rtmrs: [Option<[u8; 48]>; 4],
    /// The least GUEST_SVN.
    pub min_svn: Option<u32>,
}

/// What the files say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Launches of the asked TEE, in force.
    pub launches: Vec<Launch>,
    /// Why others are none of them.
    pub left_out: Vec<String>,
}

impl Arguments {
    /// The launches of `tee` that are accepted at a time; nothing where no file was given.
    ///
    /// # Errors
    /// A file is no reference value in any form.
    pub fn accepted(&self, tee: Tee, at: Moment) -> Result<Option<Accepted>> {
        if self.files.is_empty() {
            return Ok(None);
        }
        let key = self.key.as_deref().map(verifying_key).transpose()?;
        let mut accepted = Accepted::default();
        for path in &self.files {
            let bytes = files::read(OPTION, path, Limit::Mebibyte)?;
            let place = || format!("{OPTION} {}", path.display());
            let reference = Reference::read(&bytes, key.as_ref(), at).with_context(place)?;
            match reference.in_force(tee, at) {
                Ok(launches) => accepted.launches.extend(launches),
                Err(why) => accepted.left_out.push(format!("{}: {why}", place())),
            }
        }
        Ok(Some(accepted))
    }
}

fn verifying_key(path: &Path) -> Result<VerifyingKey> {
    let pem = files::text("--reference-key", path, Limit::Mebibyte)?;
    let place = || format!("--reference-key {}: not a key to check by", path.display());
    VerifyingKey::from_pem(&pem).with_context(place)
}

/// One file.
enum Reference {
    Plain(Plain),
    Predicted(Tee, Launch),
    Signed(Box<Signed>),
    /// It can be read, and is not to be relied on.
    Refused(String),
}

/// What `cloister measure reference` writes without a signature; docs/verdict.md has the form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    version: u32,
    #[serde(rename = "name")]
    _name: String,
    tee: String,
    launch_digest: String,
    /// By which a refusal could name the component that differs; the offline verdict does not.
    #[serde(rename = "manifest")]
    _manifest: Option<String>,
    not_before: u64,
    not_after: u64,
}

/// What is read of the documents that `cloister measure plan`, `snp` and `tdx` print.
#[derive(Deserialize)]
struct Predicted {
    tee: String,
    launch_digest: String,
    rtmr0: Option<String>,
    rtmr1: Option<String>,
    rtmr2: Option<String>,
    rtmr3: Option<String>,
}

impl Reference {
    fn read(bytes: &[u8], key: Option<&VerifyingKey>, at: Moment) -> Result<Self> {
        if !bytes.trim_ascii_start().starts_with(b"{") {
            let Some(key) = key else {
                bail!(
                    "no JSON; if it is a signed CoRIM, name the key that must have signed it: --reference-key PUB.PEM"
                );
            };
            return Self::signed(bytes, key, at);
        }
        // A prediction has no dates, and a reference value always has them.
        match serde_json::from_slice::<Dated>(bytes) {
            Ok(Dated {
                not_before: None, ..
            }) => Self::predicted(bytes),
            _ => Self::plain(bytes),
        }
    }

    fn signed(bytes: &[u8], key: &VerifyingKey, at: Moment) -> Result<Self> {
        use measured_boot_reference_values::CorimRejection::Cbor;
        match Signed::open(bytes, key, at.0) {
            Ok(signed) => Ok(Self::Signed(Box::new(signed))),
            Err(Cbor(fault)) => Err(fault).context("neither JSON nor a signed CoRIM"),
            Err(rejection) => Ok(Self::Refused(rejection.to_string())),
        }
    }

    fn plain(bytes: &[u8]) -> Result<Self> {
        let plain: Plain = serde_json::from_slice(bytes)
            .context("not what `cloister measure reference` writes")?;
        if plain.version != 1 {
            bail!("version {} is not 1, the one that is known", plain.version);
        }
        tee(&plain.tee)?;
        digest(&plain.launch_digest)?;
        Ok(Self::Plain(plain))
    }

    fn predicted(bytes: &[u8]) -> Result<Self> {
        let predicted: Predicted = serde_json::from_slice(bytes).context(
            "neither a reference value nor a prediction of `cloister measure ... -o json`",
        )?;
        let given = [
            &predicted.rtmr0,
            &predicted.rtmr1,
            &predicted.rtmr2,
            &predicted.rtmr3,
        ];
        let mut rtmrs = [None; 4];
        for (rtmr, given) in rtmrs.iter_mut().zip(given) {
            *rtmr = given.as_deref().map(digest).transpose()?;
        }
        let launch = Launch {
            digest: digest(&predicted.launch_digest)?,
            rtmrs,
            min_svn: None,
        };
        Ok(Self::Predicted(tee(&predicted.tee)?, launch))
    }

    /// The launches of `tee`, or why there are none.
    fn in_force(&self, asked: Tee, at: Moment) -> Result<Vec<Launch>, String> {
        let (tee, launches) = match self {
            Self::Refused(why) => return Err(format!("refused, so it allows nothing: {why}")),
            Self::Plain(plain) => plain.in_force(at)?,
            Self::Predicted(tee, launch) => (*tee, vec![launch.clone()]),
            Self::Signed(signed) => {
                let launches = signed.set.alternatives.iter();
                let launches = launches.map(|one| launch(one, signed.set.min_svn));
                (signed.set.tee, launches.collect())
            }
        };
        match tee == asked {
            true => Ok(launches),
            false => Err(format!(
                "it is of {}, so it allows nothing of {}",
                tee.name(),
                asked.name()
            )),
        }
    }
}

/// What tells one JSON form from the other.
#[derive(Deserialize)]
struct Dated {
    not_before: Option<serde::de::IgnoredAny>,
}

impl Plain {
    fn in_force(&self, at: Moment) -> Result<(Tee, Vec<Launch>), String> {
        if at.0 < self.not_before {
            let from = self.not_before;
            return Err(format!(
                "it is not valid before second {from}, so it allows nothing yet"
            ));
        }
        if at.0 > self.not_after {
            let until = self.not_after;
            return Err(format!(
                "it expired at second {until}, so it allows nothing any more"
            ));
        }
        let launch = Launch {
            digest: digest(&self.launch_digest).map_err(|error| error.to_string())?,
            rtmrs: [None; 4],
            min_svn: None,
        };
        let tee = tee(&self.tee).map_err(|error| error.to_string())?;
        Ok((tee, vec![launch]))
    }
}

fn launch(alternative: &Alternative, min_svn: Option<u32>) -> Launch {
    Launch {
        digest: alternative.digest,
        rtmrs: alternative.rtmrs,
        min_svn,
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
