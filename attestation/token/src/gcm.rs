//! Data keys, encrypted and decrypted in the token by CKM_AES_GCM (PKCS#11 3.1 section 6.13).
//!
//! The IV is offered by the keyring. A token that makes its own writes it over the offered one, which is looked
//! at afterwards; one that takes none at all is offered twelve zero bytes and has to overwrite them. There is no
//! other mechanism: what binds nothing (CKM_AES_KEY_WRAP, CKM_AES_CBC_PAD) is not fallen back to.

use attestation_keyring::wire::{Context, Secret};
use attestation_keyring::{IV_LENGTH, KEY_LENGTH, TokenRefusal, TokenWrap};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::fault::{self, Fault};

const TAG_BITS: u64 = 128;

type Iv = [u8; IV_LENGTH];

/// Encrypts a data key.
pub fn wrap(
    session: &Session,
    key: ObjectHandle,
    iv: Iv,
    context: &Context,
    data_key: &Secret,
) -> Result<TokenWrap, Fault> {
    let mut used = iv;
    let text = match encrypt(session, key, &mut used, context, data_key) {
        Err(error) if takes_no_iv(&error) => {
            used = [0; IV_LENGTH];
            let text = encrypt(session, key, &mut used, context, data_key)?;
            if used == [0; IV_LENGTH] {
                return Err(TokenRefusal::NoMechanism.into());
            }
            text
        }
        other => other?,
    };
    let text = text.try_into().map_err(|_| TokenRefusal::NoMechanism)?;
    Ok(TokenWrap { iv: used, text })
}

/// Decrypts a data key.
pub fn unwrap(
    session: &Session,
    key: ObjectHandle,
    wrapped: &TokenWrap,
    context: &Context,
) -> Result<Secret, Fault> {
    match decrypt(session, key, wrapped, context) {
        Ok(Some(data_key)) => Ok(data_key),
        Ok(None) => Err(TokenRefusal::DoesNotOpen.into()),
        Err(error) if fault::may_be_the_data(&error) => {
            // Tokens have no one word for it. If the key opens what it has just encrypted, it is the data.
            try_out(session, key)?;
            Err(TokenRefusal::DoesNotOpen.into())
        }
        Err(error) => Err(error.into()),
    }
}

fn try_out(session: &Session, key: ObjectHandle) -> Result<(), Fault> {
    let not_well = || Fault::Lost("the token opens nothing any more".to_owned());
    let mut iv = [0; IV_LENGTH];
    let mut data = Zeroizing::new([0; KEY_LENGTH]);
    let random = SystemRandom::new();
    random.fill(&mut iv).map_err(|_| not_well())?;
    random.fill(data.as_mut_slice()).map_err(|_| not_well())?;
    let context = [0; attestation_keyring::CONTEXT_LENGTH];
    let wrapped = wrap(session, key, iv, &context, &data)?;
    match decrypt(session, key, &wrapped, &context) {
        Ok(Some(opened)) if opened == data => Ok(()),
        _ => Err(not_well()),
    }
}

fn encrypt(
    session: &Session,
    key: ObjectHandle,
    iv: &mut Iv,
    context: &Context,
    data_key: &Secret,
) -> Result<Vec<u8>, Error> {
    let parameters = GcmParams::new(iv, context, TAG_BITS.into())?;
    session.encrypt(&Mechanism::AesGcm(parameters), key, data_key.as_slice())
}

/// `None` if what comes out is no data key.
fn decrypt(
    session: &Session,
    key: ObjectHandle,
    wrapped: &TokenWrap,
    context: &Context,
) -> Result<Option<Secret>, Error> {
    let mut iv = wrapped.iv;
    let parameters = GcmParams::new(&mut iv, context, TAG_BITS.into())?;
    let opened = session.decrypt(&Mechanism::AesGcm(parameters), key, &wrapped.text)?;
    let opened = Zeroizing::new(opened);
    if opened.len() != KEY_LENGTH {
        return Ok(None);
    }
    let mut data_key = Zeroizing::new([0; KEY_LENGTH]);
    data_key.copy_from_slice(&opened);
    Ok(Some(data_key))
}

fn takes_no_iv(error: &Error) -> bool {
    matches!(
        error,
        Error::Pkcs11(
            RvError::MechanismParamInvalid | RvError::ArgumentsBad | RvError::FunctionRejected,
            _
        )
    )
}
