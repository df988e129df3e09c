//! Exits that the first vCPU meets, one after the other, instead of running.
//!
//! The real kernel never runs that vCPU, so no exit of its own is ever half done. The others wait in the real
//! kernel to be started, as they would.

use std::collections::VecDeque;

use nix::errno::Errno;
use nix::unistd::Pid;
use vmm_kernel_abi::exit::{EXIT_REASON, IMMEDIATE_EXIT, RUN_BYTES};

use super::{Host, error};
use crate::trace::{Call, Enter, Memory as _};

/// An exit.
#[derive(Clone, Debug)]
pub struct Exit {
    /// KVM's number.
    pub reason: u32,
    /// 64-bit words of `kvm_run` by their offset.
    pub words: Vec<(usize, u64)>,
    /// What KVM_RUN returns.
    pub result: i64,
}

/// What the first vCPU meets, and what the VMM answered.
#[derive(Clone, Debug, Default)]
pub struct Script {
    exits: VecDeque<Exit>,
    met: usize,
    /// The first bytes of `kvm_run` as each exit found them when the VMM ran the vCPU again.
    pub answers: Vec<[u8; RUN_BYTES]>,
    /// How often the VMM only had an exit completed.
    pub completed: usize,
}

const KVM_EXIT_IO: u32 = 2;
const PORT_DATA: u64 = 4096;

impl Exit {
    /// An exit with these words.
    pub fn new(reason: u32, words: &[(usize, u64)]) -> Self {
        Self {
            reason,
            words: words.to_vec(),
            result: 0,
        }
    }

    /// The same, with KVM_RUN failing.
    pub fn failing(self, errno: Errno) -> Self {
        let result = error(errno);
        Self { result, ..self }
    }

    /// The guest writes S5 to the sleep control register.
    pub fn power_off() -> Self {
        const OUT_ONE_BYTE: u64 = 1 | 1 << 8;
        let (port, count) = (0x600 << 16, 1 << 32);
        let words = [
            (32, OUT_ONE_BYTE | port | count),
            (40, PORT_DATA),
            (4096, 0x34),
        ];
        Self::new(KVM_EXIT_IO, &words)
    }
}

impl Script {
    /// These exits, and then the guest powers off.
    pub fn new(exits: Vec<Exit>) -> Self {
        Self {
            exits: exits.into_iter().chain([Exit::power_off()]).collect(),
            ..Self::default()
        }
    }

    /// How many exits were met.
    pub fn met(&self) -> usize {
        self.met
    }

    /// The 64 bits at `offset` of `kvm_run` after the VMM dealt with exit `index`.
    pub fn answer(&self, index: usize, offset: usize) -> Option<u64> {
        let run = self.answers.get(index)?;
        let bytes = run.get(offset..offset + 8)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    }
}

impl Host {
    pub(super) fn run_vcpu(&mut self, call: &Call) -> Enter {
        let vcpu = self
            .machine
            .as_ref()
            .and_then(|it| it.vcpu_of(call.descriptor()));
        let (Some(0), Some(script)) = (vcpu, &mut self.script) else {
            return Enter::Pass;
        };
        let Some(run) = run_page(call.thread) else {
            return Enter::Answer(error(Errno::EFAULT));
        };
        Enter::Answer(
            script
                .step(call, run)
                .map_or(error(Errno::EFAULT), |answer| answer),
        )
    }
}

impl Script {
    fn step(&mut self, call: &Call, run: u64) -> Option<i64> {
        let memory = call.memory();
        let before: [u8; RUN_BYTES] = memory.array(run).ok()?;
        if before[IMMEDIATE_EXIT] != 0 {
            self.completed += 1;
            return Some(error(Errno::EINTR));
        }
        if self.met > 0 {
            self.answers.push(before);
        }
        // After the last one the guest is off, and would only be interrupted.
        let Some(exit) = self.exits.pop_front() else {
            return Some(error(Errno::EINTR));
        };
        self.met += 1;
        let at = |offset: usize| run + u64::try_from(offset).expect("small");
        memory
            .write(at(EXIT_REASON), &exit.reason.to_le_bytes())
            .ok()?;
        for (offset, word) in &exit.words {
            memory.write(at(*offset), &word.to_le_bytes()).ok()?;
        }
        Some(exit.result)
    }
}

/// Where the VMM has mapped the first vCPU's `kvm_run`.
fn run_page(thread: Pid) -> Option<u64> {
    let maps = std::fs::read_to_string(format!("/proc/{thread}/maps")).ok()?;
    let line = maps
        .lines()
        .find(|line| line.ends_with("anon_inode:kvm-vcpu:0"))?;
    let (start, _) = line.split_once('-')?;
    u64::from_str_radix(start, 16).ok()
}
