//! Whether an object in the token is a key that may wrap data keys.

use attestation_keyring::{KEY_LENGTH, TokenRefusal};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use crate::fault::Fault;

/// What is looked at, in four questions.
const LOOKED_AT: [AttributeType; 16] = [
    AttributeType::Class,
    AttributeType::KeyType,
    AttributeType::ValueLen,
    AttributeType::Token,
    AttributeType::Private,
    AttributeType::Sensitive,
    AttributeType::Extractable,
    AttributeType::AlwaysSensitive,
    AttributeType::NeverExtractable,
    AttributeType::Local,
    AttributeType::Encrypt,
    AttributeType::Decrypt,
    AttributeType::Wrap,
    AttributeType::Unwrap,
    AttributeType::Derive,
    AttributeType::Sign,
];

/// Asked at each use, since what was fit once need not be it for ever: tokens have administrators.
pub fn check(session: &Session, object: ObjectHandle) -> Result<(), Fault> {
    let found = session.get_attributes(object, &LOOKED_AT)?;
    judge(&found).map_or(Ok(()), |refusal| Err(refusal.into()))
}

/// Why a key with these attributes is not fit, if it is not. An attribute that a token does not tell is not as
/// it has to be.
fn judge(found: &[Attribute]) -> Option<TokenRefusal> {
    let has = |wanted: Attribute| found.contains(&wanted);
    let length = cryptoki::types::Ulong::try_from(KEY_LENGTH).ok()?;
    let questions = [
        (
            TokenRefusal::OtherKind,
            vec![
                Attribute::Class(ObjectClass::SECRET_KEY),
                Attribute::KeyType(KeyType::AES),
                Attribute::ValueLen(length),
                Attribute::Token(true),
                Attribute::Private(true),
            ],
        ),
        (
            TokenRefusal::Extractable,
            vec![
                Attribute::Sensitive(true),
                Attribute::Extractable(false),
                Attribute::AlwaysSensitive(true),
                Attribute::NeverExtractable(true),
            ],
        ),
        (TokenRefusal::NotLocal, vec![Attribute::Local(true)]),
        (
            TokenRefusal::OtherUse,
            vec![
                Attribute::Encrypt(true),
                Attribute::Decrypt(true),
                Attribute::Wrap(false),
                Attribute::Unwrap(false),
                Attribute::Derive(false),
                Attribute::Sign(false),
            ],
        ),
    ];
    let unfit = |wanted: Vec<Attribute>| !wanted.into_iter().all(has);
    let first = questions
        .into_iter()
        .find(|(_, wanted)| unfit(wanted.clone()));
    first.map(|(refusal, _)| refusal)
}

#[cfg(test)]
mod tests {
    use cryptoki::mechanism::MechanismType;

    use super::*;

    fn fit() -> Vec<Attribute> {
        vec![
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::ValueLen(32.into()),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::AlwaysSensitive(true),
            Attribute::NeverExtractable(true),
            Attribute::Local(true),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::Wrap(false),
            Attribute::Unwrap(false),
            Attribute::Derive(false),
            Attribute::Sign(false),
        ]
    }

    #[test]
    fn fit_key_is_taken_whatever_else_is_told_of_it() {
        let mut found = fit();
        found.reverse();
        found.push(Attribute::KeyGenMechanism(MechanismType::AES_KEY_GEN));
        assert_eq!(judge(&found), None);
    }

    #[test]
    fn each_attribute_that_is_otherwise_or_not_told_is_refused_for_its_reason() {
        let other = [
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::KeyType(KeyType::GENERIC_SECRET),
            Attribute::ValueLen(16.into()),
            Attribute::Token(false),
            Attribute::Private(false),
            Attribute::Sensitive(false),
            Attribute::Extractable(true),
            Attribute::AlwaysSensitive(false),
            Attribute::NeverExtractable(false),
            Attribute::Local(false),
            Attribute::Encrypt(false),
            Attribute::Decrypt(false),
            Attribute::Wrap(true),
            Attribute::Unwrap(true),
            Attribute::Derive(true),
            Attribute::Sign(true),
        ];
        for (place, other) in other.into_iter().enumerate() {
            let why = match place {
                0..=4 => TokenRefusal::OtherKind,
                5..=8 => TokenRefusal::Extractable,
                9 => TokenRefusal::NotLocal,
                _ => TokenRefusal::OtherUse,
            };
            let mut found = fit();
            found.remove(place);
            assert_eq!(judge(&found), Some(why), "without {other:?}");
            found.push(other);
            assert_eq!(judge(&found), Some(why), "{:?}", found.last());
        }
        assert_eq!(judge(&[]), Some(TokenRefusal::OtherKind));
    }
}
