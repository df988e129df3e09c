//! ID blocks and what authenticates them.

use crate::{Bound, Target};
use measured_boot_id_block::{authenticate, key_digest};
use measured_boot_snp_abi::{IdAuth, IdBlock};
use zerocopy::{FromBytes, IntoBytes};

/// An ID block that is accepted is written as it was read, and names its key by the key's digest.
pub const ID_AUTH: Target = Target {
    name: "id_auth",
    // Two structures on the stack; the signatures' numbers are put in order in small lists.
    bound: Bound {
        factor: 0,
        constant: 1024,
    },
    longest: 96 + 4096,
    vectors: &[],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let Ok((block, rest)) = IdBlock::read_from_prefix(bytes) else {
        return false;
    };
    let Ok(auth) = IdAuth::read_from_bytes(rest) else {
        return false;
    };
    assert_eq!([block.as_bytes(), auth.as_bytes()].concat(), bytes);
    let Ok(identity) = bound.holds(bytes, || authenticate(&block, &auth)) else {
        return false;
    };
    assert_eq!(identity.id_key_digest, key_digest(&auth.id_key));
    let has_author = auth.author_key.as_bytes().iter().any(|byte| *byte != 0);
    assert_eq!(identity.author_key_digest.is_some(), has_author);
    true
}
