//! What goes from a log that ends to the one that follows it.

use attestation_ledger::{AuditRecord, Entry, EntryError, Registered, Registration};
use attestation_store::{Reading, StoreError};

use super::BY;

/// All registrations of the log, in order: only together do they give what is registered.
pub(super) fn registrations(reading: &Reading<'_>) -> Result<Vec<Registration>, StoreError> {
    let mut found = Vec::new();
    reading.each_entry::<StoreError>(|index, bytes| {
        let entry = Entry::from_bytes(bytes)
            .map_err(|error| reading.torn(format!("entry {index}: {error}")))?;
        if let AuditRecord::Registered(registration) = entry.record()
            && !is_of_the_log_alone(&registration.what)
        {
            found.push(registration.clone());
        }
        Ok(())
    })?;
    Ok(found)
}

/// What a log says of itself is not the next one's.
fn is_of_the_log_alone(what: &Registered) -> bool {
    matches!(
        what,
        Registered::LogBegun { .. } | Registered::LogContinued { .. }
    )
}

/// The same, registered again. Who did it at first is in the old log.
pub(super) fn again(registration: &Registration, now: u64) -> Result<Entry, EntryError> {
    Entry::new(AuditRecord::Registered(Registration {
        time: now,
        by: BY.to_owned(),
        approved_by: None,
        ..registration.clone()
    }))
}

/// `NAME/2` after `NAME`, `NAME/3` after that.
pub(super) fn next_name(name: &str) -> String {
    let counted = name
        .rsplit_once('/')
        .and_then(|(base, number)| Some((base, number.parse::<u32>().ok()?)));
    match counted {
        Some((base, number)) => format!("{base}/{}", number.saturating_add(1)),
        None => format!("{name}/2"),
    }
}

/// So much of a text in hexadecimal as tells it from others.
pub(super) fn word(generation: &str) -> &str {
    generation.get(..8).unwrap_or(generation)
}

#[cfg(test)]
mod tests {
    use super::next_name;

    #[test]
    fn log_that_follows_is_counted() {
        for (name, next) in [
            ("verifier.example", "verifier.example/2"),
            ("verifier.example/2", "verifier.example/3"),
            ("verifier.example/9", "verifier.example/10"),
            ("a/b", "a/b/2"),
        ] {
            assert_eq!(next_name(name), next);
        }
    }
}
