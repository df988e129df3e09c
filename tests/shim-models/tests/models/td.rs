//! What only a TD has: measurement registers, an event log, processors that wait.

use measured_boot_shim_abi::layout::{ACPI, EVENT_LOG, EVENT_LOG_BYTES};
use measured_boot_shim_abi::{PieceKind, enable_processors};
use sha2::{Digest as _, Sha384};
use tests_shim_models::{Kind, Outcome, Wake, Woken};

use crate::support::{emulator, launch, pieces, run};

fn extended(digests: &[[u8; 48]]) -> String {
    let register = digests.iter().fold([0; 48], |register, digest| {
        Sha384::digest([register, *digest].concat()).into()
    });
    hex::encode(register)
}

/// RTMR0 the ACPI tables, RTMR1 the kernel, RTMR2 the rest in the table's order.
#[test]
fn measurement_registers_hold_the_pieces() {
    let Some(python) = emulator() else { return };
    let launch = launch(Kind::Tdx, 2);
    let of = |kinds: &[PieceKind]| {
        let pieces = pieces(&launch).into_iter();
        let pieces =
            pieces.filter(|piece| kinds.iter().any(|kind| *kind as u32 == piece.kind.get()));
        extended(&pieces.map(|piece| piece.sha384).collect::<Vec<_>>())
    };
    let expected = [
        of(&[PieceKind::Acpi]),
        of(&[PieceKind::Kernel]),
        of(&[PieceKind::Cmdline, PieceKind::Initrd]),
        of(&[]),
    ];
    assert_eq!(run(&launch, &python).rtmrs, expected);
}

#[test]
fn event_log_replays_to_the_measurement_registers() {
    let Some(python) = emulator() else { return };
    let mut launch = launch(Kind::Tdx, 1);
    launch.dump = vec![(EVENT_LOG, EVENT_LOG_BYTES)];
    let ended = run(&launch, &python);
    let area = ended.dump(0);
    let mut registers = [[0; 48]; 4];
    for (index, digest) in events(&area) {
        registers[index - 1] = Sha384::digest([registers[index - 1], digest].concat()).into();
    }
    assert_eq!(registers.map(hex::encode).to_vec(), ended.rtmrs);
}

/// Index and SHA-384 of every event after the first, which names the algorithms (TCG PC Client Platform
/// Firmware Profile 1.06, section 10.2).
fn events(area: &[u8]) -> Vec<(usize, [u8; 48])> {
    let word = |at: usize| u32::from_le_bytes(area[at..at + 4].try_into().unwrap());
    let usize_at = |at: usize| usize::try_from(word(at)).unwrap();
    let mut at = 32 + usize_at(28);
    let mut events = Vec::new();
    while usize_at(at) != 0 && word(at) != u32::MAX {
        assert_eq!((word(at + 8), &area[at + 12..at + 14]), (1, &[0xC, 0][..]));
        let digest = area[at + 14..at + 62].try_into().unwrap();
        events.push((usize_at(at), digest));
        at += 66 + usize_at(at + 62);
    }
    assert!(events.len() >= 5);
    events
}

/// The first as many local APICs are enabled as the module says that there are processors, and the
/// checksum holds.
#[test]
fn processors_are_those_that_the_module_counts() {
    let Some(python) = emulator() else { return };
    let mut launch = launch(Kind::Tdx, 3);
    let acpi = pieces(&launch)
        .into_iter()
        .find(|piece| piece.kind.get() == PieceKind::Acpi as u32)
        .unwrap();
    launch.dump = vec![(ACPI, acpi.length.get())];
    let ended = run(&launch, &python);
    let madt = usize::try_from(launch.load_table().madt.get() - ACPI).unwrap();
    let tables = ended.dump(0);
    let length = u32::from_le_bytes(tables[madt + 4..madt + 8].try_into().unwrap());
    let table = &tables[madt..madt + usize::try_from(length).unwrap()];
    assert_eq!(&table[..4], b"APIC");
    assert_eq!(
        table.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)),
        0
    );
    assert_eq!(enabled(table), [0, 1, 2]);
    let mut again = table.to_vec();
    assert!(enable_processors(&mut again, 65).is_err());
}

/// APIC ids of the enabled processors (ACPI 6.5, sections 5.2.12.2 and 5.2.12.12).
fn enabled(madt: &[u8]) -> Vec<u32> {
    let mut at = 44;
    let mut ids = Vec::new();
    while at < madt.len() {
        let entry = &madt[at..at + usize::from(madt[at + 1])];
        let word = |at: usize| u32::from_le_bytes(entry[at..at + 4].try_into().unwrap());
        match entry[0] {
            0 if word(4) & 1 == 1 => ids.push(u32::from(entry[3])),
            9 if word(8) & 1 == 1 => ids.push(word(4)),
            _ => {}
        }
        at += entry.len();
    }
    ids
}

/// Only the processor that the mailbox names goes, and only when it is told to.
#[test]
fn processor_leaves_for_the_kernel_when_its_mailbox_says_so() {
    let Some(python) = emulator() else { return };
    let mut launch = launch(Kind::Tdx, 3);
    let call = |processor, command, apic_id| Wake {
        processor,
        command,
        apic_id,
        vector: 0x9_8000,
    };
    launch.wake = vec![call(1, 0, 1), call(1, 1, 2), call(1, 1, 1), call(2, 1, 2)];
    let ended = run(&launch, &python);
    assert_eq!(ended.outcome(), Outcome::Entered);
    let waits = |acknowledged| Woken {
        left: false,
        acknowledged,
    };
    let goes = Woken {
        left: true,
        acknowledged: true,
    };
    assert_eq!(ended.woken, [waits(true), waits(false), goes, goes]);
}
