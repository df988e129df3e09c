//! What is asked, and what is answered.

use std::fmt;

use attestation_certificates::Certificate;
use attestation_snp::{AttestationReport, Product, Proof, VekKind};
use attestation_tdx::{
    Collateral as TdxDocument, MAX_QUOTE_BYTES, ProvenCollateral, Quote, TdxClaims, TrustedRoot,
};
use measured_boot_snp_abi::TcbVersion;
use serde_json::json;
use std::sync::Arc;

use crate::error::CollateralError;
use crate::{PckCa, Subject};

/// For which SNP report certificates are needed. None of it is proven yet: the certificate is what proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnpQuestion {
    /// Whose the chip is; reports of version 2 do not tell, and then Milan and Genoa are asked for, in this order.
    pub product: Option<Product>,
    /// As the report has it: 64 bytes, of Turin's 8 with zeros behind.
    pub chip_id: [u8; 64],
    /// The reported TCB, as the report has it.
    pub tcb: TcbVersion,
    /// Which kind of key signed.
    pub kind: VekKind,
    /// The certificate that came with the evidence, with its chain or without: PEM or DER.
    pub brought: Option<Brought>,
}

/// Certificates that came with evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// The signing key's.
    pub vek: Vec<u8>,
    /// Those above it.
    pub chain: Vec<Vec<u8>>,
}

/// SIGNING_KEY of KEY_INFO (AMD 56860 revision 1.58, "ATTESTATION_REPORT Structure"): bits 4 to 2.
const SIGNING_KEY_SHIFT: u32 = 2;
const SIGNING_KEY_MASK: u32 = 0b111;
/// From this version on reports tell the CPU.
const VERSION_WITH_CPU: u32 = 3;

impl SnpQuestion {
    /// Of a report. What it says of itself decides what is asked for, and nothing else.
    pub fn of_report(report: &AttestationReport, brought: Option<Brought>) -> Self {
        let tells_cpu = report.version.get() >= VERSION_WITH_CPU;
        let product = Product::of_cpu(report.cpuid_family, report.cpuid_model);
        let key = report.key_info.get() >> SIGNING_KEY_SHIFT & SIGNING_KEY_MASK;
        let kind = match key == u32::from(VekKind::Vlek.signing_key()) {
            true => VekKind::Vlek,
            false => VekKind::Vcek,
        };
        Self {
            product: product.filter(|_| tells_cpu),
            chip_id: report.chip_id,
            tcb: report.reported_tcb,
            kind,
            brought,
        }
    }

    /// The products that it may be of.
    pub(crate) fn products(&self) -> Vec<Product> {
        match self.product {
            Some(product) => vec![product],
            None => vec![Product::Milan, Product::Genoa],
        }
    }
}

/// For which TDX platform collateral is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TdxQuestion {
    /// The platform's family, model, stepping and so on.
    pub fmspc: [u8; 6],
    /// Who certified its PCK.
    pub ca: PckCa,
}

impl TdxQuestion {
    /// Of a quote that brings its PCK certificate, as most do. Nothing of it is proven.
    ///
    /// # Errors
    /// It brings none that can be read.
    pub fn of_quote(quote: &[u8]) -> Result<Self, CollateralError> {
        Self::read(quote).ok_or(CollateralError::NoPck)
    }

    fn read(quote: &[u8]) -> Option<Self> {
        if quote.len() > MAX_QUOTE_BYTES {
            return None;
        }
        let pem = Quote::read(quote).ok()?.pck_chain?;
        let chain = Certificate::bundle(pem).ok()?;
        let issuer = chain.first()?.issuer_common_name()?;
        let is_it = |ca: &PckCa| ca.common_name() == issuer;
        let ca = PckCa::ALL.into_iter().find(is_it)?;
        let nothing = ProvenCollateral::prove(crate::proof::intel::empty(), &TrustedRoot::intel());
        let platform = TdxClaims::read(quote, &nothing).platform?;
        Some(Self {
            fmspc: platform.fmspc.0,
            ca,
        })
    }

    /// What it needs, each by itself. The root's list comes first: it says which of the others' signers are revoked.
    pub(crate) const fn subjects(&self) -> [Subject; 4] {
        [
            Subject::RootList,
            Subject::PckList(self.ca),
            Subject::QeIdentity,
            Subject::TcbInfo(self.fmspc),
        ]
    }
}

/// Where a VEK's certificate came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// With the evidence.
    Evidence,
    /// Out of what is kept, or from the vendor.
    Vendor,
}

/// Something that whoever relies on an answer has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What it is about.
    pub what: String,
    /// What it is, in a sentence.
    pub says: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.says)
    }
}

/// What an SNP report is judged with.
#[derive(Debug, Clone)]
pub struct SnpCollateral {
    /// Whose the chip is, by the chain.
    pub product: Product,
    /// The signing key's certificate, as a file.
    pub vek: Vec<u8>,
    /// The certificates above it, each a file; none where those that are built in lead to the root.
    pub chain: Vec<Vec<u8>>,
    /// Revocation lists, DER.
    pub crls: Vec<Vec<u8>>,
    /// All of it proven. Whoever judges looks at the dates, and at what a list revokes.
    pub proof: Proof,
    /// Where the certificate came from.
    pub source: Source,
    /// What to know about it.
    pub notes: Vec<Note>,
}

/// What a TDX quote is judged with.
#[derive(Debug, Clone)]
pub struct TdxCollateral {
    /// All of it proven.
    pub proven: Arc<ProvenCollateral>,
    /// The same as it came.
    pub document: TdxDocument,
    /// What to know about it.
    pub notes: Vec<Note>,
}

impl TdxCollateral {
    /// The document that `cloister verify tdx --collateral` takes: the same collateral is the same text.
    ///
    /// # Panics
    /// Never: it is plain data.
    pub fn to_json(&self) -> String {
        let document = &self.document;
        let text = serde_json::to_string_pretty(&json!({
            "pck_crl_issuer_chain": document.pck_crl_issuer_chain,
            "root_ca_crl": hex::encode(&document.root_ca_crl),
            "pck_crl": hex::encode(&document.pck_crl),
            "tcb_info_issuer_chain": document.tcb_info_issuer_chain,
            "tcb_info": document.tcb_info,
            "tcb_info_signature": hex::encode(&document.tcb_info_signature),
            "qe_identity_issuer_chain": document.qe_identity_issuer_chain,
            "qe_identity": document.qe_identity,
            "qe_identity_signature": hex::encode(&document.qe_identity_signature),
        }));
        text.expect("it is plain data") + "\n"
    }
}
