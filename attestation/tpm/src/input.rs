//! What a judgement needs. None of it is read from anywhere else.

use crate::{AttestationKey, ExpectedNonce, PcrTable, Reference, TpmLimits};
use attestation_certificates::{Certificate, ChainProblem, KeyUsage, Validity, prove_chain};

/// A quote and what came with it.
#[derive(Debug, Clone, Copy)]
pub struct TpmEvidence<'a> {
    /// TPMS_ATTEST: the bytes that are signed.
    pub quote: &'a [u8],
    /// The signature over them.
    pub signature: QuoteSignature<'a>,
    /// What the sender says that the PCRs hold.
    pub pcrs: &'a PcrTable,
    /// The attestation key that came along, a SubjectPublicKeyInfo in DER: nothing but the sender vouches for it.
    pub sent_ak: Option<&'a [u8]>,
    /// The HCL report that came along.
    pub hcl_report: Option<&'a [u8]>,
    /// The log of what extended the PCRs, in the TCG's binary format.
    pub event_log: Option<&'a [u8]>,
}

/// A TPM's signature, in the form in which it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuoteSignature<'a> {
    /// The number alone: RSASSA with SHA-256, as Azure's agents send it.
    Bare(&'a [u8]),
    /// A TPMT_SIGNATURE, which says what it is.
    Tagged(&'a [u8]),
}

/// What makes an attestation key believable.
#[derive(Debug, Clone, Copy)]
pub enum AkTrust<'a> {
    /// A TEE's report binds the runtime data that names it. This report has to be accepted by a judgement of its own:
    /// nothing here looks at its signature. What was launched decides whether there is a TPM at all: a machine with
    /// another launch digest than a paravisor's may bind any key and quote what it likes.
    Tee(TeeReport<'a>),
    /// The relying party named it.
    Named(&'a AttestationKey),
    /// Somebody whom the relying party named certified it.
    Certified(AkCertificates<'a>),
}

/// What certifies an attestation key.
#[derive(Debug, Clone, Copy)]
pub struct AkCertificates<'a> {
    /// The key's certificate first, then the issuer of each, and the root last.
    pub chain: &'a [Certificate],
    /// The roots that the relying party named.
    pub anchors: &'a [Certificate],
    /// When it is judged, in unix seconds.
    pub now: u64,
}

impl AkCertificates<'_> {
    /// The key in the first certificate.
    pub(crate) fn key(&self) -> Option<AttestationKey> {
        let leaf = self.chain.first()?;
        AttestationKey::from_spki(leaf.public_key_info()).ok()
    }

    /// Whether the first certificate says that its key signs: that of a key that decrypts (an EK's) does not.
    pub(crate) fn is_for_signing(&self) -> bool {
        let usage = self.chain.first().and_then(Certificate::key_usage);
        usage.is_some_and(KeyUsage::digital_signature)
    }

    pub(crate) fn prove(&self) -> Result<Validity, Vec<ChainProblem>> {
        let chain: Vec<_> = self.chain.iter().collect();
        let anchors: Vec<_> = self.anchors.iter().collect();
        prove_chain(&chain, &anchors, self.now)
    }
}

/// The report that another judgement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TeeReport<'a> {
    /// An SNP report: 1,184 bytes.
    Snp(&'a [u8; 1184]),
    /// The body of a TDX quote: TD_QUOTE_BODY, 584 bytes, or 648 for TDX 1.5.
    Tdx(&'a [u8]),
}

/// Everything that a judgement depends on.
#[derive(Debug, Clone, Copy)]
pub struct TpmInput<'a> {
    /// What came.
    pub evidence: TpmEvidence<'a>,
    /// What makes its key believable.
    pub trust: AkTrust<'a>,
    /// What the quote has to bind.
    pub expected: &'a ExpectedNonce,
    /// The PCRs that the relying party expects, beside those of the limits.
    pub reference: Option<&'a Reference>,
    /// What the relying party tolerates.
    pub limits: &'a TpmLimits,
}
