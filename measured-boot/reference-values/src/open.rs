//! Opens what was signed.

use ring::digest::{SHA384, digest};

use crate::cursor::{Cursor, Walk};
use crate::envelope::to_be_signed;
use crate::format::{claim, header, tag};
use crate::read::validity;
use crate::set::check_name;
use crate::{CorimRejection, ReferenceSet, Validity, VerifyingKey};

/// Reference values that the given key signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// In whose name.
    pub signer: String,
    /// What was signed.
    pub set: ReferenceSet,
    /// SHA-384 of the CoRIM within the signature. Name a withdrawn one by this, not by the digest of the
    /// file: of one ECDSA signature anybody can make a second that holds as well.
    pub corim_sha384: [u8; 48],
}

impl Signed {
    /// Takes `file` if `key` signed it and it is good at `now`, in seconds since 1970-01-01 UTC; both ends of
    /// its validity are included. A key that the file brings along is never looked for.
    ///
    /// # Errors
    /// The first thing for which it is not taken.
    pub fn open(file: &[u8], key: &VerifyingKey, now: u64) -> Result<Self, CorimRejection> {
        let (
            signed,
            Validity {
                not_before,
                not_after,
            },
        ) = Self::authentic(file, key)?;
        if now < not_before {
            return Err(CorimRejection::NotYetValid {
                from: not_before,
                now,
            });
        }
        if now > not_after {
            return Err(CorimRejection::Expired {
                until: not_after,
                now,
            });
        }
        Ok(signed)
    }

    /// The CoRIM is not looked into before its signature holds.
    fn authentic(file: &[u8], key: &VerifyingKey) -> Walk<(Self, Validity)> {
        let envelope = Envelope::read(file)?;
        let header = Header::read(envelope.header, key)?;
        let message = to_be_signed(envelope.protected, envelope.payload);
        if !key.signed(&message, &envelope.signature) {
            return Err(CorimRejection::Signature);
        }
        let set = ReferenceSet::from_corim(envelope.payload, envelope.payload_offset)?;
        if set.validity != header.validity {
            return Err(CorimRejection::Contradiction {
                offset: header.offset,
                what: "the time of the signature",
            });
        }
        let corim_sha384 = digest(&SHA384, envelope.payload);
        let signed = Self {
            signer: header.signer.to_owned(),
            set,
            corim_sha384: *corim_sha384
                .as_ref()
                .first_chunk()
                .expect("SHA-384 has 48 bytes"),
        };
        Ok((signed, header.validity))
    }
}

/// `COSE_Sign1` of RFC 9052 section 4.2.
struct Envelope<'a> {
    protected: &'a [u8],
    header: Cursor<'a>,
    payload: &'a [u8],
    payload_offset: usize,
    signature: [u8; 96],
}

impl<'a> Envelope<'a> {
    fn read(file: &'a [u8]) -> Walk<Self> {
        let mut at = Cursor::new(file, 0)?;
        at.tag(tag::COSE_SIGN1, "a COSE_Sign1 (tag 18)")?;
        at.list_of(4, "the four parts of a COSE_Sign1")?;
        let (protected, header) = at.nested("the protected header, as bytes")?;
        let nothing = at.expected("an empty unprotected header");
        let unprotected = at.map("the unprotected header")?;
        at.end_of_map(&unprotected, "").map_err(|_| nothing)?;
        let payload = at.bytes("the CoRIM, as bytes")?;
        let payload_offset = at.offset() - payload.len();
        let signature = at.fixed_bytes("a signature of 96 bytes")?;
        Ok(Self {
            protected,
            header,
            payload,
            payload_offset,
            signature,
        })
    }
}

/// `protected-corim-header-map`
struct Header<'a> {
    offset: usize,
    signer: &'a str,
    validity: Validity,
}

impl<'a> Header<'a> {
    fn read(mut at: Cursor<'a>, key: &VerifyingKey) -> Walk<Self> {
        let offset = at.offset();
        let mut map = at.map("the protected header")?;
        at.key(&mut map, header::ALGORITHM, "the algorithm (1)")?;
        algorithm(&mut at)?;
        at.key(&mut map, header::CONTENT_TYPE, "the content type (3)")?;
        at.exact_text(header::RIM, "the content type application/rim+cbor")?;
        at.key(&mut map, header::KEY_ID, "the key's thumbprint (4)")?;
        key_id(&mut at, key)?;
        let has_meta = at.optional_key(&mut map, header::CORIM_META);
        let meta = has_meta.then(|| corim_meta(&mut at)).transpose()?;
        let claims_offset = at.offset();
        let has_claims = at.optional_key(&mut map, header::CWT_CLAIMS);
        let claims = has_claims.then(|| cwt_claims(&mut at)).transpose()?;
        at.end_of_map(&map, "the end of the protected header")?;
        if meta.is_some() && claims.is_some() && meta != claims {
            return Err(CorimRejection::Contradiction {
                offset: claims_offset,
                what: "who signed from when to when",
            });
        }
        let signed = claims.or(meta);
        let (signer, validity) = signed.ok_or_else(|| at.expected("the signer (8 or 15)"))?;
        check_name(signer)?;
        Ok(Self {
            offset,
            signer,
            validity,
        })
    }
}

fn algorithm(at: &mut Cursor<'_>) -> Walk<()> {
    let offset = at.offset();
    let found = at.integer("an algorithm's number")?;
    match found == header::ES384.into() {
        true => Ok(()),
        false => Err(CorimRejection::Algorithm { offset, found }),
    }
}

fn key_id(at: &mut Cursor<'_>, key: &VerifyingKey) -> Walk<()> {
    let offset = at.offset();
    let found = at.fixed_bytes("a thumbprint of 32 bytes")?;
    match found == key.thumbprint() {
        true => Ok(()),
        false => Err(CorimRejection::OtherKey { offset, found }),
    }
}

/// `corim-meta-map`
fn corim_meta<'a>(at: &mut Cursor<'a>) -> Walk<(&'a str, Validity)> {
    let (_, mut at) = at.nested("the signer's data, as bytes")?;
    let mut meta = at.map("the signer's data")?;
    at.key(&mut meta, 0, "the signer (0)")?;
    let mut signer = at.map("the signer")?;
    at.key(&mut signer, 0, "the signer's name (0)")?;
    let name = at.text("the signer's name")?;
    at.end_of_map(&signer, "the end of the signer")?;
    at.key(&mut meta, 1, "the validity of the signature (1)")?;
    let validity = validity(&mut at)?;
    at.end_of_map(&meta, "the end of the signer's data")?;
    Ok((name, validity))
}

/// `cwt-claims`
fn cwt_claims<'a>(at: &mut Cursor<'a>) -> Walk<(&'a str, Validity)> {
    let mut claims = at.map("the CWT claims")?;
    at.key(&mut claims, claim::ISSUER, "the issuer (1)")?;
    let issuer = at.text("the issuer's name")?;
    at.key(&mut claims, claim::EXPIRATION, "the expiration (4)")?;
    let not_after = at.number("the expiration, in seconds")?;
    at.key(&mut claims, claim::NOT_BEFORE, "the beginning (5)")?;
    let not_before = at.number("the beginning, in seconds")?;
    at.end_of_map(&claims, "the end of the CWT claims")?;
    Ok((
        issuer,
        Validity {
            not_before,
            not_after,
        },
    ))
}
