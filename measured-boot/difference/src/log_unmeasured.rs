//! What differs between two logs and extends no register.

use crate::sentence::count;
use crate::{Difference, Shown};
use measured_boot_event_log::{Format, Log, Register};

/// The same events in every register, and yet another log.
pub(crate) fn interleaved(a: &Log<'_>, b: &Log<'_>) -> Option<Difference> {
    let order = |log: &Log<'_>| -> Vec<Register> {
        log.events.iter().map(|event| event.register).collect()
    };
    let (one, other) = (order(a), order(b));
    let parted = one.iter().zip(&other).position(|(a, b)| a != b)?;
    Some(Difference::Field {
        field: "the order of events of different registers",
        shown: Shown::Unmeasured,
        a: format!("{} in place {parted}", one[parted]),
        b: format!("{} in place {parted}", other[parted]),
        advice: Some("no digest covers it: rest nothing on it"),
    })
}

/// Format, algorithms, EV_NO_ACTION events, fill.
pub(crate) fn unmeasured(a: &Log<'_>, b: &Log<'_>) -> Vec<Difference> {
    let no_action = |log: &Log<'_>| {
        let events = log.events.iter().filter(|event| !event.is_measured());
        let data: Vec<_> = events.map(|event| hex::encode(event.data)).collect();
        match data.len() {
            0 => "none".to_owned(),
            1 => format!("1 ({})", count(data[0].len() / 2, "byte")),
            many => format!("{many} ({})", count(data.concat().len() / 2, "byte")),
        }
    };
    let padding = |log: &Log<'_>| match log.padding {
        None => "none".to_owned(),
        Some(padding) => format!("{} of {:#04x}", count(padding.length, "byte"), padding.byte),
    };
    let format = |log: &Log<'_>| match log.format {
        Format::Legacy => "legacy (SHA-1 alone)".to_owned(),
        Format::Agile => "crypto-agile".to_owned(),
    };
    let algorithms = |log: &Log<'_>| {
        let names: Vec<_> = log.algorithms().map(|one| one.to_string()).collect();
        names.join(", ")
    };
    let contents = |log: &Log<'_>| {
        let events = log.events.iter().filter(|event| !event.is_measured());
        events.map(|event| event.data.to_vec()).collect::<Vec<_>>()
    };
    let mut fields = vec![
        ("format of the log", format(a), format(b)),
        ("algorithms", algorithms(a), algorithms(b)),
        ("EV_NO_ACTION events", no_action(a), no_action(b)),
        ("padding", padding(a), padding(b)),
    ];
    if contents(a) != contents(b) && no_action(a) == no_action(b) {
        fields.push((
            "contents of EV_NO_ACTION events",
            "one".to_owned(),
            "another".to_owned(),
        ));
    }
    fields.retain(|(_, a, b)| a != b);
    let field = |(field, a, b)| Difference::Field {
        field,
        shown: Shown::Unmeasured,
        a,
        b,
        advice: Some("nothing is measured by it"),
    };
    fields.into_iter().map(field).collect()
}
