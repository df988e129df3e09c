//! Evidence under a root made on the spot: where tests begin.
//!
//! A test takes [`Scene::new`], whose quote is accepted under its own root, spoils one thing, and sees the one check
//! fail that is about it. Quotes and certificates are written here by number: a second opinion on the structures that
//! the crate reads. Nothing of it is genuine: no program trusts such a root unless somebody names it.

mod certificates;
mod documents;
mod quote;

pub use certificates::{Keys, List, Paper, SgxExtension};
pub use quote::offset;

use crate::{Bytes, Collateral, ProvenCollateral, TcbStatus, TdAttribute, TdxLimits, TrustedRoot};
use serde_json::Value;
use std::sync::Arc;

/// A time at which everything made here is valid: 2026-11-22T12:00:00Z.
pub const NOW: u64 = 1_795_348_800;
/// The first second of the certificates: 2026-01-01.
pub const FROM: u64 = 1_767_225_600;
/// The last second of the certificates: 2036-01-01.
pub const UNTIL: u64 = 2_082_758_400;
/// The first second of lists and documents: 2026-11-15.
pub const ISSUED: u64 = 1_794_700_800;
/// The last second of the documents, and the one after the lists' last: 2026-12-15.
pub const NEXT: u64 = 1_797_292_800;

/// A platform, a TD on it and what Intel would say of them. Every part can be spoiled before it is made.
#[derive(Clone)]
pub struct Scene {
    /// The keys.
    pub keys: Arc<Keys>,
    /// The root's certificate.
    pub root: Paper,
    /// The PCK CA's certificate.
    pub ca: Paper,
    /// The PCK certificate.
    pub pck: Paper,
    /// The certificate of the signer of TCB info and QE identity.
    pub signer: Paper,
    /// The root's revocation list.
    pub root_crl: List,
    /// The PCK CA's revocation list.
    pub pck_crl: List,
    /// What the PCK certificate says of the platform.
    pub sgx: SgxExtension,
    /// The quote's header, 48 bytes.
    pub header: Vec<u8>,
    /// The body's type, in quotes of version 5.
    pub body_type: u16,
    /// The body.
    pub body: Vec<u8>,
    /// The quoting enclave's report, 384 bytes; its REPORTDATA is filled in where `bind` says so.
    pub qe: Vec<u8>,
    /// Whether the quoting enclave's report binds the attestation key.
    pub bind: bool,
    /// What it binds beside the key.
    pub qe_auth_data: Vec<u8>,
    /// Whether the quote brings the PCK chain; otherwise an identifier of it.
    pub pck_in_quote: bool,
    /// Whether the collateral brings the PCK chain.
    pub pck_in_collateral: bool,
    /// The TCB info.
    pub tcb_info: Value,
    /// The QE identity.
    pub qe_identity: Value,
}

/// What a scene came to.
#[derive(Clone)]
pub struct Made {
    /// The quote.
    pub quote: Vec<u8>,
    /// The collateral.
    pub collateral: Collateral,
    /// The root, DER.
    pub root: Vec<u8>,
}

impl Scene {
    /// Everything as it should be, with fresh keys; the quote is of version 4.
    #[must_use]
    pub fn new() -> Self {
        Self::with_keys(Arc::new(Keys::generate()))
    }

    /// The same with these keys: another moment of the same platform.
    #[must_use]
    pub fn with_keys(keys: Arc<Keys>) -> Self {
        Self {
            keys,
            root: Paper::new("Intel SGX Root CA", 1),
            ca: Paper::new("Intel SGX PCK Platform CA", 2),
            pck: Paper::new("Intel SGX PCK Certificate", 3),
            signer: Paper::new("Intel SGX TCB Signing", 4),
            root_crl: List::new(),
            pck_crl: List::new(),
            sgx: SgxExtension::new(),
            header: quote::header(4),
            body_type: 2,
            body: quote::body(),
            qe: quote::qe_report(),
            bind: true,
            qe_auth_data: (0..32).collect(),
            pck_in_quote: true,
            pck_in_collateral: true,
            tcb_info: documents::tcb_info(),
            qe_identity: documents::qe_identity(),
        }
    }

    /// A quote of version 5 with a body of TDX 1.5, whose present security versions are those of the launch.
    #[must_use]
    pub fn of_tdx_1_5() -> Self {
        let mut scene = Self::new();
        scene.header = quote::header(5);
        scene.body_type = 3;
        let svn = scene.body[..16].to_vec();
        scene.body.extend(svn);
        scene.body.extend([0; 48]);
        scene
    }

    /// Writes and signs everything.
    #[must_use]
    pub fn make(&self) -> Made {
        let papers = certificates::Papers::of(self);
        let quote = quote::make(self, &papers.pck_chain);
        let tcb_info = self.tcb_info.to_string();
        let qe_identity = self.qe_identity.to_string();
        let collateral = Collateral {
            pck_crl_issuer_chain: papers.ca_chain.clone(),
            root_ca_crl: papers.root_crl,
            pck_crl: papers.pck_crl,
            tcb_info_issuer_chain: papers.signer_chain.clone(),
            tcb_info_signature: self.keys.signer.sign(tcb_info.as_bytes()).to_vec(),
            tcb_info,
            qe_identity_issuer_chain: papers.signer_chain,
            qe_identity_signature: self.keys.signer.sign(qe_identity.as_bytes()).to_vec(),
            qe_identity,
            pck_certificate_chain: self.pck_in_collateral.then_some(papers.pck_chain),
        };
        Made {
            quote,
            collateral,
            root: papers.root,
        }
    }
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

impl Made {
    /// The collateral proven under the root made for it.
    #[must_use]
    pub fn proven(&self) -> ProvenCollateral {
        let root = TrustedRoot::named(&self.root).expect("it was made as a certificate");
        ProvenCollateral::prove(self.collateral.clone(), &root)
    }

    /// The collateral as the JSON document that programs take.
    #[must_use]
    pub fn json(&self) -> String {
        let collateral = &self.collateral;
        let mut document = serde_json::json!({
            "pck_crl_issuer_chain": collateral.pck_crl_issuer_chain,
            "root_ca_crl": hex::encode(&collateral.root_ca_crl),
            "pck_crl": hex::encode(&collateral.pck_crl),
            "tcb_info_issuer_chain": collateral.tcb_info_issuer_chain,
            "tcb_info": collateral.tcb_info,
            "tcb_info_signature": hex::encode(&collateral.tcb_info_signature),
            "qe_identity_issuer_chain": collateral.qe_identity_issuer_chain,
            "qe_identity": collateral.qe_identity,
            "qe_identity_signature": hex::encode(&collateral.qe_identity_signature),
        });
        if let Some(chain) = &collateral.pck_certificate_chain {
            document["pck_certificate_chain"] = chain.as_str().into();
        }
        document.to_string()
    }
}

/// What a strict relying party accepts of a TD on real hardware.
#[must_use]
pub fn strict() -> TdxLimits {
    TdxLimits {
        accepted_tcb_statuses: vec![TcbStatus::UpToDate],
        accepted_advisories: Some(Vec::new()),
        grace_days: 0,
        min_tcb_evaluation_data_number: 0,
        fmspcs: None,
        allow_dynamic_platform: true,
        allow_cached_keys: true,
        allow_smt: true,
        allow_debug: false,
        allowed_attributes: vec![TdAttribute::Lass, TdAttribute::Pks],
        required_attributes: vec![TdAttribute::SeptVeDisable],
        allowed_xfam: Bytes(0x6_DBE7_u64.to_be_bytes()),
        require_body_1_5: false,
        mr_service_tds: Vec::new(),
        mr_tds: None,
        rtmr0: None,
        rtmr1: None,
        rtmr2: None,
        rtmr3: None,
        mr_config_ids: None,
        mr_owners: None,
        mr_owner_configs: None,
    }
}
