//! What evidence has to bind.

/// What the relying party expects in REPORT_DATA. There is no default: who leaves it out has to say so, and the
/// verdict shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedData {
    /// Exactly these bytes.
    Exactly([u8; 64]),
    /// The relying party ties the evidence to nothing: anybody may have sent it again.
    Unbound,
}

impl ExpectedData {
    /// From hexadecimal digits, of either case; fewer than 64 bytes are filled up with zeros behind them, as
    /// attesters do with digests.
    ///
    /// # Errors
    /// The text is no hexadecimal, is empty, or has more than 64 bytes.
    pub fn from_hex(text: &str) -> Result<Self, ExpectedDataError> {
        let bytes = hex::decode(text).map_err(|_| ExpectedDataError::NotHexadecimal)?;
        let mut data = [0; 64];
        match data.get_mut(..bytes.len()) {
            Some([]) => Err(ExpectedDataError::Length(0)),
            None => Err(ExpectedDataError::Length(bytes.len())),
            Some(front) => {
                front.copy_from_slice(&bytes);
                Ok(Self::Exactly(data))
            }
        }
    }
}

/// A text says nothing that REPORT_DATA could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExpectedDataError {
    /// Not pairs of hexadecimal digits.
    #[error("not hexadecimal: give pairs of the digits 0 to 9 and a to f")]
    NotHexadecimal,
    /// Too few or too many.
    #[error(
        "{0} bytes where 1 to 64 can be: REPORT_DATA has 64, and fewer are filled up with zeros"
    )]
    Length(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_data_is_filled_up_with_zeros_behind() {
        let ExpectedData::Exactly(data) = ExpectedData::from_hex("0Aff").expect("two bytes") else {
            panic!("the text expects something");
        };
        assert_eq!(data[..3], [0x0A, 0xFF, 0]);
        assert_eq!(data[2..], [0; 62]);
    }

    #[test]
    fn expected_data_of_another_length_or_alphabet_is_refused() {
        let long = "00".repeat(65);
        for (text, error) in [
            ("", ExpectedDataError::Length(0)),
            (long.as_str(), ExpectedDataError::Length(65)),
            ("0", ExpectedDataError::NotHexadecimal),
            ("zz", ExpectedDataError::NotHexadecimal),
        ] {
            assert_eq!(ExpectedData::from_hex(text), Err(error), "{text}");
        }
        assert!(ExpectedData::from_hex(&long[..128]).is_ok());
    }
}
