//! `/dev/sev`, which this machine does not have.

use nix::errno::Errno;

use super::{Host, error};
use crate::trace::{Call, Enter, Leave, Memory as _};

const PATH: &[u8; 9] = b"/dev/sev\0";
/// What is opened in its place: a path of the same length that everybody with KVM has. Nothing is ever
/// asked of that descriptor.
const STAND_IN: &[u8; 9] = b"/dev/kvm\0";

/// The device's descriptors in the VMM.
#[derive(Default)]
pub(super) struct SevDevice {
    opening: bool,
    descriptors: Vec<i32>,
}

impl SevDevice {
    pub(super) fn opened(&mut self, result: i64) -> Leave {
        if std::mem::take(&mut self.opening)
            && let Ok(descriptor) = i32::try_from(result)
            && descriptor >= 0
        {
            self.descriptors.push(descriptor);
        }
        Leave::Keep
    }
}

impl Host {
    pub(super) fn enter_open(&mut self, call: &Call) -> Enter {
        let path = call.arguments[1];
        if call.memory().array(path).ok().as_ref() != Some(PATH) {
            return Enter::Pass;
        }
        if !self.has_sev_device {
            return Enter::Answer(error(Errno::ENOENT));
        }
        if call.memory().write(path, STAND_IN).is_err() {
            return Enter::Answer(error(Errno::EFAULT));
        }
        self.sev.opening = true;
        self.restore = Some((path, PATH.to_vec()));
        Enter::Watch
    }

    /// Whether this number is the device's and still open: Linux looks it up in the calling process at
    /// every use.
    pub(super) fn is_sev_device(&self, call: &Call, number: u32) -> bool {
        let is_ours = i32::try_from(number).is_ok_and(|it| self.sev.descriptors.contains(&it));
        let link = format!("/proc/{}/fd/{number}", call.thread);
        is_ours
            && std::fs::read_link(link).is_ok_and(|path| path == std::path::Path::new("/dev/kvm"))
    }
}
