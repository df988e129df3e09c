//! Steps that fail.

use nix::errno::Errno;
use vmm_kernel_abi::sev::kvm_sev_cmd;
use vmm_kernel_abi::tdx;

use super::{Host, Step, error};
use crate::trace::{Call, Enter, Memory as _};

/// Something that goes wrong at a step.
#[derive(Clone, Copy, Debug)]
pub struct Trouble {
    /// Where.
    pub step: Step,
    /// After so many tries of the step that go well.
    pub after: usize,
    /// So many times; `usize::MAX`: for ever.
    pub times: usize,
    /// What happens.
    pub what: What,
}

/// What happens to a step.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// It fails before anything is done, with this error.
    Errno(Errno),
    /// It fails with this error, and the firmware or the module has this to say.
    Status(Errno, u64),
    /// Only so many pages are done, and the rest is written back; the answer is this error, or none.
    Partly(u64, Option<Errno>),
    /// It says that all is well, and nothing is done.
    Nothing,
}

impl Trouble {
    /// A step that fails at once and for ever.
    pub const fn at(step: Step, what: What) -> Self {
        Self {
            step,
            after: 0,
            times: usize::MAX,
            what,
        }
    }

    /// A step that goes well so often first.
    pub const fn after(self, after: usize) -> Self {
        Self { after, ..self }
    }

    /// A step that fails so often only.
    pub const fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }
}

impl Host {
    /// What goes wrong at this try of `step`, which is counted already.
    pub(super) fn trouble_at(&self, step: Step) -> Option<What> {
        let earlier = self.count(step) - 1;
        let trouble = self.trouble.iter().find(|trouble| {
            let since = earlier.checked_sub(trouble.after);
            trouble.step == step && since.is_some_and(|since| since < trouble.times)
        });
        trouble.map(|trouble| trouble.what)
    }

    pub(super) fn suffer(&mut self, call: &Call, what: What) -> Enter {
        Enter::Answer(match what {
            What::Errno(errno) => error(errno),
            What::Nothing => 0,
            What::Status(errno, status) => {
                self.tell_status(call, status);
                error(errno)
            }
            What::Partly(pages, errno) => {
                let done = match self.kind {
                    super::Kind::Tdx => self.tdx_region(call, pages),
                    _ => self.sev_update(call, pages),
                };
                errno.map_or(done, error)
            }
        })
    }

    /// `error` of the SEV command is 32 bits, `hw_error` of TDX's 64.
    fn tell_status(&self, call: &Call, status: u64) {
        use std::mem::offset_of;
        let bytes = status.to_le_bytes();
        let (at, bytes) = match self.kind {
            super::Kind::Tdx => (offset_of!(tdx::Cmd, hw_error), &bytes[..]),
            _ => (offset_of!(kvm_sev_cmd, error), &bytes[..4]),
        };
        let at = call.argument() + u64::try_from(at).expect("small");
        // Whoever handed in a command has its memory.
        let _ = call.memory().write(at, bytes);
    }
}
