//! Signed reference values from the command line: made, read back, refused.

#[path = "../../plan/tests/support/mod.rs"]
mod support;

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const CONFIG: &str = r#"name = "demo"
[tee]
kind = "simulated"
[boot]
protocol = "simulated-direct"
kernel = "vmlinux"
initrd = "initrd"
cmdline = "console=ttyS0"
[cpu]
count = 2
model = "x86-64-v2"
[memory]
mib = 256
"#;
const FROM: &str = "1790000000";
const UNTIL: u64 = 1_790_000_000 + 30 * 86_400;

/// A folder with a virtual machine and two pairs of keys in it.
struct Folder(TempDir);

impl Folder {
    /// Nothing without openssl, which makes the keys.
    fn new() -> Option<Self> {
        let folder = Self(tempfile::tempdir().expect("a folder can be made"));
        folder.write("vm.toml", CONFIG.as_bytes());
        folder.write("vmlinux", &support::kernel());
        folder.write("initrd", &support::initrd());
        for name in ["key", "other"] {
            let curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"];
            folder.openssl(
                &[
                    &["genpkey"],
                    curve.as_slice(),
                    &["-out", &format!("{name}.pem")],
                ]
                .concat(),
            )?;
            let (private, public) = (format!("{name}.pem"), format!("{name}.pub"));
            folder.openssl(&["pkey", "-in", &private, "-pubout", "-out", &public])?;
        }
        Some(folder)
    }

    fn openssl(&self, arguments: &[&str]) -> Option<()> {
        let mut command = Command::new("openssl");
        let output = command.args(arguments).current_dir(self.0.path()).output();
        if !output.is_ok_and(|output| output.status.success()) {
            println!("skipped: there is no openssl");
            return None;
        }
        Some(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("the file can be written");
    }

    /// Runs the program in the folder.
    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_cloister-measure"))
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .expect("the program runs")
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

fn document(output: &Output, code: i32) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

/// What is said on a failure, which prints nothing else.
fn said(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr.clone()).expect("text")
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
        let text = said(&folder.check(key, &["--at", at]), 3);
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
        said(&folder.check("key.pub", &["--at", FROM]), 3).contains("the signature does not hold")
    );
}

#[test]
fn file_that_is_no_cbor_ends_in_one_with_offset_and_rule() {
    let Some(folder) = Folder::new() else { return };
    document(&folder.sign(&[]), 0);
    let mut file = std::fs::read(folder.path("values.corim")).expect("it was written");
    file.push(0);
    folder.write("values.corim", &file);
    let text = said(&folder.check("key.pub", &["--at", FROM, "-o", "json"]), 1);
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
        let text = said(&folder.sign(arguments), 1);
        assert!(text.contains(reason), "{text}");
    }
    assert!(!folder.path("values.corim").exists());
}

#[test]
fn keys_in_the_wrong_place_are_named_with_the_remedy() {
    let Some(folder) = Folder::new() else { return };
    document(&folder.sign(&[]), 0);
    let private = said(&folder.check("key.pem", &[]), 1);
    assert!(
        private.contains("openssl pkey -in KEY.pem -pubout"),
        "{private}"
    );
    assert!(said(&folder.check("vm.toml", &[]), 1).contains("BEGIN PUBLIC KEY"));
    let public = said(
        &folder.run(&["reference", "vm.toml", "--sign", "key.pub", "--out", "x"]),
        1,
    );
    assert!(public.contains("BEGIN PRIVATE KEY"), "{public}");
}

#[test]
fn options_that_do_not_go_together_are_wrong_usage() {
    let run = |words: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloister-measure"));
        command
            .arg("reference")
            .args(words.split(' '))
            .output()
            .expect("the program runs")
    };
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

/// What `tdx` prints, as far as it is read.
const TD: &str = r#"{"tee": "tdx", "launch_digest": "MRTD", "mrtd": "MRTD", "rtmr0": "RTMR", "rtmr1": null, "events": []}"#;

#[test]
fn signed_predictions_of_trust_domains_hold_their_registers_and_no_svn() {
    let Some(folder) = Folder::new() else { return };
    let (mrtd, rtmr) = ("ab".repeat(48), "cd".repeat(48));
    let td = TD.replace("MRTD", &mrtd).replace("RTMR", &rtmr);
    folder.write("td.json", td.as_bytes());
    let of = [
        "reference",
        "--prediction",
        "2=td.json",
        "--name",
        "td",
        "--sign",
        "key.pem",
    ];
    let run =
        |more: &[&str]| folder.run(&[of.as_slice(), &["--out", "values.corim"], more].concat());
    let svn = said(&run(&["--min-svn", "1"]), 1);
    assert!(svn.contains("TDX reports have no guest SVN"), "{svn}");
    assert!(!folder.path("values.corim").exists());

    let written = document(&run(&["-o", "json"]), 0);
    let launch = json!({"vcpus": 2, "mrtd": mrtd, "rtmr0": rtmr});
    assert_eq!(
        (&written["tee"], &written["alternatives"]),
        (&json!("tdx"), &json!([launch]))
    );
    let page = String::from_utf8(folder.check("key.pub", &[]).stdout).expect("text");
    assert!(
        page.contains(&format!(
            "    2  mrtd      {mrtd}\n    2  rtmr0     {rtmr}\n"
        )),
        "{page}"
    );
}

#[test]
fn predictions_that_are_none_or_contradict_each_other_are_refused() {
    let Some(folder) = Folder::new() else { return };
    let plan = folder.run(&["plan", "vm.toml", "-o", "json"]);
    folder.write("plan.json", &plan.stdout);
    folder.write(
        "td.json",
        TD.replace("MRTD", &"ab".repeat(48))
            .replace("RTMR", "ab")
            .as_bytes(),
    );
    folder.write("other.json", br#"{"tee": "tdx", "launch_digest": "ab"}"#);
    folder.write(
        "good.json",
        TD.replace("MRTD", &"ab".repeat(48))
            .replace("\"RTMR\"", "null")
            .as_bytes(),
    );
    let cases: [(&[&str], &str); 5] = [
        (&["2=vm.toml"], "vm.toml: no prediction"),
        (&["4=plan.json"], "one with 2 vCPUs, not with 4"),
        (&["2=td.json"], "\"ab\" is no digest"),
        (&["2=other.json"], "\"ab\" is no digest"),
        (&["2=plan.json", "1=good.json"], "different TEEs"),
    ];
    for (predictions, reason) in cases {
        let given: Vec<_> = predictions
            .iter()
            .flat_map(|one| ["--prediction", one])
            .collect();
        let rest = ["--name", "x", "--sign", "key.pem", "--out", "x.corim"];
        let text = said(
            &folder.run(&[&["reference"], given.as_slice(), &rest].concat()),
            1,
        );
        assert!(text.contains(reason), "{text}");
    }
}

#[test]
fn signed_image_allows_the_published_launches() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let image = vectors.join("measured-boot/debian-ovmf/OVMF.fd");
    if !image.exists() {
        return println!("skipped: {} is not there", image.display());
    }
    let Some(folder) = Folder::new() else { return };
    let published = std::fs::read(image.with_file_name("expected.json")).expect("beside it");
    let published: Value = serde_json::from_slice(&published).expect("JSON");
    let launches = [1, 2, 4].map(|vcpus| {
        let launch = format!("qemu EPYC-Milan vcpus={vcpus} guest_features=0x1");
        json!({"vcpus": vcpus, "launch_digest": published["snp"][&launch]})
    });
    let image = image.to_str().expect("text");
    let of = [
        "reference",
        "--ovmf",
        image,
        "--vcpus",
        "1,2,4",
        "--name",
        "debian-ovmf",
    ];
    let to = ["--sign", "key.pem", "--out", "values.corim", "-o", "json"];
    let run = |more: &[&str]| folder.run(&[of.as_slice(), &to, more].concat());
    let written = document(&run(&["--vcpu-type", "EPYC-Milan", "--min-svn", "1"]), 0);
    assert_eq!(written["alternatives"], json!(launches));
    assert_eq!(
        (&written["tee"], &written["simulated"]),
        (&json!("snp"), &json!(false))
    );
    assert_eq!(
        document(&folder.check("key.pub", &["-o", "json"]), 0)["tee"],
        "snp"
    );
    assert!(said(&run(&[]), 1).contains("--vcpu-type is needed"));
}
