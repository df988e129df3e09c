//! `plan`, `reference` and `explain` of launches through the boot shim.

use crate::igvm_files::{Builder, MASK};
use crate::support::{Folder, POLICY, document, error, report, run, shim_config, stdout};
use measured_boot_digest::Manifest;
use serde_json::Value;

fn plan(folder: &Folder, arguments: &[&str]) -> std::process::Output {
    run("plan", &[&[&*folder.named("vm.toml")], arguments].concat())
}

fn predicted(folder: &Folder) -> Value {
    document(&plan(folder, &["-o", "json"]), 0)
}

fn text<'a>(document: &'a Value, field: &str) -> &'a str {
    document[field].as_str().expect("text")
}

#[test]
fn digest_is_the_same_under_simulated_and_snp_and_for_any_memory() {
    let digest = |tee: &str, mib: &str| {
        let folder = Folder::with_shim(tee);
        folder.write("vm.toml", shim_config(tee).replace("256", mib).as_bytes());
        text(&predicted(&folder), "launch_digest").to_owned()
    };
    let snp = digest("snp", "256");
    assert_eq!(digest("simulated", "256"), snp);
    assert_eq!(digest("snp", "8192"), snp);
    assert_ne!(digest("tdx", "256"), snp);
}

#[test]
fn components_show_the_load_table_and_what_it_measures() {
    let folder = Folder::with_shim("snp");
    let page = stdout(&plan(&folder, &["--coverage"]), 0);
    for line in [
        "\nload-table ",
        "\n  kernel ",
        "\n  initrd ",
        "\n  cmdline ",
        "\nmemory-map           0x3000      1  place only\n",
        "\npage-tables          0x8000      6  zeros\n",
        "\nstack                0xe000      2  zeros\n",
    ] {
        assert!(page.contains(line), "{line:?} is not in {page}");
    }
    assert!(
        page.lines().all(|line| line.chars().count() <= 100),
        "{page}"
    );
    let components = predicted(&folder)["components"].clone();
    let through = |name: &str| {
        let rows = components.as_array().expect("a list");
        let row = rows
            .iter()
            .find(|row| row["name"] == name)
            .expect("it is there");
        row.get("through").cloned()
    };
    assert_eq!(through("initrd"), Some("load-table".into()));
    assert_eq!(through("shim"), None);
}

#[test]
fn prediction_of_a_td_has_mrtd_and_registers_and_no_vcpus() {
    let folder = Folder::with_shim("tdx");
    let of_two = predicted(&folder);
    let page = stdout(&plan(&folder, &["--coverage"]), 0);
    assert!(page.contains("registers (tdx, SHA-384)\nmrtd   "), "{page}");
    for register in ["rtmr0", "rtmr1", "rtmr2", "rtmr3"] {
        assert!(
            page.contains(&format!("{register}  {}", text(&of_two, register))),
            "{page}"
        );
    }
    assert_eq!(text(&of_two, "rtmr3"), "0".repeat(96));
    assert!(!page.contains("\nvcpu0"), "{page}");
    assert!(
        page.contains("in no register: the TDX module tells the guest"),
        "{page}"
    );
    folder.write(
        "vm.toml",
        shim_config("tdx")
            .replace("count = 2", "count = 8")
            .as_bytes(),
    );
    let of_eight = predicted(&folder);
    for register in ["launch_digest", "rtmr0", "rtmr1", "rtmr2"] {
        assert_eq!(of_eight[register], of_two[register]);
    }
    let manifest = folder.named("manifest");
    let said = error(&plan(&folder, &["--manifest", &manifest]), 1);
    assert!(
        said.contains("--manifest: a manifest explains a launch digest of SNP"),
        "{said}"
    );
}

/// What starts in an IGVM file extends the registers by its own rules: zeros would be a claim about it.
#[test]
fn registers_of_a_td_from_an_igvm_file_are_not_predicted() {
    let folder = Folder::with_shim("tdx");
    let reset_page = 0xFFFF_F000;
    let file = Builder::default()
        .platform(MASK, 3)
        .page(0x1000, 0, &[7; 4096])
        .page(reset_page, 0, &[0xF4; 4096]);
    folder.write("guest.igvm", &file.build());
    let (tee, machine) = (
        "[tee]\nkind = \"tdx\"\n",
        "[cpu]\ncount = 2\nmodel = \"x86-64-v2\"\n",
    );
    let boot = "[boot]\nprotocol = \"igvm\"\nigvm = \"guest.igvm\"\n";
    let config = format!("name = \"td\"\n{tee}{boot}{machine}[memory]\nmib = 256\n");
    folder.write("vm.toml", config.as_bytes());
    let predicted = predicted(&folder);
    assert_eq!(text(&predicted, "launch_digest").len(), 96);
    for register in ["rtmr0", "rtmr1", "rtmr2", "rtmr3"] {
        assert_eq!(predicted.get(register), None);
    }
    let page = stdout(&plan(&folder, &[]), 0);
    assert!(
        page.contains("rtmr2  not predicted: what starts here extends it"),
        "{page}"
    );
    assert!(!page.contains("\nvcpu0"), "{page}");
}

#[test]
fn reference_of_a_td_has_mrtd_and_no_manifest() {
    for (tee, has_manifest) in [("snp", true), ("tdx", false)] {
        let folder = Folder::with_shim(tee);
        let out = folder.named("reference.json");
        stdout(
            &run("reference", &[&folder.named("vm.toml"), "--out", &out]),
            0,
        );
        let written = std::fs::read(&out).expect("it was written");
        let written: Value = serde_json::from_slice(&written).expect("one document");
        assert_eq!(
            written["launch_digest"],
            predicted(&folder)["launch_digest"]
        );
        assert_eq!(written.get("manifest").is_some(), has_manifest);
    }
}

#[test]
fn shim_that_is_not_there_is_said_by_its_key() {
    let folder = Folder::with_shim("snp");
    folder.write(
        "vm.toml",
        shim_config("snp")
            .replace("shim = \"shim\"", "shim = \"elsewhere\"")
            .as_bytes(),
    );
    let said = error(&plan(&folder, &[]), 1);
    assert!(said.contains("boot.shim: "), "{said}");
    folder.write(
        "vm.toml",
        shim_config("snp")
            .replace("\nshim = \"shim\"", "")
            .as_bytes(),
    );
    let output = plan(&folder, &[]);
    // The one beside the program, where it was built.
    if output.status.code() != Some(0) {
        let said = error(&output, 1);
        assert!(
            said.contains("boot.shim: ") && said.contains("`cargo xtask shim` builds it"),
            "{said}"
        );
    }
}

#[test]
fn id_block_of_another_launch_is_planned_with_a_warning() {
    let folder = Folder::with_shim("snp");
    let digest = text(&predicted(&folder), "launch_digest").to_owned();
    if folder.key("id.pem").is_none() {
        return;
    }
    let files = [
        "--id-key",
        "id.pem",
        "--out-block",
        "block",
        "--out-auth",
        "auth",
    ];
    let signed = shim_config("snp").replace(
        "kind = \"snp\"",
        "kind = \"snp\"\nid_block = \"block\"\nid_auth = \"auth\"",
    );
    folder.write("vm.toml", signed.as_bytes());
    for (digest, is_warned) in [(&*digest, false), (&*"00".repeat(48), true)] {
        let block = ["id-block", "--launch-digest", digest];
        stdout(&folder.run(&[&block, &files[..]].concat()), 0);
        let output = plan(&folder, &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(stdout(&output, 0).contains("\nlaunch digest (snp"));
        assert_eq!(said.contains("is of another launch"), is_warned, "{said}");
    }
}

/// The report has only a digest; the manifest that explains it names the file through the load table.
#[test]
fn explain_names_kernel_initrd_or_cmdline_through_the_load_table() {
    let planned = Folder::with_shim("snp");
    for (name, change) in [
        ("kernel", "vmlinux"),
        ("initrd", "initrd"),
        ("cmdline", "vm.toml"),
        ("acpi", "vm.toml"),
    ] {
        let launched = Folder::with_shim("snp");
        let mut bytes = std::fs::read(launched.path(change)).expect("it is there");
        match name {
            "cmdline" => {
                bytes = shim_config("snp").replace("ttyS0", "ttyS1").into_bytes();
            }
            "acpi" => {
                bytes = format!("{}[vsock]\ncid = 3\n", shim_config("snp")).into_bytes();
            }
            "kernel" => bytes[0x1010] ^= 1,
            _ => bytes[10] ^= 1,
        }
        launched.write(change, &bytes);
        let manifest = launched.named("manifest");
        stdout(&plan(&launched, &["--manifest", &manifest]), 0);
        let digest = predicted(&launched);
        let report = launched.write("report", &report(text(&digest, "launch_digest"), POLICY));
        let arguments = [
            &*report,
            "--against",
            &planned.named("vm.toml"),
            "--manifest",
            &manifest,
        ];
        let said = stdout(&run("explain", &arguments), 3);
        assert!(said.contains(name), "{name} is not named: {said}");
        let read = Manifest::from_bytes(&std::fs::read(&manifest).expect("written"));
        assert!(read.is_ok());
    }
}
