//! Certificates whose file changes while an SNP guest runs, on the emulator: by exit 43, read at each, and under the lock
//! that whoever changes the endorsement key holds.

use std::fs::{self, File};
use std::path::PathBuf;

use crate::support::{assert_in_order, certificate_table, snp_folder};
use tests_kernel_abi::host::{Exit, Host, Kind, Script};
use tests_kernel_abi::machine::Folder;
use tests_kernel_abi::trace::{Call, Enter, Kernel, Leave, Memory as _};
use vmm_kernel_abi::exit::{self, answer, offset};
use vmm_kernel_abi::ioctl::KVM_RUN;
use vmm_kvm::{try_lock_exclusive, unlock};

const AT: u64 = 0x10_0000;

/// What the operator does, as the guest meets its exits.
type Operator = fn(&mut Updates, met: usize);

/// A host whose certificates are changed while its guest runs.
struct Updates {
    host: Host,
    path: PathBuf,
    lock: File,
    operator: Operator,
    /// First byte of the certificate that the guest found after each exit.
    found: Vec<u8>,
    /// Whether the file could be locked for change after each exit.
    free: Vec<bool>,
}

fn share() -> Exit {
    let words = [
        (offset::HYPERCALL_NR, exit::HC_MAP_GPA_RANGE),
        (offset::HYPERCALL_ARGS, AT),
        (offset::HYPERCALL_ARGS + 8, 1),
        (offset::HYPERCALL_ARGS + 16, 0),
    ];
    Exit::new(exit::HYPERCALL, &words)
}

fn request() -> Exit {
    let words = [
        (offset::CERTS_GPA, AT),
        (offset::CERTS_NPAGES, 1),
        (offset::CERTS_RET, 0),
    ];
    Exit::new(exit::SNP_REQ_CERTS, &words)
}

impl Updates {
    fn on(folder: &Folder, operator: Operator) -> Self {
        folder.write("certificates.bin", &certificate_table());
        let path = folder.path("certificates.bin");
        let mut host = Host::new(Kind::Snp);
        host.script = Some(Script::new(vec![share(), request(), request()]));
        host.release.certificates = true;
        let lock = File::options().read(true).write(true).open(&path).unwrap();
        Self {
            host,
            path,
            lock,
            operator,
            found: Vec::new(),
            free: Vec::new(),
        }
    }

    fn write(&self, byte: u8) {
        let mut table = certificate_table();
        *table.last_mut().unwrap() = byte;
        fs::write(&self.path, table).unwrap();
    }

    /// What was answered to the requests.
    fn answers(&self) -> [Option<u64>; 2] {
        let script = self.host.script.as_ref().unwrap();
        [1, 2].map(|index| script.answer(index, offset::CERTS_RET))
    }

    /// The last byte of the table in the guest's memory.
    fn look(&mut self, call: &Call) {
        let maps = fs::read_to_string(format!("/proc/{}/maps", call.thread)).unwrap();
        let line = maps.lines().find(|line| line.contains("memfd:guest-ram"));
        let (start, _) = line.unwrap().split_once('-').unwrap();
        let ram = u64::from_str_radix(start, 16).unwrap();
        let last = u64::try_from(certificate_table().len() - 1).unwrap();
        let [byte] = call.memory().array(ram + AT + last).unwrap();
        self.found.push(byte);
        let is_free = try_lock_exclusive(&self.lock).unwrap();
        if is_free {
            unlock(&self.lock).unwrap();
        }
        self.free.push(is_free);
    }
}

impl Kernel for Updates {
    fn enter(&mut self, call: &Call) -> Enter {
        let met = |host: &Host| host.script.as_ref().unwrap().met();
        if call.request() != Some(KVM_RUN) {
            return self.host.enter(call);
        }
        if met(&self.host) > 1 {
            self.look(call);
        }
        let before = met(&self.host);
        let entered = self.host.enter(call);
        let after = met(&self.host);
        if after > before {
            (self.operator)(self, after);
        }
        entered
    }

    fn leave(&mut self, call: &Call, result: i64) -> Leave {
        self.host.leave(call, result)
    }
}

fn run(operator: Operator) -> Option<Updates> {
    let folder = snp_folder(1, "certificates = \"certificates.bin\"\n")?;
    let mut updates = Updates::on(&folder, operator);
    let watched = updates.host.watched();
    let outcome = folder.run(&watched, &mut updates);
    assert_in_order(&outcome);
    Some(updates)
}

#[test]
fn guest_gets_the_certificates_that_are_there_when_it_asks() {
    let Some(updates) = run(|updates, met| {
        if met == 3 {
            updates.write(0x42);
        }
    }) else {
        return;
    };
    assert_eq!(updates.answers(), [Some(answer::DONE); 2]);
    // Each is seen when its exit is completed, and when the guest goes on.
    assert_eq!(updates.found, [9, 9, 0x42, 0x42]);
    // Nobody changes them until the report is made.
    assert_eq!(updates.free, [false, true, false, true]);
}

#[test]
fn guest_is_asked_to_come_again_while_its_certificates_are_changed() {
    let Some(updates) = run(|updates, met| match met {
        2 => assert!(try_lock_exclusive(&updates.lock).unwrap()),
        3 => unlock(&updates.lock).unwrap(),
        _ => {}
    }) else {
        return;
    };
    assert_eq!(
        updates.answers(),
        [Some(answer::EAGAIN), Some(answer::DONE)]
    );
}
