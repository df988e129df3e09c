//! Notes what each thread calls once it is under its own seccomp filter.

use std::collections::BTreeMap;

use nix::libc::SYS_seccomp;
use nix::unistd::Pid;
use tests_kernel_abi::trace::{Call, Enter, Kernel, Leave, Watched};
use vmm_kernel_abi::ioctl::KVM_RUN;

/// `SECCOMP_SET_MODE_FILTER` (Linux 6.12, include/uapi/linux/seccomp.h).
const SET_MODE_FILTER: u64 = 1;

/// Hands what `kernel` watches on to it.
pub struct Recorder<K> {
    pub kernel: K,
    watched: Watched,
    main: Option<Pid>,
    confined: BTreeMap<Pid, Vec<Call>>,
}

impl<K: Kernel> Recorder<K> {
    pub fn new(kernel: K, watched: Watched) -> Self {
        Self {
            kernel,
            watched,
            main: None,
            confined: BTreeMap::new(),
        }
    }

    /// What it must see: what its kernel must, these calls, and which threads are confined and run vCPUs.
    pub fn watched(&self, calls: Watched) -> Watched {
        let mut all = self.watched.clone();
        all.ioctls.extend(calls.ioctls);
        all.ioctls.push(KVM_RUN);
        all.calls.extend(calls.calls);
        all.calls.push(SYS_seccomp);
        all.ioctls.sort_unstable();
        all.ioctls.dedup();
        all.calls.sort_unstable();
        all.calls.dedup();
        all
    }

    /// What the main thread called.
    pub fn main(&self) -> Vec<Call> {
        let calls = self.main.and_then(|main| self.confined.get(&main));
        calls.cloned().unwrap_or_default()
    }

    /// What the vCPUs' threads called.
    pub fn vcpus(&self) -> Vec<Call> {
        let runs = |call: &Call| call.request() == Some(KVM_RUN);
        let threads = self.confined.values();
        let vcpus = threads.filter(|calls| calls.iter().any(runs));
        vcpus.flatten().copied().collect()
    }

    fn is_watched(&self, call: &Call) -> bool {
        match call.request() {
            Some(request) => self.watched.ioctls.contains(&request),
            None => self.watched.calls.contains(&call.number),
        }
    }
}

impl<K: Kernel> Kernel for Recorder<K> {
    fn enter(&mut self, call: &Call) -> Enter {
        self.main.get_or_insert(call.thread);
        if call.number == SYS_seccomp && call.arguments[0] == SET_MODE_FILTER {
            self.confined.entry(call.thread).or_default();
        } else if let Some(calls) = self.confined.get_mut(&call.thread) {
            calls.push(*call);
        }
        match self.is_watched(call) {
            true => self.kernel.enter(call),
            false => Enter::Pass,
        }
    }

    fn leave(&mut self, call: &Call, result: i64) -> Leave {
        self.kernel.leave(call, result)
    }
}
