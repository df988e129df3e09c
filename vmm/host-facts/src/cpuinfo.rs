//! `/proc/cpuinfo`, of which the first processor stands for all.

use std::collections::{BTreeMap, BTreeSet};

/// One processor's block has some thirty lines.
const MOST_LINES: usize = 100;

/// What the kernel says of the processor. Flags that the kernel cleared are not here though CPUID may have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpuinfo {
    pub vendor: String,
    pub name: String,
    pub family: u32,
    pub model: u32,
    pub stepping: u32,
    pub microcode: Option<String>,
    flags: BTreeSet<String>,
    bugs: BTreeSet<String>,
}

/// Why it is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CpuinfoError {
    #[error("/proc/cpuinfo has a line without a colon")]
    Line,
    #[error("/proc/cpuinfo says «{0}» twice")]
    Twice(&'static str),
    #[error("/proc/cpuinfo does not say «{0}»")]
    Missing(&'static str),
    #[error("/proc/cpuinfo has no number in «{0}»")]
    Number(&'static str),
    #[error("/proc/cpuinfo has more than {MOST_LINES} lines for one processor")]
    Lines,
}

/// The block of the first processor.
#[must_use]
pub fn first_block(text: &str) -> &str {
    let text = text.trim_start_matches('\n');
    text.split_once("\n\n").map_or(text, |(block, _)| block)
}

impl Cpuinfo {
    /// Reads the first block.
    pub fn read(text: &str) -> Result<Self, CpuinfoError> {
        let rows = rows(first_block(text))?;
        let text = |key| rows.get(key).map(|value| (*value).to_owned());
        let words = |key| rows.get(key).map_or(BTreeSet::new(), |value| words(value));
        let flags = words("flags");
        let bugs = words("bugs");
        if flags.is_empty() {
            return Err(CpuinfoError::Missing("flags"));
        }
        Ok(Self {
            vendor: text("vendor_id").ok_or(CpuinfoError::Missing("vendor_id"))?,
            name: text("model name").ok_or(CpuinfoError::Missing("model name"))?,
            family: number(&rows, "cpu family")?,
            model: number(&rows, "model")?,
            stepping: number(&rows, "stepping")?,
            microcode: text("microcode"),
            flags,
            bugs,
        })
    }

    pub fn has(&self, flag: &str) -> bool {
        self.flags.contains(flag)
    }

    pub fn has_bug(&self, bug: &str) -> bool {
        self.bugs.contains(bug)
    }
}

/// Keys that a judgement rests on: two of them would leave open which counts.
const ONCE: [&str; 8] = [
    "vendor_id",
    "model name",
    "cpu family",
    "model",
    "stepping",
    "microcode",
    "flags",
    "bugs",
];

fn rows(block: &str) -> Result<BTreeMap<&str, &str>, CpuinfoError> {
    let mut rows = BTreeMap::new();
    for (number, line) in block.lines().enumerate() {
        if number >= MOST_LINES {
            return Err(CpuinfoError::Lines);
        }
        let (key, value) = line.split_once(':').ok_or(CpuinfoError::Line)?;
        let key = key.trim();
        let before = rows.insert(key, value.trim());
        let twice = ONCE.iter().find(|once| **once == key);
        if let (Some(_), Some(twice)) = (before, twice) {
            return Err(CpuinfoError::Twice(twice));
        }
    }
    Ok(rows)
}

fn words(text: &str) -> BTreeSet<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn number(rows: &BTreeMap<&str, &str>, key: &'static str) -> Result<u32, CpuinfoError> {
    let text = rows.get(key).ok_or(CpuinfoError::Missing(key))?;
    text.parse().map_err(|_| CpuinfoError::Number(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 1\nmodel name\t: AMD EPYC 7543\nstepping\t: 1\nmicrocode\t: 0xa0011d1\nflags\t\t: fpu svm npt\nbugs\t\t: srso\npower management:\n";

    #[test]
    fn first_processor_is_read_and_the_second_is_not() {
        let two = format!("{TEXT}\nprocessor\t: 1\nflags\t\t: none\n");
        let cpu = Cpuinfo::read(&two).unwrap();
        assert_eq!((cpu.family, cpu.model, cpu.stepping), (25, 1, 1));
        assert!(cpu.has("svm") && !cpu.has("none") && cpu.has_bug("srso"));
        assert_eq!(cpu.microcode.as_deref(), Some("0xa0011d1"));
    }

    #[test]
    fn what_is_missing_or_said_twice_or_no_number_is_named() {
        let without = |from: &str, to: &str| Cpuinfo::read(&TEXT.replace(from, to)).unwrap_err();
        assert_eq!(without("flags", "frags"), CpuinfoError::Missing("flags"));
        assert_eq!(without(": 25", ": x"), CpuinfoError::Number("cpu family"));
        assert_eq!(without("bugs", "flags"), CpuinfoError::Twice("flags"));
        assert_eq!(without("model name\t:", "model name"), CpuinfoError::Line);
        let long = format!("{TEXT}{}", "a: b\n".repeat(MOST_LINES));
        assert_eq!(Cpuinfo::read(&long), Err(CpuinfoError::Lines));
    }
}
