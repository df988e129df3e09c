//! What a token's errors mean: is it well and refuses, or is it not well?

use attestation_keyring::TokenRefusal;
use cryptoki::error::{Error, RvError};

/// Why the token did not do what it was asked.
#[derive(Debug)]
pub enum Fault {
    /// It is well.
    Refused(TokenRefusal),
    /// It would not let the PIN in.
    Pin(String),
    /// It is not well, or not there.
    Lost(String),
}

impl From<TokenRefusal> for Fault {
    fn from(refusal: TokenRefusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Whatever is not known to be a refusal means that the token is not well: then nothing is released, and it is
/// asked again later.
impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Pkcs11(RvError::MechanismInvalid, _) => Self::Refused(TokenRefusal::NoMechanism),
            error => Self::Lost(words(&error)),
        }
    }
}

/// The function and the standard's name of its error; nothing that a caller passed in.
pub fn words(error: &Error) -> String {
    match error {
        Error::Pkcs11(value, function) => format!("C_{function:?}: {value:?}"),
        error => error.to_string(),
    }
}

/// What a login's error means.
pub fn of_login(error: Error) -> Fault {
    match error {
        Error::Pkcs11(
            value @ (RvError::PinIncorrect
            | RvError::PinInvalid
            | RvError::PinLenRange
            | RvError::PinExpired
            | RvError::PinLocked
            | RvError::UserPinNotInitialized),
            _,
        ) => Fault::Pin(format!("{value:?}")),
        error => error.into(),
    }
}

/// Whether a failed decryption may mean what was decrypted. PKCS#11 3.1 section 5.2.5 has
/// `CKR_ENCRYPTED_DATA_INVALID` for it, and newer ones `CKR_AEAD_DECRYPT_FAILED`; SoftHSM 2.6 says
/// `CKR_GENERAL_ERROR`, others `CKR_FUNCTION_FAILED`, which a token that is not well says too.
pub fn may_be_the_data(error: &Error) -> bool {
    matches!(
        error,
        Error::Pkcs11(
            RvError::EncryptedDataInvalid
                | RvError::EncryptedDataLenRange
                | RvError::DataInvalid
                | RvError::DataLenRange
                | RvError::ArgumentsBad
                | RvError::SignatureInvalid
                | RvError::FunctionFailed
                | RvError::GeneralError,
            _
        )
    )
}

#[cfg(test)]
mod tests {
    use cryptoki::context::Function;

    use super::*;

    fn error(value: RvError) -> Error {
        Error::Pkcs11(value, Function::Decrypt)
    }

    #[test]
    fn unknown_errors_mean_that_the_token_is_not_well() {
        for value in [
            RvError::DeviceRemoved,
            RvError::SessionHandleInvalid,
            RvError::UserNotLoggedIn,
            RvError::TokenNotPresent,
            RvError::HostMemory,
            RvError::FunctionCanceled,
        ] {
            assert!(!may_be_the_data(&error(value)), "{value:?}");
            assert!(matches!(Fault::from(error(value)), Fault::Lost(_)));
        }
    }

    #[test]
    fn refused_pin_is_told_from_a_token_that_is_not_well() {
        for value in [RvError::PinIncorrect, RvError::PinLocked] {
            assert!(matches!(of_login(error(value)), Fault::Pin(_)));
        }
        let gone = of_login(error(RvError::DeviceRemoved));
        assert!(matches!(gone, Fault::Lost(why) if why == "C_Decrypt: DeviceRemoved"));
    }
}
