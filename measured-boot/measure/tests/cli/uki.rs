//! `uki` as people and scripts use it.

use crate::support::{self, Folder, program, vector};
use crate::uki_images::{NAMES_252, PE, Parts, VIRTUAL_SIZE, put32, sign};
use measured_boot_uki::Algorithm;
use serde_json::Value;
use std::path::Path;
use std::process::Output;

/// Runs `uki FILE` with more arguments.
fn run(file: &[u8], arguments: &[&str]) -> Output {
    let folder = Folder::empty();
    folder.write("image.efi", file);
    run_on(&folder.path("image.efi"), arguments)
}

fn run_on(path: &Path, arguments: &[&str]) -> Output {
    let mut program = program();
    program.arg("uki").arg(path).args(arguments);
    program.output().expect("the program runs")
}

fn stdout(output: &Output) -> String {
    support::stdout(output, 0)
}

fn document(file: &[u8], arguments: &[&str]) -> Value {
    support::document(&run(file, &[arguments, &["-o", "json"]].concat()), 0)
}

/// What it says when it fails; it prints nothing then.
fn error(file: &[u8], arguments: &[&str]) -> String {
    support::error(&run(file, arguments), 1)
}

#[test]
fn published_values_are_predicted_in_every_phase_and_bank() {
    let Some(folder) = vector("measured-boot/uki") else {
        return;
    };
    let folder = Path::new(&folder);
    let expected = std::fs::read_to_string(folder.join("expected-pcr11-systemd-measure-252.txt"));
    let expected = expected.expect("beside the images");
    for (name, signed) in [("test-uki.efi", false), ("test-uki-signed.efi", true)] {
        let output = run_on(&folder.join(name), &["-o", "json"]);
        let found: Value = serde_json::from_str(&stdout(&output)).expect("one document");
        assert_eq!(found["signed"], signed);
        assert_eq!(found["stub"]["version"], "252.39-1~deb12u2");
        let (mut phase, mut values) = (String::new(), 0);
        for line in expected.lines() {
            if let Some(name) = line.strip_prefix("# PCR[11] Phase <") {
                phase = name.trim_end_matches('>').to_owned();
            } else if let Some((bank, value)) = line.trim_start_matches("11:").split_once('=') {
                assert_eq!(found["pcr11"][&phase][bank], value, "{name} {phase} {bank}");
                values += 1;
            }
        }
        assert_eq!(values, 20);
        let digest = &found["authenticode"]["sha256"];
        let published =
            std::fs::read_to_string(folder.join("expected-authenticode.txt")).expect("beside");
        let key = if signed { "signed_sha256=" } else { "sha256=" };
        let line = published
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .expect("the key");
        assert!(line.starts_with(digest.as_str().expect("hex")), "{name}");
    }
}

#[test]
fn phases_and_banks_that_are_asked_for_are_those_that_are_printed() {
    let file = Parts::uki().file();
    let all = document(&file, &[]);
    let keys = |value: &Value| -> Vec<String> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(keys(&all["pcr11"]).len(), 5);
    assert_eq!(
        keys(&all["pcr11"][":"]),
        ["sha1", "sha256", "sha384", "sha512"]
    );
    let some = document(
        &file,
        &[
            "--phase",
            "::",
            "--phase",
            "enter-initrd",
            "--bank",
            "sha384",
        ],
    );
    assert_eq!(keys(&some["pcr11"]), [":", "enter-initrd"]);
    assert_eq!(keys(&some["pcr11"][":"]), ["sha384"]);
    assert_eq!(some["pcr11"][":"]["sha384"], all["pcr11"][":"]["sha384"]);
    assert_eq!(keys(&some["authenticode"]), keys(&all["pcr11"][":"]));
}

#[test]
fn sections_say_where_they_are_and_whether_they_are_measured() {
    let file = Parts::uki().with(".sbat", b"sbat,1\n").file();
    let found = document(&file, &[]);
    let sections = found["sections"].as_array().expect("a list");
    let named = |name: &str| {
        sections
            .iter()
            .find(|one| one["name"] == name)
            .expect("it is there")
    };
    let cmdline = named(".cmdline");
    assert_eq!(
        (&cmdline["size"], &cmdline["measured"]),
        (&5.into(), &true.into())
    );
    assert_eq!(cmdline["offset"], 0xa00);
    let digest = Algorithm::Sha256.digest(b"quiet").to_string();
    assert_eq!(cmdline["sha256"], digest);
    assert_eq!(named(".sbat")["measured"], false);
    let coverage = found["coverage"].as_array().expect("a list");
    let row = |what: &str| coverage.iter().find(|row| row["what"] == what).expect(what);
    assert_eq!(row(".sbat")["authenticode"], true);
    assert_eq!(row("checksum")["authenticode"], false);
    assert_eq!(row("system extensions")["offset"], Value::Null);
    assert!(coverage.iter().all(|row| row["pcr11"] == false));
}

#[test]
fn the_page_has_every_value_in_full() {
    let mut file = Parts::uki().file();
    let found = document(&file, &[]);
    let page = stdout(&run(&file, &[]));
    for (phase, banks) in found["pcr11"].as_object().expect("phases") {
        assert!(page.contains(&format!("PCR 11, phase {phase}\n")));
        for (bank, value) in banks.as_object().expect("banks") {
            let line = format!("{bank:<6}  {}", value.as_str().expect("hex"));
            assert!(page.lines().any(|found| found == line), "{page}");
        }
    }
    assert!(page.contains(found["authenticode"]["sha512"].as_str().expect("hex")));
    assert!(page.contains("not signed") && !page.contains("NOT IN PCR 11"));
    assert!(stdout(&run(&file, &["--coverage"])).contains("NOT IN PCR 11"));
    let short = stdout(&run(&file, &["--bank", "sha256", "--phase", "a"]));
    assert!(!short.contains("sha512") && !short.contains("initrd:"));
    sign(&mut file, &[b"a signature"]);
    assert!(stdout(&run(&file, &[])).contains("with a signature (not checked)"));
}

#[test]
fn the_stubs_version_can_be_given() {
    let file = Parts::uki().with(".uname", b"6.12").file();
    let pcr11 = |arguments: &[&str]| document(&file, arguments)["pcr11"][":"]["sha256"].clone();
    assert_eq!(pcr11(&[]), pcr11(&["--stub", "252"]));
    assert_ne!(pcr11(&[]), pcr11(&["--stub", "254.3-1"]));
    let given = document(&file, &["--stub", "254"]);
    assert_eq!(
        (&given["stub"]["basis"], &given["stub"]["measures_as"]),
        (&"given".into(), &254.into())
    );
    let warnings = given["warnings"].to_string();
    assert!(
        warnings.contains("as to .uname it has the names of another version"),
        "{warnings}"
    );
    let newer = document(&file, &["--stub", "999"])["warnings"].to_string();
    assert!(newer.contains("newer than what is known"), "{newer}");
    let error = error(&file, &["--stub", "249"]);
    assert!(error.contains("252 is the first"), "{error}");
}

#[test]
fn a_profile_that_is_not_there_fails() {
    let error = error(&Parts::uki().file(), &["--profile", "1"]);
    assert!(error.contains("there is no profile 1"), "{error}");
}

#[test]
fn what_the_machine_picks_has_to_be_chosen() {
    let names = [
        NAMES_252,
        b".ucode\0.uname\0.sbat\0.profile\0.dtbauto\0.hwids\0",
    ]
    .concat();
    let stub = Parts::stub("257.1", &names)
        .with(".linux", b"x")
        .with(".dtbauto", b"tree");
    let file = stub.file();
    assert!(error(&file, &[]).contains("it has to be chosen"));
    let pcr11 = |pick| document(&file, &["--dtbauto", pick])["pcr11"][":"]["sha256"].clone();
    assert_ne!(pcr11("0"), pcr11("none"));
    assert!(error(&file, &["--dtbauto", "1"]).contains("not one with the number 1"));
}

#[test]
fn other_files_say_what_they_lack() {
    assert!(
        error(b"no image", &[])
            .contains("at offset 0x0 of the image: the file does not begin with MZ")
    );
    let stub = Parts::stub("252.1", NAMES_252).file();
    let said = error(&stub, &[]);
    assert!(said.contains("there is no .linux section"), "{said}");
    let anonymous = Parts {
        sections: Vec::new(),
        trailing: Vec::new(),
    }
    .with(".linux", b"x")
    .file();
    let said = error(&anonymous, &[]);
    assert!(
        said.contains("--stub") && said.contains("there is no .sdmagic section"),
        "{said}"
    );
}

#[test]
fn any_pe_image_has_an_authenticode_digest() {
    let stub = Parts::stub("252.1", NAMES_252).file();
    let found = document(&stub, &["--authenticode-only"]);
    assert_eq!(found["pcr11"], serde_json::json!({}));
    assert_eq!(
        found["authenticode"]["sha384"].as_str().map(str::len),
        Some(96)
    );
    let inner = document(&Parts::uki().with(".uname", &stub).file(), &[]);
    assert_eq!(inner["kernel_authenticode"], Value::Null);
    let uki = Parts::stub("252.1", NAMES_252).with(".linux", &stub);
    assert_eq!(
        document(&uki.file(), &[])["kernel_authenticode"],
        found["authenticode"]
    );
    let both = run(&stub, &["--authenticode-only", "--phase", "a"]);
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn what_may_not_be_meant_is_warned_of() {
    let parts = Parts::uki();
    let warned = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut file = parts.file();
        change(&mut file);
        document(&file, &[])["warnings"].to_string()
    };
    let size = parts.header(".cmdline") + VIRTUAL_SIZE;
    assert!(
        warned(&|file| put32(file, size, 600)).contains(".cmdline is 88 bytes longer in memory")
    );
    assert!(
        warned(&|file| put32(file, size, 4)).contains(".cmdline has bytes other than zero beyond")
    );
    assert!(warned(&|file| put32(file, size, 0)).contains(".cmdline has virtual size 0"));
    let end = parts.file().len();
    let symbols = |count: usize| {
        warned(&|file| {
            file.extend_from_slice(&[0; 18]);
            put32(file, PE + 12, end);
            put32(file, PE + 16, count);
        })
    };
    assert!(symbols(2).contains("it may be cut off") && !symbols(1).contains("cut off"));
    assert!(!warned(&|_| ()).contains(".cmdline"));
}
