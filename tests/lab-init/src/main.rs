//! Pid 1 of the lab's machine: mounts, modules, the network, then serves requests.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use anyhow::{Context, Result, bail};
use lab_init::{protocol, server};
use rustix::mount::{MountFlags, mount};

/// One module's file a line, in the order of loading.
const MODULES: &str = "/etc/lab/modules";

/// What is mounted where. The last gives each test a /tmp in memory.
const MOUNTS: [(&str, &str); 5] = [
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("tmpfs", "/tmp"),
    ("cgroup2", "/sys/fs/cgroup"),
];

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("serve") => serve(),
        None if std::process::id() == 1 => boot(),
        _ => bail!("lab-init is pid 1 of the lab's machine and does nothing elsewhere"),
    }
}

/// Pid 1 only reaps; a child serves, so that its waits for its own children are not disturbed.
fn boot() -> Result<()> {
    for (kind, place) in MOUNTS {
        mount(kind, place, kind, MountFlags::empty(), None)
            .with_context(|| format!("mount {kind} on {place}"))?;
    }
    for module in fs::read_to_string(MODULES).context(MODULES)?.lines() {
        load(module).with_context(|| format!("load {module}"))?;
    }
    for setup in [["lo", "127.0.0.1"], ["eth0", "10.0.2.15"]] {
        run(
            "/bin/busybox",
            &[&["ifconfig"], setup.as_slice(), &["up"]].concat(),
        )?;
    }
    let server = Command::new("/proc/self/exe")
        .arg("serve")
        .spawn()
        .context("start the server")?;
    let server = i32::try_from(server.id())?;
    while let Some((pid, _)) =
        rustix::process::wait(rustix::process::WaitOptions::empty()).context("reap")?
    {
        if pid.as_raw_nonzero().get() == server {
            bail!("the lab's server ended");
        }
    }
    Ok(())
}

fn load(module: &str) -> Result<()> {
    let file = fs::File::open(module)?;
    Ok(rustix::system::finit_module(file, c"", 0)?)
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let status = Command::new(program)
        .args(arguments)
        .status()
        .context(program.to_owned())?;
    if !status.success() {
        bail!("{program} {} ended with {status}", arguments.join(" "));
    }
    Ok(())
}

fn serve() -> Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", protocol::PORT)).context("listen")?;
    println!("lab: ready");
    Ok(server::serve(&listener)?)
}
