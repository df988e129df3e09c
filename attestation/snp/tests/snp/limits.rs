//! Limits as policies write them.

use attestation_snp::{Product, SnpLimits, VekKind};
use serde_json::{Value, json};

fn whole() -> Value {
    let tcb = json!({"fmc": 0, "boot_loader": 1, "tee": 2, "snp": 3, "microcode": 4});
    json!({
        "products": ["milan", "turin"],
        "signing_keys": ["vcek"],
        "require_crl": false,
        "allow_masked_chip_id": false,
        "chip_allow": null,
        "chip_deny": ["00112233445566ff", "ab".repeat(64)],
        "minimum_tcb": {"reported": tcb, "committed": tcb, "current": tcb, "launch": tcb},
        "minimum_firmware": {"major": 1, "minor": 55, "build": 0},
        "minimum_abi": {"major": 0, "minor": 0},
        "allow_debug": false,
        "allow_migration": false,
        "allow_smt": true,
        "require_single_socket": false,
        "allow_cxl": false,
        "require_policy_aes_256_xts": false,
        "require_policy_rapl_disabled": false,
        "require_policy_ciphertext_hiding": false,
        "require_policy_page_swap_disabled": false,
        "max_vmpl": 0,
        "require_alias_check": false,
        "require_ciphertext_hiding": false,
        "require_smt_disabled": false,
        "require_tsme": false,
        "require_ecc": false,
        "require_rapl_disabled": false,
        "allow_tio": false,
        "id_keys": null,
        "author_keys": ["00".repeat(48)],
        "family_ids": null,
        "image_ids": null,
        "minimum_guest_svn": 0,
        "host_data": null,
        "launch_mitigations": 0,
        "current_mitigations": 0,
    })
}

fn read(value: &Value) -> Result<SnpLimits, serde_json::Error> {
    serde_json::from_value(value.clone())
}

#[test]
fn limits_are_read_as_they_are_written() {
    let limits = read(&whole()).expect("it is whole");
    assert_eq!(limits.products, [Product::Milan, Product::Turin]);
    assert_eq!(limits.signing_keys, [VekKind::Vcek]);
    assert_eq!(limits.chip_allow, None);
    assert_eq!(
        limits.chip_deny[0].0[..9],
        [0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0xFF, 0]
    );
    assert_eq!(limits.minimum_tcb.launch.microcode, 4);
    assert_eq!(limits.author_keys.map(|keys| keys.len()), Some(1));
}

#[test]
fn limits_that_lack_any_member_are_refused() {
    let whole = whole();
    let names: Vec<_> = whole
        .as_object()
        .expect("an object")
        .keys()
        .cloned()
        .collect();
    assert_eq!(names.len(), 34);
    for name in names {
        let mut lacking = whole.clone();
        lacking.as_object_mut().expect("an object").remove(&name);
        assert!(read(&lacking).is_err(), "{name}");
    }
    let mut lacking = whole.clone();
    lacking["minimum_tcb"]["launch"]
        .as_object_mut()
        .expect("an object")
        .remove("fmc");
    assert!(read(&lacking).is_err());
}

#[test]
fn limits_with_a_member_too_many_or_a_value_that_means_nothing_are_refused() {
    for (member, value) in [
        ("allow_everything", json!(true)),
        ("products", json!(["rome"])),
        ("products", json!(["Milan"])),
        ("products", json!(null)),
        ("signing_keys", json!(["none"])),
        ("max_vmpl", json!(256)),
        ("max_vmpl", json!(-1)),
        ("allow_debug", json!("false")),
        ("chip_deny", json!(["0011"])),
        ("chip_deny", json!(["zz".repeat(64)])),
        ("id_keys", json!(["00".repeat(47)])),
        ("minimum_guest_svn", json!(1.5)),
        ("launch_mitigations", json!(null)),
    ] {
        let mut other = whole();
        other[member] = value;
        assert!(read(&other).is_err(), "{member}");
    }
}
