//! `snp` of IGVM files.

use super::{error, json, snp};
use crate::igvm_files::{Builder, packed_id_block};
use crate::support::{Folder, document, run, stdout, vector};

/// The sample's digest, as the crate that made it and a computation by hand have it.
const SAMPLE: &str = "6f42e5b95373aad0bf9aca031df87529e491d1708c1f591ea7b103f813ef18b777bfc687578861cde5d8cf1edf52e836";

#[test]
fn igvm_prints_the_published_digest_with_everything_the_file_says() {
    let Some(file) = vector("measured-boot/igvm-crate/sample.igvm") else {
        return;
    };
    let page = stdout(&snp(&["--igvm", &file]), 0);
    assert!(page.lines().any(|line| line == SAMPLE), "{page}");
    assert!(page.contains("policy 0x30000"), "{page}");
    let document = json(&["--igvm", &file, "--vcpus", "1"], 0);
    assert_eq!(document["launch_digest"], SAMPLE);
    assert_eq!(
        (&document["vcpus"], &document["policy"]),
        (&1.into(), &"0x30000".into())
    );
    assert_eq!(document["components"][0]["name"], "data");
    assert!(
        document["warnings"][0]
            .as_str()
            .expect("text")
            .contains("SNPActive")
    );
    assert_eq!(document.get("id_block"), None);
}

#[test]
fn igvm_pages_without_data_are_what_the_vmm_makes_of_them() {
    let Some(file) = vector("measured-boot/igvm-crate/sample.igvm") else {
        return;
    };
    let digest = |more: &[&str]| {
        let document = json(&[&["--igvm", &file], more].concat(), 0);
        document["launch_digest"].as_str().expect("text")[..8].to_owned()
    };
    assert_eq!(digest(&["--vmm-type", "cloister"]), "6f42e5b9");
    assert_eq!(digest(&["--vmm-type", "gce"]), "2ebd3388");
    assert_eq!(digest(&["--zero-pages", "zero"]), "2ebd3388");
    let both = ["--vmm-type", "gce", "--zero-pages", "normal"];
    assert_eq!(digest(&both), "6f42e5b9");
}

#[test]
fn igvm_with_what_it_says_itself_or_is_not_for_is_refused() {
    let folder = Folder::empty();
    let file = folder.write(
        "a.igvm",
        &Builder::snp().page(0x1000, 0, &[7; 4096]).build(),
    );
    for other in [
        ["--ovmf", "/dev/null"],
        ["--vcpu-type", "EPYC"],
        ["--kernel", "/dev/null"],
        ["--svsm", "/dev/null"],
        ["--guest-features", "1"],
        ["--vmm-type", "ec2"],
    ] {
        error(&["--igvm", &file, other[0], other[1]], 2);
    }
    let said = error(&["--igvm", &file, "--vcpus", "3"], 1);
    assert!(said.contains("--vcpus 3") && said.contains(&file), "{said}");
    let tdx = folder.write("tdx.igvm", &Builder::default().platform(1, 3).build());
    let said = error(&["--igvm", &tdx], 1);
    assert!(said.contains("it is for TDX"), "{said}");
    let said = error(&["--igvm", "/dev/null"], 1);
    assert!(
        said.contains("at offset 0x0") && said.contains("--igvm /dev/null"),
        "{said}"
    );
    error(&["--vcpus", "1"], 2);
    error(&["--ovmf", "/dev/null"], 2);
}

#[test]
fn igvm_whose_id_block_is_for_another_launch_is_refused_and_printed() {
    let folder = Folder::empty();
    let mut block = [0; 696];
    block[0] = 1;
    let builder = Builder::snp()
        .page(0x1000, 0, &[7; 4096])
        .header(0x30B, &block);
    let file = folder.write("a.igvm", &builder.build());
    let document = json(&["--igvm", &file], 3);
    assert_eq!(document["id_block"]["accepted"], false);
    assert_eq!(
        document["id_block"]["refused"],
        "it is for another launch digest"
    );
    assert_eq!(document["launch_digest"].as_str().map(str::len), Some(96));
    let page = stdout(&snp(&["--igvm", &file]), 3);
    assert!(page.contains("REFUSED"), "{page}");
}

#[test]
fn igvm_with_the_owners_id_block_is_accepted_and_with_a_changed_one_refused() {
    let folder = Folder::empty();
    let builder = Builder::snp().page(0x1000, 0, &[7; 4096]);
    let plain = folder.write("plain.igvm", &builder.build());
    let digest = json(&["--igvm", &plain], 0)["launch_digest"].clone();
    let Some(key) = folder.key("key.pem") else {
        return;
    };
    let files = ["block", "auth"].map(|name| folder.write(name, b""));
    let digest = digest.as_str().expect("text");
    let sign = ["--launch-digest", digest, "--id-key", &key, "--author-key"];
    let to = ["--out-block", &files[0], "--out-auth", &files[1]];
    let signed = [&sign[..], &[&key, "-o", "json"], &to].concat();
    let signed = document(&run("id-block", &signed), 0);
    let [block, auth] = files.map(|path| std::fs::read(path).expect("written"));
    let mut contents = packed_id_block(&block, &auth);
    assert_eq!(contents.len(), 696);

    let file = folder.write("a.igvm", &builder.clone().header(0x30B, &contents).build());
    let found = json(&["--igvm", &file], 0)["id_block"].clone();
    assert_eq!(found["accepted"], true);
    for field in ["launch_digest", "id_key_digest", "author_key_digest"] {
        assert_eq!(found[field], signed[field], "{field}");
    }
    // A byte of the ID key's signature, then of the author's.
    for at in [104, 400] {
        contents[at] ^= 1;
        let file = folder.write("b.igvm", &builder.clone().header(0x30B, &contents).build());
        let found = json(&["--igvm", &file], 3)["id_block"].clone();
        assert!(
            found["refused"]
                .to_string()
                .contains("signature does not hold"),
            "{found}"
        );
        contents[at] ^= 1;
    }
}

#[test]
fn coverage_of_an_igvm_file_counts_what_the_host_writes() {
    let folder = Folder::empty();
    let builder = Builder::snp()
        .area(0, 0x3000, &[])
        .page(0x1000, 0, &[7; 4096])
        .page(0x2000, 2, &[])
        .page(0x3000, 4, &[])
        .insert(0x8000, 0);
    let file = folder.write("a.igvm", &builder.build());
    let document = json(&["--igvm", &file], 0);
    let what = |field: &str| {
        let rows = document["coverage"].as_array().expect("rows");
        let row = rows
            .iter()
            .find(|row| row["field"] == field)
            .expect("a row");
        format!(
            "{} {}",
            row["class"].as_str().expect("text"),
            row["what"].as_str().expect("text")
        )
    };
    assert_eq!(what("data"), "measured 1 page");
    assert_eq!(what("parameters"), "unmeasured 3 pages");
    assert_eq!(what("unmeasured"), "unmeasured 1 page");
    assert_eq!(what("shared"), "unmeasured 1 page");
}
