//! What a quote has to bind.

/// What the relying party expects in a quote's `extraData`. There is no default: who leaves it out has to say so, and
/// the verdict shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedNonce {
    /// These bytes, or these filled up to 64 with zeros behind them, as guest-components' `tpm` attester does.
    Exactly(Vec<u8>),
    /// The relying party ties the evidence to nothing: anybody may have sent it again.
    Unbound,
}

impl ExpectedNonce {
    /// From 1 to 64 bytes.
    ///
    /// # Errors
    /// There are none, or more.
    pub fn exactly(bytes: &[u8]) -> Result<Self, NonceError> {
        match bytes.len() {
            1..=64 => Ok(Self::Exactly(bytes.to_vec())),
            length => Err(NonceError::Length(length)),
        }
    }

    /// From hexadecimal digits, of either case.
    ///
    /// # Errors
    /// The text is no hexadecimal, is empty, or has more than 64 bytes.
    pub fn from_hex(text: &str) -> Result<Self, NonceError> {
        let bytes = hex::decode(text).map_err(|_| NonceError::NotHexadecimal)?;
        Self::exactly(&bytes)
    }

    /// Whether this `extraData` is what is expected; nothing is expected of one that is unbound.
    pub(crate) fn is_met_by(&self, extra_data: &[u8]) -> bool {
        let Self::Exactly(expected) = self else {
            return true;
        };
        let filled = extra_data.len() == 64
            && extra_data
                .strip_prefix(expected.as_slice())
                .is_some_and(|rest| rest.iter().all(|byte| *byte == 0));
        !expected.is_empty() && (extra_data == expected || filled)
    }
}

/// A text says nothing that a quote could bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NonceError {
    /// Not pairs of hexadecimal digits.
    #[error("not hexadecimal: give pairs of the digits 0 to 9 and a to f")]
    NotHexadecimal,
    /// Too few or too many.
    #[error("{0} bytes where 1 to 64 can be: a TPM binds no more")]
    Length(usize),
}
