//! One line of an allow-list.

use serde::Deserialize;

/// Allows one system call, when its conditions hold.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    name: String,
    reason: String,
    #[serde(default, rename = "when")]
    conditions: Vec<Condition>,
}

/// A condition on one argument. Arguments that are pointers can be compared, but what they point to
/// cannot be seen by a filter.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawCondition")]
pub struct Condition {
    /// Which argument, from 0 to 5.
    pub argument: u8,
    /// How much of it the kernel looks at.
    pub width: Width,
    /// What it must be.
    pub test: Test,
}

/// How much of an argument counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// The low 32 bits: the kernel takes this argument as an int.
    Bits32,
    /// All 64 bits.
    Bits64,
}

/// What an argument must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// Exactly this.
    Equals(u64),
    /// These bits must all be clear.
    Without(u64),
}

impl Rule {
    /// The system call's name, as in the kernel's table.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why the process needs it.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What must hold for the call to pass, all of it.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Whether a call with these arguments passes.
    pub fn holds(&self, arguments: &[u64; 6]) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.holds(arguments))
    }

    pub(crate) fn same_call(&self, other: &Rule) -> bool {
        self.name == other.name && self.conditions == other.conditions
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if self.name.is_empty() {
            return Err("it has no name".to_owned());
        }
        self.conditions.iter().try_for_each(Condition::check)
    }
}

impl Condition {
    fn holds(&self, arguments: &[u64; 6]) -> bool {
        let value = arguments[usize::from(self.argument)];
        let value = match self.width {
            Width::Bits32 => value & u64::from(u32::MAX),
            Width::Bits64 => value,
        };
        match self.test {
            Test::Equals(expected) => value == expected,
            Test::Without(bits) => value & bits == 0,
        }
    }

    fn check(&self) -> Result<(), String> {
        let (Test::Equals(value) | Test::Without(value)) = self.test;
        if self.width == Width::Bits32 && value > u64::from(u32::MAX) {
            return Err(format!(
                "argument {} is compared as 32 bits with {value:#x}; write width = 64",
                self.argument
            ));
        }
        if self.test == Test::Without(0) {
            return Err(format!(
                "argument {}: `without = 0` allows everything; name the bits",
                self.argument
            ));
        }
        Ok(())
    }
}

/// A condition as it is written: `{ argument = 1, equals = 0x5421 }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCondition {
    argument: u8,
    width: Option<u8>,
    equals: Option<u64>,
    without: Option<u64>,
}

impl TryFrom<RawCondition> for Condition {
    type Error = String;

    fn try_from(raw: RawCondition) -> Result<Self, String> {
        let width = match raw.width {
            None | Some(64) => Width::Bits64,
            Some(32) => Width::Bits32,
            Some(other) => return Err(format!("width = {other}: must be 32 or 64")),
        };
        let test = match (raw.equals, raw.without) {
            (Some(value), None) => Test::Equals(value),
            (None, Some(bits)) => Test::Without(bits),
            _ => return Err("a condition needs one of `equals` and `without`".to_owned()),
        };
        if raw.argument > 5 {
            return Err(format!("argument = {}: arguments are 0 to 5", raw.argument));
        }
        Ok(Condition {
            argument: raw.argument,
            width,
            test,
        })
    }
}
