//! What can be wrong with a TPM's quote.

mod event_log;
mod hcl;
mod key;
mod pcrs;
mod quote;
mod tee;

use super::TpmScene;
use crate::{Case, Reason};

type Tpm = Case<TpmScene>;

/// Every case.
pub fn cases() -> Vec<Tpm> {
    let all = [
        hcl::hcl(),
        tee::tee(),
        hcl::runtime_data(),
        key::key(),
        quote::quote(),
        quote::signature(),
        pcrs::pcrs(),
        event_log::event_log(),
        event_log::of_two_banks(),
        key::certified(),
        tee::td(),
    ];
    all.into_iter().flatten().collect()
}

/// Checks that look into the quote.
const OF_THE_QUOTE: [&str; 6] = [
    "tpm_nonce",
    "tpm_clock",
    "tpm_pcr_selection",
    "tpm_pcr_digest",
    "tpm_pcrs",
    "tpm_event_log",
];
/// Checks that look into the HCL report, and what its key signs.
const OF_THE_HCL_REPORT: [&str; 5] = [
    "tpm_tee_report",
    "tpm_runtime_data",
    "tpm_vm_configuration",
    "tpm_ak",
    "tpm_signature",
];

fn case(name: &str, reason: Reason, tamper: fn(&mut TpmScene)) -> Tpm {
    Case::new(name, reason, TpmScene::accepted, move || {
        let mut scene = TpmScene::accepted();
        tamper(&mut scene);
        scene
    })
}
