//! The guide to a first VM, run as it is written, up to the launch and after it.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tests_lab::kernel_package;
use tests_scenarios::programs::{Programs, word};

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

/// The guide without what builds the programs and what needs hardware, on a port that is free here.
/// The kernel's package is the one that other tests fetched by the same command.
fn script(port: u16) -> Result<String> {
    let page = fs::read_to_string(root().join("docs/first-vm.md"))?;
    let blocks = blocks(&page);
    ensure!(blocks.len() == 7, "the guide has {} blocks", blocks.len());
    let commands = blocks[1..].concat();
    let (fetched, launched) = ("apt-get download ", "cloister vm run ");
    for cut in [fetched, launched] {
        ensure!(
            commands.matches(cut).count() == 1,
            "the guide has no «{cut}»"
        );
    }
    let kept = commands
        .lines()
        .filter(|line| !line.starts_with(fetched) && !line.starts_with(launched));
    let mut script = "set -eux\ntrap 'kill $!' ERR\n".to_owned();
    for line in kept {
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

#[test]
fn guide_to_a_first_vm_works_as_it_is_written() -> Result<()> {
    let package = match kernel_package(&root().join("target/demo/cache")) {
        Ok(package) => package,
        Err(reason) => {
            println!("skipped: no stock kernel: {reason:#}");
            return Ok(());
        }
    };
    let folder = tempfile::tempdir()?;
    let name = package.file_name().context("the package has a name")?;
    symlink(fs::canonicalize(&package)?, folder.path().join(name))?;
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = free.local_addr()?.port();
    drop(free);

    let programs = Programs::find()?;
    let own = programs.path("cloister");
    let own = own.parent().context("the programs lie in a folder")?;
    let path = std::env::var("PATH")?;
    let output = Command::new("bash")
        .args(["-c", &script(port)?])
        .current_dir(folder.path())
        .env("PATH", format!("{}:{path}", word(own)?))
        .env("policies", root().join("policies/appraisal"))
        .output()?;
    let (said, done) = (
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout),
    );
    ensure!(output.status.success(), "{}\n{said}", output.status);
    ensure!(
        done.contains("registered default/disk/data version 1, log index 2"),
        "{done}"
    );
    ensure!(done.trim_end().ends_with("agrees"), "{done}");
    Ok(())
}
