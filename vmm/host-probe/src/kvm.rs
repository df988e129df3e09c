//! `/dev/kvm`.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::raw::{c_int, c_ulong};

use vmm_kernel_abi::ioctl::{KVM_CHECK_EXTENSION, KVM_GET_DEVICE_ATTR, KVM_HAS_DEVICE_ATTR};
use vmm_kernel_abi::sev::kvm_device_attr;
use vmm_sys_util::ioctl::{ioctl, ioctl_with_ref, ioctl_with_val};

/// `KVM_GET_API_VERSION` (Linux 6.12 `include/uapi/linux/kvm.h`): no argument.
const GET_API_VERSION: c_ulong = 0xae00;
/// ENXIO: KVM knows no such attribute.
const NO_SUCH_ATTRIBUTE: i32 = 6;
/// ENOTTY and EINVAL: this KVM has no attributes of its own.
const NO_ATTRIBUTES: [i32; 2] = [25, 22];

/// An open `/dev/kvm`, of which only questions are asked.
pub struct Kvm(File);

impl Kvm {
    /// Opens it as a launch would.
    ///
    /// # Errors
    /// It is not there, or may not be opened.
    pub fn open() -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open("/dev/kvm")?;
        Ok(Self(file))
    }

    /// The version of its interface; 12 for ever.
    ///
    /// # Errors
    /// It is no KVM.
    pub fn api_version(&self) -> io::Result<u64> {
        // SAFETY: the call takes no argument and only answers a number.
        let version = unsafe { ioctl(&self.0, GET_API_VERSION) };
        answered(version)
    }

    /// What KVM says of a capability; 0 for one that it does not know.
    ///
    /// # Errors
    /// It is no KVM.
    pub fn capability(&self, number: u32) -> io::Result<u64> {
        let call = c_ulong::from(KVM_CHECK_EXTENSION);
        // SAFETY: the argument is a number, not an address, and nothing but a number is answered.
        let value = unsafe { ioctl_with_val(&self.0, call, c_ulong::from(number)) };
        answered(value)
    }

    /// An attribute of `/dev/kvm` itself; none where this KVM does not know it.
    ///
    /// # Errors
    /// It is no KVM, or the attribute cannot be read.
    pub fn attribute(&self, group: u32, attribute: u64) -> io::Result<Option<u64>> {
        let mut value = 0_u64;
        let request = kvm_device_attr {
            flags: 0,
            group,
            attr: attribute,
            addr: (&raw mut value).expose_provenance() as u64,
        };
        let has = c_ulong::from(KVM_HAS_DEVICE_ATTR);
        // SAFETY: KVM reads `request`, which lives until the call returns, and follows no address in it for this call.
        let known = unsafe { ioctl_with_ref(&self.0, has, &request) };
        if let Err(error) = answered(known) {
            let code = error.raw_os_error().unwrap_or_default();
            let is_unknown = code == NO_SUCH_ATTRIBUTE || NO_ATTRIBUTES.contains(&code);
            return if is_unknown { Ok(None) } else { Err(error) };
        }
        let get = c_ulong::from(KVM_GET_DEVICE_ATTR);
        // SAFETY: every attribute of the group KVM_X86_GRP_SEV is 8 bytes, which KVM writes to `addr`: that is `value`,
        // which lives until the call returns, and its provenance was exposed above.
        let got = unsafe { ioctl_with_ref(&self.0, get, &request) };
        answered(got)?;
        Ok(Some(value))
    }
}

/// A call's answer, or the error that it left.
fn answered(value: c_int) -> io::Result<u64> {
    u64::try_from(value).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kvm() -> Option<Kvm> {
        match Kvm::open() {
            Ok(kvm) => Some(kvm),
            Err(error) => {
                println!("skipped: /dev/kvm cannot be opened: {error}");
                None
            }
        }
    }

    #[test]
    fn version_is_12_and_an_unknown_capability_is_zero() {
        let Some(kvm) = kvm() else { return };
        assert_eq!(kvm.api_version().unwrap(), 12);
        assert_eq!(kvm.capability(0x7fff_ffff).unwrap(), 0);
    }

    #[test]
    fn unknown_attribute_is_none_and_not_an_error() {
        let Some(kvm) = kvm() else { return };
        assert_eq!(kvm.attribute(0x7fff, 0).unwrap(), None);
    }
}
