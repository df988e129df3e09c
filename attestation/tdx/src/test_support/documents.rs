//! A TCB info and a QE identity, as Intel writes them.

use serde_json::{Value, json};

/// A level of 16 SGX components, the provisioning enclave and 16 TDX components.
fn level(
    svn: u8,
    pce_svn: u16,
    tdx: [u8; 3],
    date: &str,
    status: &str,
    advisories: &[&str],
) -> Value {
    let sgx: Vec<_> = (0..16).map(|_| json!({"svn": svn})).collect();
    let component = |at: usize| json!({"svn": tdx.get(at).copied().unwrap_or(0)});
    let tdx: Vec<_> = (0..16).map(component).collect();
    let mut level = json!({
        "tcb": {"sgxtcbcomponents": sgx, "pcesvn": pce_svn, "tdxtcbcomponents": tdx},
        "tcbDate": date,
        "tcbStatus": status,
    });
    if !advisories.is_empty() {
        level["advisoryIDs"] = json!(advisories);
    }
    level
}

pub(super) fn tcb_info() -> Value {
    let zeros = "0".repeat(96);
    json!({
        "id": "TDX",
        "version": 3,
        "issueDate": "2026-11-15T00:00:00Z",
        "nextUpdate": "2026-12-15T00:00:00Z",
        "fmspc": "B0C06F000000",
        "pceId": "0000",
        "tcbType": 0,
        "tcbEvaluationDataNumber": 17,
        "tdxModule": {
            "mrsigner": zeros,
            "attributes": "0000000000000000",
            "attributesMask": "FFFFFFFFFFFFFFFF",
        },
        "tdxModuleIdentities": [{
            "id": "TDX_03",
            "mrsigner": zeros,
            "attributes": "0000000000000000",
            "attributesMask": "FFFFFFFFFFFFFFFF",
            "tcbLevels": [
                {"tcb": {"isvsvn": 3}, "tcbDate": "2026-10-01T00:00:00Z", "tcbStatus": "UpToDate"},
                {"tcb": {"isvsvn": 2}, "tcbDate": "2026-06-01T00:00:00Z", "tcbStatus": "OutOfDate",
                 "advisoryIDs": ["INTEL-SA-00003"]},
            ],
        }],
        "tcbLevels": [
            level(2, 11, [3, 0, 2], "2026-10-01T00:00:00Z", "UpToDate", &[]),
            level(1, 11, [2, 0, 2], "2026-11-01T00:00:00Z", "OutOfDate", &["INTEL-SA-00001"]),
            level(0, 5, [1, 0, 1], "2025-01-01T00:00:00Z", "Revoked", &["INTEL-SA-00002"]),
        ],
    })
}

pub(super) fn qe_identity() -> Value {
    json!({
        "id": "TD_QE",
        "version": 2,
        "issueDate": "2026-11-15T00:00:00Z",
        "nextUpdate": "2026-12-15T00:00:00Z",
        "tcbEvaluationDataNumber": 17,
        "miscselect": "00000000",
        "miscselectMask": "FFFFFFFF",
        "attributes": "11000000000000000000000000000000",
        "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
        "mrsigner": "55".repeat(32),
        "isvprodid": 2,
        "tcbLevels": [
            {"tcb": {"isvsvn": 4}, "tcbDate": "2026-10-01T00:00:00Z", "tcbStatus": "UpToDate"},
            {"tcb": {"isvsvn": 3}, "tcbDate": "2026-09-01T00:00:00Z", "tcbStatus": "OutOfDate",
             "advisoryIDs": ["INTEL-SA-00004"]},
        ],
    })
}
