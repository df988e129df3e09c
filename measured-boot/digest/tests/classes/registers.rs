//! Every register of a vCPU, and a change of each.

use measured_boot_plan::{Segment, VcpuState};

use crate::support;

/// A change of a vCPU's register by a non-zero difference.
pub type RegisterChange = fn(&mut VcpuState, u64);

/// Every register that a plan has. Taken apart without `..`, so that none can be forgotten.
pub fn registers() -> Vec<(&'static str, RegisterChange)> {
    let state = support::planned(&support::config()).vcpus.0.remove(0);
    #[rustfmt::skip]
    let VcpuState {
        es: _, cs: _, ss: _, ds: _, fs: _, gs: _, ldtr: _, tr: _, gdtr: _, idtr: _, cr0: _, cr3: _,
        cr4: _, efer: _, xcr0: _, dr6: _, dr7: _, pat: _, rflags: _, rip: _, rsp: _, rbp: _, rax: _,
        rbx: _, rcx: _, rdx: _, rsi: _, rdi: _, r8_to_r15: _, fcw: _, mxcsr: _,
    } = state;
    macro_rules! changes {
        (segments: $($segment:ident)*; words: $($word:ident)*) => {
            vec![
                $((stringify!($segment), (|state, by| change_segment(&mut state.$segment, by)) as RegisterChange),)*
                $((stringify!($word), (|state, by| state.$word ^= by) as RegisterChange),)*
                ("r8_to_r15", |state, by| state.r8_to_r15[(by % 8) as usize] ^= by),
                ("fcw", |state, by| state.fcw ^= narrow(by)),
                ("mxcsr", |state, by| state.mxcsr ^= u32::from(narrow(by))),
                // KVM itself sets or clears these bits of the VMSA: they say nothing.
                ("cr0", |state, by| state.cr0 ^= by & !(3 << 29) | 1),
                ("cr4", |state, by| state.cr4 ^= by & !(1 << 6) | 1),
                ("efer", |state, by| state.efer ^= by & !(1 << 12) | 1),
            ]
        };
    }
    changes!(
        segments: es cs ss ds fs gs ldtr tr gdtr idtr;
        words: cr3 xcr0 dr6 dr7 pat rflags rip rsp rbp rax rbx rcx rdx rsi rdi
    )
}

fn change_segment(segment: &mut Segment, by: u64) {
    match by % 4 {
        0 => segment.base ^= by,
        1 => segment.limit ^= u32::from(narrow(by)),
        2 => segment.selector ^= narrow(by),
        _ => segment.attributes ^= narrow(by),
    }
}

/// A non-zero difference for 16 bits.
fn narrow(by: u64) -> u16 {
    u16::try_from(by % 0xFFFF + 1).expect("it was made to fit")
}
