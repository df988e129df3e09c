//! Certificates, lists, and what was seen.

use crate::Seed;
use crate::forge::{Draft, Key, ListDraft, pem};

pub(crate) fn certificate() -> Vec<Seed> {
    let (rsa, p384, p256) = (Key::rsa(), Key::p384(), Key::p256());
    let root = Draft::authority("root", &rsa, "root", &rsa).signed_by(&rsa);
    let leaf = Draft::leaf("leaf", &p384, "root", &rsa).signed_by(&rsa);
    let other = Draft::leaf("other", &p256, "ca", &p256).signed_by(&p256);
    let text = pem("CERTIFICATE", &leaf) + &pem("CERTIFICATE", &root);
    vec![
        ("leaf", leaf.clone()),
        ("root", root.clone()),
        ("p256", other.clone()),
        ("two-der", [leaf.clone(), other.clone()].concat()),
        ("two-pem", text.into_bytes()),
        ("one-pem", pem("CERTIFICATE", &other).into_bytes()),
        ("trailing", [leaf.as_slice(), b"\0"].concat()),
    ]
}

pub(crate) fn revocation_list() -> Vec<Seed> {
    let key = Key::p256();
    let of = |serials: &[u32]| ListDraft::new("ca", &key, serials).signed_by(&key);
    let mut entries = ListDraft::new("ca", &key, &[]);
    let (serial, reason) = (
        crate::forge::number(9),
        crate::forge::extension(&[2, 5, 29, 21], false, &[10, 1, 1]),
    );
    let date = crate::forge::tlv(0x17, b"260101000000Z");
    let extensions = crate::forge::constructed(0x30, &[reason]);
    entries.entries = vec![crate::forge::constructed(0x30, &[serial, date, extensions])];
    vec![
        ("empty-list", of(&[])),
        ("three", of(&[7, 300, 0])),
        ("with-reason", entries.signed_by(&key)),
        ("pem", pem("X509 CRL", &of(&[1])).into_bytes()),
    ]
}

pub(crate) fn seen() -> Vec<Seed> {
    let all = r#"{"version": 1, "seen": [
{"kind":"tcb_info","tee":"tdx","fmspc":"b0c06f000000","evaluation":17,"issued":1750000000},
{"kind":"identity","identity":"td_qe","evaluation":17,"issued":1750000000},
{"kind":"crl","issuer":"0101010101010101010101010101010101010101010101010101010101010101","number":"1f","issued":1750000000}
]}
"#;
    let one = r#"{"version": 1, "seen": [{"kind":"tcb_info","tee":"sgx","fmspc":"000000000000","evaluation":0,"issued":0}]}"#;
    vec![
        ("all", all.into()),
        ("one", one.into()),
        ("nothing", r#"{"version": 1, "seen": []}"#.into()),
        ("twice", one.replace("}]", "},{\"kind\":\"tcb_info\",\"tee\":\"sgx\",\"fmspc\":\"000000000000\",\"evaluation\":1,\"issued\":0}]").into()),
        ("version-2", one.replace("version\": 1", "version\": 2").into()),
    ]
}
