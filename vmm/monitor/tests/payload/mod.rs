//! Kernels of a few bytes, for hosts on which a whole Linux would take minutes: they write a line to
//! COM1 and then do one more thing. They are ELF files at a kernel's addresses, entered in 64-bit mode
//! like Linux.

use measured_boot_tiny_kernel::{Segment, elf};

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
    /// Writes its line again and again.
    Flood,
    /// Drives the virtio-blk device in slot 0 by hand: reads its first sector, writes the first
    /// [`DISK_LINE`] bytes of it to COM1, resets the device and powers off.
    ReadDisk,
}

/// Bytes of the disk that [`Then::ReadDisk`] shows.
pub const DISK_LINE: usize = 32;

/// The line that every payload writes.
pub const LINE: &str = "hello from the measured guest\n";

const ADDRESS: u64 = 0x100_0000;

/// The kernel file.
pub fn kernel(then: Then) -> Vec<u8> {
    elf(ADDRESS, &[Segment::new(ADDRESS, code(then))])
}

fn code(then: Then) -> Vec<u8> {
    let mut table = Vec::new();
    let last = match then {
        Then::PowerOff => write_port(0x600, 0x34),
        Then::Reset => write_port(0x602, 1),
        Then::Halt => Vec::new(),
        // ud2
        Then::Fault => vec![0x0f, 0x0b],
        // jmp to the beginning, behind the 7 bytes of lea, the loop and this one's 5
        Then::Flood => {
            let back = i32::try_from(7 + print(LINE.len()).len() + 5).unwrap();
            [&[0xe9][..], &(-back).to_le_bytes()].concat()
        }
        Then::ReadDisk => {
            table = disk_request();
            read_disk()
        }
    };
    // cli; hlt; jmp to the hlt
    let stay = [0xfa, 0xf4, 0xeb, 0xfd];
    // lea rsi, [rip + distance to the line]
    let mut code = vec![0x48, 0x8d, 0x35];
    let print = print(LINE.len());
    let distance = print.len() + last.len() + stay.len();
    code.extend((distance as u32).to_le_bytes());
    code.extend(print);
    code.extend(last);
    code.extend(stay);
    code.extend(LINE.bytes());
    for (address, value) in table {
        code.extend([address, value].map(u32::to_le_bytes).concat());
    }
    code
}

/// mov dx, port; mov al, value; out dx, al
fn write_port(port: u16, value: u8) -> Vec<u8> {
    let [low, high] = port.to_le_bytes();
    vec![0x66, 0xba, low, high, 0xb0, value, 0xee]
}

/// Writes `length` bytes from RSI on to COM1, and leaves RSI behind them.
fn print(length: usize) -> Vec<u8> {
    // mov dx, 0x3f8; mov ecx, length; again: lodsb; out dx, al; dec ecx; jnz again
    let mut code = vec![0x66, 0xba, 0xf8, 0x03, 0xb9];
    code.extend((length as u32).to_le_bytes());
    code.extend([0xac, 0xee, 0xff, 0xc9, 0x75, 0xfa]);
    code
}

/// Carries out the writes of a table that RSI points to: address, value, 32 bits each.
fn write_table(entries: usize) -> Vec<u8> {
    // mov ecx, entries; again: lodsd; mov edi, eax; lodsd; mov [rdi], eax; dec ecx; jnz again
    let mut code = vec![0xb9];
    code.extend((entries as u32).to_le_bytes());
    code.extend([0xad, 0x89, 0xc7, 0xad, 0x89, 0x07, 0xff, 0xc9, 0x75, 0xf6]);
    code
}

const SLOT: u32 = 0xd000_0000;
const DESCRIPTORS: u32 = 0x20_0000;
const AVAILABLE: u32 = 0x20_1000;
const USED: u32 = 0x20_2000;
const HEADER: u32 = 0x20_3000;
const DATA: u32 = 0x20_4000;
const OUTCOME: u32 = 0x20_5000;

/// The driver's steps of virtio 1.2, section 3.1.1, and one read request (section 5.2.6).
fn disk_request() -> Vec<(u32, u32)> {
    const NEXT: u32 = 1;
    const WRITE: u32 = 2;
    let descriptor = |index: u32, address, length, flags, next: u32| {
        let at = DESCRIPTORS + 16 * index;
        [
            (at, address),
            (at + 8, length),
            (at + 12, flags | next << 16),
        ]
    };
    let registers = [
        (0x70, 1),
        (0x70, 3),
        (0x24, 1),
        (0x20, 1),
        (0x70, 0xb),
        (0x30, 0),
        (0x38, 16),
        (0x80, DESCRIPTORS),
        (0x90, AVAILABLE),
        (0xa0, USED),
        (0x44, 1),
        (0x70, 0xf),
    ];
    let mut table = Vec::new();
    table.extend(descriptor(0, HEADER, 16, NEXT, 1));
    table.extend(descriptor(1, DATA, 512, NEXT | WRITE, 2));
    table.extend(descriptor(2, OUTCOME, 1, WRITE, 0));
    // One entry in the available ring: index 1, descriptor 0.
    table.push((AVAILABLE, 1 << 16));
    table.extend(registers.map(|(register, value)| (SLOT + register, value)));
    table.push((SLOT + 0x50, 0));
    table
}

/// Makes the request, waits for its end, shows what came, resets the device and powers off.
fn read_disk() -> Vec<u8> {
    let mut code = write_table(disk_request().len());
    // mov edi, USED; wait: mov eax, [rdi]; shr eax, 16; jz wait
    code.push(0xbf);
    code.extend(USED.to_le_bytes());
    code.extend([0x8b, 0x07, 0xc1, 0xe8, 0x10, 0x74, 0xf9]);
    // mov esi, DATA
    code.push(0xbe);
    code.extend(DATA.to_le_bytes());
    code.extend(print(DISK_LINE));
    // mov edi, the status register; mov dword [rdi], 0
    code.push(0xbf);
    code.extend((SLOT + 0x70).to_le_bytes());
    code.extend([0xc7, 0x07, 0, 0, 0, 0]);
    code.extend(write_port(0x600, 0x34));
    code
}
