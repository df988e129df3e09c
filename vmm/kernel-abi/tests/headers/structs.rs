//! Every structure: its size, and the offset of every field.

use std::mem::{offset_of, size_of};

use vmm_kernel_abi::exit::{self, offset};
use vmm_kernel_abi::gmem::{
    kvm_create_guest_memfd, kvm_memory_attributes, kvm_userspace_memory_region2,
};
use vmm_kernel_abi::psp::{sev_issue_cmd, sev_user_data_snp_status};
use vmm_kernel_abi::sev::{
    kvm_device_attr, kvm_sev_cmd, kvm_sev_init, kvm_sev_snp_launch_finish,
    kvm_sev_snp_launch_start, kvm_sev_snp_launch_update,
};

use super::c::Fact;

macro_rules! layout {
    ($($name:ident { $($field:ident),* })*) => {
        vec![$(
            fact(format!("sizeof(struct {})", stringify!($name)), size_of::<$name>()),
            $(fact(
                format!(
                    "offsetof(struct {}, {})",
                    stringify!($name),
                    stringify!($field).trim_end_matches('_')
                ),
                offset_of!($name, $field),
            ),)*
        )*]
    };
}

pub fn facts() -> Vec<Fact> {
    let mut facts = layout! {
        kvm_sev_cmd { id, pad0, data, error, sev_fd }
        kvm_sev_init { vmsa_features, flags, ghcb_version, pad1, pad2 }
        kvm_sev_snp_launch_start { policy, gosvw, flags, pad0, pad1 }
        kvm_sev_snp_launch_update { gfn_start, uaddr, len, type_, pad0, flags, pad1, pad2 }
        kvm_sev_snp_launch_finish {
            id_block_uaddr, id_auth_uaddr, id_block_en, auth_key_en, vcek_disabled, host_data, pad0,
            flags, pad1
        }
        sev_issue_cmd { cmd, data, error }
        sev_user_data_snp_status {
            api_major, api_minor, state, build_id, guest_count, current_tcb_version,
            reported_tcb_version
        }
        kvm_device_attr { flags, group, attr, addr }
        kvm_userspace_memory_region2 {
            slot, flags, guest_phys_addr, memory_size, userspace_addr, guest_memfd_offset,
            guest_memfd, pad1, pad2
        }
        kvm_create_guest_memfd { size, flags, reserved }
        kvm_memory_attributes { address, size, attributes, flags }
    };
    facts.extend(RUN.map(|(field, at)| fact(format!("offsetof(struct kvm_run, {field})"), at)));
    facts
}

/// Where the fields of `kvm_run` are; exits 40 and 43 are newer than the headers.
const RUN: [(&str, usize); 14] = [
    ("immediate_exit", exit::IMMEDIATE_EXIT),
    ("exit_reason", exit::EXIT_REASON),
    ("hw", exit::UNION),
    ("hypercall.nr", offset::HYPERCALL_NR),
    ("hypercall.args", offset::HYPERCALL_ARGS),
    ("hypercall.ret", offset::HYPERCALL_RET),
    ("hypercall.flags", offset::HYPERCALL_FLAGS),
    ("memory_fault.flags", offset::FAULT_FLAGS),
    ("memory_fault.gpa", offset::FAULT_GPA),
    ("memory_fault.size", offset::FAULT_SIZE),
    ("system_event.type", offset::EVENT_TYPE),
    ("system_event.ndata", offset::EVENT_NDATA),
    ("system_event.data", offset::EVENT_DATA),
    ("system_event.data[16]", exit::RUN_BYTES),
];

fn fact(expression: String, value: usize) -> Fact {
    Fact {
        expression,
        value: u64::try_from(value).expect("a small number"),
    }
}
