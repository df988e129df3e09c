//! `misc.capacity` of control groups: how many VMs of each TEE the host allows.

use std::collections::BTreeMap;

/// The kernel knows of some five resources.
const MOST_LINES: usize = 64;

/// It is not lines of a name and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("misc.capacity is not lines of a name and a number")]
pub struct CapacityError;

/// By resource: `sev`, `sev_es`, `tdx`.
pub fn capacity(text: &str) -> Result<BTreeMap<String, u64>, CapacityError> {
    let mut capacity = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let (name, count) = line.split_once(' ').ok_or(CapacityError)?;
        let count = count.trim().parse().map_err(|_| CapacityError)?;
        let before = capacity.insert(name.to_owned(), count);
        if number >= MOST_LINES || before.is_some() {
            return Err(CapacityError);
        }
    }
    Ok(capacity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_resource_and_its_number() {
        let read = capacity("sev 410\nsev_es 99\n").unwrap();
        assert_eq!((read["sev"], read["sev_es"]), (410, 99));
        assert!(capacity("").unwrap().is_empty());
    }

    #[test]
    fn anything_else_is_refused() {
        let many = (0..=MOST_LINES).map(|n| format!("r{n} 1\n"));
        for text in [
            "sev",
            "sev x",
            "sev -1",
            "sev 1\nsev 2",
            &many.collect::<String>(),
        ] {
            assert_eq!(capacity(text), Err(CapacityError), "{text}");
        }
    }
}
