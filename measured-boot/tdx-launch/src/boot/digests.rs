//! What single events hash.

use crate::boot::VariableName;
use measured_boot_digest::sha384;
use measured_boot_firmware::Guid;

const GLOBAL: Guid = Guid::new(0x8be4_df61, 0x93ca, 0x11d2, 0xaa0d_00e0_9803_2b8c);
const IMAGE_SECURITY: Guid = Guid::new(0xd719_b2cb, 0x3d3a, 0x4596, 0xa3bc_dad0_0e67_656f);

/// What OVMF makes itself when it is to boot what QEMU hands over: one option, its own setup menu.
pub(super) const OWN_ORDER: [u8; 2] = [0, 0];
const OWN_OPTION_ATTRIBUTES: u32 = 0x109;
const OWN_OPTION_NAME: &str = "UiApp";
/// Its volume and its file, by their GUIDs.
const OWN_VOLUME: Guid = Guid::new(0x7cb8_bdc9, 0xf8eb, 0x4f34, 0xaaea_3ee4_af65_16a1);
const OWN_FILE: Guid = Guid::new(0x462c_aa21, 0x7614, 0x4503, 0x836e_8ab6_f466_2331);

/// EV_SEPARATOR: four zero bytes.
pub(super) fn separator() -> [u8; 48] {
    sha384(&[0; 4])
}

/// UEFI_VARIABLE_DATA: GUID, lengths of name (in UTF-16 units) and contents, then both.
pub(super) fn variable(name: VariableName, contents: &[u8]) -> [u8; 48] {
    let guid = match name {
        VariableName::Db | VariableName::Dbx => IMAGE_SECURITY,
        _ => GLOBAL,
    };
    let name = utf16(name.name().as_bytes());
    let mut data = guid.to_bytes().to_vec();
    data.extend(length(name.len() / 2));
    data.extend(length(contents.len()));
    data.extend(name);
    data.extend(contents);
    sha384(&data)
}

/// The load options of a kernel: the command line, and where its initrd is, with a NUL. `None` if there
/// would be nothing: neither firmware nor kernel makes an event of that.
pub(super) fn load_options(cmdline: &[u8], has_initrd: bool) -> Option<[u8; 48]> {
    let suffix: &[u8] = if has_initrd { b" initrd=initrd" } else { b"" };
    let options = [cmdline, suffix].concat();
    let with_end = [&options[..], &[0]].concat();
    (!options.is_empty()).then(|| sha384(&utf16(&with_end)))
}

/// EFI_LOAD_OPTION of OVMF's setup menu (UEFI 2.11, section 3.1.3).
pub(super) fn own_option() -> Vec<u8> {
    let node = |kind, subtype, guid: Guid| [&[kind, subtype, 20, 0][..], &guid.to_bytes()].concat();
    let path = [
        node(4, 7, OWN_VOLUME),
        node(4, 6, OWN_FILE),
        vec![0x7F, 0xFF, 4, 0],
    ]
    .concat();
    let path_bytes = u16::try_from(path.len()).expect("44 bytes");
    let mut option = OWN_OPTION_ATTRIBUTES.to_le_bytes().to_vec();
    option.extend(path_bytes.to_le_bytes());
    option.extend(utf16(OWN_OPTION_NAME.as_bytes()));
    option.extend([0, 0]);
    option.extend(path);
    option
}

/// Every byte becomes a unit, as EDK II does it.
fn utf16(text: &[u8]) -> Vec<u8> {
    text.iter().flat_map(|byte| [*byte, 0]).collect()
}

fn length(number: usize) -> [u8; 8] {
    u64::try_from(number).unwrap_or(u64::MAX).to_le_bytes()
}
