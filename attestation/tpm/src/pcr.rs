//! Platform configuration registers: banks, selections, values.

use measured_boot_event_log::Algorithm;
use serde::{Deserialize, Deserializer, de};
use std::collections::BTreeMap;
use std::fmt;

/// How many PCRs a PC's TPM has (TCG *PC Client Platform TPM Profile*, §4.6).
pub(crate) const PCR_COUNT: u8 = 24;

/// A bank of PCRs whose values are believed. SHA-1's are not: they can be made to collide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bank {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Bank {
    /// Every bank.
    pub const ALL: &'static [Self] = &[Self::Sha256, Self::Sha384, Self::Sha512];

    /// The bank of a TPM_ALG_ID.
    pub fn of(algorithm: Algorithm) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|bank| bank.algorithm() == algorithm)
    }

    /// Its algorithm.
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::Sha256 => Algorithm::SHA256,
            Self::Sha384 => Algorithm::SHA384,
            Self::Sha512 => Algorithm::SHA512,
        }
    }

    /// Bytes of a value.
    pub const fn size(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// As in policies and claims.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }
}

impl fmt::Display for Bank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The PCRs of one bank that a quote covers (TPMS_PCR_SELECTION).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// The bank, by its number in TCG's *Algorithm Registry*.
    pub algorithm: Algorithm,
    /// Bit 0 is PCR 0; bits 24 and above are clear.
    pub pcrs: u32,
}

impl Selection {
    /// The PCRs in ascending order, the order in which a quote hashes them.
    pub fn iter(&self) -> impl Iterator<Item = u8> + use<> {
        let pcrs = self.pcrs;
        (0..PCR_COUNT).filter(move |index| pcrs >> index & 1 == 1)
    }

    /// Whether it covers this PCR.
    pub fn covers(&self, index: u8) -> bool {
        index < PCR_COUNT && self.pcrs >> index & 1 == 1
    }
}

/// Values of PCRs, by bank and number, as somebody says that they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PcrTable {
    banks: BTreeMap<Algorithm, BTreeMap<u8, Vec<u8>>>,
}

impl PcrTable {
    /// The values of the SHA-256 bank, PCR 0 first, as attesters send them.
    ///
    /// # Errors
    /// There are more than 24.
    pub fn sha256_bank(values: &[[u8; 32]]) -> Result<Self, PcrTableError> {
        let mut table = Self::default();
        for (index, value) in (0..=PCR_COUNT).zip(values) {
            table.insert(Algorithm::SHA256, index, value)?;
        }
        Ok(table)
    }

    /// Adds a value.
    ///
    /// # Errors
    /// There is no such PCR, the bank's algorithm is unknown, its values have another size, or there is one already.
    pub fn insert(
        &mut self,
        algorithm: Algorithm,
        index: u8,
        value: &[u8],
    ) -> Result<(), PcrTableError> {
        if index >= PCR_COUNT {
            return Err(PcrTableError::Index(index));
        }
        match algorithm.size() {
            None => return Err(PcrTableError::Algorithm(algorithm)),
            Some(size) if size != value.len() => {
                return Err(PcrTableError::Size {
                    index,
                    found: value.len(),
                    wanted: size,
                });
            }
            Some(_) => (),
        }
        let bank = self.banks.entry(algorithm).or_default();
        match bank.insert(index, value.to_vec()) {
            None => Ok(()),
            Some(_) => Err(PcrTableError::Twice(index)),
        }
    }

    /// From a document of banks, each of PCRs, each a value in hexadecimal digits: `{"sha256": {"0": "…"}}`.
    ///
    /// # Errors
    /// The text is no such document, or holds a value that cannot be a PCR's.
    pub fn from_json(text: &[u8]) -> Result<Self, PcrTableError> {
        let banks: crate::unique_json::Unique =
            serde_json::from_slice(text).map_err(|_| PcrTableError::Document)?;
        let mut table = Self::default();
        for (bank, values) in banks.0.as_object().ok_or(PcrTableError::Document)? {
            let algorithm = algorithm_of(bank).ok_or(PcrTableError::Document)?;
            for (index, value) in values.as_object().ok_or(PcrTableError::Document)? {
                let index = index_of(index).ok_or(PcrTableError::Document)?;
                let value = value.as_str().and_then(|value| hex::decode(value).ok());
                table.insert(algorithm, index, &value.ok_or(PcrTableError::Document)?)?;
            }
        }
        Ok(table)
    }

    /// The value of a PCR.
    pub fn value(&self, algorithm: Algorithm, index: u8) -> Option<&[u8]> {
        let bank = self.banks.get(&algorithm)?;
        bank.get(&index).map(Vec::as_slice)
    }

    /// Whether it has no value.
    pub fn is_empty(&self) -> bool {
        self.banks.is_empty()
    }
}

fn algorithm_of(name: &str) -> Option<Algorithm> {
    let known = [
        Algorithm::SHA1,
        Algorithm::SHA256,
        Algorithm::SHA384,
        Algorithm::SHA512,
    ];
    known
        .into_iter()
        .find(|algorithm| algorithm.name() == Some(name))
}

/// A PCR's number as a document has it: no sign, no leading zero.
fn index_of(text: &str) -> Option<u8> {
    let index: u8 = text.parse().ok().filter(|index| *index < PCR_COUNT)?;
    (index.to_string() == text).then_some(index)
}

/// Why values cannot be those of PCRs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PcrTableError {
    /// No such PCR.
    #[error("PCR {0}: there are 0 to 23")]
    Index(u8),
    /// Unknown algorithm.
    #[error("a bank of algorithm {0}, whose size is not known")]
    Algorithm(Algorithm),
    /// A value of another size.
    #[error("PCR {index} has {found} bytes where its bank has {wanted}")]
    Size {
        /// The PCR.
        index: u8,
        /// Its bytes.
        found: usize,
        /// The bank's.
        wanted: usize,
    },
    /// Two values.
    #[error("PCR {0} twice")]
    Twice(u8),
    /// Another document.
    #[error("not a document of banks, each of PCRs 0 to 23, each a value in hexadecimal digits")]
    Document,
}

/// The values that PCRs may have: bank, then PCR, then values. In a document, `{"sha256": {"4": ["…", "…"]}}`; an
/// empty list of values allows none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reference(BTreeMap<Bank, BTreeMap<u8, Vec<Vec<u8>>>>);

impl Reference {
    /// Each bank and PCR with the values that it may have.
    pub fn iter(&self) -> impl Iterator<Item = (Bank, u8, &[Vec<u8>])> {
        self.0.iter().flat_map(|(bank, pcrs)| {
            pcrs.iter()
                .map(|(index, values)| (*bank, *index, values.as_slice()))
        })
    }

    /// Whether it names no PCR.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Allows one more value.
    ///
    /// # Errors
    /// There is no such PCR, or the bank's values have another size.
    pub fn allow(&mut self, bank: Bank, index: u8, value: &[u8]) -> Result<(), PcrTableError> {
        PcrTable::default().insert(bank.algorithm(), index, value)?;
        let values = self.0.entry(bank).or_default().entry(index).or_default();
        values.push(value.to_vec());
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let unique = crate::unique_json::Unique::deserialize(deserializer)?;
        let banks: BTreeMap<Bank, BTreeMap<String, Vec<String>>> =
            serde_json::from_value(unique.0).map_err(de::Error::custom)?;
        let mut reference = Self::default();
        for (bank, pcrs) in banks {
            for (index, values) in pcrs {
                let index = index_of(&index)
                    .ok_or_else(|| de::Error::custom("PCRs are numbered from 0 to 23"))?;
                reference
                    .0
                    .entry(bank)
                    .or_default()
                    .entry(index)
                    .or_default();
                for value in values {
                    let value = hex::decode(value).map_err(de::Error::custom)?;
                    reference
                        .allow(bank, index, &value)
                        .map_err(de::Error::custom)?;
                }
            }
        }
        Ok(reference)
    }
}
