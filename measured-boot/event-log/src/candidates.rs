//! The bytes of an event that its digest may be of: what firmware, boot loaders and Linux have been seen to
//! measure.

use crate::payload::firmware::td_shim_payload;
use crate::payload::text::units;
use crate::{Covered, EventType, TaggedEvent, Variable};
use std::borrow::Cow;

/// Bytes that a digest may be of.
pub(crate) struct Candidate<'a> {
    pub covered: Covered,
    pub bytes: Cow<'a, [u8]>,
    /// Whether one NUL follows them.
    pub and_nul: bool,
}

/// What GRUB puts before a text that it measures without it.
const PREFIXES: [&[u8]; 6] = [
    b"grub_cmd: ",
    b"kernel_cmdline: ",
    b"module_cmdline: ",
    b"grub_cmd ",
    b"grub_kernel_cmdline ",
    b"kernel_cmdline ",
];

/// The candidates in the order in which they are tried, but for the whole data, which is the first.
pub(crate) fn candidates<'a>(kind: EventType, data: &'a [u8]) -> Vec<Candidate<'a>> {
    if kind.holds_variable() {
        return variable(kind, data);
    }
    match kind {
        EventType::IPL => boot_loader(data),
        EventType::EVENT_TAG => {
            let tag = TaggedEvent::read(data);
            Vec::from_iter(tag.map(|tag| plain(Covered::TagPayload, tag.payload)))
        }
        EventType::PLATFORM_CONFIG_FLAGS => {
            let named = td_shim_payload(data);
            Vec::from_iter(named.map(|(_, payload)| plain(Covered::Payload, payload)))
        }
        EventType::POST_CODE | EventType::ACTION | EventType::EFI_ACTION => {
            vec![with_nul(Covered::TextAndNul, data)]
        }
        _ => Vec::new(),
    }
}

fn variable<'a>(kind: EventType, data: &'a [u8]) -> Vec<Candidate<'a>> {
    let mut candidates = Vec::new();
    if let Some(variable) = Variable::read(data) {
        candidates.push(plain(Covered::VariableData, variable.data));
        let whole = data.strip_suffix(variable.trailing).unwrap_or(data);
        if whole.len() < data.len() {
            candidates.push(plain(Covered::Variable, whole));
        }
    }
    if let (EventType::EFI_VARIABLE_AUTHORITY, [all_but_last @ .., _]) = (kind, data) {
        candidates.push(plain(Covered::AllButLast, all_but_last));
    }
    candidates
}

fn boot_loader(data: &[u8]) -> Vec<Candidate<'_>> {
    let text = without_nuls(data);
    let mut candidates = Vec::new();
    if let Some(prefix) = PREFIXES.iter().find(|prefix| data.starts_with(prefix)) {
        let after = text.get(prefix.len()..).unwrap_or_default();
        candidates.push(plain(Covered::AfterPrefix, after));
        candidates.push(with_nul(Covered::AfterPrefixAndNul, after));
    }
    if text.len() < data.len() {
        candidates.push(plain(Covered::TextWithoutNul, text));
    }
    if let Ok(name) = String::from_utf16(&units(data)) {
        let bytes = Cow::Owned(name.into_bytes());
        candidates.push(Candidate {
            covered: Covered::NarrowNameAndNul,
            bytes,
            and_nul: true,
        });
    }
    candidates.push(with_nul(Covered::TextAndNul, data));
    candidates
}

fn without_nuls(data: &[u8]) -> &[u8] {
    let end = data.iter().rposition(|byte| *byte != 0);
    &data[..end.map_or(0, |last| last + 1)]
}

fn plain(covered: Covered, bytes: &[u8]) -> Candidate<'_> {
    Candidate {
        covered,
        bytes: Cow::Borrowed(bytes),
        and_nul: false,
    }
}

fn with_nul(covered: Covered, bytes: &[u8]) -> Candidate<'_> {
    Candidate {
        and_nul: true,
        ..plain(covered, bytes)
    }
}
