use measured_boot_shim_abi::{EventLog, PieceKind, Refusal};

const KINDS: [PieceKind; 4] = [
    PieceKind::Acpi,
    PieceKind::Kernel,
    PieceKind::Cmdline,
    PieceKind::Initrd,
];

#[test]
fn log_is_the_specification_event_and_one_record_a_piece() {
    let mut area = [0; 512];
    let mut log = EventLog::new(&mut area).unwrap();
    for kind in KINDS {
        log.append(&kind.event(), &[5; 48]).unwrap();
    }
    assert_eq!(area[..8], [0, 0, 0, 0, 3, 0, 0, 0]);
    assert_eq!(area[28..32], [33, 0, 0, 0]);
    assert_eq!(&area[32..48], b"Spec ID Event03\0");
    let mut record = &area[32 + 33..];
    for (kind, index) in KINDS.into_iter().zip([1, 2, 3, 3]) {
        let text = kind.event().data.as_bytes();
        assert_eq!(
            record[..14],
            [index, 0, 0, 0, 13, 0, 0, 0, 1, 0, 0, 0, 12, 0]
        );
        assert_eq!(record[14..62], [5; 48]);
        assert_eq!(usize::from(record[62]), text.len());
        assert_eq!(&record[66..66 + text.len()], text);
        record = &record[66 + text.len()..];
    }
    assert!(record.iter().all(|byte| *byte == 0));
}

#[test]
fn log_without_room_is_refused() {
    assert!(EventLog::new(&mut [0; 64]).is_err());
    let mut area = [0; 65 + 66 + 11];
    let mut log = EventLog::new(&mut area).unwrap();
    let event = PieceKind::Acpi.event();
    assert_eq!(log.append(&event, &[5; 48]), Err(Refusal::EventLog));
}
