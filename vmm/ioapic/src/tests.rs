use super::*;

/// As Linux writes an entry: the upper half first.
fn set(apic: &mut IoApic, pin: u8, entry: u64) -> [Routes; 2] {
    let [low, high] = [TABLE + 2 * pin, TABLE + 2 * pin + 1];
    let bytes = entry.to_le_bytes();
    [(high, &bytes[4..]), (low, &bytes[..4])].map(|(register, half)| {
        let _ = apic.write(SELECT, &u32::from(register).to_le_bytes());
        apic.write(WINDOW, half)
    })
}

fn read(apic: &mut IoApic, register: u8) -> u32 {
    let _ = apic.write(SELECT, &u32::from(register).to_le_bytes());
    let mut word = [0xff; 4];
    apic.read(WINDOW, &mut word);
    u32::from_le_bytes(word)
}

fn routes(apic: &IoApic) -> Vec<(u32, u32, u32)> {
    apic.routes()
        .map(|(pin, msi)| (pin, msi.address, msi.data))
        .collect()
}

#[test]
fn reset_state_is_24_masked_pins_of_version_11() {
    let mut apic = IoApic::new();
    assert_eq!(read(&mut apic, VERSION), 0x0017_0011);
    for pin in 0..24 {
        assert_eq!(read(&mut apic, TABLE + 2 * pin), 0x1_0000, "pin {pin}");
        assert_eq!(read(&mut apic, TABLE + 2 * pin + 1), 0, "pin {pin}");
    }
    assert!(routes(&apic).is_empty());
}

#[test]
fn entries_become_messages_or_nothing() {
    const TO_3: u64 = 3 << 56;
    #[rustfmt::skip] // a table: one case a line
    let cases = [
        ("fixed, physical",       TO_3 | 0x31,            Some((0xfee0_3000, 0x31))),
        ("logical destination",   TO_3 | 0x0831,          Some((0xfee0_3004, 0x31))),
        ("lowest priority",       TO_3 | 0x0931,          Some((0xfee0_3004, 0x131))),
        ("every processor",       0xff << 56 | 0x31,      Some((0xfeef_f000, 0x31))),
        ("active low",            TO_3 | 0x2031,          Some((0xfee0_3000, 0x31))),
        ("first vector",          TO_3 | 0x10,            Some((0xfee0_3000, 0x10))),
        ("last vector",           TO_3 | 0xff,            Some((0xfee0_3000, 0xff))),
        ("reserved vector",       TO_3 | 0x0f,            None),
        ("masked",                TO_3 | 0x1_0031,        None),
        ("level",                 TO_3 | 0x8031,          None),
        ("SMI",                   TO_3 | 0x0231,          None),
        ("reserved mode 3",       TO_3 | 0x0331,          None),
        ("NMI",                   TO_3 | 0x0431,          None),
        ("INIT",                  TO_3 | 0x0531,          None),
        ("reserved mode 6",       TO_3 | 0x0631,          None),
        ("ExtINT",                TO_3 | 0x0731,          None),
        ("reserved bits",         TO_3 | 0x00ff_fffe_5031_u64 & !0x1_0000, Some((0xfee0_3000, 0x31))),
    ];
    for (what, entry, sent) in cases {
        let mut apic = IoApic::new();
        let changed = set(&mut apic, 23, entry).contains(&Routes::Changed);
        let sent: Vec<_> = sent
            .map(|(address, data)| (23, address, data))
            .into_iter()
            .collect();
        assert_eq!(routes(&apic), sent, "{what}");
        assert_eq!(changed, !sent.is_empty(), "{what}");
    }
}

#[test]
fn status_bits_are_not_the_guests() {
    let mut apic = IoApic::new();
    let _ = set(&mut apic, 4, u64::MAX);
    assert_eq!(read(&mut apic, TABLE + 8), 0x1_afff);
    assert_eq!(read(&mut apic, TABLE + 9), 0xff00_0000);
}

#[test]
fn routes_change_only_when_a_message_does() {
    let mut apic = IoApic::new();
    assert_eq!(set(&mut apic, 5, 1 << 56 | 0x1_0031), [Routes::Same; 2]);
    assert_eq!(
        set(&mut apic, 5, 1 << 56 | 0x31),
        [Routes::Same, Routes::Changed]
    );
    assert_eq!(set(&mut apic, 5, 1 << 56 | 0x31), [Routes::Same; 2]);
    assert_eq!(
        set(&mut apic, 5, 2 << 56 | 0x31),
        [Routes::Changed, Routes::Same]
    );
    assert_eq!(
        set(&mut apic, 5, 2 << 56 | 0x1_0031),
        [Routes::Same, Routes::Changed]
    );
    assert!(routes(&apic).is_empty());
}

#[test]
fn identification_keeps_its_four_bits_and_version_is_read_only() {
    let mut apic = IoApic::new();
    for register in [ID, VERSION, ARBITRATION] {
        let _ = apic.write(SELECT, &u32::from(register).to_le_bytes());
        assert_eq!(apic.write(WINDOW, &[0xff; 4]), Routes::Same);
    }
    assert_eq!(read(&mut apic, ID), 0x0f00_0000);
    assert_eq!(read(&mut apic, VERSION), 0x0017_0011);
}

#[test]
fn other_registers_offsets_and_widths_do_nothing() {
    let mut apic = IoApic::new();
    for register in [3, 0xf, TABLE + 48, 0xff] {
        let _ = apic.write(SELECT, &u32::from(register).to_le_bytes());
        assert_eq!(apic.write(WINDOW, &[0x31, 0, 0, 0]), Routes::Same);
        assert_eq!(read(&mut apic, register), 0, "register {register:#x}");
    }
    let _ = apic.write(SELECT, &u32::from(TABLE).to_le_bytes());
    for data in [&[][..], &[0x31], &[0x31, 0], &[0x31, 0, 0, 0, 0, 0, 0, 0]] {
        assert_eq!(
            apic.write(WINDOW, data),
            Routes::Same,
            "{} bytes",
            data.len()
        );
        let mut read = vec![0xff; data.len()];
        apic.read(WINDOW, &mut read);
        assert!(read.iter().all(|byte| *byte == 0), "{} bytes", data.len());
    }
    for offset in [4, 0x14, 0x20, 0x40, SIZE - 4, u64::MAX] {
        assert_eq!(apic.write(offset, &[0x31, 0, 0, 0]), Routes::Same);
    }
    assert!(routes(&apic).is_empty());
}
