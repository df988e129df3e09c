//! Checks an ID block as the secure processor does.

use measured_boot_snp_abi::{
    CURVE_P384, EcdsaPublicKey, EcdsaSignature, ID_BLOCK_VERSION, IdAuth, IdBlock,
    KEY_ALGORITHM_ECDSA_P384_SHA384,
};
use ring::digest::{SHA384, digest};
use ring::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use zerocopy::{FromZeros, IntoBytes};

/// Who signed: what a report of the guest shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// ID_KEY_DIGEST.
    pub id_key_digest: [u8; 48],
    /// AUTHOR_KEY_DIGEST, with an author.
    pub author_key_digest: Option<[u8; 48]>,
}

/// The secure processor would not take this ID block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdFault {
    /// A version that may mean something else.
    #[error("ID block, offset 0x50: version {0}; version 1 is known")]
    BlockVersion(u32),
    /// Bytes that have no meaning are not zero.
    #[error("ID authentication, offset {0:#x}: reserved bytes are not zero")]
    Reserved(usize),
    /// Another algorithm than ECDSA P-384 with SHA-384.
    #[error("ID authentication, offset {offset:#x}: key algorithm {found}; 1 is known")]
    Algorithm {
        /// Where.
        offset: usize,
        /// Its number.
        found: u32,
    },
    /// A key on another curve.
    #[error("ID authentication, offset {offset:#x}: curve {found}; 2 (P-384) is known")]
    Curve {
        /// Where.
        offset: usize,
        /// Its number.
        found: u32,
    },
    /// The ID key did not sign this block.
    #[error("ID authentication, offset 0x40: the ID key's signature does not hold for this block")]
    BlockSignature,
    /// The author key did not sign this ID key.
    #[error(
        "ID authentication, offset 0x680: the author key's signature does not hold for this ID key"
    )]
    KeySignature,
    /// An author's signature without the key, or the reverse.
    #[error(
        "ID authentication, offset 0x680: author key and its signature come together or not at all"
    )]
    HalfAnAuthor,
}

/// SHA-384 over a key as the firmware reads it: what ID_KEY_DIGEST and AUTHOR_KEY_DIGEST are.
pub fn key_digest(key: &EcdsaPublicKey) -> [u8; 48] {
    let digest = digest(&SHA384, key.as_bytes());
    *digest.as_ref().first_chunk().expect("SHA-384 has 48 bytes")
}

/// Checks that `auth` authenticates `block`.
///
/// # Errors
/// The first thing for which the secure processor would refuse it.
pub fn authenticate(block: &IdBlock, auth: &IdAuth) -> Result<Identity, IdFault> {
    if block.version.get() != ID_BLOCK_VERSION {
        return Err(IdFault::BlockVersion(block.version.get()));
    }
    refuse_reserved(auth)?;
    refuse_algorithm(0, auth.id_key_algorithm.get())?;
    verify(
        0x40,
        &auth.id_block_signature,
        0x240,
        &auth.id_key,
        block.as_bytes(),
    )?
    .ok_or(IdFault::BlockSignature)?;
    Ok(Identity {
        id_key_digest: key_digest(&auth.id_key),
        author_key_digest: author(auth)?,
    })
}

fn author(auth: &IdAuth) -> Result<Option<[u8; 48]>, IdFault> {
    let has_key = auth.author_key != EcdsaPublicKey::new_zeroed();
    let has_signature = auth.id_key_signature != EcdsaSignature::new_zeroed();
    match (has_key, has_signature) {
        (false, false) => return Ok(None),
        (true, true) => {}
        _ => return Err(IdFault::HalfAnAuthor),
    }
    refuse_algorithm(4, auth.author_key_algorithm.get())?;
    verify(
        0x680,
        &auth.id_key_signature,
        0x880,
        &auth.author_key,
        auth.id_key.as_bytes(),
    )?
    .ok_or(IdFault::KeySignature)?;
    Ok(Some(key_digest(&auth.author_key)))
}

fn refuse_reserved(auth: &IdAuth) -> Result<(), IdFault> {
    let gaps: [(usize, &[u8]); 3] = [
        (0x008, &auth.reserved_008),
        (0x644, &auth.reserved_644),
        (0xC84, &auth.reserved_c84),
    ];
    refuse_nonzero(&gaps)
}

fn refuse_nonzero(places: &[(usize, &[u8])]) -> Result<(), IdFault> {
    let nonzero = places
        .iter()
        .find(|(_, bytes)| bytes.iter().any(|byte| *byte != 0));
    nonzero.map_or(Ok(()), |(offset, _)| Err(IdFault::Reserved(*offset)))
}

fn refuse_algorithm(offset: usize, found: u32) -> Result<(), IdFault> {
    match found {
        KEY_ALGORITHM_ECDSA_P384_SHA384 => Ok(()),
        _ => Err(IdFault::Algorithm { offset, found }),
    }
}

/// Whether the signature holds; an error where signature or key is not in the firmware's form at all.
fn verify(
    signature_at: usize,
    signature: &EcdsaSignature,
    key_at: usize,
    key: &EcdsaPublicKey,
    message: &[u8],
) -> Result<Option<()>, IdFault> {
    if key.curve.get() != CURVE_P384 {
        let found = key.curve.get();
        return Err(IdFault::Curve {
            offset: key_at,
            found,
        });
    }
    refuse_nonzero(&[
        (key_at + 0x34, &key.x[48..]),
        (key_at + 0x7C, &key.y[48..]),
        (key_at + 0x94, &key.reserved),
        (signature_at + 0x30, &signature.r[48..]),
        (signature_at + 0x78, &signature.s[48..]),
        (signature_at + 0x90, &signature.reserved),
    ])?;
    let point = [&[4], big_endian(&key.x).as_slice(), &big_endian(&key.y)].concat();
    let numbers = [big_endian(&signature.r), big_endian(&signature.s)].concat();
    let key = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point);
    Ok(key.verify(message, &numbers).ok())
}

fn big_endian(number: &[u8; 72]) -> [u8; 48] {
    let mut number: [u8; 48] = *number.first_chunk().expect("48 of 72 bytes");
    number.reverse();
    number
}
