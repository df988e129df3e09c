//! Reference values of launches that no `vm.toml` describes.

use super::Folder;
use crate::support::{document, error, vector};
use serde_json::{Value, json};
use std::path::Path;

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
    let svn = error(&run(&["--min-svn", "1"]), 1);
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
        let text = error(
            &folder.run(&[&["reference"], given.as_slice(), &rest].concat()),
            1,
        );
        assert!(text.contains(reason), "{text}");
    }
}

#[test]
fn signed_image_allows_the_published_launches() {
    let Some(image) = vector("measured-boot/debian-ovmf/OVMF.fd") else {
        return;
    };
    let Some(folder) = Folder::new() else { return };
    let published =
        std::fs::read(Path::new(&image).with_file_name("expected.json")).expect("beside it");
    let published: Value = serde_json::from_slice(&published).expect("JSON");
    let launches = [1, 2, 4].map(|vcpus| {
        let launch = format!("qemu EPYC-Milan vcpus={vcpus} guest_features=0x1");
        json!({"vcpus": vcpus, "launch_digest": published["snp"][&launch]})
    });
    let of = [
        "reference",
        "--ovmf",
        &image,
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
    assert!(error(&run(&[]), 1).contains("--vcpu-type is needed"));
}
