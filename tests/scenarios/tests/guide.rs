//! The guides to a first VM, to hardware, for tenants and for operators, run as they are written, up to the launch and after it.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tests_lab::kernel_package;
use tests_scenarios::programs::{Programs, text, word};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The shell commands of a page, a string a block.
fn blocks(page: &str) -> Vec<String> {
    let blocks = page.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

/// The blocks of a guide.
fn guide(name: &str) -> Result<Vec<String>> {
    Ok(blocks(&fs::read_to_string(root().join("docs").join(name))?))
}

/// Lines that begin with one of these are cut, and each of these is there so often.
fn without(commands: &str, cut: &[(&str, usize)]) -> Result<String> {
    for (words, times) in cut {
        let found = commands.lines().filter(|line| line.starts_with(words));
        let found = found.count();
        ensure!(
            found == *times,
            "the guide has {found} lines «{words}» and not {times}"
        );
    }
    let is_kept = |line: &&str| !cut.iter().any(|(words, _)| line.starts_with(words));
    let kept = commands.lines().filter(is_kept);
    Ok(kept.map(|line| format!("{line}\n")).collect())
}

/// The guide without what builds the programs and what needs hardware, on a port that is free here.
/// The kernel's package is the one that other tests fetched by the same command.
fn script(port: u16) -> Result<String> {
    let blocks = guide("first-vm.md")?;
    ensure!(blocks.len() == 7, "the guide has {} blocks", blocks.len());
    for built in ["cargo build --release\n", "cargo xtask shim\n"] {
        ensure!(blocks[0].contains(built), "the guide does not {built}");
    }
    let cut = [("apt-get download ", 1), ("cloister vm run ", 1)];
    let mut script = "set -eux\ntrap 'kill $!' ERR\n".to_owned();
    for line in without(&blocks[1..].concat(), &cut)?.lines() {
        let line = line.replace(
            "verifier serve ",
            &format!("verifier serve --listen 127.0.0.1:{port} "),
        );
        let line = if line.contains("verifier put ") {
            format!("{line} --url https://127.0.0.1:{port}")
        } else {
            line
        };
        script.push_str(&format!("{line}\n"));
    }
    Ok(script)
}

/// What the guide to hardware starts from, and then all of it but what needs the hardware.
fn hardware_script() -> Result<String> {
    let first = guide("first-vm.md")?;
    let first = first.get(1..3).context("the first guide has two steps")?;
    let first = without(&first.concat(), &[("apt-get download ", 1)])?;
    let cut = [
        ("apt-get install ", 1),
        ("sudo cloister host check ", 1),
        ("sudo env \"PATH=$PATH\" cloister vm run ", 2),
        ("tr -d '\\r' < console.txt ", 1),
        ("cloister verify snp ", 1),
    ];
    let second = without(&guide("hardware-launch.md")?.concat(), &cut)?;
    Ok(format!("set -eux\n{first}{second}"))
}

/// A page whose first block installs and whose server listens on port 8443: here on one that is free.
fn served(page: &str, cut: &[(&str, usize)]) -> Result<String> {
    let blocks = guide(page)?;
    let blocks = blocks.get(1..).context("the guide has blocks")?;
    let script = without(&blocks.concat(), cut)?;
    ensure!(
        script.contains("127.0.0.1:8443"),
        "the guide names no address"
    );
    let mut script = script;
    for named in ["127.0.0.1:8443", "127.0.0.1:9100"] {
        script = script.replace(named, &format!("127.0.0.1:{}", free_port()?));
    }
    Ok(format!("set -eux\ntrap 'kill $!' ERR\n{script}"))
}

fn free_port() -> Result<u16> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(free.local_addr()?.port())
}

/// Whether one of these programs is not there, which is said.
fn lacks(needed: &[&str]) -> bool {
    let is_there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let missing = needed.iter().find(|program| !is_there(program));
    if let Some(missing) = missing {
        println!("skipped: there is no {missing}");
    }
    missing.is_some()
}

/// A folder with the kernel's package in it; `None`, after saying why, where there is none.
fn folder_with_package() -> Result<Option<tempfile::TempDir>> {
    let package = match kernel_package(&root().join("target/demo/cache")) {
        Ok(package) => package,
        Err(reason) => {
            println!("skipped: no stock kernel: {reason:#}");
            return Ok(None);
        }
    };
    let folder = tempfile::tempdir()?;
    let name = package.file_name().context("the package has a name")?;
    symlink(fs::canonicalize(&package)?, folder.path().join(name))?;
    Ok(Some(folder))
}

/// What the script prints; it must succeed.
fn run(script: &str, folder: &Path) -> Result<String> {
    let programs = Programs::find()?;
    let own = programs.path("cloister");
    let own = own.parent().context("the programs lie in a folder")?;
    let path = std::env::var("PATH")?;
    let output = Command::new("bash")
        .args(["-c", script])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", word(own)?))
        .env("policies", root().join("policies/appraisal"))
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}\n{said}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn guide_to_a_first_vm_works_as_it_is_written() -> Result<()> {
    let Some(folder) = folder_with_package()? else {
        return Ok(());
    };
    let done = run(&script(free_port()?)?, folder.path())?;
    ensure!(
        done.contains("registered default/disk/data version 1, log index 6"),
        "{done}"
    );
    ensure!(done.trim_end().ends_with("agrees"), "{done}");
    Ok(())
}

#[test]
fn guide_of_a_tenant_works_as_it_is_written() -> Result<()> {
    if lacks(&["curl", "jq", "xxd"]) {
        return Ok(());
    }
    let Some(folder) = folder_with_package()? else {
        return Ok(());
    };
    let cut = [("apt-get download ", 1), ("cloister vm run ", 1)];
    let done = run(&served("tenant.md", &cut)?, folder.path())?;
    for said in [
        "\nready\n",
        "registered default/disk/data version 1, log index 6",
        "\tregistered\tdefault/disk/data\n",
        "\nagrees",
        r#"{"name":"web-1","log_index":7}"#,
        "registered web-2, log index 8",
        "registered default/disk/data version 2, log index 9",
        r#"{"name":"default/disk/data","version":2,"log_index":10}"#,
    ] {
        ensure!(done.contains(said), "«{said}» is missing in\n{done}");
    }
    Ok(())
}

#[test]
fn guide_of_an_operator_works_as_it_is_written() -> Result<()> {
    if lacks(&["curl", "jq", "xxd"]) {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let done = run(&served("operator.md", &[])?, folder.path())?;
    for said in [
        "[]\n",
        r#","strict","refused"]"#,
        "registered strict, log index 4",
        "\nacme\ndefault\n",
        "\nalive\nready\n",
        "\ncloister_verifier_fail_closed 0\n",
        "\ncloister_verifier_confined{layer=\"system-calls\"} 1\n",
        "\nagrees",
    ] {
        ensure!(done.contains(said), "«{said}» is missing in\n{done}");
    }
    for said in [
        "\nstore.sqlite\n",
        "the log goes on",
        "a new log was begun",
        "\n  begun after ",
    ] {
        ensure!(done.contains(said), "«{said}» is missing in\n{done}");
    }
    Ok(())
}

/// What the launch itself would need is not here; the configurations are planned, measured and signed.
#[test]
fn guide_to_hardware_plans_as_it_is_written() -> Result<()> {
    let Some(folder) = folder_with_package()? else {
        return Ok(());
    };
    let needed = ["/bin/busybox", "/usr/bin/cpio", "/usr/bin/openssl"];
    if let Some(missing) = needed.iter().find(|program| !Path::new(program).exists()) {
        println!("skipped: there is no {missing}");
        return Ok(());
    }
    let done = run(&hardware_script()?, folder.path())?;
    for said in [
        "web: 2 vCPUs, 1024 MiB, shim, snp TEE",
        "web: 2 vCPUs, 1024 MiB, shim, tdx TEE",
        "\nrtmr2  ",
        "\nThe signature holds.\n",
        "\nguest SVN          1\n",
    ] {
        ensure!(done.contains(said), "«{said}» is missing in\n{done}");
    }
    // Of 1, 2, 4 and 8 vCPUs the second is the launch that is planned, with and without its ID block.
    let digest = |file: &str, words: &[&str]| -> Result<String> {
        let config = folder.path().join(file);
        let document = Programs::find()?.cloister_json(&[words, &[word(&config)?]].concat())?;
        Ok(text(&document, "/launch_digest")?.to_owned())
    };
    let planned = digest("snp.toml", &["measure", "plan"])?;
    ensure!(done.matches(&planned).count() >= 4, "{done}");
    ensure!(planned == digest("snp-signed.toml", &["measure", "plan"])?);
    ensure!(planned != digest("report.toml", &["measure", "plan"])?);
    Ok(())
}
