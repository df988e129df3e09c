//! The VMSA of a vCPU that starts in OVMF, by VMM.

use crate::{CpuSignature, VmmType};
use measured_boot_snp_abi::{VmcbSegment, Vmsa};
use zerocopy::FromZeros;
use zerocopy::little_endian::{U16, U32, U64};

/// Where the boot processor starts: the last paragraph below 4 GiB.
const RESET_VECTOR: u32 = 0xFFFF_FFF0;

/// The registers in which VMMs differ.
pub(crate) struct Start {
    cs_attributes: u16,
    ss_attributes: u16,
    tr_attributes: u16,
    rdx: u32,
    g_pat: u64,
    mxcsr: u32,
    fcw: u16,
}

/// The VMSAs of the boot processor and of all others.
pub(crate) fn vmsas(
    vmm: VmmType,
    cpu: CpuSignature,
    features: u64,
    reset_address: u32,
) -> [Vmsa; 2] {
    let boot = Start::of(vmm, cpu, true);
    let other = Start::of(vmm, cpu, false);
    [
        boot.vmsa(RESET_VECTOR, features),
        other.vmsa(reset_address, features),
    ]
}

impl Start {
    /// KVM's registers out of reset, as Linux measures them since 6.10 (`sev_es_sync_vmsa` fills in MXCSR
    /// and FCW).
    pub fn kvm(cpu: CpuSignature) -> Self {
        Self {
            cs_attributes: 0x9B,
            ss_attributes: 0x93,
            tr_attributes: 0x8B,
            rdx: cpu.0,
            g_pat: 0x0007_0406_0007_0406,
            mxcsr: 0x1F80,
            fcw: 0x37F,
        }
    }

    /// KVM's registers, or the clouds' as their launch digests show.
    fn of(vmm: VmmType, cpu: CpuSignature, is_boot: bool) -> Self {
        let kvm = Self::kvm(cpu);
        let cloud = Self {
            rdx: 0x600,
            mxcsr: 0,
            fcw: 0,
            ..kvm
        };
        match vmm {
            VmmType::Qemu | VmmType::Cloister => kvm,
            VmmType::Ec2 => Self {
                cs_attributes: if is_boot { 0x9A } else { 0x9B },
                ss_attributes: 0x92,
                tr_attributes: 0x83,
                ..cloud
            },
            VmmType::Gce => Self {
                g_pat: 0x0007_0106,
                ..cloud
            },
        }
    }

    /// The VMSA of a vCPU that starts at this address in real mode.
    pub fn vmsa(&self, start: u32, features: u64) -> Vmsa {
        let data = segment(0, 0x93, 0, 0xFFFF);
        Vmsa {
            es: data,
            cs: segment(0xF000, self.cs_attributes, start & 0xFFFF_0000, 0xFFFF),
            ss: segment(0, self.ss_attributes, 0, 0xFFFF),
            ds: data,
            fs: data,
            gs: data,
            gdtr: segment(0, 0, 0, 0xFFFF),
            ldtr: segment(0, 0x82, 0, 0xFFFF),
            idtr: segment(0, 0, 0, 0xFFFF),
            tr: segment(0, self.tr_attributes, 0, 0xFFFF),
            efer: U64::new(0x1000),
            cr4: U64::new(0x40),
            cr0: U64::new(0x10),
            dr7: U64::new(0x400),
            dr6: U64::new(0xFFFF_0FF0),
            rflags: U64::new(2),
            rip: U64::new(u64::from(start & 0xFFFF)),
            g_pat: U64::new(self.g_pat),
            rdx: U64::new(u64::from(self.rdx)),
            sev_features: U64::new(features),
            xcr0: U64::new(1),
            mxcsr: U32::new(self.mxcsr),
            x87_fcw: U16::new(self.fcw),
            ..Vmsa::new_zeroed()
        }
    }
}

pub(crate) fn segment(selector: u16, attributes: u16, base: u32, limit: u32) -> VmcbSegment {
    VmcbSegment {
        selector: U16::new(selector),
        attributes: U16::new(attributes),
        limit: U32::new(limit),
        base: U64::new(u64::from(base)),
    }
}
