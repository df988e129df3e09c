//! What the command line asks for.

/// How the guest behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As a well-written guest: nothing that a device uses is converted.
    Honest,
    /// As a guest that is broken or means harm.
    Hostile,
    /// Shows what only a private page may hold, so that the watcher is seen to find it.
    Leaky,
    /// Takes its own code away.
    LoseCode,
    /// Takes its own page tables away.
    LosePageTables,
    /// Takes all of its memory away.
    LoseAll,
}

const MODES: [(&str, Mode); 6] = [
    ("honest", Mode::Honest),
    ("hostile", Mode::Hostile),
    ("leaky", Mode::Leaky),
    ("lose-code", Mode::LoseCode),
    ("lose-page-tables", Mode::LosePageTables),
    ("lose-all", Mode::LoseAll),
];

/// Orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orders {
    /// How to behave.
    pub mode: Mode,
    /// For how long.
    pub seconds: u32,
    /// What the random numbers begin with.
    pub seed: u32,
    /// Bytes of memory.
    pub memory: u64,
}

impl Orders {
    /// From words as `mode=honest seconds=60 seed=7 memory=67108864`. `None` where one is wrong or missing.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line = core::str::from_utf8(line).ok()?;
        let value = |name: &str| {
            line.split_ascii_whitespace()
                .filter_map(|word| word.split_once('='))
                .find_map(|(key, value)| (key == name).then_some(value))
        };
        let mode = value("mode")?;
        Some(Self {
            mode: MODES.iter().find(|(name, _)| *name == mode)?.1,
            seconds: value("seconds")?.parse().ok()?,
            seed: value("seed")?.parse().ok()?,
            memory: value("memory")?.parse().ok()?,
        })
    }
}

impl Mode {
    /// As on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        MODES
            .iter()
            .find_map(|(name, mode)| (*mode == self).then_some(*name))
            .unwrap_or("unknown")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_from_the_words_of_a_command_line() {
        let orders = Orders::parse(b"mode=hostile seconds=5 seed=7 memory=1024").unwrap();
        let expected = Orders {
            mode: Mode::Hostile,
            seconds: 5,
            seed: 7,
            memory: 1024,
        };
        assert_eq!(orders, expected);
        assert_eq!(orders.mode.name(), "hostile");
    }

    #[test]
    fn orders_that_lack_a_word_or_name_no_mode_are_none() {
        assert_eq!(Orders::parse(b"mode=honest seconds=5 seed=7"), None);
        assert_eq!(Orders::parse(b"mode=other seconds=5 seed=7 memory=1"), None);
        assert_eq!(Orders::parse(&[0xff]), None);
    }
}
