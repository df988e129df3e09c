//! What the tests of every command need: a folder with a machine in it, vectors, and the program run.

use crate::machine;
use measured_boot_digest::launch_digest;
use measured_boot_plan::{LaunchConfig, Sources, plan};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// The machine in `vm.toml`.
pub const CONFIG: &str = r#"name = "demo"
[tee]
kind = "simulated"
[boot]
protocol = "simulated-direct"
kernel = "vmlinux"
initrd = "initrd"
cmdline = "console=ttyS0"
[cpu]
count = 2
model = "x86-64-v2"
[memory]
mib = 256
"#;

/// The same machine through the boot shim, under this TEE.
pub fn shim_config(tee: &str) -> String {
    CONFIG
        .replace("kind = \"simulated\"", &format!("kind = \"{tee}\""))
        .replace(
            "protocol = \"simulated-direct\"",
            "protocol = \"shim\"\nshim = \"shim\"",
        )
}

/// A folder with files to be named.
pub struct Folder(TempDir);

impl Folder {
    pub fn empty() -> Self {
        Self(tempfile::tempdir().expect("a folder can be made"))
    }

    /// With `vm.toml` and the kernel and initrd that it names.
    pub fn with_machine() -> Self {
        let folder = Self::empty();
        folder.write("vm.toml", CONFIG.as_bytes());
        folder.write("vmlinux", &machine::kernel());
        folder.write("initrd", &machine::initrd());
        folder
    }

    /// The same machine through the boot shim, under this TEE.
    pub fn with_shim(tee: &str) -> Self {
        let folder = Self::with_machine();
        folder.write("vm.toml", shim_config(tee).as_bytes());
        folder.write("shim", &machine::shim());
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The file's path as an argument.
    pub fn named(&self, name: &str) -> String {
        argument(&self.path(name))
    }

    /// Writes a file and returns its path as an argument.
    pub fn write(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.path(name), bytes).expect("the file can be written");
        self.named(name)
    }

    /// What lies in it, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("it is there");
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("readable").file_name();
        let mut names: Vec<String> = entries
            .map(|entry| name(entry).into_string().expect("text"))
            .collect();
        names.sort();
        names
    }

    /// Runs the program in it.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut program = program();
        program.args(arguments).current_dir(self.0.path());
        program.output().expect("the program runs")
    }

    /// Runs openssl in it; nothing where there is none.
    pub fn openssl(&self, arguments: &[&str]) -> Option<()> {
        let mut command = Command::new("openssl");
        let output = command.args(arguments).current_dir(self.0.path()).output();
        if !output.is_ok_and(|output| output.status.success()) {
            println!("skipped: there is no openssl");
            return None;
        }
        Some(())
    }

    /// A new P-384 key in a file of this name, as an argument; nothing where there is no openssl.
    pub fn key(&self, name: &str) -> Option<String> {
        let words = "ecparam -genkey -noout -name secp384r1 -out";
        let arguments: Vec<_> = words.split(' ').chain([name]).collect();
        self.openssl(&arguments).map(|()| self.named(name))
    }

    /// A new P-384 key, its private half in `NAME.pem`, its public one in `NAME.pub`; nothing without openssl.
    pub fn key_pair(&self, name: &str) -> Option<()> {
        let (private, public) = (format!("{name}.pem"), format!("{name}.pub"));
        let curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"];
        self.openssl(&[&["genpkey"], &curve[..], &["-out", &private]].concat())?;
        self.openssl(&["pkey", "-in", &private, "-pubout", "-out", &public])
    }
}

/// The program, with no arguments yet.
pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_cloister-measure"))
}

/// Runs a command of the program.
pub fn run(command: &str, arguments: &[&str]) -> Output {
    let mut program = program();
    program.arg(command).args(arguments);
    program.output().expect("the program runs")
}

/// What was printed by a run that ended so.
pub fn stdout(output: &Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// The one document that was printed by a run that ended so.
pub fn document(output: &Output, code: i32) -> Value {
    serde_json::from_str(&stdout(output, code)).expect("one JSON document")
}

/// What was said of a failure, with nothing on stdout.
pub fn error(output: &Output, code: i32) -> String {
    assert_eq!(stdout(output, code), "");
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// What a document says of each difference.
pub fn says(document: &Value) -> Vec<&str> {
    let rows = document["differences"].as_array().expect("a list");
    rows.iter()
        .map(|row| row["says"].as_str().expect("text"))
        .collect()
}

/// A report of nothing but a digest and a policy.
pub fn report(digest: &str, policy: u64) -> Vec<u8> {
    let mut report = vec![0; 1184];
    report[0] = 2;
    report[0x08..0x10].copy_from_slice(&policy.to_le_bytes());
    report[0x90..0xC0].copy_from_slice(&hex::decode(digest).expect("hexadecimal"));
    report
}

/// The policy that a guest has if no other is asked for.
pub const POLICY: u64 = 0x3_0000;

/// A file among the vectors beside the repository, if it is there.
pub fn vector(name: &str) -> Option<String> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    there(&vectors.join(name))
}

/// The file as an argument, if it is there.
pub fn there(path: &Path) -> Option<String> {
    if path.exists() {
        return Some(argument(path));
    }
    println!("skipped: {} is not there", path.display());
    None
}

fn argument(path: &Path) -> String {
    path.to_str().expect("text").to_owned()
}

/// What the library predicts for the machine in `vm.toml`.
pub fn planned_digest() -> String {
    let (kernel, initrd) = (machine::kernel(), machine::initrd());
    let sources = Sources {
        kernel: &kernel,
        initrd: &initrd,
        ..Sources::default()
    };
    let config = LaunchConfig::from_toml(CONFIG).expect("the configuration is right");
    launch_digest(&plan(&config, &sources).expect("a plan"), &sources).to_string()
}
