//! What a launch was predicted to be, as far as digests say: what `plan`, `snp` and `tdx` print with `-o json`.

use anyhow::{Context, Result, ensure};
use measured_boot_difference::QuoteFields;
use measured_boot_digest::{LaunchDigest, Manifest};
use measured_boot_event_log::{Algorithm, Log, Register, printable};
use serde::Deserialize;
use std::fmt;
use std::path::Path;

use super::Kind;
use crate::prediction::{Prediction, components};

/// What was printed of 4096 vCPUs has 1 MiB.
const MAX_BYTES: usize = 16 << 20;

/// A prediction, or what something else says of the same registers. What is not said is `None`.
#[derive(Clone, Default, Deserialize)]
pub struct Predicted {
    pub tee: Option<Text>,
    pub launch_digest: Option<Sha384>,
    pub vmm_type: Option<Text>,
    pub boot_protocol: Option<Text>,
    pub cpu_signature: Option<Text>,
    pub guest_features: Option<Text>,
    pub policy: Option<Text>,
    pub page_order: Option<Text>,
    pub profile: Option<Text>,
    pub vcpus: Option<u64>,
    pub memory_bytes: Option<u64>,
    pub rtmr0: Option<Sha384>,
    pub rtmr1: Option<Sha384>,
    pub rtmr2: Option<Sha384>,
    pub rtmr3: Option<Sha384>,
    pub components: Option<Vec<Part>>,
    pub events: Option<Vec<Measured>>,
}

/// Pages of a launch.
#[derive(Clone, Deserialize)]
pub struct Part {
    pub name: Text,
    pub gpa: Address,
    pub pages: u64,
    pub sha384: Option<Sha384>,
}

/// An event that extends a register.
#[derive(Clone, Deserialize)]
pub struct Measured {
    pub register: Text,
    pub name: Text,
    /// `None` if it was not predicted.
    pub digest: Option<Sha384>,
}

/// Text that a terminal may show.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Text(pub String);

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(printable(&text))
    }
}

/// A digest.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Sha384(pub [u8; 48]);

impl TryFrom<String> for Sha384 {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bytes = hex::decode(&text).ok();
        let digest = bytes.and_then(|bytes| bytes.try_into().ok()).map(Self);
        digest.ok_or_else(|| format!("{text:?} is no digest of 48 bytes in hexadecimal"))
    }
}

impl fmt::Display for Sha384 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A guest physical address.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Address(pub u64);

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.strip_prefix("0x");
        let address = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let address = address.map(Self);
        address.ok_or_else(|| format!("{text:?} is no address such as 0x800000"))
    }
}

impl Predicted {
    /// Reads what was printed.
    ///
    /// # Errors
    /// The text is something else.
    pub fn from_json(text: &str) -> Result<Self> {
        ensure!(
            text.len() <= MAX_BYTES,
            "it is larger than {} MiB",
            MAX_BYTES >> 20
        );
        let predicted: Self = serde_json::from_str(text)?;
        predicted
            .tee
            .as_ref()
            .context("it has no `tee`: give what `cloister measure` plan, snp or tdx prints")?;
        Ok(predicted)
    }

    /// Predicts a configuration's launch.
    pub fn of_plan(path: &Path) -> Result<Self> {
        let document = serde_json::to_value(Prediction::of(path)?.document())?;
        Ok(serde_json::from_value(document)?)
    }

    /// The launch that a manifest describes.
    pub fn of_manifest(manifest: &Manifest) -> Self {
        let components = components(manifest);
        let vcpus = components
            .iter()
            .filter(|part| part.name.starts_with("vcpu"));
        let vcpus = u64::try_from(vcpus.count()).ok();
        let parts = components.into_iter().map(|part| Part {
            name: Text::from(part.name),
            gpa: Address(part.gpa),
            pages: part.pages,
            sha384: part.sha384.map(Sha384),
        });
        Self {
            vcpus,
            components: Some(parts.collect()),
            ..Self::of_digest(manifest.recompute())
        }
    }

    /// A digest alone.
    pub fn of_digest(digest: LaunchDigest) -> Self {
        Self {
            launch_digest: Some(Sha384(digest.0)),
            ..Self::default()
        }
    }

    /// The registers of a quote.
    pub fn of_quote(quote: &QuoteFields<'_>) -> Self {
        let [rtmr0, rtmr1, rtmr2, rtmr3] =
            [0, 1, 2, 3].map(|number| Some(Sha384(quote.rtmr(number))));
        Self {
            tee: Some(Text("tdx".to_owned())),
            launch_digest: Some(Sha384(quote.mrtd())),
            rtmr0,
            rtmr1,
            rtmr2,
            rtmr3,
            ..Self::default()
        }
    }

    /// The registers that a trust domain's log leads to, and its events.
    pub fn of_log(log: &Log<'_>) -> Self {
        let replay = log.replay();
        let [rtmr0, rtmr1, rtmr2, rtmr3] = [0, 1, 2, 3].map(|number| {
            let value = replay.value(Algorithm::SHA384, Register::Rtmr(number))?;
            value.as_bytes().try_into().ok().map(Sha384)
        });
        let measured = log.events.iter().filter(|event| event.is_measured());
        let events = measured.map(|event| Measured {
            register: Text(event.register.name().to_lowercase()),
            name: Text(format!("{} {}", event.kind, event.description())),
            digest: event
                .digest(Algorithm::SHA384)
                .and_then(|digest| digest.try_into().ok())
                .map(Sha384),
        });
        Self {
            rtmr0,
            rtmr1,
            rtmr2,
            rtmr3,
            events: Some(events.collect()),
            ..Self::default()
        }
    }

    /// Refuses evidence of another TEE: its digest is made otherwise.
    ///
    /// # Errors
    /// One is of a trust domain, and the other is not.
    pub fn same_tee(&self, evidence: Kind) -> Result<()> {
        let tee = self.tee.as_ref().map_or("", |tee| &tee.0);
        let of_tdx = matches!(evidence, Kind::Quote | Kind::EventLog);
        let of_snp = evidence == Kind::Report;
        ensure!(
            !(of_tdx && tee != "tdx" || of_snp && tee == "tdx"),
            "the prediction is of a launch under {tee}, and {} is of another TEE",
            evidence.one()
        );
        Ok(())
    }

    /// RTMR0 to RTMR3.
    pub fn rtmrs(&self) -> [Option<Sha384>; 4] {
        [self.rtmr0, self.rtmr1, self.rtmr2, self.rtmr3]
    }
}
