//! Kernels of a few bytes, for hosts on which a whole Linux would take minutes: they write a line to
//! COM1 and then do one more thing. They are ELF files at a kernel's addresses, entered in 64-bit mode
//! like Linux.

/// What a payload does after its line.
#[derive(Clone, Copy, Debug)]
pub enum Then {
    /// Writes S5 to the sleep control register.
    PowerOff,
    /// Writes to the reset register.
    Reset,
    /// Halts with interrupts off.
    Halt,
    /// Runs into an undefined instruction, without any exception handler.
    Fault,
}

/// The line that every payload writes.
pub const LINE: &str = "hello from the measured guest\n";

const ADDRESS: u64 = 0x100_0000;
const KERNEL_HALF: u64 = 0xffff_ffff_8000_0000;
const CODE_OFFSET: usize = 0x1000;

/// The kernel file.
pub fn kernel(then: Then) -> Vec<u8> {
    let code = code(then);
    let mut file = elf_header();
    file.extend(program_header(code.len() as u64));
    file.resize(CODE_OFFSET, 0);
    file.extend(code);
    file
}

fn code(then: Then) -> Vec<u8> {
    let write_port = |port: u16, value: u8| {
        let [low, high] = port.to_le_bytes();
        // mov dx, port; mov al, value; out dx, al
        vec![0x66, 0xba, low, high, 0xb0, value, 0xee]
    };
    let last = match then {
        Then::PowerOff => write_port(0x600, 0x34),
        Then::Reset => write_port(0x602, 1),
        Then::Halt => Vec::new(),
        // ud2
        Then::Fault => vec![0x0f, 0x0b],
    };
    // cli; hlt; jmp to the hlt
    let stay = [0xfa, 0xf4, 0xeb, 0xfd];
    // mov dx, 0x3f8; lea rsi, [rip + distance to the line]
    let mut code = vec![0x66, 0xba, 0xf8, 0x03, 0x48, 0x8d, 0x35];
    let after_lea = 5 + 1 + 1 + 2 + 2 + last.len() + stay.len();
    code.extend((after_lea as u32).to_le_bytes());
    // mov ecx, length
    code.push(0xb9);
    code.extend((LINE.len() as u32).to_le_bytes());
    // again: lodsb; out dx, al; dec ecx; jnz again
    code.extend([0xac, 0xee, 0xff, 0xc9, 0x75, 0xfa]);
    code.extend(last);
    code.extend(stay);
    code.extend(LINE.bytes());
    code
}

fn elf_header() -> Vec<u8> {
    let mut header = b"\x7fELF\x02\x01\x01".to_vec();
    header.resize(16, 0);
    for half in [2u16, 62] {
        header.extend(half.to_le_bytes());
    }
    header.extend(1u32.to_le_bytes());
    for word in [ADDRESS, 64, 0] {
        header.extend(word.to_le_bytes());
    }
    header.extend(0u32.to_le_bytes());
    for half in [64u16, 56, 1, 64, 0, 0] {
        header.extend(half.to_le_bytes());
    }
    header
}

fn program_header(length: u64) -> Vec<u8> {
    let mut header = Vec::new();
    for half in [1u32, 5] {
        header.extend(half.to_le_bytes());
    }
    for word in [
        CODE_OFFSET as u64,
        KERNEL_HALF + ADDRESS,
        ADDRESS,
        length,
        length,
        0x1000,
    ] {
        header.extend(word.to_le_bytes());
    }
    header
}
