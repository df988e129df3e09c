//! The ring's keys in the token, by their ids.

use attestation_keyring::{KEY_LENGTH, KeyId, TokenRefusal};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::types::Ulong;

use crate::fault::Fault;
use crate::fitness;

/// The fit key of this id.
pub fn find(session: &Session, key: KeyId) -> Result<ObjectHandle, Fault> {
    let object = one(session, key)?.ok_or(TokenRefusal::NoSuchKey)?;
    fitness::check(session, object)?;
    Ok(object)
}

/// Makes the key of this id if there is none, and looks at it in either case.
pub fn ensure(session: &Session, key: KeyId, label: &str) -> Result<(), Fault> {
    if one(session, key)?.is_none() {
        session.generate_key(&Mechanism::AesKeyGen, &template(key, label))?;
    }
    find(session, key).map(|_| ())
}

/// Destroys every object of this id, fit or not, and looks that none is left.
pub fn destroy(session: &Session, key: KeyId) -> Result<(), Fault> {
    for object in all(session, key)? {
        session.destroy_object(object)?;
    }
    if all(session, key)?.is_empty() {
        Ok(())
    } else {
        Err(Fault::Lost(
            "the token keeps a key that it destroyed".to_owned(),
        ))
    }
}

fn one(session: &Session, key: KeyId) -> Result<Option<ObjectHandle>, Fault> {
    match all(session, key)?.as_slice() {
        [] => Ok(None),
        [object] => Ok(Some(*object)),
        _ => Err(TokenRefusal::Ambiguous.into()),
    }
}

/// Objects of any class: an object of another kind with the key's id is not passed over but refused.
fn all(session: &Session, key: KeyId) -> Result<Vec<ObjectHandle>, Fault> {
    Ok(session.find_objects(&[Attribute::Id(key.as_bytes().to_vec())])?)
}

fn template(key: KeyId, label: &str) -> Vec<Attribute> {
    let length = Ulong::try_from(KEY_LENGTH).expect("32 fits everywhere");
    vec![
        Attribute::Id(key.as_bytes().to_vec()),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::ValueLen(length),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        // So that nobody gives it another use later.
        Attribute::Modifiable(false),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
        Attribute::Wrap(false),
        Attribute::Unwrap(false),
        Attribute::Derive(false),
        Attribute::Sign(false),
        Attribute::Verify(false),
    ]
}
