//! The command as a person meets it, against a server on this machine.

#[path = "../../collateral/tests/collateral/server.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod server;
#[path = "../../collateral/tests/collateral/world.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod world;

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use server::Reply;
use world::{Intel, MADE, MILAN_LIST, REAL, World};

const PLATFORM: &str = "B0C06F000000";

struct Cli {
    world: World,
    at: u64,
    roots: Vec<String>,
}

impl Cli {
    fn real() -> Option<Self> {
        Some(Self {
            world: World::real()?,
            at: REAL,
            roots: Vec::new(),
        })
    }

    fn made() -> Self {
        let (intel, world) = Intel::new();
        let path = world.folder.path().join("root.der");
        std::fs::write(&path, &intel.root).expect("written");
        let roots = vec!["--intel-root".to_owned(), path.display().to_string()];
        let at = MADE;
        Self { world, at, roots }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.world.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.run_in("kept", arguments)
    }

    /// Words that begin with `@` are files in the folder.
    fn run_in(&self, directory: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloister-collateral"));
        for word in arguments {
            match word.strip_prefix('@') {
                Some(name) => command.arg(self.path(name)),
                None => command.arg(word),
            };
        }
        command.arg("--cache").arg(self.path(directory));
        command
            .args(["--at", &self.at.to_string()])
            .args(&self.roots);
        if matches!(arguments[0], "fetch" | "refresh") {
            let address = self.world.server.address();
            let list = format!("{address}/IntelSGXRootCA.der");
            command.args(["--kds", &address, "--pcs", &address]);
            command.args(["--intel-root-list", &list]);
        }
        command
            .output()
            .expect("the command was built for this test")
    }
}

#[track_caller]
fn said(output: &Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}{complained}");
    format!("{said}{complained}")
}

#[track_caller]
fn json(output: &Output, code: i32) -> Value {
    said(output, code);
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

#[test]
fn certificate_of_a_real_report_is_fetched_and_written() {
    let (Some(cli), Some(report), Some(vek)) =
        (Cli::real(), world::milan_report(), world::milan_vcek())
    else {
        return;
    };
    std::fs::write(cli.path("report.bin"), report).expect("written");
    let files = ["--out-vek", "@vek.der", "--out-crl", "@crl.der"];
    let fetch = ["fetch", "snp", "--report", "@report.bin"];
    let page = said(&cli.run(&[&fetch[..], &files].concat()), 0);
    assert!(page.contains("certificate  from the vendor"), "{page}");
    assert_eq!(std::fs::read(cli.path("vek.der")).expect("written"), vek);
    assert!(cli.path("crl.der").exists());
    let listed = json(&cli.run(&["list", "-o", "json"]), 0);
    assert_eq!(listed["kept"].as_array().map(Vec::len), Some(2));
    assert_eq!(listed["kept"][0]["subject"], "amd-list/milan");
    assert_eq!(listed["kept"][0]["number"], "6");
}

#[test]
fn chip_is_fetched_by_its_name() {
    let (Some(cli), Some(question)) = (Cli::real(), world::milan_question()) else {
        return;
    };
    let chip = hex::encode(question.chip_id);
    let fetch = |tcb| {
        let chip = ["--chip-id", chip.as_str(), "--tcb", tcb];
        let milan = ["fetch", "snp", "--product", "milan", "-o", "json"];
        cli.run(&[&milan[..], &chip].concat())
    };
    assert_eq!(json(&fetch("3-0-8-115"), 0)["product"], "Milan");
    let error = said(&fetch("3-0-8-116"), 1);
    assert!(error.contains("ucodeSPL=116 (HTTP 404)"), "{error}");
    said(&fetch("3-0-8"), 1);
}

#[test]
fn collateral_of_a_real_quote_is_fetched_and_read_by_the_offline_command() {
    let quote = world::vector("dcap-qvl-0.7.1/sample/tdx_quote");
    let (Some(cli), Some(quote)) = (Cli::real(), quote) else {
        return;
    };
    std::fs::write(cli.path("quote.bin"), quote).expect("written");
    let quote = ["fetch", "tdx", "--quote", "@quote.bin"];
    let fetch = [&quote[..], &["--out", "@collateral.json", "-o", "json"]].concat();
    assert_eq!(json(&cli.run(&fetch), 0)["fmspc"], PLATFORM);
    let document = std::fs::read(cli.path("collateral.json")).expect("written");
    attestation_tdx::Collateral::read(&document).expect("it is collateral");
    cli.world.server.asked();
    let again = json(&cli.run(&fetch), 0);
    assert_eq!(again["notes"], serde_json::json!([]));
    assert!(cli.world.server.asked().is_empty(), "it is kept");
}

#[test]
fn export_is_carried_and_imported() {
    let cli = Cli::made();
    let fetch = ["fetch", "tdx", "--fmspc", PLATFORM];
    said(
        &cli.run(&[&fetch[..], &["--out", "@here.json"]].concat()),
        0,
    );
    let page = said(&cli.run(&["export", "--out", "@export.json"]), 0);
    assert!(page.starts_with("4 documents, "), "{page}");
    let import = ["import", "--in", "@export.json"];
    let page = said(&cli.run_in("far", &import), 0);
    assert_eq!(page.matches("kept").count(), 4, "{page}");
    let page = said(&cli.run_in("far", &import), 0);
    assert_eq!(page.matches("same").count(), 4, "{page}");
    cli.world.server.asked();
    let there = [&fetch[..], &["--offline", "--out", "@there.json"]].concat();
    said(&cli.run_in("far", &there), 0);
    assert!(cli.world.server.asked().is_empty());
    let [here, there] = ["here.json", "there.json"].map(|name| std::fs::read(cli.path(name)));
    assert_eq!(here.expect("written"), there.expect("written"));
    let checked = json(&cli.run_in("far", &["check", "-o", "json"]), 0);
    assert_eq!(checked["good"], 4);
}

#[test]
fn import_of_something_spoiled_is_refused_and_says_why() {
    let cli = Cli::made();
    said(&cli.run(&["fetch", "tdx", "--fmspc", PLATFORM]), 0);
    said(&cli.run(&["export", "--out", "@export.json"]), 0);
    let good = std::fs::read_to_string(cli.path("export.json")).expect("written");
    let spoiled = good.replace("tcb-info/b0c06f000000", "tcb-info/00806f050000");
    assert_ne!(spoiled, good);
    std::fs::write(cli.path("spoiled.json"), spoiled).expect("written");
    let import = ["import", "--in", "@spoiled.json", "-o", "json"];
    let imported = json(&cli.run_in("far", &import), 3);
    let refused = &imported["documents"][3];
    assert_eq!(refused["outcome"], "refused");
    let why = format!("it is about something else: FMSPC {PLATFORM}");
    assert_eq!(refused["why"], why);
    std::fs::write(cli.path("nothing.json"), "{").expect("written");
    let error = said(&cli.run_in("far", &["import", "--in", "@nothing.json"]), 1);
    let form = "not what `cloister collateral export` writes";
    assert!(error.contains(form), "{error}");
}

#[test]
fn spoiled_file_of_the_directory_is_found() {
    let cli = Cli::made();
    said(&cli.run(&["fetch", "tdx", "--fmspc", PLATFORM]), 0);
    let page = said(&cli.run(&["check"]), 0);
    assert_eq!(page, "4 good, 0 not used\n");
    std::fs::write(cli.path("kept/qe-identity.json"), "{}").expect("written");
    let page = said(&cli.run(&["check"]), 3);
    let start = "3 good, 1 not used\nnot used  qe-identity.json";
    assert!(page.starts_with(start), "{page}");
}

#[test]
fn what_is_due_is_refreshed_and_a_vendor_that_is_down_is_told() {
    let mut cli = Cli::made();
    said(&cli.run(&["fetch", "tdx", "--fmspc", PLATFORM]), 0);
    assert_eq!(said(&cli.run(&["refresh"]), 0), "nothing is due\n");
    cli.at += 25 * 3600;
    let page = said(&cli.run(&["list"]), 0);
    assert_eq!(page.matches("  due\n").count(), 4, "{page}");
    let page = said(&cli.run(&["refresh"]), 0);
    assert_eq!(page.matches("  new\n").count(), 4, "{page}");
    cli.at += 25 * 3600;
    cli.world.server.always(Some(Reply::Status(404, vec![])));
    let page = said(&cli.run(&["refresh", "--within", "1"]), 1);
    assert!(page.contains("HTTP 404"), "{page}");
    let page = said(&cli.run(&["fetch", "tdx", "--fmspc", PLATFORM]), 0);
    assert!(page.contains("kept, in its dates"), "{page}");
}

#[test]
fn error_says_who_was_asked_for_what() {
    let Some(cli) = Cli::real() else { return };
    let turin = ["fetch", "snp", "--product", "turin", "--within", "1"];
    let error = said(&cli.run(&turin), 1);
    let start = "error: AMD's KDS has nothing at http://127.0.0.1:";
    assert!(error.starts_with(start), "{error}");
    assert!(error.contains("/vcek/v1/Turin/crl (HTTP 404)"), "{error}");
    said(&cli.run(&["fetch", "snp", "--product", "milan"]), 0);
    let asked = cli.world.server.asked();
    assert_eq!(asked.last().map(String::as_str), Some(MILAN_LIST));
}

#[test]
fn plain_http_to_elsewhere_is_wrong_usage() {
    let cli = Cli::made();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloister-collateral"));
    command.args(["fetch", "snp", "--product", "milan"]);
    command.args(["--kds", "http://kdsintf.amd.com", "--cache"]);
    let output = command.arg(cli.path("kept")).output().expect("it runs");
    assert!(said(&output, 2).contains("http:// only goes to 127.0.0.1"));
}

#[test]
fn directory_of_other_roots_is_not_opened() {
    let mut cli = Cli::made();
    said(&cli.run(&["fetch", "tdx", "--fmspc", PLATFORM]), 0);
    cli.roots.clear();
    let error = said(&cli.run(&["list"]), 1);
    assert!(error.contains("was begun with other roots"), "{error}");
}
