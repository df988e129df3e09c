//! For which collateral evidence calls, before anybody judges it.

use attestation_evidence::Tee;
use attestation_snp::REPORT_SIZE;

use crate::evidence::Evidence;

/// What a vendor has to be asked for. Nothing of the evidence is proven yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NeededCollateral {
    /// No vendor vouches for such evidence, or it cannot be read.
    Nothing,
    /// The certificates of the key that signed an SNP report.
    Snp {
        /// The report.
        report: Box<[u8; REPORT_SIZE]>,
        /// The key's certificate, where it came with the evidence: PEM or DER.
        vek: Option<Vec<u8>>,
        /// Those above it that came along.
        chain: Vec<Vec<u8>>,
    },
    /// What Intel says of the platform that made a TDX quote.
    Tdx {
        /// The quote.
        quote: Vec<u8>,
    },
}

impl NeededCollateral {
    /// Of evidence that is claimed to be of this TEE, as received.
    #[must_use]
    pub fn of(tee: Tee, evidence: &str) -> Self {
        match Evidence::of(tee, evidence) {
            Ok(Evidence::Snp(snp)) => Self::Snp {
                report: snp.report,
                vek: snp.vek,
                chain: snp.chain,
            },
            Ok(Evidence::SnpTpm(tpm, report)) => Self::Snp {
                report,
                vek: tpm.evidence.vek,
                chain: tpm.evidence.chain,
            },
            Ok(Evidence::Tdx(tdx)) => Self::Tdx { quote: tdx.quote },
            Ok(Evidence::TdxTpm(_, quote)) => Self::Tdx { quote },
            Ok(Evidence::Simulated(_) | Evidence::Sample(_)) | Err(_) => Self::Nothing,
        }
    }
}
