//! The two documents that Intel signs: TCB info and QE identity.
//!
//! Source: Intel *Provisioning Certification Service API* version 4, "TCB info V3" and "Enclave identity V2".

use crate::instant;
use dcap_qvl::{QeIdentity, TcbInfo, TcbStatus};

/// States that a level of each kind may have, as Intel's verification library takes them.
const PLATFORM_STATUSES: [TcbStatus; 7] = [
    TcbStatus::UpToDate,
    TcbStatus::SWHardeningNeeded,
    TcbStatus::ConfigurationNeeded,
    TcbStatus::ConfigurationAndSWHardeningNeeded,
    TcbStatus::OutOfDate,
    TcbStatus::OutOfDateConfigurationNeeded,
    TcbStatus::Revoked,
];
const MODULE_STATUSES: [TcbStatus; 3] = [
    TcbStatus::UpToDate,
    TcbStatus::OutOfDate,
    TcbStatus::Revoked,
];
const QE_STATUSES: [TcbStatus; 5] = [
    TcbStatus::UpToDate,
    TcbStatus::ConfigurationNeeded,
    TcbStatus::OutOfDate,
    TcbStatus::OutOfDateConfigurationNeeded,
    TcbStatus::Revoked,
];

/// More modules than Intel will make: real documents have two or three.
const MAX_MODULES: usize = 64;
/// More advisories than a level will have: real ones have up to twenty. Before the signature is looked at, anybody may
/// have written the document, and lists are merged.
const MAX_ADVISORIES: usize = 256;

/// A TCB info for TDX, its fields checked and its levels in order, the highest first.
#[derive(Debug, Clone)]
pub(crate) struct PlatformDocument {
    pub(crate) info: TcbInfo,
    pub(crate) fmspc: [u8; 6],
    pub(crate) pce_id: [u8; 2],
    pub(crate) issued: u64,
    pub(crate) next: u64,
}

/// A QE identity for TDX, its fields checked and its levels in order, the highest first.
#[derive(Debug, Clone)]
pub(crate) struct QeDocument {
    pub(crate) identity: QeIdentity,
    pub(crate) issued: u64,
    pub(crate) next: u64,
}

impl PlatformDocument {
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        let info: TcbInfo = serde_json::from_str(text).map_err(|_| "not a TCB info's JSON")?;
        if info.id != "TDX" || info.version != 3 || info.tcb_type != 0 {
            return Err("not a TCB info of TDX, version 3, type 0");
        }
        if !levels_are_well_formed(&info) || !modules_are_well_formed(&info) {
            return Err("a level or a TDX module that is not well-formed");
        }
        let document = Self {
            fmspc: hexadecimal(&info.fmspc).ok_or("FMSPC is not 6 bytes")?,
            pce_id: hexadecimal(&info.pce_id).ok_or("PCEID is not 2 bytes")?,
            issued: instant::seconds(&info.issue_date).ok_or("issueDate is not a time")?,
            next: instant::seconds(&info.next_update).ok_or("nextUpdate is not a time")?,
            info,
        };
        Ok(document.in_order())
    }

    /// Intel's library sorts the levels and does not rely on the document's order.
    fn in_order(mut self) -> Self {
        self.info.tcb_levels.sort_by(|a, b| {
            let (a, b) = (&a.tcb, &b.tcb);
            (&b.sgx_components, b.pce_svn, &b.tdx_components).cmp(&(
                &a.sgx_components,
                a.pce_svn,
                &a.tdx_components,
            ))
        });
        for module in &mut self.info.tdx_module_identities {
            module
                .tcb_levels
                .sort_by_key(|level| std::cmp::Reverse(level.tcb.isvsvn));
        }
        self
    }
}

fn levels_are_well_formed(info: &TcbInfo) -> bool {
    !info.tcb_levels.is_empty()
        && info.tcb_levels.iter().all(|level| {
            level.tcb.sgx_components.len() == 16
                && level.tcb.tdx_components.len() == 16
                && level.advisory_ids.len() <= MAX_ADVISORIES
                && PLATFORM_STATUSES.contains(&level.tcb_status)
                && instant::seconds(&level.tcb_date).is_some()
        })
}

fn modules_are_well_formed(info: &TcbInfo) -> bool {
    let base = info.tdx_module.as_ref().is_some_and(|module| {
        is_module(
            &module.mrsigner,
            &module.attributes,
            &module.attributes_mask,
        )
    });
    let identities = &info.tdx_module_identities;
    if identities.len() > MAX_MODULES {
        return false;
    }
    let unique = identities.iter().enumerate().all(|(index, one)| {
        identities[..index]
            .iter()
            .all(|other| !other.id.eq_ignore_ascii_case(&one.id))
    });
    base && unique
        && identities.iter().all(|one| {
            is_module(&one.mrsigner, &one.attributes, &one.attributes_mask)
                && one.tcb_levels.iter().all(|level| {
                    level.advisory_ids.len() <= MAX_ADVISORIES
                        && MODULE_STATUSES.contains(&level.tcb_status)
                        && instant::seconds(&level.tcb_date).is_some()
                })
        })
}

fn is_module(signer: &str, attributes: &str, mask: &str) -> bool {
    hexadecimal::<48>(signer).is_some()
        && hexadecimal::<8>(attributes).is_some()
        && hexadecimal::<8>(mask).is_some()
}

impl QeDocument {
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        let mut identity: QeIdentity =
            serde_json::from_str(text).map_err(|_| "not a QE identity's JSON")?;
        if identity.id != "TD_QE" || !matches!(identity.version, 2 | 3) {
            return Err("not the identity of TDX's quoting enclave, version 2 or 3");
        }
        let well_formed = identity.tcb_levels.iter().all(|level| {
            level.advisory_ids.len() <= MAX_ADVISORIES
                && QE_STATUSES.contains(&level.tcb_status)
                && instant::seconds(&level.tcb_date).is_some()
        });
        if !well_formed || identity.tcb_levels.is_empty() {
            return Err("a level that is not well-formed");
        }
        identity
            .tcb_levels
            .sort_by_key(|level| std::cmp::Reverse(level.tcb.isvsvn));
        Ok(Self {
            issued: instant::seconds(&identity.issue_date).ok_or("issueDate is not a time")?,
            next: instant::seconds(&identity.next_update).ok_or("nextUpdate is not a time")?,
            identity,
        })
    }
}

/// Exactly `N` bytes.
pub(crate) fn hexadecimal<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}
