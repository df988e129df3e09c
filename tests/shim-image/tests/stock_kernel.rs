//! Debian's stock kernel boots through the shim, on a real KVM: in the lab.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use measured_boot_image::CpioWriter;
use tests_lab::{Backend, Lab, Machine, missing, stock_kernel, write_initramfs};

/// A guest's boot under two emulations, on a host that does other things too.
const PATIENCE: Duration = Duration::from_secs(300);

const PROGRAMS: [&str; 5] = [
    "cloister-vmm",
    "cloister-supervisor",
    "cloister-simulated-tee",
    "cloister-blk",
    "cloister-shim",
];
const KEYS: [&str; 4] = ["vcek.key", "vcek.der", "ask.der", "ark.der"];

const BUSYBOX: &str = "/bin/busybox";

/// What the guest's first process says before it powers the machine off.
const INIT: &str = "#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b echo \"guest: cpus $($b grep -c ^processor /proc/cpuinfo)\"
$b echo \"guest: cmdline $($b cat /proc/cmdline)\"
$b dmesg | $b grep -E 'BIOS-e820|ACPI: (RSDP|XSDT|APIC|FACP|DSDT)' | $b sed 's/^/guest: /'
$b echo 'guest: done'
# Without ACPI the kernel knows nothing to power off by, only how to restart: at once, without asking drivers.
$b grep -q acpi=off /proc/cmdline && echo b > /proc/sysrq-trigger
$b poweroff -f
";

const CONFIG: &str = r#"
name = "stock"
[tee]
kind = "simulated"
keys = "keys"
[boot]
protocol = "shim"
kernel = "vmlinux"
initrd = "initramfs.cpio"
cmdline = "console=ttyS0 quiet mitigations=off"
[cpu]
count = 2
model = "x86-64-v2"
[memory]
mib = 3584
"#;

#[test]
fn stock_kernel_boots_through_the_shim() {
    let folder = tempfile::tempdir().unwrap();
    let machine = match machine(folder.path()) {
        Ok(machine) => machine,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let said = run(&machine, "vm.toml", 0);
    println!("{said}");
    for line in [
        "guest: done",
        "guest: cpus 2",
        "guest: cmdline console=ttyS0 quiet mitigations=off",
        "BIOS-e820: [mem 0x0000000000001000-0x0000000000002fff] reserved",
        "BIOS-e820: [mem 0x00000000000a0000-0x00000000000dffff] reserved",
        "BIOS-e820: [mem 0x00000000000e0000-0x00000000000fffff] ACPI data",
        "BIOS-e820: [mem 0x0000000000100000-0x00000000bfffffff] usable",
        "BIOS-e820: [mem 0x0000000100000000-0x000000011fffffff] usable",
        "ACPI: RSDP 0x00000000000E0000",
    ] {
        assert!(said.contains(line), "no \"{line}\":\n{said}");
    }
    assert_boots_without_acpi(&machine);
}

/// The kernel finds its memory by boot_params alone, its one processor without tables, and its console.
fn assert_boots_without_acpi(machine: &Machine) {
    let config = CONFIG.replace("[cpu]\ncount = 2", "acpi = \"none\"\n[cpu]\ncount = 1");
    let config = config.replace("mib = 3584", "mib = 512");
    machine
        .put_bytes(config.as_bytes(), "no-acpi.toml", 0o600)
        .unwrap();
    let said = run(machine, "no-acpi.toml", 0);
    println!("{said}");
    for line in [
        "guest: done",
        "guest: cpus 1",
        "guest: cmdline acpi=off console=ttyS0",
        "[mem 0x0000000000100000-0x000000001fffffff] usable",
        "stopped: guest-reset",
    ] {
        assert!(said.contains(line), "no \"{line}\":\n{said}");
    }
    assert!(!said.contains("ACPI: RSDP"), "{said}");
}

/// Runs a VM to its end, and says all that it and its VMM said.
fn run(machine: &Machine, config: &str, code: i32) -> String {
    let vmm = machine.path("cloister-vmm");
    let (config, runtime) = (machine.path(config), machine.path("run"));
    let mut job = machine
        .start(&[
            &vmm,
            "run",
            &config,
            "--adopt-cpuid",
            "--runtime-dir",
            &runtime,
        ])
        .unwrap();
    let ended = job.wait(PATIENCE).unwrap();
    let said: Vec<_> = job.lines().iter().map(|line| line.text.clone()).collect();
    let said = said.join("\n");
    assert_eq!(ended, code, "{said}");
    said
}

/// The lab with the VMM and a VM in it.
fn machine(folder: &Path) -> Result<Machine, String> {
    if let Some(reason) = missing(Backend::Lab) {
        return Err(reason);
    }
    for name in PROGRAMS.iter().chain(&["lab-init"]) {
        if !program(name).exists() {
            return Err(format!(
                "{name} is not built: cargo build --release; cargo xtask shim"
            ));
        }
    }
    let kernel =
        stock_kernel(&root().join("target/demo/cache")).map_err(|error| format!("{error:#}"))?;
    let initramfs = folder.join("lab.cpio");
    write_initramfs(&kernel, &program("lab-init"), &initramfs).expect("it can be written");
    let console = folder.join("console.log");
    let lab = Lab::boot(&kernel.join("vmlinux"), &initramfs, &console).expect("the lab boots");
    let machine = Machine::Lab(lab);
    fill(&machine, folder, &kernel);
    Ok(machine)
}

fn fill(machine: &Machine, folder: &Path, kernel: &Path) {
    for name in PROGRAMS {
        machine.put(&program(name), name, 0o755).unwrap();
    }
    let keys = folder.join("keys");
    let made = Command::new(program("cloister-simulated-tee"))
        .args(["init", "--dir"])
        .arg(&keys)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    for name in KEYS {
        machine
            .put(&keys.join(name), &format!("keys/{name}"), 0o600)
            .unwrap();
    }
    machine
        .put(&kernel.join("vmlinux"), "vmlinux", 0o600)
        .unwrap();
    machine
        .put_bytes(&initramfs(), "initramfs.cpio", 0o600)
        .unwrap();
    machine
        .put_bytes(CONFIG.as_bytes(), "vm.toml", 0o600)
        .unwrap();
}

fn initramfs() -> Vec<u8> {
    let busybox = fs::read(BUSYBOX).expect("the lab needs it too");
    let mut archive = CpioWriter::new();
    for folder in ["bin", "proc", "dev"] {
        archive.directory(folder, 0o755).unwrap();
    }
    archive
        .character_device("dev/console", 0o600, 5, 1)
        .unwrap();
    archive.file("bin/busybox", 0o755, busybox).unwrap();
    archive.file("init", 0o755, INIT.as_bytes()).unwrap();
    archive.finish().unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("two folders deep")
}

/// Cargo put it beside the folder that this test lies in.
fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a test has a path");
    own.ancestors()
        .nth(2)
        .expect("a test lies in deps/")
        .join(name)
}
