//! The ID block, by which a guest's owner names the launch that may bear its identity, and the
//! structure that authenticates it.

use crate::{GuestPolicy, PAGE_SIZE};
use std::mem::{offset_of, size_of};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

/// VERSION of [`IdBlock`].
pub const ID_BLOCK_VERSION: u32 = 1;
/// ID_KEY_ALGO and AUTH_KEY_ALGO: ECDSA P-384 with SHA-384 (56860 rev 1.58, "Algorithm Encodings").
pub const KEY_ALGORITHM_ECDSA_P384_SHA384: u32 = 1;
/// CURVE: P-384 (56860 rev 1.58, "Curve Encodings").
pub const CURVE_P384: u32 = 2;

/// The ID block (56860 rev 1.58, SNP_LAUNCH_FINISH, "ID Block Structure").
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct IdBlock {
    /// The launch digest that the guest must have.
    pub launch_digest: [u8; 48],
    /// FAMILY_ID of its reports.
    pub family_id: [u8; 16],
    /// IMAGE_ID of its reports.
    pub image_id: [u8; 16],
    /// Always [`ID_BLOCK_VERSION`].
    pub version: U32,
    /// GUEST_SVN of its reports.
    pub guest_svn: U32,
    /// The policy that the guest must have, as [`GuestPolicy`].
    pub policy: U64,
}

/// A P-384 public key as the firmware reads and digests it (56860 rev 1.58, "Public Key Format").
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct EcdsaPublicKey {
    /// [`CURVE_P384`].
    pub curve: U32,
    /// X, little-endian.
    pub x: [u8; 72],
    /// Y, little-endian.
    pub y: [u8; 72],
    /// Zero.
    pub reserved: [u8; 880],
}

/// An ECDSA P-384 signature as the firmware reads it (56860 rev 1.58, "Signature Format").
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct EcdsaSignature {
    /// R, little-endian.
    pub r: [u8; 72],
    /// S, little-endian.
    pub s: [u8; 72],
    /// Zero.
    pub reserved: [u8; 368],
}

/// What authenticates an ID block (56860 rev 1.58, SNP_LAUNCH_FINISH, "ID Authentication Information
/// Structure"). Without an author the last signature and key are zero.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct IdAuth {
    /// [`KEY_ALGORITHM_ECDSA_P384_SHA384`].
    pub id_key_algorithm: U32,
    /// The same; looked at only with an author key.
    pub author_key_algorithm: U32,
    /// Zero.
    pub reserved_008: [u8; 56],
    /// The ID key's signature over the 96 bytes of the ID block.
    pub id_block_signature: EcdsaSignature,
    /// The ID key; SHA-384 over it is ID_KEY_DIGEST of reports.
    pub id_key: EcdsaPublicKey,
    /// Zero.
    pub reserved_644: [u8; 60],
    /// The author key's signature over the 1028 bytes of the ID key.
    pub id_key_signature: EcdsaSignature,
    /// The author key; SHA-384 over it is AUTHOR_KEY_DIGEST of reports.
    pub author_key: EcdsaPublicKey,
    /// Zero.
    pub reserved_c84: [u8; 892],
}

const _: () = {
    assert!(size_of::<IdBlock>() == 96);
    assert!(offset_of!(IdBlock, family_id) == 0x30);
    assert!(offset_of!(IdBlock, image_id) == 0x40);
    assert!(offset_of!(IdBlock, version) == 0x50);
    assert!(offset_of!(IdBlock, guest_svn) == 0x54);
    assert!(offset_of!(IdBlock, policy) == 0x58);
    assert!(size_of::<EcdsaPublicKey>() == 0x404);
    assert!(offset_of!(EcdsaPublicKey, x) == 0x04);
    assert!(offset_of!(EcdsaPublicKey, y) == 0x4C);
    assert!(size_of::<EcdsaSignature>() == 0x200);
    assert!(offset_of!(EcdsaSignature, s) == 0x48);
    assert!(size_of::<IdAuth>() == PAGE_SIZE);
    assert!(offset_of!(IdAuth, id_block_signature) == 0x040);
    assert!(offset_of!(IdAuth, id_key) == 0x240);
    assert!(offset_of!(IdAuth, id_key_signature) == 0x680);
    assert!(offset_of!(IdAuth, author_key) == 0x880);
    assert!(offset_of!(IdAuth, reserved_c84) == 0xC84);
};

impl IdBlock {
    /// The block of a launch with this digest and policy, without ids and of SVN 0.
    pub fn new(launch_digest: [u8; 48], policy: GuestPolicy) -> Self {
        Self {
            launch_digest,
            version: U32::new(ID_BLOCK_VERSION),
            policy: U64::new(policy.bits()),
            ..Self::new_zeroed()
        }
    }
}

impl EcdsaPublicKey {
    /// From the coordinates of a P-384 point, big-endian as everybody else writes them.
    pub fn p384(x: [u8; 48], y: [u8; 48]) -> Self {
        Self {
            curve: U32::new(CURVE_P384),
            x: little_endian(x),
            y: little_endian(y),
            reserved: [0; 880],
        }
    }
}

impl EcdsaSignature {
    /// From the two numbers, big-endian.
    pub fn new(r: [u8; 48], s: [u8; 48]) -> Self {
        Self {
            r: little_endian(r),
            s: little_endian(s),
            reserved: [0; 368],
        }
    }
}

fn little_endian(mut number: [u8; 48]) -> [u8; 72] {
    number.reverse();
    let mut padded = [0; 72];
    padded[..48].copy_from_slice(&number);
    padded
}
