//! What is derived, against a real QEMU: its ACPI files and the kernel header that it fills in, read from
//! its fw_cfg device over qtest. No guest runs.

mod support;

use measured_boot_tdx_launch::{AcpiTables, qemu_patched};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const PROGRAM: &str = "/usr/bin/qemu-system-x86_64";
const SETUP_SIZE: u16 = 0x17;
const SETUP_DATA: u16 = 0x18;
const DIRECTORY: u16 = 0x19;

/// A machine that does not run.
struct Machine {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Machine {
    /// Starts QEMU, or says why not.
    fn start(arguments: &[&str]) -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            println!("skipped: {PROGRAM} is not there (Debian package qemu-system-x86)");
            return None;
        }
        let plain = [
            "-accel",
            "tcg",
            "-qtest",
            "stdio",
            "-qtest-log",
            "/dev/null",
        ];
        let mut child = Command::new(PROGRAM)
            .args(plain)
            .args(["-nodefaults", "-display", "none", "-S"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        Some(Self {
            input: child.stdin.take().expect("a pipe"),
            output: BufReader::new(child.stdout.take().expect("a pipe")),
            child,
        })
    }

    /// The answer to a command, without `OK`.
    fn ask(&mut self, command: &str) -> String {
        writeln!(self.input, "{command}").expect("it listens");
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line).expect("it answers");
            assert_ne!(read, 0, "QEMU ended");
            if let Some(answer) = line.strip_prefix("OK") {
                return answer.trim().to_owned();
            }
            assert!(!line.starts_with("FAIL"), "{command}: {line}");
        }
    }

    fn read(&mut self, key: u16, bytes: usize) -> Vec<u8> {
        self.ask(&format!("outw 0x510 {key:#x}"));
        let byte = |_| {
            let answer = self.ask("inb 0x511");
            u8::from_str_radix(answer.trim_start_matches("0x"), 16).expect("a byte")
        };
        (0..bytes).map(byte).collect()
    }

    /// Firmware sets this before it asks for tables; without it there is no MCFG.
    fn enable_mmconfig(&mut self) {
        let writes = [(0x64, 0), (0x60, 0xE000_0001u32)];
        for (register, value) in writes {
            self.ask(&format!("outl 0xcf8 {:#x}", 0x8000_0000u32 | register));
            self.ask(&format!("outl 0xcfc {value:#x}"));
        }
    }

    /// A file of fw_cfg by its name.
    fn file(&mut self, name: &str) -> Vec<u8> {
        let count = u32::from_be_bytes(self.read(DIRECTORY, 4).try_into().expect("four"));
        let bytes = 4 + 64 * usize::try_from(count).expect("small");
        let directory = self.read(DIRECTORY, bytes);
        let entry = directory[4..]
            .chunks(64)
            .find(|entry| entry[8..].starts_with(name.as_bytes()) && entry[8 + name.len()] == 0)
            .unwrap_or_else(|| panic!("{name} is there"));
        let size = u32::from_be_bytes(entry[..4].try_into().expect("four"));
        let key = u16::from_be_bytes([entry[4], entry[5]]);
        self.read(key, usize::try_from(size).expect("small"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Compares the derived files of a machine with its own.
fn compare(arguments: &[&str], with_mmconfig: bool) {
    let Some(mut machine) = Machine::start(arguments) else {
        return;
    };
    if with_mmconfig {
        machine.enable_mmconfig();
    }
    let [loader, rsdp, file] =
        ["etc/table-loader", "etc/acpi/rsdp", "etc/acpi/tables"].map(|name| machine.file(name));
    let tables = AcpiTables::read(&file).unwrap_or_else(|fault| panic!("{arguments:?}: {fault}"));
    let has_mcfg = tables
        .tables()
        .iter()
        .any(|table| &table.signature == b"MCFG");
    assert_eq!(has_mcfg, with_mmconfig, "{arguments:?}");
    assert_eq!(tables.rsdp().as_slice(), rsdp, "{arguments:?}");
    assert!(
        tables.loader().as_ref() == Ok(&loader),
        "{arguments:?}: the loader differs"
    );
}

#[test]
fn acpi_files_of_a_plain_machine_are_derived_as_qemu_writes_them() {
    compare(&["-M", "q35", "-m", "512"], true);
    compare(&["-M", "q35", "-m", "512"], false);
}

#[test]
fn acpi_files_of_a_machine_as_for_tdx_are_derived_as_qemu_writes_them() {
    let machine = [
        "-M",
        "q35,hpet=off,smm=off,pic=off",
        "-m",
        "4096",
        "-smp",
        "4",
    ];
    let disk = [
        "-device",
        "virtio-blk-pci,drive=d",
        "-drive",
        "if=none,id=d,file=/dev/zero,format=raw,readonly=on",
    ];
    compare(&[&machine[..], &disk].concat(), true);
}

#[test]
fn acpi_files_of_a_machine_with_nodes_are_derived_as_qemu_writes_them() {
    let nodes = [
        "-numa",
        "node,memdev=m",
        "-object",
        "memory-backend-ram,id=m,size=1024M",
    ];
    compare(&[&["-M", "q35", "-m", "1024"][..], &nodes].concat(), true);
}

#[test]
fn machine_with_a_generation_id_is_not_derived() {
    let id = ["-M", "q35", "-m", "512", "-device", "vmgenid"];
    let Some(mut machine) = Machine::start(&id) else {
        return;
    };
    let file = machine.file("etc/acpi/tables");
    let fault = AcpiTables::read(&file).unwrap().loader().unwrap_err();
    assert!(
        fault.to_string().contains("etc/table-loader is needed"),
        "{fault}"
    );
}

/// A kernel as far as QEMU looks at it.
fn kernel(protocol: u16, extended_flags: u16, initrd_limit: u32) -> Vec<u8> {
    let mut kernel: Vec<u8> = (0..20480u32).map(|at| at.to_le_bytes()[0] | 1).collect();
    kernel[0x1F1] = 4;
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    kernel[0x206..0x208].copy_from_slice(&protocol.to_le_bytes());
    kernel[0x211] = 1;
    kernel[0x22C..0x230].copy_from_slice(&initrd_limit.to_le_bytes());
    kernel[0x236..0x238].copy_from_slice(&extended_flags.to_le_bytes());
    // No room for setup data, which some versions would put behind the kernel.
    kernel[0x250..0x258].fill(0);
    kernel
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&folder).expect("it can be made");
        Self(folder)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).expect("it can be written");
        path.into_os_string().into_string().expect("text")
    }
}

#[test]
fn header_is_filled_in_as_qemu_fills_it_in() {
    let folder = Folder::new("header");
    for (number, (protocol, flags, limit, mib, initrd)) in [
        (0x20F, 2, 0x37FF_FFFF, 512, 70_001),
        (0x20F, 2, 0x37FF_FFFF, 2815, 70_001),
        (0x20F, 2, 0x37FF_FFFF, 2816, 4096),
        (0x20F, 0x40, 0x37FF_FFFF, 4096, 70_001),
        (0x20B, 2, 0x37FF_FFFF, 4096, 1),
        (0x203, 0, 0x7FFF_FFFF, 512, 70_001),
        (0x20F, 2, 0x7FFF_FFFF, 1024, 0),
    ]
    .into_iter()
    .enumerate()
    {
        let kernel = kernel(protocol, flags, limit);
        let kernel_path = folder.write(&format!("kernel{number}"), &kernel);
        let initrd_path = folder.write(&format!("initrd{number}"), &vec![1; initrd]);
        let memory = mib.to_string();
        let mut arguments = vec!["-M", "pc-q35-7.0", "-m", &memory, "-kernel", &kernel_path];
        if initrd > 0 {
            arguments.extend(["-initrd", initrd_path.as_str()]);
        }
        let Some(mut machine) = Machine::start(&arguments) else {
            return;
        };
        let size = u32::from_le_bytes(machine.read(SETUP_SIZE, 4).try_into().expect("four"));
        let setup = machine.read(SETUP_DATA, usize::try_from(size).expect("small"));
        let bytes = u64::try_from(initrd).expect("small");
        let ours = qemu_patched(&kernel, bytes, mib << 20).expect("QEMU boots it");
        assert_eq!(ours[..setup.len()], setup, "case {number}");
        assert_eq!(ours[setup.len()..], kernel[setup.len()..], "case {number}");
    }
}

#[test]
fn kernel_that_qemu_would_not_boot_so_is_told() {
    let whole = kernel(0x20F, 2, 0x37FF_FFFF);
    assert!(qemu_patched(&whole, 0, 1 << 30).is_some());
    assert!(qemu_patched(&whole[..0xFFF], 0, 1 << 30).is_none());
    assert!(qemu_patched(&kernel(0x202, 0, 0), 0, 1 << 30).is_none());
    assert!(
        qemu_patched(&whole, 2 << 30, 1 << 30).is_none(),
        "no room for the initrd"
    );
    assert!(qemu_patched(&whole, 1, 4096).is_none());
    let mut low = whole.clone();
    low[0x211] = 0;
    assert!(qemu_patched(&low, 0, 1 << 30).is_none());
    let mut other = whole;
    other[0x202] = b'h';
    assert!(qemu_patched(&other, 0, 1 << 30).is_none());
}
