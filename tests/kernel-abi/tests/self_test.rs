//! `cloister host self-test` on hosts with SEV-SNP or TDX: what passes there, and what must not.
//!
//! Its guest's bytes are measured; what it says is a script of exits, as hardware would bring them, but where a test
//! says that the bytes run.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command as Process;
use std::time::Duration;

use measured_boot_shim_abi::{REASON_SET, Refusal};
use serde_json::Value;
use tests_kernel_abi::host::{Exit, Host, Kind, Protection, Script, Step, Trouble, What};
use tests_kernel_abi::machine::missing;
use tests_kernel_abi::trace::{Call, Ended, Enter, Kernel, Leave, Memory as _, Program};
use vmm_kernel_abi::exit::{EVENT_SEV_TERM, SYSTEM_EVENT};
use vmm_kernel_abi::ioctl::{KVM_CREATE_VM, KVM_MEMORY_ENCRYPT_OP, KVM_RUN};
use vmm_kernel_abi::sev::{Command, page_type};

const LAUNCHER: &str = env!("CARGO_BIN_EXE_kernel-abi-launcher");
const SNP_WORD: &str = "cloister-self-test 1 snp sev-status=0000000000000005\n";
const COM1: u64 = 0x3f8;
const PORT_DATA: u64 = 4096;

/// What a guest does when it runs for the first time.
#[derive(Clone, Copy)]
enum Guest {
    /// What its bytes say.
    Runs,
    /// An SNP guest's word.
    SaysSnp,
    /// The boot shim's refusal.
    Refuses,
    /// A TD's word, with the MRTD that the module has, but for its first byte, which is changed by this.
    SaysTd(u8),
}

/// A host whose VMs are made one after the other.
struct Machines {
    host: Host,
    guests: VecDeque<Guest>,
    /// The VM's guest has not run yet.
    is_new: bool,
    /// The firmware finds a page more than was handed in.
    measures_more: bool,
}

impl Machines {
    fn new(kind: Kind, guests: &[Guest]) -> Self {
        let mut host = Host::new(kind);
        let runs = guests.iter().any(|guest| matches!(guest, Guest::Runs));
        host.script = (!runs).then(Script::default);
        Self {
            host,
            guests: guests.iter().copied().collect(),
            is_new: false,
            measures_more: false,
        }
    }

    /// The script of the guest that now runs for the first time.
    fn script(&mut self) -> Option<Script> {
        Some(match self.guests.pop_front()? {
            Guest::Runs => return None,
            Guest::SaysSnp => Script::new(said(SNP_WORD)),
            Guest::Refuses => Script::new(vec![refusal()]),
            Guest::SaysTd(change) => {
                let mut info = [0; 400];
                info[16..64].copy_from_slice(&self.host.tdx_vm()?.td.mrtd()?);
                info[16] ^= change;
                let digits: String = info.iter().map(|byte| format!("{byte:02x}")).collect();
                Script::new(said(&format!(
                    "cloister-self-test 1 tdx td-info={digits}\n"
                )))
            }
        })
    }

    fn measure_more(&mut self) {
        if let Some(machine) = &mut self.host.machine
            && let Protection::Snp(vm) = &mut machine.vm.protection
        {
            let more = vm
                .guest
                .update(page_type::NORMAL, 0x300_0000, &mut [7; 4096]);
            more.unwrap();
        }
    }
}

impl Kernel for Machines {
    fn enter(&mut self, call: &Call) -> Enter {
        match call.request() {
            // Numbers of descriptors come again in the next VMM.
            Some(KVM_CREATE_VM) => {
                self.host.machine = None;
                self.is_new = true;
            }
            Some(KVM_MEMORY_ENCRYPT_OP) if self.measures_more => {
                let id = call.memory().array(call.argument()).map(u32::from_le_bytes);
                if id == Ok(Command::LaunchFinish as u32) {
                    self.measure_more();
                }
            }
            Some(KVM_RUN) if std::mem::take(&mut self.is_new) => self.host.script = self.script(),
            _ => {}
        }
        self.host.enter(call)
    }

    fn leave(&mut self, call: &Call, result: i64) -> Leave {
        self.host.leave(call, result)
    }
}

/// A text on COM1.
fn said(text: &str) -> Vec<Exit> {
    const KVM_EXIT_IO: u32 = 2;
    const OUT_ONE_BYTE: u64 = 1 | 1 << 8 | COM1 << 16 | 1 << 32;
    let exit = |byte: u8| {
        let words = [(32, OUT_ONE_BYTE), (40, PORT_DATA), (4096, byte.into())];
        Exit::new(KVM_EXIT_IO, &words)
    };
    text.bytes().map(exit).collect()
}

fn refusal() -> Exit {
    let reason = u64::from(Refusal::KernelHash.number()) << 16;
    let msr = reason | u64::from(REASON_SET) << 12 | 0x100;
    let one_word = 1 << 32;
    let words = [(32, u64::from(EVENT_SEV_TERM) | one_word), (40, msr)];
    Exit::new(SYSTEM_EVENT, &words)
}

/// What the self-test came to.
struct Tested {
    ended: Ended,
    report: Value,
}

impl Tested {
    /// The result of a step, and why.
    fn step(&self, name: &str) -> (&str, &str) {
        let mut steps = self.report["steps"].as_array().unwrap().iter();
        let step = steps.find(|step| step["step"] == name);
        let step = step.unwrap_or_else(|| panic!("{name}: {:#}", self.report["steps"]));
        let text = |member: &str| step[member].as_str().unwrap();
        (text("result"), text("found"))
    }

    fn assert_step(&self, name: &str, result: &str, words: &[&str]) {
        let (found_result, found) = self.step(name);
        assert_eq!(found_result, result, "{name}: {found}");
        for word in words {
            assert!(found.contains(word), "{name}: {word}: {found}");
        }
    }

    fn summary(&self) -> [u64; 3] {
        ["passed", "failed", "skipped"].map(|of| self.report["summary"][of].as_u64().unwrap())
    }
}

/// `None`, after saying why, where this machine cannot run it.
fn self_test(machines: &mut Machines, tee: &str) -> Option<Tested> {
    let launcher = Path::new(LAUNCHER);
    let names = [
        "self-test",
        "host",
        "vmm",
        "supervisor",
        "image",
        "simulated-tee",
        "shim",
    ];
    let programs = names.map(|name| launcher.with_file_name(format!("cloister-{name}")));
    if let Some(reason) = missing(&programs) {
        println!("skipped: {reason}");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut command = Process::new(&programs[0]);
    command.args(["--for", tee, "-o", "json"]);
    let files = (
        File::create(path("out")).unwrap(),
        File::create(path("said")).unwrap(),
    );
    let program = Program::start(launcher, &machines.host.watched(), &command, files).unwrap();
    let ended = program.run(machines, Duration::from_secs(240)).unwrap();
    let report = fs::read(path("out")).unwrap();
    let report = serde_json::from_slice(&report);
    let report = report.unwrap_or_else(|_| panic!("{}", fs::read_to_string(path("said")).unwrap()));
    Some(Tested { ended, report })
}

#[test]
fn snp_host_that_measures_and_refuses_as_it_must_passes() {
    use Guest::{Refuses, SaysSnp};
    let mut machines = Machines::new(Kind::Snp, &[SaysSnp, SaysSnp, Refuses]);
    let Some(tested) = self_test(&mut machines, "snp") else {
        return;
    };
    assert_eq!(tested.ended, Ended::Exited(0), "{:#}", tested.report);
    assert_eq!(tested.summary(), [7, 0, 2], "{:#}", tested.report["steps"]);
    tested.assert_step("snp other-digest refused", "passed", &["BAD_MEASUREMENT"]);
    let launches = tested.report["launches"].as_array().unwrap();
    for (launch, vcpus) in launches.iter().zip([1, 2]) {
        let running = launch["events"].as_array().unwrap();
        let running = running.iter().find(|event| event["event"] == "running");
        assert_eq!(running.unwrap()["vcpus"], vcpus);
    }
    let digests = [0, 1].map(|index: usize| launches[index]["predicted"].as_str().unwrap());
    assert_ne!(digests[0], digests[1]);
}

/// No firmware tells which digest it found; the prediction that it refused is named.
#[test]
fn firmware_that_measures_otherwise_fails_the_prediction() {
    let mut machines = Machines::new(Kind::Snp, &[]);
    machines.host.script = Some(Script::default());
    machines.measures_more = true;
    let Some(tested) = self_test(&mut machines, "snp") else {
        return;
    };
    assert_eq!(tested.ended, Ended::Exited(1));
    for (index, name) in ["snp 1-vcpu", "snp 2-vcpus"].iter().enumerate() {
        let predicted = tested.report["launches"][index]["predicted"]
            .as_str()
            .unwrap();
        let words = [predicted, "BAD_MEASUREMENT"];
        tested.assert_step(&format!("{name} measured"), "failed", &words);
        tested.assert_step(&format!("{name} guest"), "skipped", &["not launched"]);
    }
    tested.assert_step("snp changed-kernel refused", "failed", &["BAD_MEASUREMENT"]);
}

#[test]
fn firmware_that_compares_nothing_is_found_out() {
    use Guest::{Refuses, SaysSnp};
    let mut machines = Machines::new(Kind::Snp, &[SaysSnp, SaysSnp, Refuses]);
    let finish = Step::Sev(Some(Command::LaunchFinish));
    machines.host.trouble = vec![Trouble::at(finish, What::Nothing)];
    let Some(tested) = self_test(&mut machines, "snp") else {
        return;
    };
    assert_eq!(tested.ended, Ended::Exited(1));
    tested.assert_step("snp other-digest refused", "failed", &["did not refuse"]);
}

/// The emulator runs the measured bytes in an ordinary VM, where the shim finds a secrets page and then no PVALIDATE.
#[test]
fn guest_that_nothing_encrypts_is_no_snp_guest() {
    let mut machines = Machines::new(Kind::Snp, &[Guest::Runs]);
    let Some(tested) = self_test(&mut machines, "snp") else {
        return;
    };
    assert_eq!(tested.ended, Ended::Exited(1));
    for name in ["snp 1-vcpu", "snp 2-vcpus"] {
        tested.assert_step(&format!("{name} measured"), "passed", &[]);
        let (result, found) = tested.step(&format!("{name} guest"));
        let is_told = ["said nothing", "in an ordinary VM"].map(|words| found.contains(words));
        assert!(result == "failed" && is_told.contains(&true), "{found}");
    }
    tested.assert_step("snp changed-kernel refused", "failed", &["did not refuse"]);
}

/// The emulator's TD runs no shim, so that its RTMRs stay zero: a step that fails as it must.
#[test]
fn td_is_measured_as_predicted_and_another_mrtd_fails() {
    use Guest::SaysTd;
    let mut machines = Machines::new(Kind::Tdx, &[SaysTd(0), SaysTd(1), SaysTd(0)]);
    let Some(tested) = self_test(&mut machines, "tdx") else {
        return;
    };
    assert_eq!(tested.ended, Ended::Exited(1));
    let predicted = tested.report["launches"][0]["predicted"].as_str().unwrap();
    assert_eq!(tested.report["launches"][1]["predicted"], predicted);
    tested.assert_step("tdx 1-vcpu measured", "passed", &[predicted]);
    let zeros = "0".repeat(96);
    tested.assert_step("tdx 1-vcpu guest", "failed", &["RTMR0", &zeros]);
    let other = u8::from_str_radix(&predicted[..2], 16).unwrap() ^ 1;
    let other = format!("{other:02x}{}", &predicted[2..]);
    tested.assert_step("tdx 2-vcpus measured", "failed", &[predicted, &other]);
    tested.assert_step("tdx changed-kernel refused", "failed", &["did not refuse"]);
}
