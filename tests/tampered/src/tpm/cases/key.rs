//! What can be wrong with the attestation key and who vouches for it.

use super::{OF_THE_HCL_REPORT, Tpm, case};
use crate::Case;
use crate::forge::{Draft, Key, name, validity};
use crate::tpm::{TpmScene, key as ak};
use serde_json::json;

pub(super) fn key() -> Vec<Tpm> {
    const CHECK: &str = "tpm_ak";
    fn name(scene: &mut TpmScene) {
        scene.is_named = true;
        scene.hcl = None;
        scene.limits["require_secure_boot"] = json!(false);
        scene.limits["allow_console"] = json!(true);
    }
    let without_tee = &OF_THE_HCL_REPORT[..3];
    vec![
        case(
            "key shorter than the limits need",
            (CHECK, "ak_bits"),
            |s| {
                s.limits["min_rsa_bits"] = json!(3072);
            },
        ),
        case("another key came along", (CHECK, "ak_sent_other"), |s| {
            s.sent_ak = Some(Key::p256().info());
        }),
        case(
            "a key came along that is none",
            (CHECK, "ak_sent_unreadable"),
            |s| {
                s.sent_ak = Some(vec![0x30, 0]);
            },
        ),
        case(
            "key with a byte after it came along",
            (CHECK, "ak_sent_unreadable"),
            |s| {
                s.sent_ak = Some([ak().info(), vec![0]].concat());
            },
        ),
        case("key that no TEE binds", (CHECK, "ak_not_bound"), name)
            .silencing(without_tee)
            .silencing(&["tpm_hcl_format"]),
        case(
            "limit on a configuration that no TEE binds",
            ("tpm_vm_configuration", "configuration_missing"),
            |s| {
                name(s);
                s.limits["allow_without_tee"] = json!(true);
                s.limits["require_secure_boot"] = json!(true);
            },
        )
        .silencing(&["tpm_hcl_format", "tpm_tee_report", "tpm_runtime_data"]),
        case(
            "HCL report beside a key that was named",
            ("tpm_hcl_format", "hcl_unbound"),
            |s| {
                let hcl = s.hcl.clone();
                name(s);
                s.hcl = hcl;
                s.limits["allow_without_tee"] = json!(true);
            },
        )
        .silencing(without_tee),
    ]
}

/// A key that certificates vouch for, under a root that is named.
pub(super) fn certified() -> Vec<Tpm> {
    const CHECK: &str = "tpm_ak";
    let of = |name: &str, code, leaf: fn(&mut Draft)| {
        Case::new(
            name,
            (CHECK, code),
            || scene_certified(|_| ()),
            move || scene_certified(leaf),
        )
    };
    vec![
        of(
            "certificate of a key for something else",
            "ak_usage",
            |leaf| leaf.allow(0b0010_0000),
        ),
        of(
            "certificate that does not say what its key is for",
            "ak_usage",
            |leaf| drop(leaf.extensions.pop()),
        ),
        of("certificate of the key that expired", "ak_chain", |leaf| {
            leaf.validity = validity("260101000000Z", "260301000000Z");
        }),
        of(
            "certificate of the key by another issuer",
            "ak_chain",
            |leaf| leaf.issuer = name("other"),
        ),
        of(
            "certificate of a key of an unknown kind",
            "ak_certificate",
            |leaf| {
                let oid = leaf
                    .key_info
                    .windows(3)
                    .position(|bytes| bytes == [0x86, 0xF7, 0x0D]);
                let at = oid.expect("an RSA key");
                leaf.key_info[at] ^= 1;
            },
        )
        .silencing(&["tpm_signature"]),
        Case::new(
            "root of somebody else",
            (CHECK, "ak_chain"),
            || scene_certified(|_| ()),
            || {
                let mut scene = scene_certified(|_| ());
                let other = Key::p256();
                let root = Draft::authority("root", &other, "root", &other).signed_by(&other);
                scene.certified.as_mut().expect("it has")[2] = root;
                scene
            },
        ),
    ]
}

fn scene_certified(change: fn(&mut Draft)) -> TpmScene {
    let mut scene = TpmScene::accepted();
    scene.hcl = None;
    for (limit, value) in [
        ("require_secure_boot", false),
        ("allow_console", true),
        ("allow_without_tee", true),
    ] {
        scene.limits[limit] = json!(value);
    }
    let issuer = Key::p256();
    let root = Draft::authority("root", &issuer, "root", &issuer).signed_by(&issuer);
    let mut leaf = Draft::leaf("ak", &ak(), "root", &issuer);
    leaf.allow(0b1000_0000);
    change(&mut leaf);
    scene.certified = Some([leaf.signed_by(&issuer), root.clone(), root]);
    scene
}
