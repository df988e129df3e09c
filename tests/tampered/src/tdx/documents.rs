//! TCB info and QE identity that are signed, and are not as they have to be.

use super::{Asked, Tdx, spoilt};
use crate::{Case, Reason};
use attestation_tdx::test_support::Scene;
use serde_json::{Value, json};

const MALFORMED: Reason = ("collateral_format", "collateral_malformed");
/// Checks that need a TCB info, and a QE identity.
const OF_TCB_INFO: [&str; 5] = [
    "freshness",
    "pck_match",
    "tcb_status",
    "module_identity",
    "advisories",
];
const OF_QE_IDENTITY: [&str; 4] = ["freshness", "qe_identity", "tcb_status", "advisories"];

pub(super) fn cases() -> Vec<Tdx> {
    let info =
        |name: &str, spoil: fn(&mut Scene)| spoilt(name, MALFORMED, spoil).silencing(&OF_TCB_INFO);
    let identity = |name: &str, spoil: fn(&mut Scene)| {
        spoilt(name, MALFORMED, spoil).silencing(&OF_QE_IDENTITY)
    };
    vec![
        info("TCB info of SGX", |s| s.tcb_info["id"] = "SGX".into()),
        info("TCB info of version 2", |s| {
            s.tcb_info["version"] = 2.into()
        }),
        info("TCB info of another type", |s| {
            s.tcb_info["tcbType"] = 1.into()
        }),
        info("TCB info without levels", |s| {
            s.tcb_info["tcbLevels"] = json!([])
        }),
        info("TCB info with a short FMSPC", |s| {
            s.tcb_info["fmspc"] = "B0C06F0000".into()
        }),
        info("TCB info with a short PCEID", |s| {
            s.tcb_info["pceId"] = "00".into()
        }),
        info("TCB info of a day without a time", |s| {
            s.tcb_info["issueDate"] = "2026-11-15".into()
        }),
        info("TCB info that is valid until tomorrow", |s| {
            s.tcb_info["nextUpdate"] = "tomorrow".into()
        }),
        info("TCB info without a TDX module", |s| {
            s.tcb_info["tdxModule"] = Value::Null
        }),
        info("TCB info with a short signer of the module", |s| {
            s.tcb_info["tdxModule"]["mrsigner"] = "00".into()
        }),
        info("TCB info with a level of a year", |s| {
            s.tcb_info["tcbLevels"][0]["tcbDate"] = "2026".into()
        }),
        info("TCB info with a level of an unknown status", |s| {
            s.tcb_info["tcbLevels"][0]["tcbStatus"] = "Fine".into()
        }),
        info("TCB info with a level of one component", |s| {
            s.tcb_info["tcbLevels"][0]["tcb"]["sgxtcbcomponents"] = json!([{"svn": 1}]);
        }),
        info("TCB info with two identities of one module", |s| {
            let one = s.tcb_info["tdxModuleIdentities"][0].clone();
            s.tcb_info["tdxModuleIdentities"]
                .as_array_mut()
                .expect("a list")
                .push(one);
        }),
        info("TCB info that is a list", |s| s.tcb_info = json!([])),
        identity("QE identity of SGX's quoting enclave", |s| {
            s.qe_identity["id"] = "QE".into()
        }),
        identity("QE identity of the verifying enclave", |s| {
            s.qe_identity["id"] = "QVE".into()
        }),
        identity("QE identity of version 1", |s| {
            s.qe_identity["version"] = 1.into()
        }),
        identity("QE identity without levels", |s| {
            s.qe_identity["tcbLevels"] = json!([])
        }),
        identity("QE identity with a short signer", |s| {
            s.qe_identity["mrsigner"] = "55".into()
        }),
        identity("QE identity with a number for a date", |s| {
            s.qe_identity["issueDate"] = 1.into()
        }),
        identity("QE identity without an end", |s| {
            s.qe_identity["nextUpdate"] = "".into()
        }),
        Case::new(
            "TCB info with a member twice",
            MALFORMED,
            || text("{ "),
            || text("{\"id\":\"TDX\","),
        )
        .silencing(&OF_TCB_INFO),
    ]
}

/// A TCB info that begins with this text, and is signed so.
fn text(beginning: &str) -> Asked {
    let scene = Scene::new();
    Asked::of(&scene).with(|asked| {
        let collateral = &mut asked.made.collateral;
        collateral.tcb_info = collateral.tcb_info.replacen('{', beginning, 1);
        collateral.tcb_info_signature = scene
            .keys
            .signer
            .sign(collateral.tcb_info.as_bytes())
            .to_vec();
    })
}
