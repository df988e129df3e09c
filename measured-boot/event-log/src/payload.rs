//! What events say: their data, taken apart for people. Nothing is measured or judged by it.

mod boot_option;
mod device_path;
pub(crate) mod firmware;
mod gpt;
mod image;
mod signature_list;
mod tag;
pub(crate) mod text;
mod variable;

pub use device_path::DevicePath;
pub use tag::TaggedEvent;
pub use variable::Variable;

use crate::EventType;
use crate::spec_id::SIGNATURE;
use text::{hex, text_or_hex};

pub(crate) const STARTUP_LOCALITY: [u8; 16] = *b"StartupLocality\0";

/// What an event says.
pub(crate) struct Description {
    pub says: String,
    /// Whether the data has the form that events of its type have.
    pub has_its_form: bool,
}

/// More of an event nobody reads: a hostile path or partition table could fill a page.
const MOST_SAID: usize = 600;

pub(crate) fn describe(kind: EventType, data: &[u8]) -> Description {
    let described = by_kind(kind, data);
    let has_its_form = described.is_some();
    let mut says = described.unwrap_or_else(|| text_or_hex(data));
    if let Some((end, _)) = says.char_indices().nth(MOST_SAID) {
        says.truncate(end);
        says.push('…');
    }
    Description { says, has_its_form }
}

/// `None` if the data has another form than the type's.
fn by_kind(kind: EventType, data: &[u8]) -> Option<String> {
    if kind.holds_variable() {
        return variable::describe(kind, data);
    }
    if kind.is_image_load() {
        return image::describe(data);
    }
    match kind {
        EventType::NO_ACTION => Some(no_action(data)),
        EventType::SEPARATOR => Some(separator(data)),
        EventType::EVENT_TAG => tag::describe(data),
        EventType::EFI_GPT_EVENT | EventType::EFI_GPT_EVENT2 => gpt::describe(data),
        EventType::EFI_PLATFORM_FIRMWARE_BLOB => firmware::blob(data),
        EventType::EFI_PLATFORM_FIRMWARE_BLOB2 => firmware::blob2(data),
        EventType::EFI_HANDOFF_TABLES => firmware::tables(data),
        EventType::EFI_HANDOFF_TABLES2 => firmware::tables2(data),
        EventType::PLATFORM_CONFIG_FLAGS => Some(firmware::config(data)),
        EventType::POST_CODE | EventType::POST_CODE2 => Some(firmware::post_code(data)),
        EventType::S_CRTM_VERSION => Some(firmware::version(data)),
        _ => Some(text_or_hex(data)),
    }
}

fn separator(data: &[u8]) -> String {
    match data {
        b"WBCL" => "WBCL (Windows' log goes on from here)".to_owned(),
        [1, 0, 0, 0] => "01000000 (an error occurred)".to_owned(),
        _ => hex(data),
    }
}

fn no_action(data: &[u8]) -> String {
    if let Some(locality) = startup_locality(data) {
        return match locality {
            [locality] => format!("startup locality {locality}"),
            _ => format!("startup locality of {} bytes", locality.len()),
        };
    }
    if data.starts_with(&SIGNATURE) {
        return "Spec ID Event03: how the records that follow are to be read".to_owned();
    }
    match data.split_first_chunk::<16>() {
        Some((signature, rest)) if !rest.is_empty() => {
            let signature = text_or_hex(signature);
            format!("{signature} and {} bytes", rest.len())
        }
        _ => text_or_hex(data),
    }
}

/// What follows the signature of an event that says from which locality the TPM was started: one byte in
/// those that have their form.
pub(crate) fn startup_locality(data: &[u8]) -> Option<&[u8]> {
    data.strip_prefix(&STARTUP_LOCALITY)
}
