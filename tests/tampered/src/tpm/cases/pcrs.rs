//! What can be wrong with PCRs.

use super::{Tpm, case};
use crate::Case;
use crate::tpm::TpmScene;
use serde_json::json;

pub(super) fn pcrs() -> Vec<Tpm> {
    let selection = |name: &str, code, tamper: fn(&mut TpmScene)| {
        case(name, ("tpm_pcr_selection", code), tamper)
    };
    let held = |name: &str, code, tamper: fn(&mut TpmScene)| case(name, ("tpm_pcrs", code), tamper);
    vec![
        selection(
            "PCR that the limits need is not quoted",
            "selection_missing",
            |s| {
                s.limits["quoted_pcrs"] = json!([0, 8]);
            },
        ),
        case(
            "a value that did not come along",
            ("tpm_pcr_digest", "pcr_missing"),
            |s| s.pcrs.truncate(7),
        )
        .silencing(&["tpm_pcrs", "tpm_event_log"]),
        case(
            "digest of other PCRs",
            ("tpm_pcr_digest", "pcr_digest_other"),
            |s| s.quote.digest[0] ^= 1,
        ),
        case(
            "empty digest of PCRs",
            ("tpm_pcr_digest", "pcr_digest_other"),
            |s| s.quote.digest.clear(),
        ),
        held("PCR 4 of another boot", "pcr_other", |s| {
            s.reference = json!({"sha256": {"4": ["00".repeat(32)]}});
        }),
        held("PCR 7 that the limits do not allow", "pcr_other", |s| {
            s.limits["pcrs"] = json!({"sha256": {"7": ["11".repeat(32)]}});
        }),
        held("PCR for which no value is allowed", "pcr_other", |s| {
            s.limits["pcrs"] = json!({"sha256": {"7": []}})
        }),
        held(
            "reference for a PCR that is not quoted",
            "pcr_not_quoted",
            |s| {
                s.reference = json!({"sha256": {"8": ["00".repeat(32)]}});
            },
        ),
        held(
            "reference for a bank that is not quoted",
            "pcr_not_quoted",
            |s| {
                s.reference = json!({"sha384": {"4": ["00".repeat(48)]}});
            },
        ),
        Case::new(
            "no PCR of an accepted bank",
            ("tpm_pcr_selection", "selection_empty"),
            unasked,
            || {
                let mut scene = unasked();
                scene.limits["banks"] = json!(["sha384"]);
                scene
            },
        ),
    ]
}

/// Nothing is asked of the PCRs.
fn unasked() -> TpmScene {
    let mut scene = TpmScene::accepted();
    scene.reference = json!({});
    scene.log = None;
    scene.limits["require_event_log"] = json!(false);
    scene.limits["quoted_pcrs"] = json!([]);
    scene
}
