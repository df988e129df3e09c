//! Real evidence, read where it lies.

use attestation_tdx::{Bytes, TcbStatus, TdAttribute, TdxLimits};
use std::path::PathBuf;

/// The bytes of a vector; `None`, and a word, where the vectors are not there.
pub fn vector(name: &str) -> Option<Vec<u8>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let bytes = std::fs::read(root.join(name));
    if bytes.is_err() {
        println!("skipped: ../shared/vectors/{name} is not there");
    }
    bytes.ok()
}

/// What a strict relying party accepts of a TD on real hardware.
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
