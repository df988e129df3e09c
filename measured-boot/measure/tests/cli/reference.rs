//! Signed reference values from the command line: made, read back, refused.

mod predictions;
mod unsigned;

use crate::support::{self, CONFIG, document, error};
use serde_json::{Value, json};
use std::ops::Deref;
use std::process::Output;

const FROM: &str = "1790000000";
const UNTIL: u64 = 1_790_000_000 + 30 * 86_400;

/// A folder with a virtual machine and two pairs of keys in it.
struct Folder(support::Folder);

impl Folder {
    /// Nothing without openssl, which makes the keys.
    fn new() -> Option<Self> {
        let folder = support::Folder::with_machine();
        folder.key_pair("key")?;
        folder.key_pair("other")?;
        Some(Self(folder))
    }

    /// Signs the plan's values for 30 days, into `values.corim`.
    fn sign(&self, more: &[&str]) -> Output {
        let always = [
            "reference",
            "vm.toml",
            "--sign",
            "key.pem",
            "--out",
            "values.corim",
        ];
        let time = ["--not-before", FROM, "--days", "30", "-o", "json"];
        self.run(&[always.as_slice(), &time, more].concat())
    }

    fn check(&self, key: &str, more: &[&str]) -> Output {
        let always = ["reference", "--check", "values.corim", "--key", key];
        self.run(&[always.as_slice(), more].concat())
    }

    /// What `plan` predicts with another number of vCPUs.
    fn planned(&self, vcpus: u32) -> Value {
        let config = CONFIG.replace("count = 2", &format!("count = {vcpus}"));
        self.write("other.toml", config.as_bytes());
        document(&self.run(&["plan", "other.toml", "-o", "json"]), 0)["launch_digest"].clone()
    }
}

impl Deref for Folder {
    type Target = support::Folder;

    fn deref(&self) -> &support::Folder {
        &self.0
    }
}

#[test]
fn signed_plan_allows_each_number_of_vcpus_and_reads_back_as_it_was_written() {
    let Some(folder) = Folder::new() else { return };
    folder.write("demo.spdx.json", b"{}");
    let written = folder.sign(&[
        "--vcpus",
        "4,1,2",
        "--signer",
        "Example Ltd.",
        "--workload-version",
        "1.4.2",
        "--min-svn",
        "3",
        "--sbom",
        "./demo.spdx.json",
    ]);
    let written = document(&written, 0);
    let launches =
        [1, 2, 4].map(|vcpus| json!({"vcpus": vcpus, "launch_digest": folder.planned(vcpus)}));
    assert_eq!(written["alternatives"], json!(launches));
    assert_eq!(written["reference"], "demo@1.4.2/simulated/1790000000");
    assert_eq!(
        (&written["tee"], &written["simulated"]),
        (&json!("simulated"), &json!(true))
    );
    assert_eq!(
        (&written["min_svn"], &written["signer"]),
        (&json!(3), &json!("Example Ltd."))
    );
    let sha384 = "d2a23bc783e3aa38f401e13c7488505137c4954a7fd88331f1597c5ff71111dc807c7370a5b282c6da541c56ede69f30";
    let sbom = json!({"file": "demo.spdx.json", "sha384": sha384});
    assert_eq!(written["sbom"], sbom);
    assert_eq!(
        (&written["not_before"], &written["not_after"]),
        (&json!(1_790_000_000), &json!(UNTIL))
    );

    let read = document(&folder.check("key.pub", &["--at", FROM, "-o", "json"]), 0);
    assert_eq!(
        (&read["accepted"], &read["at"]),
        (&json!(true), &json!(1_790_000_000))
    );
    for (key, value) in written.as_object().expect("an object") {
        assert_eq!(
            &read[key],
            if key == "file" { &read["file"] } else { value },
            "{key}"
        );
    }
    let page = folder.check("key.pub", &["--at", FROM]);
    let page = String::from_utf8(page.stdout).expect("text");
    assert!(
        page.contains("good from        2026-09-21 14:13:20 UTC (1790000000)"),
        "{page}"
    );
    assert!(
        page.contains(launches[2]["launch_digest"].as_str().expect("text")),
        "{page}"
    );
}

#[test]
fn signed_plan_without_more_says_its_own_name_and_number_of_vcpus() {
    let Some(folder) = Folder::new() else { return };
    let written = document(&folder.sign(&[]), 0);
    assert_eq!(
        written["alternatives"],
        json!([{"vcpus": 2, "launch_digest": folder.planned(2)}])
    );
    assert_eq!(
        (&written["workload"], &written["min_svn"], &written["sbom"]),
        (&json!("demo"), &Value::Null, &Value::Null)
    );
    assert_eq!(written["signer"], written["key_id"]);
    let first = std::fs::read(folder.path("values.corim")).expect("it was written");
    document(&folder.sign(&[]), 0);
    let second = std::fs::read(folder.path("values.corim")).expect("it was written");
    assert_eq!(first, second, "signed the same each time");
}

#[test]
fn values_that_are_refused_end_in_three_with_the_reason() {
    let Some(folder) = Folder::new() else { return };
    document(&folder.sign(&[]), 0);
    let late = (UNTIL + 1).to_string();
    let cases = [
        (
            "key.pub",
            "1789999999",
            "not-yet-valid",
            "good from 1790000000 on",
        ),
        ("key.pub", late.as_str(), "expired", "it is 1792592001"),
        ("other.pub", FROM, "other-key", "another key signed this"),
    ];
    for (key, at, rule, reason) in cases {
        let output = folder.check(key, &["--at", at, "-o", "json"]);
        let refused = document(&output, 3);
        assert_eq!(
            (&refused["accepted"], &refused["rule"]),
            (&json!(false), &json!(rule))
        );
        assert!(
            refused["reason"]
                .as_str()
                .is_some_and(|text| text.contains(reason)),
            "{refused}"
        );
        let text = error(&folder.check(key, &["--at", at]), 3);
        assert!(
            text.starts_with("refused: values.corim: ") && text.contains(reason),
            "{text}"
        );
    }
    let mut file = std::fs::read(folder.path("values.corim")).expect("it was written");
    let last = file.last_mut().expect("bytes");
    *last ^= 1;
    folder.write("values.corim", &file);
    assert!(
        error(&folder.check("key.pub", &["--at", FROM]), 3).contains("the signature does not hold")
    );
}

#[test]
fn file_that_is_no_cbor_ends_in_one_with_offset_and_rule() {
    let Some(folder) = Folder::new() else { return };
    document(&folder.sign(&[]), 0);
    let mut file = std::fs::read(folder.path("values.corim")).expect("it was written");
    file.push(0);
    folder.write("values.corim", &file);
    let text = error(&folder.check("key.pub", &["--at", FROM, "-o", "json"]), 1);
    let place = format!(
        "at offset {:#x}: 1 bytes follow that belong to nothing",
        file.len() - 1
    );
    assert!(
        text.contains("values.corim") && text.contains(&place),
        "{text}"
    );
}

#[test]
fn values_that_nobody_could_mean_are_not_written() {
    let Some(folder) = Folder::new() else { return };
    let cases: [(&[&str], &str); 5] = [
        (&["--vcpus", "2,2"], "is there twice"),
        (&["--vcpus", "0"], "--vcpus 0: the launch cannot be planned"),
        (&["--name", "a/b"], "no name or version of a workload"),
        (&["--signer", "a\u{202e}b"], "is no name"),
        (&["--sbom", "missing.json"], "missing.json cannot be read"),
    ];
    for (arguments, reason) in cases {
        let text = error(&folder.sign(arguments), 1);
        assert!(text.contains(reason), "{text}");
    }
    assert!(!folder.path("values.corim").exists());
}

#[test]
fn keys_in_the_wrong_place_are_named_with_the_remedy() {
    let Some(folder) = Folder::new() else { return };
    document(&folder.sign(&[]), 0);
    let private = error(&folder.check("key.pem", &[]), 1);
    assert!(
        private.contains("openssl pkey -in KEY.pem -pubout"),
        "{private}"
    );
    assert!(error(&folder.check("vm.toml", &[]), 1).contains("BEGIN PUBLIC KEY"));
    let public = error(
        &folder.run(&["reference", "vm.toml", "--sign", "key.pub", "--out", "x"]),
        1,
    );
    assert!(public.contains("BEGIN PRIVATE KEY"), "{public}");
}

#[test]
fn options_that_do_not_go_together_are_wrong_usage() {
    let run = |words: &str| support::run("reference", &words.split(' ').collect::<Vec<_>>());
    for words in [
        "--out x",
        "vm.toml",
        "vm.toml --out x --vcpus 1",
        "vm.toml --out x --min-svn 1",
        "vm.toml --out x --sbom f",
        "vm.toml --out x --signer n",
        "vm.toml --out x --workload-version 1",
        "vm.toml --out x --vcpu-type EPYC",
        "vm.toml --out x --ovmf f --sign k --vcpus 1 --name n",
        "--ovmf f --out x --vcpus 1 --name n",
        "--ovmf f --out x --sign k --name n",
        "--ovmf f --out x --sign k --vcpus 1",
        "--prediction f --out x --sign k --name n",
        "--prediction 1=f --out x --name n",
        "--prediction 1=f --out x --sign k --vcpus 1 --name n",
        "--check f",
        "--check f --key k --prediction 1=f",
        "--check f --key k --out x",
        "--check f --key k --sign k",
        "--check f --key k --days 3",
        "vm.toml --out x --key k",
        "vm.toml --out x --at 3",
        "--check f --key k --signer n",
        "--check f --key k --vcpus 2",
        "--check f --key k --vcpu-type EPYC",
        "--check f --key k --kernel f",
        "--check f --key k --ovmf f",
        "--check f --key k vm.toml",
    ] {
        assert_eq!(run(words).status.code(), Some(2), "{words}");
    }
}
