//! Instructions.

use core::arch::asm;

use core::arch::x86_64::{__cpuid, _rdtsc};

/// SLEEP_CONTROL_REG and what powers the machine off (`measured_boot_plan::machine`).
const POWER: (u16, u8) = (0x600, 0x34);
const RESET: (u16, u8) = (0x602, 1);

/// Writes a byte to a port.
pub fn write_port(port: u16, value: u8) {
    // SAFETY: a port write reaches no memory; this program owns the machine.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack)) };
}

/// Ends the machine in order.
pub fn power_off() -> ! {
    stop(POWER)
}

/// Ends the machine, since something is wrong.
pub fn reset() -> ! {
    stop(RESET)
}

fn stop((port, value): (u16, u8)) -> ! {
    loop {
        write_port(port, value);
    }
}

/// Cycles since the processor started.
#[must_use]
pub fn cycles() -> u64 {
    // SAFETY: it reads a counter.
    unsafe { _rdtsc() }
}

/// Tells the processor that this is a waiting loop.
pub fn relax() {
    core::hint::spin_loop();
}

/// Which instruction calls the hypervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hypercall {
    /// VMMCALL.
    Amd,
    /// VMCALL.
    Intel,
}

impl Hypercall {
    /// The one of this processor.
    #[must_use]
    pub fn of_this_processor() -> Self {
        // "AuthenticAMD": EBX is its first four letters.
        match __cpuid(0).ebx.to_le_bytes() {
            [b'A', b'u', b't', b'h'] => Self::Amd,
            _ => Self::Intel,
        }
    }

    /// Calls; returns what came back, 0 for done.
    #[must_use]
    pub fn call(self, number: u64, arguments: [u64; 3]) -> u64 {
        let [first, second, third] = arguments;
        let result;
        // SAFETY: KVM's hypercalls take their number in RAX and arguments in RBX, RCX, RDX, RSI and change
        // RAX alone (Documentation/virt/kvm/x86/hypercalls.rst). RBX is the compiler's: it is put back.
        // The call may change what memory holds, so memory is not declared untouched.
        unsafe {
            match self {
                Self::Amd => asm!(
                    "xchg {first}, rbx", "vmmcall", "xchg {first}, rbx",
                    first = inout(reg) first => _,
                    inout("rax") number => result,
                    in("rcx") second, in("rdx") third, in("rsi") 0u64,
                ),
                Self::Intel => asm!(
                    "xchg {first}, rbx", "vmcall", "xchg {first}, rbx",
                    first = inout(reg) first => _,
                    inout("rax") number => result,
                    in("rcx") second, in("rdx") third, in("rsi") 0u64,
                ),
            }
        }
        result
    }
}
