//! The PCK certificate: the platform's key, and what Intel says of the platform.

use crate::chain::Proof;
use crate::{Bytes, Piece, TrustedRoot};
use attestation_certificates::{Certificate, Crl, PublicKey};
use dcap_qvl::intel::{PckExtension, parse_pck_extension};
use dcap_qvl::oids;
use serde::Serialize;

const PCK: &[&str] = &["Intel SGX PCK Certificate"];
const PCK_CA: &[&str] = &["Intel SGX PCK Platform CA", "Intel SGX PCK Processor CA"];

/// A PCK chain and what its bytes prove.
#[derive(Debug, Clone)]
pub(crate) struct ProvenPck {
    /// The bytes that were read, so that the same bytes need not be read again.
    pub(crate) source: Vec<u8>,
    /// The leaf, its CA and the root, if that is what the bytes are.
    pub(crate) chain: Option<[Certificate; 3]>,
    /// What Intel says of the platform, if it can be read.
    pub(crate) platform: Option<Platform>,
    /// The platform's key: 0x04, x, y.
    pub(crate) key: Option<[u8; 65]>,
    pub(crate) proof: Proof,
}

/// What the PCK certificate says of the platform (Intel *SGX PCK Certificate and CRL Profile* revision 1.5, 1.3.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Platform {
    /// The model.
    pub fmspc: Bytes<6>,
    /// The provisioning enclave.
    pub pce_id: Bytes<2>,
    /// The number of the platform's provisioning.
    pub ppid: Bytes<16>,
    /// Security versions of the CPU, as one value.
    pub cpu_svn: Bytes<16>,
    /// The same, component by component: Intel's library goes by these.
    pub component_svns: Bytes<16>,
    /// The security version of the provisioning enclave.
    pub pce_svn: u16,
    /// 0: standard, 1: scalable, 2: scalable with integrity.
    pub sgx_type: u64,
    /// The number of the platform among those of several packages.
    pub platform_instance_id: Option<Bytes<16>>,
    /// Whether packages may be added; `null` where the certificate does not say.
    pub dynamic_platform: Option<bool>,
    /// Whether Intel keeps the platform's root keys.
    pub cached_keys: Option<bool>,
    /// Whether it may run two threads on a core.
    pub smt_enabled: Option<bool>,
}

impl ProvenPck {
    /// Proves a chain under `root`; no certificate of it may be on the lists.
    pub(crate) fn prove(
        pem: &[u8],
        root: &TrustedRoot,
        root_crl: Option<&Crl>,
        pck_crl: Option<&Crl>,
    ) -> Self {
        let mut proof = Proof::default();
        let chain: Option<[Certificate; 3]> = proof.read_chain(Piece::PckChain, pem);
        let mut platform = None;
        let mut key = None;
        if let Some([leaf, ca, top]) = &chain {
            proof.lead_to_root(
                Piece::PckChain,
                &[leaf.clone(), ca.clone(), top.clone()],
                root,
            );
            proof.name(Piece::Pck, leaf, PCK);
            proof.name(Piece::PckCa, ca, PCK_CA);
            proof.date(Piece::Pck, leaf);
            proof.date(Piece::PckCa, ca);
            proof.not_revoked(Piece::Pck, leaf, (Piece::PckCrl, pck_crl));
            proof.not_revoked(Piece::PckCa, ca, (Piece::RootCrl, root_crl));
            platform = Platform::of(leaf);
            key = p256(leaf);
            if platform.is_none() {
                proof.refuse(crate::TdxRejection::Unreadable {
                    chain: Piece::Pck,
                    problem: "no readable SGX extension",
                });
            }
        }
        Self {
            source: pem.to_vec(),
            chain,
            platform,
            key,
            proof,
        }
    }
}

impl Platform {
    fn of(leaf: &Certificate) -> Option<Self> {
        let extension: PckExtension = parse_pck_extension(leaf.der()).ok()?;
        let instance = match &extension.platform_instance_id {
            Some(id) => Some(Bytes(id.as_slice().try_into().ok()?)),
            None => None,
        };
        Some(Self {
            fmspc: Bytes(extension.fmspc),
            pce_id: Bytes(extension.pce_id.as_slice().try_into().ok()?),
            ppid: Bytes(extension.ppid.as_slice().try_into().ok()?),
            cpu_svn: Bytes(extension.cpu_svn),
            component_svns: component_svns(&extension)?,
            pce_svn: extension.pce_svn,
            sgx_type: extension.sgx_type,
            platform_instance_id: instance,
            dynamic_platform: extension.dynamic_platform,
            cached_keys: extension.cached_keys,
            smt_enabled: extension.smt_enabled,
        })
    }
}

/// 1.2.840.113741.1.13.1.2.1 to .16: an INTEGER of 0 to 255 each.
fn component_svns(extension: &PckExtension) -> Option<Bytes<16>> {
    let mut svns = [0; 16];
    for (number, svn) in (1..).zip(&mut svns) {
        let component = oids::TCB.push_arc(number).ok()?;
        let value = extension.get_value(&component).ok()??;
        match value.as_slice() {
            [one] | [0, one] => *svn = *one,
            _ => return None,
        }
    }
    Some(Bytes(svns))
}

/// The key of a certificate, where it is on P-256: all of Intel's are.
pub(crate) fn p256(certificate: &Certificate) -> Option<[u8; 65]> {
    match certificate.public_key() {
        PublicKey::P256(point) => Some(*point),
        _ => None,
    }
}
