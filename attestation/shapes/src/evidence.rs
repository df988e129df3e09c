//! Evidence in one form, whatever it came in.

use crate::{Layer, Shape, ShapeError};
use measured_boot_snp_abi::REPORT_SIZE;

/// An SNP report and what came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnpEvidence {
    /// The report's bytes, as the firmware made them.
    pub report: Box<[u8; REPORT_SIZE]>,
    /// The certificate of the signing key, VCEK or VLEK, where one came along: DER, or one PEM block.
    pub vek: Option<Vec<u8>>,
    /// Other certificates that came along (ARK, ASK, ASVK), each DER or PEM, in the order in which they came. They
    /// are never a root.
    pub chain: Vec<Vec<u8>>,
    /// The HCL report that the report was taken out of: its runtime data is what REPORT_DATA binds.
    pub hcl_report: Option<Vec<u8>>,
    /// What it came as.
    pub shape: Shape,
    /// What that was wrapped in, the outermost first.
    pub layers: Vec<Layer>,
}

/// A TDX quote and what came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TdxEvidence {
    /// The quote, with whatever follows it.
    pub quote: Vec<u8>,
    /// The log of what extended the RTMRs.
    pub event_log: Option<EventLog>,
    /// The HCL report that came along: its runtime data is what REPORT_DATA binds.
    pub hcl_report: Option<Vec<u8>>,
    /// dstack's description of the machine: JSON text that nothing signs.
    pub vm_config: Option<String>,
    /// What it came as.
    pub shape: Shape,
    /// What that was wrapped in, the outermost first.
    pub layers: Vec<Layer>,
}

/// What extended the RTMRs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventLog {
    /// A log in the binary format of the TCG, as firmware leaves it (CCEL), and as the agent's own events continue it.
    Tcg(Vec<u8>),
    /// dstack's list.
    Dstack(Vec<DstackEvent>),
}

/// One event of dstack's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DstackEvent {
    /// Which RTMR it extended, 0 to 3.
    pub rtmr: u8,
    /// Its type: TCG's, or dstack's own 0x08000001.
    pub event_type: u32,
    /// What extended the RTMR: SHA-384. `None` where dstack leaves it to be computed out of the rest.
    pub digest: Option<[u8; 48]>,
    /// Its name: empty for firmware's events.
    pub event: String,
    /// What it is about.
    pub payload: Vec<u8>,
    /// How dstack makes the digest of its own events, 1 or 2.
    pub version: u8,
    /// What the digest is said to be made of. Not used.
    pub preimage: Option<Vec<u8>>,
}

/// A TPM's quote and what came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TpmEvidence {
    /// The quote.
    pub quote: TpmQuote,
    /// Azure's HCL report: the TEE's own report and the runtime data with the attestation key.
    pub hcl_report: Option<Vec<u8>>,
    /// The attestation key, a SubjectPublicKeyInfo in DER, where nothing but the sender vouches for it.
    pub ak_public: Option<Vec<u8>>,
    /// The certificate of the key that signed the SNP report: DER, or PEM.
    pub vek: Option<Vec<u8>>,
    /// Other certificates that came along, each DER or PEM. They are never a root.
    pub chain: Vec<Vec<u8>>,
    /// The quote over the TD report in the HCL report.
    pub td_quote: Option<Vec<u8>>,
    /// The log of what extended the PCRs, in the TCG's binary format.
    pub event_log: Option<Vec<u8>>,
    /// What it came as.
    pub shape: Shape,
    /// What that was wrapped in, the outermost first.
    pub layers: Vec<Layer>,
}

/// A quote over PCRs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TpmQuote {
    /// TPMS_ATTEST, the bytes that are signed.
    pub message: Vec<u8>,
    /// The signature over them.
    pub signature: QuoteSignature,
    /// The SHA-256 bank as the sender read it: PCR 0 first, 24 of them.
    pub pcrs: Vec<[u8; 32]>,
}

/// A TPM's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuoteSignature {
    /// The number alone; Azure's is RSASSA with SHA-256.
    Bare(Vec<u8>),
    /// A TPMT_SIGNATURE, which says what it is.
    Tagged(Vec<u8>),
}

/// Evidence of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// An SNP report.
    Snp(SnpEvidence),
    /// A TDX quote.
    Tdx(TdxEvidence),
    /// A TPM's quote.
    Tpm(TpmEvidence),
}

impl SnpEvidence {
    /// Reads an SNP report in any form that holds one; of Azure's vTPM evidence, the report inside.
    ///
    /// # Errors
    /// The bytes are of no known form, or of one without an SNP report.
    pub fn read(bytes: &[u8]) -> Result<Self, ShapeError> {
        crate::read::snp(bytes)
    }
}

impl TdxEvidence {
    /// Reads a TDX quote in any form that holds one; of Azure's vTPM evidence, the quote inside.
    ///
    /// # Errors
    /// The bytes are of no known form, or of one without a TDX quote.
    pub fn read(bytes: &[u8]) -> Result<Self, ShapeError> {
        crate::read::tdx(bytes)
    }
}

impl TpmEvidence {
    /// Reads a TPM's quote in any form that holds one.
    ///
    /// # Errors
    /// The bytes are of no known form, or of one without a TPM's quote.
    pub fn read(bytes: &[u8]) -> Result<Self, ShapeError> {
        crate::read::tpm(bytes)
    }
}

impl Evidence {
    /// Reads evidence of any kind: Azure's vTPM evidence is a TPM's.
    ///
    /// # Errors
    /// The bytes are of no known form.
    pub fn read(bytes: &[u8]) -> Result<Self, ShapeError> {
        crate::read::any(bytes)
    }
    /// What it came as.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Snp(evidence) => evidence.shape,
            Self::Tdx(evidence) => evidence.shape,
            Self::Tpm(evidence) => evidence.shape,
        }
    }

    /// Says what it was wrapped in.
    pub(crate) fn wrapped(mut self, layers: Vec<Layer>) -> Self {
        match &mut self {
            Self::Snp(evidence) => evidence.layers = layers,
            Self::Tdx(evidence) => evidence.layers = layers,
            Self::Tpm(evidence) => evidence.layers = layers,
        }
        self
    }
}
