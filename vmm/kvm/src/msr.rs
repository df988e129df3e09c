//! Model-specific registers.

use kvm_bindings::{Msrs, kvm_msr_entry};
use vmm_wire::SystemCallRegisters;

use crate::{KvmError, Vcpu};

/// IA32_PAT (APM volume 2, section 7.8.2).
const PAT: u32 = 0x277;
/// STAR, LSTAR, CSTAR, SFMASK, KERNEL_GS_BASE, SYSENTER_CS, _ESP, _EIP (APM volume 2, appendix A.1).
const SYSTEM_CALLS: [u32; 8] = [
    0xc000_0081,
    0xc000_0082,
    0xc000_0083,
    0xc000_0084,
    0xc000_0102,
    0x174,
    0x175,
    0x176,
];

impl Vcpu {
    pub(crate) fn set_pat(&self, data: u64) -> Result<(), KvmError> {
        let entry = kvm_msr_entry {
            index: PAT,
            data,
            ..kvm_msr_entry::default()
        };
        match self
            .fd
            .set_msrs(&msrs(&[entry]))
            .map_err(self.call("KVM_SET_MSRS"))?
        {
            1 => Ok(()),
            _ => Err(KvmError::Msr {
                index: PAT,
                done: "set",
            }),
        }
    }

    pub(crate) fn pat(&self) -> Result<u64, KvmError> {
        let [pat] = self.read_msrs([PAT])?;
        Ok(pat)
    }

    /// Nothing sets these: a measured guest starts with them as a reset leaves them.
    pub(crate) fn system_call_registers(&self) -> Result<SystemCallRegisters, KvmError> {
        let values = self.read_msrs(SYSTEM_CALLS)?;
        let [star, lstar, cstar, sfmask, kernel_gs_base, cs, esp, eip] = values;
        Ok(SystemCallRegisters {
            star,
            lstar,
            cstar,
            sfmask,
            kernel_gs_base,
            sysenter_cs: cs,
            sysenter_esp: esp,
            sysenter_eip: eip,
        })
    }

    fn read_msrs<const COUNT: usize>(
        &self,
        indices: [u32; COUNT],
    ) -> Result<[u64; COUNT], KvmError> {
        let wanted = indices.map(|index| kvm_msr_entry {
            index,
            ..kvm_msr_entry::default()
        });
        let mut answered = msrs(&wanted);
        let count = self
            .fd
            .get_msrs(&mut answered)
            .map_err(self.call("KVM_GET_MSRS"))?;
        // KVM stops at the first that it does not know.
        if let Some(index) = indices.get(count) {
            return Err(KvmError::Msr {
                index: *index,
                done: "read",
            });
        }
        let mut values = answered.as_slice().iter().map(|entry| entry.data);
        Ok(indices.map(|_| values.next().unwrap_or_default()))
    }
}

fn msrs(entries: &[kvm_msr_entry]) -> Msrs {
    Msrs::from_entries(entries).expect("a few entries are below the limit")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{GuestRam, Host, RamLayout, Vm, VmKind};

    /// What was not read must not be taken for zero.
    #[test]
    fn register_that_kvm_does_not_know_is_an_error_that_names_it() {
        const NOBODYS: u32 = 0xdead_0000;
        let host = match Host::open() {
            Ok(host) => host,
            Err(error) => return println!("skipped: {error}"),
        };
        let ram = Arc::new(GuestRam::new(RamLayout::from_zero(1 << 20)).unwrap());
        let vcpu = Vm::new(&host, VmKind::Plain, ram)
            .unwrap()
            .add_vcpu(0)
            .unwrap();
        assert!(vcpu.read_msrs([PAT]).is_ok());
        for indices in [[PAT, NOBODYS], [NOBODYS, PAT]] {
            let error = vcpu.read_msrs(indices).unwrap_err();
            assert!(error.to_string().contains("0xdead0000"), "{error}");
        }
    }
}
