//! Everything that a judgement depends on, as plain data.

use std::sync::Arc;

use attestation_appraisal::Policy;
use attestation_certificates::Seen;
use attestation_evidence::encoding::hex_decode;
use attestation_evidence::{
    Nonce, RuntimeData, Tee, TlsExporter, report_data_binding, report_data_binding_v1,
};
use attestation_verdict::ExpectedData;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::References;

/// All that [`judge`](crate::judge) looks at: the same case gets the same verdict, years later too. Each part of it can be
/// kept as a blob, from which an auditor puts the case together again.
#[derive(Debug, Clone)]
pub struct Case {
    /// What the evidence is claimed to be of: it is never read as anything else.
    pub tee: Tee,
    /// `primary_evidence`, as received.
    pub evidence: String,
    /// What came with it, and why it is believed to be fresh.
    pub exchange: Exchange,
    /// Which roots are trusted, and whether evidence that proves nothing may be taken at all.
    pub trust: Trust,
    /// Certificates, lists and documents of vendors.
    pub collateral: Collateral,
    /// The newest collateral that was seen before, if somebody keeps account.
    pub seen: Option<Seen>,
    /// The relying party's policy.
    pub policy: Arc<Policy>,
    /// The launches that the relying party accepts.
    pub references: Arc<References>,
    /// When this is judged: seconds since 1970-01-01T00:00:00Z.
    pub now: u64,
}

/// What came with the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// `additional_evidence`, as received; `""` where there is none.
    pub additional_evidence: String,
    /// `init-data`, as received: JSON text. `null` where there is none.
    pub init_data: Option<String>,
    /// How it is known to be fresh, and what REPORT_DATA has to bind.
    pub freshness: Freshness,
}

impl Exchange {
    /// Its blob: compact, members in the order of the type.
    #[must_use]
    pub fn blob(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("its keys are texts")
    }

    /// What REPORT_DATA has to hold, computed anew from what came with the report.
    #[must_use]
    pub fn expected(&self) -> ExpectedData {
        match &self.freshness {
            Freshness::Caller(expected) => expected.0.clone(),
            Freshness::Session(attempt) => {
                ExpectedData::Exactly(attempt.binding(&self.additional_evidence))
            }
        }
    }

    /// The attempt in a session of this verifier's, if it is one.
    #[must_use]
    pub fn attempt(&self) -> Option<&Attempt> {
        match &self.freshness {
            Freshness::Session(attempt) => Some(attempt),
            Freshness::Caller(_) => None,
        }
    }
}

/// How evidence is known to be fresh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// A guest answers a challenge of this verifier's: it binds the nonce and its key.
    Session(Attempt),
    /// A relying party asks about evidence that it has: what it has to bind, the relying party says.
    Caller(Expected),
}

/// [`ExpectedData`] as it is kept: 128 hexadecimal digits, or `null` where the relying party ties the evidence to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected(pub ExpectedData);

impl Serialize for Expected {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            ExpectedData::Exactly(data) => serializer.serialize_some(&hex::encode(data)),
            ExpectedData::Unbound => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else {
            return Ok(Self(ExpectedData::Unbound));
        };
        let data = hex_decode(&text)
            .ok_or_else(|| D::Error::custom("not 128 lower-case hexadecimal digits"))?;
        Ok(Self(ExpectedData::Exactly(data)))
    }
}

/// One attempt of a guest in a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// The session that the client named.
    pub session: Session,
    /// `runtime-data`, as received.
    pub runtime_data: RuntimeData,
    /// By which protocol REPORT_DATA binds it.
    pub protocol: Protocol,
}

impl Attempt {
    fn binding(&self, additional_evidence: &str) -> [u8; 64] {
        match &self.protocol {
            Protocol::Kbs => report_data_binding(&self.runtime_data, additional_evidence),
            Protocol::V1 { exporter } => {
                report_data_binding_v1(&self.runtime_data, additional_evidence, exporter)
            }
        }
    }
}

/// What REPORT_DATA binds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Protocol {
    /// The KBS protocol 0.4.0: the hash over nonce, key and additional evidence.
    Kbs,
    /// `/v1`: these and the TLS session, so that nobody can have relayed the evidence.
    V1 {
        /// The exporter value at the verifier's end.
        exporter: TlsExporter,
    },
}

/// What the verifier knows of the session that the client named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Session {
    /// This verifier issued no such session, or has forgotten it.
    Unknown,
    /// This verifier issued it.
    Issued(IssuedSession),
}

/// The nonce of a session, before the attempt that is being judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuedSession {
    /// The nonce that was sent in the challenge.
    pub nonce: Nonce,
    /// Whether an earlier attempt has used it up.
    pub state: NonceState,
    /// The first second at which it is too late: seconds since 1970-01-01T00:00:00Z.
    pub expires_at: u64,
}

/// Whether a nonce is still good. Any attempt burns it, whatever came of the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NonceState {
    /// No attempt was made with it.
    Fresh,
    /// An attempt was made with it.
    Burned,
}

/// The verifier's own word on what it trusts. No policy can widen it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Whether simulated evidence may be taken, and under which root.
    pub simulated: SimulatedTrust,
    /// Whether the sample attester's evidence may be taken.
    pub sample: SampleTrust,
    /// Who vouches for SEV-SNP's chips.
    pub amd: VendorRoot,
    /// Who vouches for TDX's platforms.
    pub intel: VendorRoot,
}

/// Whether simulated evidence may be taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SimulatedTrust {
    /// The verifier was not started for it.
    #[default]
    Refused,
    /// It was, with this root. A policy has to have limits for `simulated` as well.
    Allowed {
        /// The simulated ARK's certificate, DER; the evidence must bring the same bytes.
        ark: Vec<u8>,
    },
}

/// Whether the sample attester's evidence, which anybody can write, may be taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SampleTrust {
    /// The verifier was not started for it.
    #[default]
    Refused,
    /// It was. A policy has to have limits for `sample` as well.
    Allowed,
}

/// The root of a vendor's certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum VendorRoot {
    /// The vendor's own, which is built in.
    #[default]
    BuiltIn,
    /// Another in its place: for evidence made for tests. The verdict says so, and no status is affirming under it.
    Named(Vec<u8>),
}

impl VendorRoot {
    /// The certificate that was named.
    #[must_use]
    pub fn named(&self) -> Option<&[u8]> {
        match self {
            Self::BuiltIn => None,
            Self::Named(certificate) => Some(certificate),
        }
    }
}

/// What vendors say, as bytes that the judgement proves itself. It takes the place of what the evidence brings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collateral {
    /// The certificate of the key that signed an SNP report: PEM or DER.
    pub vek: Option<Vec<u8>>,
    /// Those above it, in any order: PEM or DER. None where the built-in ones are meant.
    pub chain: Vec<Vec<u8>>,
    /// Revocation lists: PEM or DER.
    pub crls: Vec<Vec<u8>>,
    /// What Intel says of a platform: the JSON document that docs/verify.md describes.
    pub tdx: Option<Vec<u8>>,
}

/// What a document of [`Collateral`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CollateralRole {
    /// The signing key's certificate.
    Vek,
    /// A certificate above it.
    Chain,
    /// A revocation list.
    Crl,
    /// Intel's document.
    Tdx,
}

impl CollateralRole {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Vek, Self::Chain, Self::Crl, Self::Tdx];

    /// The name in records and verdicts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vek => "vek",
            Self::Chain => "chain",
            Self::Crl => "crl",
            Self::Tdx => "collateral",
        }
    }
}

impl Collateral {
    /// Each document with its role, in an order from which [`Self::of_documents`] makes the same again.
    #[must_use]
    pub fn documents(&self) -> Vec<(CollateralRole, &[u8])> {
        let mut documents: Vec<(CollateralRole, &[u8])> = Vec::new();
        documents.extend(
            self.vek
                .iter()
                .map(|it| (CollateralRole::Vek, it.as_slice())),
        );
        documents.extend(
            self.chain
                .iter()
                .map(|it| (CollateralRole::Chain, it.as_slice())),
        );
        documents.extend(
            self.crls
                .iter()
                .map(|it| (CollateralRole::Crl, it.as_slice())),
        );
        documents.extend(
            self.tdx
                .iter()
                .map(|it| (CollateralRole::Tdx, it.as_slice())),
        );
        documents
    }

    /// Of its documents; nothing where there is a second one of a role that has one at most.
    pub fn of_documents<'a>(
        documents: impl IntoIterator<Item = (CollateralRole, &'a [u8])>,
    ) -> Option<Self> {
        let mut collateral = Self::default();
        for (role, bytes) in documents {
            let place = match role {
                CollateralRole::Vek => &mut collateral.vek,
                CollateralRole::Tdx => &mut collateral.tdx,
                CollateralRole::Chain => {
                    collateral.chain.push(bytes.to_vec());
                    continue;
                }
                CollateralRole::Crl => {
                    collateral.crls.push(bytes.to_vec());
                    continue;
                }
            };
            if place.replace(bytes.to_vec()).is_some() {
                return None;
            }
        }
        Some(collateral)
    }
}
