//! Interrupt controllers, and the interrupts of an I/O APIC that stands in user space.

use kvm_bindings::{
    KVM_CAP_SPLIT_IRQCHIP, KVM_IRQ_ROUTING_MSI, KvmIrqRouting, kvm_irq_routing_entry,
    kvm_irq_routing_entry__bindgen_ty_1, kvm_irq_routing_msi, kvm_msi,
};

use kvm_ioctls::VmFd;

use crate::vm::enable;
use crate::{KvmError, Vm, VmKind};

/// Pins of the I/O APIC that stands in user space: KVM reserves as many interrupt routes for it.
const IO_APIC_PINS: u64 = 24;

/// Which interrupt controllers KVM keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controllers {
    /// All of them.
    InKvm,
    /// The local APICs; the I/O APIC stands in user space, and routes its interrupts by
    /// [`Vm::route_interrupts`].
    Split,
}

impl Controllers {
    /// Those that a VM of this kind has.
    #[must_use]
    pub const fn of(kind: VmKind) -> Self {
        match kind {
            // The module delivers interrupts by posting them, which KVM's own I/O APIC cannot
            // (Linux 6.16, Documentation/virt/kvm/x86/intel-tdx.rst).
            VmKind::Tdx => Self::Split,
            VmKind::Plain | VmKind::SoftwareProtected | VmKind::Snp => Self::InKvm,
        }
    }

    pub(crate) fn make(self, fd: &VmFd) -> Result<(), KvmError> {
        match self {
            Self::InKvm => fd
                .create_irq_chip()
                .map_err(KvmError::call("KVM_CREATE_IRQCHIP")),
            Self::Split => enable(
                fd,
                KVM_CAP_SPLIT_IRQCHIP,
                IO_APIC_PINS,
                "KVM_CAP_SPLIT_IRQCHIP",
            ),
        }
    }
}

/// What an interrupt sends: a message to local APICs (Intel SDM volume 3, section 12.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its address.
    pub address: u64,
    /// Its data.
    pub data: u32,
}

impl Vm {
    /// From now on each of these interrupts sends its message when a device signals it
    /// ([`Vm::interrupt_on`]), and all others nothing: what is signalled meanwhile is lost. Only for a VM
    /// whose I/O APIC stands in user space.
    ///
    /// # Errors
    /// KVM refuses.
    pub fn route_interrupts(
        &self,
        routes: impl IntoIterator<Item = (u32, Message)>,
    ) -> Result<(), KvmError> {
        let entries: Vec<_> = routes.into_iter().map(entry).collect();
        let table = KvmIrqRouting::from_entries(&entries)
            .expect("an I/O APIC has fewer pins than KVM takes routes");
        self.fd
            .set_gsi_routing(&table)
            .map_err(KvmError::call("KVM_SET_GSI_ROUTING"))
    }

    /// Sends a message at once. One that no local APIC takes is lost.
    ///
    /// # Errors
    /// KVM refuses.
    pub fn interrupt(&self, message: Message) -> Result<(), KvmError> {
        let [low, high] = halves(message.address);
        let message = kvm_msi {
            address_lo: low,
            address_hi: high,
            data: message.data,
            ..kvm_msi::default()
        };
        self.fd
            .signal_msi(message)
            .map(|_delivered| ())
            .map_err(KvmError::call("KVM_SIGNAL_MSI"))
    }
}

fn entry((gsi, message): (u32, Message)) -> kvm_irq_routing_entry {
    let [low, high] = halves(message.address);
    let msi = kvm_irq_routing_msi {
        address_lo: low,
        address_hi: high,
        data: message.data,
        ..kvm_irq_routing_msi::default()
    };
    kvm_irq_routing_entry {
        gsi,
        type_: KVM_IRQ_ROUTING_MSI,
        u: kvm_irq_routing_entry__bindgen_ty_1 { msi },
        ..kvm_irq_routing_entry::default()
    }
}

fn halves(address: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = address.to_le_bytes();
    [
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_cut_into_its_halves() {
        assert_eq!(halves(0x0001_0200_fee0_3000), [0xfee0_3000, 0x0001_0200]);
    }
}
