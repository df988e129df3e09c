//! What can be wrong with an HCL report and its runtime data.

use super::{OF_THE_HCL_REPORT, Tpm, case};
use crate::tpm::{HclDraft, TpmScene};
use serde_json::{Value, json};

pub(super) fn hcl() -> Vec<Tpm> {
    const UNREADABLE: (&str, &str) = ("tpm_hcl_format", "hcl_unreadable");
    let edit = |name: &str, edit: fn(&mut TpmScene)| {
        case(name, UNREADABLE, edit).silencing(&OF_THE_HCL_REPORT)
    };
    fn draft(scene: &mut TpmScene) -> &mut HclDraft {
        scene.hcl.as_mut().expect("there is one")
    }
    vec![
        edit("HCL report of another signature", |s| {
            draft(s).signature = *b"HCLB"
        }),
        edit("HCL report of version 0", |s| draft(s).version = 0),
        edit("HCL report of version 3", |s| draft(s).version = 3),
        edit("HCL report for another request", |s| draft(s).request = 1),
        edit("HCL report with a status", |s| draft(s).status = 1),
        edit("HCL report with a reserved byte set", |s| {
            draft(s).reserved[11] = 1
        }),
        edit("HCL report with a description of version 3", |s| {
            draft(s).description_version = 3
        }),
        edit("HCL report of a VBS machine", |s| draft(s).report_type = 1),
        edit("HCL report with an unknown hash", |s| draft(s).hash = 0),
        edit("HCL report whose size is one less", |s| {
            s.edit_hcl = |hcl| hcl[8] = hcl[8].wrapping_sub(1)
        }),
        edit("HCL report whose description's size is one more", |s| {
            s.edit_hcl = |hcl| hcl[1216] = hcl[1216].wrapping_add(1);
        }),
        edit("HCL report whose runtime data is longer than it is", |s| {
            s.edit_hcl = |hcl| hcl[1232] = hcl[1232].wrapping_add(1);
        }),
        edit("HCL report cut short", |s| {
            s.edit_hcl = |hcl| hcl.truncate(hcl.len() - 1)
        }),
        edit("HCL report that ends in its report", |s| {
            s.edit_hcl = |hcl| hcl.truncate(600)
        }),
        edit("empty HCL report", |s| s.edit_hcl = Vec::clear),
        edit("HCL report with a byte after it", |s| {
            s.edit_hcl = |hcl| hcl.push(1)
        }),
        edit("HCL report of more than 16 KiB", |s| {
            s.edit_hcl = |hcl| hcl.resize((16 << 10) + 1, 0)
        }),
        case("no HCL report", ("tpm_hcl_format", "hcl_missing"), |s| {
            s.hcl = None
        })
        .silencing(&OF_THE_HCL_REPORT),
    ]
}

pub(super) fn runtime_data() -> Vec<Tpm> {
    const SILENT: [&str; 3] = ["tpm_vm_configuration", "tpm_ak", "tpm_signature"];
    const UNREADABLE: (&str, &str) = ("tpm_runtime_data", "runtime_data_unreadable");
    let unreadable =
        |name: &str, tamper: fn(&mut TpmScene)| case(name, UNREADABLE, tamper).silencing(&SILENT);
    let configuration = |name: &str, code, tamper: fn(&mut TpmScene)| {
        case(name, ("tpm_vm_configuration", code), tamper)
    };
    vec![
        case(
            "REPORT_DATA with a byte after the hash",
            ("tpm_runtime_data", "runtime_data_unbound"),
            |s| {
                s.edit_report = |report| report[0x8F] = 1;
            },
        ),
        case(
            "REPORT_DATA of other runtime data",
            ("tpm_runtime_data", "runtime_data_unbound"),
            |s| {
                s.edit_report = |report| report[0x50] ^= 1;
            },
        ),
        case(
            "runtime data with a space that was not bound",
            ("tpm_runtime_data", "runtime_data_unbound"),
            |s| {
                s.edit_hcl = |hcl| *hcl.last_mut().expect("it has bytes") = b'}';
                s.edit_report = |report| report[0x6F] ^= 0x80;
            },
        ),
        unreadable("empty runtime data", |s| s.edit_runtime_data = Vec::clear),
        unreadable("runtime data that is no JSON", |s| {
            s.edit_runtime_data = |text| text.truncate(text.len() - 1)
        }),
        unreadable("runtime data with a member twice", |s| {
            s.edit_runtime_data = |text| {
                let twice = b",\"user-data\":\"00\"}";
                text.splice(text.len() - 1.., twice.iter().copied());
            };
        }),
        unreadable("runtime data without keys", |s| drop(member(s, "/keys"))),
        unreadable("runtime data without a key HCLAkPub", |s| {
            set(s, "/keys/0/kid", json!("HCLOther"))
        }),
        unreadable("runtime data with two keys HCLAkPub", |s| {
            set(s, "/keys/1/kid", json!("HCLAkPub"))
        }),
        unreadable("runtime data whose key also decrypts", |s| {
            set(s, "/keys/0/key_ops", json!(["sign", "decrypt"]));
        }),
        unreadable(
            "runtime data whose signing key is the decrypting one",
            |s| {
                let n = s.runtime_data["keys"][0]["n"].clone();
                set(s, "/keys/1/n", n);
            },
        ),
        unreadable("runtime data with a key of another kind", |s| {
            set(s, "/keys/0/kty", json!("EC"))
        }),
        unreadable("runtime data with an exponent of 3", |s| {
            set(s, "/keys/0/e", json!("Aw"))
        }),
        unreadable("runtime data with a short modulus", |s| {
            set(s, "/keys/0/n", json!("_____w"))
        }),
        unreadable("runtime data with a modulus in padded base64", |s| {
            let n = s.runtime_data["keys"][0]["n"]
                .as_str()
                .map(|n| format!("{n}=="));
            set(s, "/keys/0/n", json!(n));
        }),
        unreadable("runtime data without a configuration", |s| {
            drop(member(s, "/vm-configuration"))
        }),
        unreadable("runtime data with a number for yes or no", |s| {
            set(s, "/vm-configuration/secure-boot", json!(1));
        }),
        unreadable("runtime data with user data that is no hexadecimal", |s| {
            set(s, "/user-data", json!("zz"))
        }),
        unreadable("runtime data with nine keys", |s| {
            let key = s.runtime_data["keys"][1].clone();
            let keys = s.runtime_data["keys"].as_array_mut().expect("a list");
            keys.resize(9, key);
        }),
        configuration("machine without Secure Boot", "secure_boot_off", |s| {
            set(s, "/vm-configuration/secure-boot", json!(false));
        }),
        configuration(
            "machine that says nothing of Secure Boot",
            "secure_boot_off",
            |s| {
                let all = s.runtime_data["vm-configuration"]
                    .as_object_mut()
                    .expect("an object");
                all.remove("secure-boot");
            },
        ),
        configuration("machine with a serial console", "console", |s| {
            set(s, "/vm-configuration/console-enabled", json!(true));
        }),
    ]
}

fn member(scene: &mut TpmScene, pointer: &str) -> Option<Value> {
    scene.runtime_data.pointer_mut(pointer).map(Value::take)
}

fn set(scene: &mut TpmScene, pointer: &str, value: Value) {
    *scene
        .runtime_data
        .pointer_mut(pointer)
        .expect("it is there") = value;
}
