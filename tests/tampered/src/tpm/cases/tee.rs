//! What can be wrong with the TEE's report that vouches for a TPM.

use super::{Tpm, case};
use crate::Case;
use crate::tpm::{Signed, TpmScene};
use ring::digest::{SHA384, digest};

pub(super) fn tee() -> Vec<Tpm> {
    const CHECK: &str = "tpm_tee_report";
    vec![
        case(
            "another SNP report in the HCL report",
            (CHECK, "snp_report_other"),
            |s| {
                s.hcl.as_mut().expect("there is one").edit_report = |report| report[0x1A0] ^= 1;
            },
        ),
        case(
            "another SNP report was judged",
            (CHECK, "snp_report_other"),
            |s| {
                s.edit_judged = |report| report[0x90] ^= 1;
            },
        ),
        case("SNP report of VMPL 1", (CHECK, "vmpl"), |s| {
            s.edit_report = |report| report[0x30] = 1
        }),
        case("SNP report that the host asked for", (CHECK, "vmpl"), |s| {
            s.edit_report = |report| report[0x30..0x34].fill(0xFF);
        }),
        case(
            "SNP report in the HCL report of a TD",
            (CHECK, "tee_other"),
            |s| {
                let signed = Signed::of(s);
                let mut body = vec![0; 584];
                body[520..584].copy_from_slice(&signed.judged[0x50..0x90]);
                s.td_body = Some(body);
            },
        ),
    ]
}

/// The vTPM of a TD.
pub(super) fn td() -> Vec<Tpm> {
    const CHECK: &str = "tpm_tee_report";
    let of = |name: &str, code, change: fn(&mut TpmScene)| {
        Case::new(name, (CHECK, code), scene_of_td, move || {
            let mut scene = scene_of_td();
            change(&mut scene);
            scene
        })
    };
    fn body(scene: &mut TpmScene) -> &mut Vec<u8> {
        scene.td_body.as_mut().expect("there is one")
    }
    vec![
        of("body of a quote with a byte more", "td_body_length", |s| {
            body(s).push(0)
        })
        .also(("tpm_runtime_data", "runtime_data_unbound")),
        of("quote of another TD", "td_report_other", |s| {
            body(s)[136] = 1
        }),
        of("quote of a TD with another RTMR3", "td_report_other", |s| {
            body(s)[519] = 1
        }),
        of(
            "TD report with another digest of its parts",
            "td_report_inconsistent",
            |s| {
                s.edit_hcl = |hcl| hcl[32 + 32] ^= 1;
            },
        ),
        of("TD report of another type", "td_report_inconsistent", |s| {
            s.edit_hcl = |hcl| hcl[32] = 0
        }),
    ]
}

fn scene_of_td() -> TpmScene {
    let mut scene = TpmScene::accepted();
    let data = Signed::of(&scene).judged[0x50..0x90].to_vec();
    let mut body = vec![0; 584];
    body[520..584].copy_from_slice(&data);
    scene.td_body = Some(body);
    let hcl = scene.hcl.as_mut().expect("there is one");
    hcl.report_type = 4;
    hcl.edit_report = |report| {
        let data = report[0x50..0x90].to_vec();
        report.fill(0);
        report[0] = 0x81;
        report[128..192].copy_from_slice(&data);
        let digests = [256..495, 512..1024].map(|part| digest(&SHA384, &report[part]));
        report[32..80].copy_from_slice(digests[0].as_ref());
        report[80..128].copy_from_slice(digests[1].as_ref());
    };
    scene
}
