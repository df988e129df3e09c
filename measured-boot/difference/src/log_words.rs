//! What events are called, and what they say.

use measured_boot_event_log::{Event, Variable};

/// The words of a kernel's command line, without what GRUB writes before them.
pub(crate) fn command_line<'a>(event: &Event<'a>) -> Option<&'a [u8]> {
    [
        &b"kernel_cmdline: "[..],
        b"kernel_cmdline ",
        b"grub_kernel_cmdline ",
    ]
    .into_iter()
    .find_map(|start| event.data.strip_prefix(start))
}

pub(crate) fn said(event: &Event<'_>) -> String {
    let says = event.description();
    if says.is_empty() {
        "nothing".to_owned()
    } else {
        format!("`{says}`")
    }
}

/// The event's type, and what tells it from others of this type.
pub(crate) fn name(event: &Event<'_>, all: &[&Event<'_>]) -> String {
    let kind = event.kind;
    if kind.holds_variable()
        && let Some(variable) = Variable::read(event.data)
    {
        return format!("{kind} {}", variable.name_text());
    }
    const ACPI: &[u8] = b"ACPI DATA";
    if event.data.starts_with(ACPI) {
        let is_it = |other: &&&Event<'_>| other.kind == kind && other.data.starts_with(ACPI);
        let of = all.iter().filter(is_it).count();
        let place = all
            .iter()
            .filter(is_it)
            .position(|other| other.number == event.number)
            .map_or(0, |place| place + 1);
        let what = match (of, place) {
            (3, 1) => " (1st of 3: table-loader)",
            (3, 2) => " (2nd of 3: RSDP)",
            (3, 3) => " (3rd of 3: tables)",
            _ => "",
        };
        return format!("{kind} `ACPI DATA`{what}");
    }
    if command_line(event).is_some() {
        return format!("{kind} of the kernel's cmdline");
    }
    kind.to_string()
}

/// The bytes of the first event's data from the first that differs on.
pub(crate) fn bytes(of: &Event<'_>, other: &Event<'_>) -> String {
    let found = crate::bytes::stretches(of.data, other.data, usize::MAX);
    let (start, end, _) = found.first().copied().unwrap_or_default();
    let shown = crate::bytes::excerpt(of.data, start, end - start);
    format!("{shown} at byte {start:#x}")
}
