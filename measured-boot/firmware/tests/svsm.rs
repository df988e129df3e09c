//! SVSM images: one made by hand in which every rule is broken in turn.

#[allow(dead_code, reason = "an SVSM needs not all of it")]
mod support;

use measured_boot_firmware::{FirmwareFault, Ovmf, Rule, Svsm};
use support::*;

const SVSM_INFO: [u8; 16] = *b"\x12\xa6\x89\xa7\x97\x05\x4b\x4c\xa4\x9f\xcb\xb1\xfe\x9d\x1d\xdd";
const VARS: u32 = 0x3000;

/// An SVSM of two pages that starts `entry` bytes into its image.
fn svsm(entry: u32) -> Parts {
    let mut parts = Parts::whole();
    parts.rows = vec![[0, 0x9E000, SEC_MEM], [0x9E000, 0x1000, SECRETS]];
    let info = (SVSM_INFO, entry.to_le_bytes().to_vec());
    parts.entries.push(info);
    parts
}

fn read(parts: &Parts, vars_bytes: u32) -> Result<(u64, u32), FirmwareFault> {
    let (firmware, image) = (Parts::whole().image(), parts.image());
    let firmware = Ovmf::read(&firmware).expect("firmware");
    let svsm = Svsm::below(&image, &firmware, vars_bytes)?;
    Ok((svsm.base(), svsm.entry()))
}

#[test]
fn image_lies_below_firmware_and_its_variables() {
    let base = 0xFFFF_E000 - VARS - 0x2000;
    assert_eq!(read(&svsm(0x10), VARS), Ok((base.into(), base + 0x10)));
    let firmware = Parts {
        pages: 3,
        ..Parts::whole()
    };
    let firmware = firmware.image();
    let firmware = Ovmf::read(&firmware).expect("firmware");
    assert_eq!(Svsm::usual_vars_bytes(&firmware), 0x1000);
}

#[test]
fn image_that_does_not_say_where_it_starts_is_refused() {
    let fault = read(&Parts::whole(), VARS).unwrap_err();
    assert_eq!(fault.rule, Rule::SvsmInfoMissing);
    assert_eq!(
        read(&svsm(0x2000), VARS).unwrap_err().rule,
        Rule::SvsmEntry(0x2000)
    );
    let mut long = svsm(0);
    long.entries.last_mut().unwrap().1.push(0);
    assert!(matches!(
        read(&long, VARS).unwrap_err().rule,
        Rule::EntrySize { .. }
    ));
}

#[test]
fn image_for_which_there_is_no_place_is_refused() {
    for vars_bytes in [0x800, 0xFFFF_F000, 0xFFFF_D000, u32::MAX] {
        let fault = read(&svsm(0), vars_bytes).unwrap_err();
        assert_eq!(fault.rule, Rule::VarsSize(vars_bytes));
    }
    // The variable store presses the image down onto its own sections.
    let fault = read(&svsm(0), 0xFFFF_E000 - 0x9_0000).unwrap_err();
    assert_eq!(fault.rule, Rule::SectionOutside(0));
}
