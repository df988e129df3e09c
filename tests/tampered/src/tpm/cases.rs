//! What can be wrong with a TPM's quote.

use super::{TpmScene, log};
use crate::forge::{Draft, Key, name, validity};
use crate::{Case, Reason};
use attestation_tpm::ExpectedNonce;
use ring::digest::{SHA384, digest};
use serde_json::{Value, json};

type Tpm = Case<TpmScene>;

fn case(name: &str, reason: Reason, tamper: fn(&mut TpmScene)) -> Tpm {
    Case::new(name, reason, TpmScene::accepted, move || {
        let mut scene = TpmScene::accepted();
        tamper(&mut scene);
        scene
    })
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

/// Every case.
pub fn cases() -> Vec<Tpm> {
    let all = [
        hcl(),
        tee(),
        runtime_data(),
        key(),
        quote(),
        signature(),
        pcrs(),
        event_log(),
        certified(),
        td(),
    ];
    all.into_iter().flatten().collect()
}

fn hcl() -> Vec<Tpm> {
    const UNREADABLE: (&str, &str) = ("tpm_hcl_format", "hcl_unreadable");
    let edit = |name: &str, edit: fn(&mut TpmScene)| {
        case(name, UNREADABLE, edit).silencing(&OF_THE_HCL_REPORT)
    };
    fn draft(scene: &mut TpmScene) -> &mut super::HclDraft {
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

fn tee() -> Vec<Tpm> {
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
                let signed = super::Signed::of(s);
                let mut body = vec![0; 584];
                body[520..584].copy_from_slice(&signed.judged[0x50..0x90]);
                s.td_body = Some(body);
            },
        ),
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

fn runtime_data() -> Vec<Tpm> {
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

fn key() -> Vec<Tpm> {
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
                s.sent_ak = Some([super::key().info(), vec![0]].concat());
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

fn quote() -> Vec<Tpm> {
    const UNREADABLE: (&str, &str) = ("tpm_quote_format", "quote_unreadable");
    let unreadable = |name: &str, tamper: fn(&mut TpmScene)| {
        case(name, UNREADABLE, tamper).silencing(&OF_THE_QUOTE)
    };
    vec![
        unreadable("quote that no TPM made", |s| s.quote.magic = 0),
        unreadable("attestation that is no quote", |s| s.quote.kind = 0x8017),
        unreadable("quote with a signer's name of 67 bytes", |s| {
            s.quote.signer = vec![0; 67]
        }),
        unreadable("quote with extraData of 67 bytes", |s| {
            s.quote.nonce = vec![0; 67]
        }),
        unreadable("quote whose clock is neither safe nor not", |s| {
            s.quote.safe = 2
        }),
        unreadable("quote of one bank twice", |s| {
            let first = s.quote.selections[0].clone();
            s.quote.selections.push(first);
        }),
        unreadable("quote of 17 banks", |s| {
            s.quote.selections = (0..17).map(|id| (id, vec![0; 3])).collect()
        }),
        unreadable("quote with a bitmap of 4 bytes", |s| {
            s.quote.selections[0].1.push(0)
        }),
        unreadable("quote with a digest of 65 bytes", |s| {
            s.quote.digest = vec![0; 65]
        }),
        unreadable("quote with a byte after it", |s| s.quote.trailing = vec![0]),
        unreadable("empty quote that was signed", |s| s.quote.magic = u32::MAX),
        case(
            "quote for another nonce",
            ("tpm_nonce", "nonce_other"),
            |s| {
                s.quote.nonce = b"another".to_vec();
            },
        ),
        case("quote without a nonce", ("tpm_nonce", "nonce_other"), |s| {
            s.quote.nonce.clear()
        }),
        case(
            "quote whose nonce goes on",
            ("tpm_nonce", "nonce_other"),
            |s| s.quote.nonce.push(0),
        ),
        case(
            "quote whose nonce is filled up with something",
            ("tpm_nonce", "nonce_other"),
            |s| {
                s.quote.nonce.resize(64, 0);
                s.quote.nonce[63] = 1;
            },
        ),
        case(
            "another nonce is expected",
            ("tpm_nonce", "nonce_other"),
            |s| {
                s.expected = ExpectedNonce::exactly(b"a nonc").expect("it is short");
            },
        ),
        case(
            "clock that may have gone back",
            ("tpm_clock", "clock_unsafe"),
            |s| s.quote.safe = 0,
        ),
    ]
}

fn signature() -> Vec<Tpm> {
    const CHECK: &str = "tpm_signature";
    let invalid =
        |name: &str, tamper: fn(&mut TpmScene)| case(name, (CHECK, "signature_invalid"), tamper);
    let unreadable = |name: &str, tamper: fn(&mut TpmScene)| {
        case(name, (CHECK, "signature_unreadable"), tamper).silencing(&["tpm_pcr_digest"])
    };
    vec![
        invalid("a bit of the signature changed", |s| {
            s.edit_signature = |bytes| bytes[100] ^= 1
        }),
        invalid("signature of one byte", |s| {
            s.edit_signature = |bytes| *bytes = vec![0, 0x14, 0, 0x0B, 0, 1, 7]
        }),
        invalid("signature said to be PSS", |s| {
            s.edit_signature = |bytes| bytes[1] = 0x16
        }),
        invalid("firmware version changed after signing", |s| {
            s.edit_quote = |quote| quote[75] ^= 1
        }),
        invalid("clock changed after signing", |s| {
            s.edit_quote = |quote| quote[58] ^= 1
        }),
        invalid("resets changed after signing", |s| {
            s.edit_quote = |quote| quote[62] ^= 1
        }),
        invalid("signer's name changed after signing", |s| {
            s.edit_quote = |quote| quote[10] ^= 1
        }),
        unreadable("signature of an unknown scheme", |s| {
            s.edit_signature = |bytes| bytes[1] = 0x10
        }),
        unreadable("signature over SHA-1", |s| {
            s.edit_signature = |bytes| bytes[3] = 4
        }),
        unreadable("empty signature", |s| s.edit_signature = Vec::clear),
        unreadable("signature of no bytes", |s| {
            s.edit_signature = |bytes| *bytes = vec![0, 0x14, 0, 0x0B, 0, 0]
        }),
        unreadable("signature of 513 bytes", |s| {
            s.edit_signature = |bytes| *bytes = [&[0, 0x14, 0, 0x0B, 2, 1][..], &[1; 513]].concat();
        }),
        unreadable("signature with a byte after it", |s| {
            s.edit_signature = |bytes| bytes.push(0)
        }),
        unreadable("signature cut short", |s| {
            s.edit_signature = |bytes| bytes.truncate(100)
        }),
    ]
}

fn pcrs() -> Vec<Tpm> {
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
    ]
}

fn event_log() -> Vec<Tpm> {
    let of =
        |name: &str, code, tamper: fn(&mut TpmScene)| case(name, ("tpm_event_log", code), tamper);
    fn log_of(scene: &mut TpmScene) -> &mut Vec<u8> {
        scene.log.as_mut().expect("there is one")
    }
    vec![
        of("no event log", "log_missing", |s| s.log = None),
        of("event log cut short", "log_unreadable", |s| {
            let log = log_of(s);
            log.truncate(log.len() - 1);
        }),
        of("empty event log", "log_unreadable", |s| log_of(s).clear()),
        of("event log with another digest", "log_other", |s| {
            // The digest of the event of PCR 0, behind the first event.
            log_of(s)[super::log::spec_id().len() + 14] ^= 1;
        }),
        of(
            "event log without an event that was measured",
            "log_silent",
            |s| {
                let kept = log::spec_id().len();
                let first = log::record(0, 8, b"v1\0\0").len();
                log_of(s).drain(kept..kept + first);
            },
        ),
        of("event log with one more event", "log_other", |s| {
            let more = log::record(4, 0x8000_0007, b"another image");
            log_of(s).extend(more);
        }),
        of(
            "event log with an event of a PCR that stayed as it was",
            "log_other",
            |s| {
                let more = log::record(5, 0x8000_0007, b"x");
                log_of(s).extend(more);
            },
        ),
        of("event log of RTMRs", "log_of_rtmrs", |s| {
            let log = log_of(s);
            log.clear();
            log.extend([1, 0, 0, 0, 3, 0, 0, 0]);
            log.extend(&super::log::spec_id()[8..]);
        }),
        of("event log in a bank that is not quoted", "log_bank", |s| {
            let log = log_of(s);
            log.clear();
            log.extend(sha1_log());
        }),
    ]
}

/// One event of PCR 0 in the format before crypto agility, SHA-1.
fn sha1_log() -> Vec<u8> {
    let mut log = [0_u32, 8].map(u32::to_le_bytes).concat();
    log.extend([7; 20]);
    log.extend([2, 0, 0, 0, b'1', 0]);
    log
}

/// A key that certificates vouch for, under a root that is named.
fn certified() -> Vec<Tpm> {
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
    let mut leaf = Draft::leaf("ak", &super::key(), "root", &issuer);
    leaf.allow(0b1000_0000);
    change(&mut leaf);
    scene.certified = Some([leaf.signed_by(&issuer), root.clone(), root]);
    scene
}

/// The vTPM of a TD.
fn td() -> Vec<Tpm> {
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
        case(
            "event log with two separators of one PCR",
            ("tpm_event_log", "log_ambiguous"),
            |s| {
                let more = log::record(4, 4, &[0; 4]);
                s.log.as_mut().expect("there is one").extend(more);
            },
        )
        .also(("tpm_event_log", "log_other")),
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

fn scene_of_td() -> TpmScene {
    let mut scene = TpmScene::accepted();
    let data = super::Signed::of(&scene).judged[0x50..0x90].to_vec();
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
