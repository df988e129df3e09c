//! Every place of the command line that takes a file, given what is no such file: the program ends, soon and
//! in little memory, and says which option, which file, and why.

use crate::machine;
use crate::support::{self, CONFIG, there, vector};
use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A place for a file: how messages name it, and the arguments, with `{}` where the file goes. Words with
/// `@` in front are vectors.
struct Place {
    named: &'static str,
    arguments: &'static str,
}

const fn place(named: &'static str, arguments: &'static str) -> Place {
    Place { named, arguments }
}

const OVMF: &str = "measured-boot/debian-ovmf/OVMF.fd";
const DIGEST: &str = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";

/// Places whose file is read as something: no other file is taken for it.
const PARSED: [Place; 19] = [
    place("", "plan {}"),
    place("boot.kernel", "plan KERNEL"),
    place("--ovmf", "snp --vcpus 1 --vcpu-type EPYC-v4 --ovmf {}"),
    place("--igvm", "snp --igvm {}"),
    place(
        "--svsm",
        "snp --vcpus 1 --vcpu-type EPYC-v4 --ovmf @OVMF --svsm {}",
    ),
    place("--firmware", "tdx --firmware {}"),
    place("--igvm", "tdx --igvm {}"),
    place("--uki", "tdx --firmware @OVMF --uki {}"),
    place("", "event-log {}"),
    place("--ccel-table", "event-log @LOG --ccel-table {}"),
    place("", "uki {}"),
    place("--id-key", "id-block --launch-digest DIGEST --id-key {}"),
    place("", "reference {} --out OUT"),
    place("--check", "reference --check {} --key PUB"),
    place(
        "--ovmf",
        "reference --name n --ovmf {} --vcpus 1 --vcpu-type EPYC-v4 --sign KEY --out OUT",
    ),
    place("--sign", "reference VMTOML --sign {} --out OUT"),
    place(
        "--prediction",
        "reference --name n --prediction 1={} --sign KEY --out OUT",
    ),
    place(
        "",
        "explain {} --against @OVMF --vcpus 1 --vcpu-type EPYC-v4",
    ),
    place("", "explain @REPORT --against {}"),
];

/// Places that take any bytes, or much.
const TAKEN: [Place; 14] = [
    place("boot.initrd", "plan INITRD"),
    place(
        "--kernel",
        "snp --vcpus 1 --vcpu-type EPYC-v4 --ovmf @OVMF --kernel {}",
    ),
    place(
        "--initrd",
        "snp --vcpus 1 --vcpu-type EPYC-v4 --ovmf @OVMF --kernel @LOG --initrd {}",
    ),
    place("--firmware-vars", "tdx --firmware @OVMF --firmware-vars {}"),
    place("--td-hob", "tdx --firmware @OVMF --td-hob {}"),
    place(
        "--acpi-tables",
        "tdx --firmware @OVMF --memory 2G --acpi-tables {}",
    ),
    place(
        "--boot-order",
        "tdx --firmware @OVMF --memory 2G --boot-entry 0001=@LOG --boot-order {}",
    ),
    place("--kernel", "tdx --firmware @OVMF --kernel {}"),
    place(
        "--initrd",
        "tdx --firmware @OVMF --kernel @LINUX --initrd {}",
    ),
    place(
        "--boot-image",
        "tdx --firmware @OVMF --uki @UKI --boot-image {}",
    ),
    place("--gpt", "tdx --firmware @OVMF --uki @UKI --gpt {}"),
    place("--event", "tdx --firmware @OVMF --event RTMR3={}"),
    place("", "diff {} @OVMF"),
    place("", "diff @OVMF {}"),
];

#[test]
fn files_that_never_end_or_cannot_be_read_are_refused_at_once() {
    let folder = Folder::new();
    let hostile = [
        ("absent", "No such file"),
        ("directory", "it is a directory"),
        ("pipe", "it is a pipe"),
        ("zero", "it is a device"),
        ("huge", "it is larger than "),
        ("unreadable", "Input/output error"),
    ];
    let mut faults = Vec::new();
    for place in PARSED.iter().chain(&TAKEN) {
        for (file, why) in hostile {
            let file = folder.path(file);
            // Less than the huge file: it is not read first and refused then.
            let run = folder.run(place, &file, 1 << 30);
            faults.extend(run.and_then(|run| run.fault(place, &file, &[why], &[1])));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn files_of_another_kind_are_refused_by_name_with_a_reason() {
    let folder = Folder::new();
    let kinds = ["", OVMF, IGVM, UKI, LOG, REPORT, JSON, "text", "zeros"];
    let mut faults = Vec::new();
    for place in &PARSED {
        for kind in kinds.iter().filter(|kind| !is_meant(place, kind)) {
            let Some(file) = folder.of_kind(kind) else {
                continue;
            };
            let run = folder.run(place, &file, 1 << 30);
            faults.extend(run.and_then(|run| run.fault(place, &file, &[], &[1, 3])));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn memory_stays_a_small_multiple_of_the_file() {
    let folder = Folder::new();
    const MIB: u64 = 1 << 20;
    let file = folder.path("many zeros");
    let zeros = File::create(&file).expect("the file can be made");
    zeros.set_len(192 * MIB).expect("it can be sparse");
    let mut faults = Vec::new();
    for place in PARSED.iter().chain(&TAKEN) {
        // Twice the file, and what the program, its threads and its other files take.
        let run = folder.run(place, &file, 2 * 192 * MIB + 128 * MIB);
        let memory = run.filter(|run| run.said.contains("memory") || run.code.is_none());
        faults
            .extend(memory.map(|run| format!("{}: {:?} {}", place.arguments, run.code, run.said)));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

const IGVM: &str = "measured-boot/igvm-crate/sample.igvm";
const UKI: &str = "measured-boot/uki/test-uki.efi";
const LINUX: &str = "measured-boot/uki/linux";
const LOG: &str = "measured-boot/tpm2-tools/event-arch-linux.bin";
const REPORT: &str = "trustee/deps/verifier/test_data/snp/test-report.bin";
const JSON: &str = "snp-digests.json";

/// Whether a file of this kind may well be taken in that place.
fn is_meant(place: &Place, kind: &str) -> bool {
    let words = place.arguments;
    match kind {
        OVMF => ["--ovmf {}", "--firmware {}", "--against {}"]
            .iter()
            .any(|place| words.contains(place)),
        IGVM => words.contains("--igvm {}") || words.ends_with("--against {}"),
        UKI => words == "uki {}" || words.ends_with("--uki {}"),
        LOG => words == "event-log {}",
        REPORT => words.starts_with("explain {}"),
        _ => false,
    }
}

/// How a run ended.
struct Run {
    code: Option<i32>,
    printed: bool,
    said: String,
}

impl Run {
    /// What is wrong with how it ended, if anything is.
    fn fault(&self, place: &Place, file: &Path, whys: &[&str], codes: &[i32]) -> Option<String> {
        let file = file.to_str().expect("text");
        // What a key of the configuration names is told by the key where it is not what it should be.
        let is_key = place.named.starts_with("boot.") && whys.is_empty();
        let told = if is_key { "vm.toml" } else { file };
        let needed = [place.named, told].into_iter().chain(whys.iter().copied());
        let missing: Vec<_> = needed.filter(|word| !self.said.contains(word)).collect();
        let refused = self.code.is_some_and(|code| codes.contains(&code));
        let silent = !self.printed || self.code == Some(3);
        if refused && silent && (missing.is_empty() || self.code == Some(3)) {
            return None;
        }
        let arguments = place.arguments.replace("{}", file);
        Some(format!(
            "{arguments}: exit {:?}, lacks {missing:?}: {}",
            self.code, self.said
        ))
    }
}

/// The hostile files, and good ones beside them.
struct Folder(support::Folder);

impl Folder {
    fn new() -> Self {
        let folder = Self(support::Folder::empty());
        std::fs::create_dir(folder.path("directory")).expect("the name is free");
        let made = Command::new("mkfifo").arg(folder.path("pipe")).status();
        assert!(made.is_ok_and(|status| status.success()));
        symlink("/dev/zero", folder.path("zero")).expect("the name is free");
        symlink("/proc/self/mem", folder.path("unreadable")).expect("the name is free");
        let huge = File::create(folder.path("huge")).expect("the name is free");
        huge.set_len(3 << 30).expect("it can be sparse");
        folder.write("", b"");
        folder.write("text", b"Nothing that anybody has a parser for.\n");
        folder.write("zeros", &[0; 8192]);
        // Without openssl, the places of signed values are skipped.
        let _ = folder.0.key_pair("key");
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        let name = if name.is_empty() { "empty" } else { name };
        self.0.path(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let name = if name.is_empty() { "empty" } else { name };
        self.0.write(name, bytes)
    }

    /// A vector, or one of the files here.
    fn of_kind(&self, kind: &str) -> Option<PathBuf> {
        if kind.contains('/') || kind == JSON {
            return vector(kind).map(PathBuf::from);
        }
        Some(self.path(kind))
    }

    /// Runs the program with the file in its place, in so much address space; `None` where a vector is absent.
    fn run(&self, place: &Place, file: &Path, bytes: u64) -> Option<Run> {
        let words = place.arguments.split(' ').map(|word| self.word(word, file));
        let words: Vec<String> = words.collect::<Option<_>>()?;
        let limit = format!("ulimit -v {} && exec \"$0\" \"$@\"", bytes >> 10);
        let mut child = Command::new("sh")
            .args(["-c", &limit, env!("CARGO_BIN_EXE_cloister-measure")])
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell is there");
        let start = Instant::now();
        while child.try_wait().expect("it is ours").is_none() {
            if start.elapsed() > Duration::from_secs(60) {
                child.kill().expect("it is ours");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let output = child.wait_with_output().expect("it is ours");
        Some(Run {
            code: output.status.code(),
            printed: !output.stdout.is_empty(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// An argument, with files for what stands for them.
    fn word(&self, word: &str, file: &Path) -> Option<String> {
        Some(match word {
            "@OVMF" => vector(OVMF)?,
            "@LOG" => vector(LOG)?,
            "@LINUX" => vector(LINUX)?,
            "@UKI" => vector(UKI)?,
            "@REPORT" => vector(REPORT)?,
            "KEY" => there(&self.path("key.pem"))?,
            "PUB" => there(&self.path("key.pub"))?,
            "OUT" => self.0.named("out"),
            "DIGEST" => DIGEST.to_owned(),
            "KERNEL" => self.config(file, &self.path("text")),
            "INITRD" => self.config(&self.kernel(), file),
            "VMTOML" => self.config(&self.kernel(), &self.path("text")),
            "0001=@LOG" => format!("0001={}", vector(LOG)?),
            word => word.replace("{}", file.to_str().expect("text")),
        })
    }

    /// A machine of these files, whose configuration is told by its path.
    fn config(&self, kernel: &Path, initrd: &Path) -> String {
        let path = |path: &Path| format!("\"{}\"", path.to_str().expect("text"));
        let text = CONFIG
            .replace("\"vmlinux\"", &path(kernel))
            .replace("\"initrd\"", &path(initrd));
        self.write("vm.toml", text.as_bytes())
    }

    fn kernel(&self) -> PathBuf {
        self.write("vmlinux", &machine::kernel());
        self.path("vmlinux")
    }
}
