//! The identity that a guest's owner gives a launch (56860 rev 1.58, SNP_LAUNCH_FINISH, "ID Block
//! Structure" and "ID Authentication Information Structure").

use ring::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use vmm_kernel_abi::sev::FirmwareStatus;

/// The ID block and what authenticates it, as the kernel copies them.
#[derive(Clone, Debug)]
pub struct Identity {
    /// 96 bytes.
    pub block: [u8; 96],
    /// 4096 bytes.
    pub auth: Box<[u8; 4096]>,
    /// AUTH_KEY_EN: the ID key is signed by an author's.
    pub has_author: bool,
}

const ECDSA_P384_SHA384: u32 = 1;
const CURVE_P384: u32 = 2;

// Offsets and sizes in the authentication.
const ID_KEY_ALGORITHM: usize = 0;
const AUTHOR_KEY_ALGORITHM: usize = 4;
const ID_BLOCK_SIGNATURE: usize = 0x40;
const ID_KEY: usize = 0x240;
const ID_KEY_SIGNATURE: usize = 0x680;
const AUTHOR_KEY: usize = 0x880;
const KEY_BYTES: usize = 0x404;

// Offsets in the block.
const FAMILY_ID: usize = 48;
const VERSION: usize = 80;
const POLICY: usize = 88;

impl Identity {
    /// Whether it is the identity of a guest with this digest and policy, and rightly signed.
    pub(super) fn check(&self, digest: &[u8; 48], policy: u64) -> Result<(), FirmwareStatus> {
        self.check_signatures()?;
        if number(&self.block, VERSION) != 1 {
            return Err(FirmwareStatus::InvalidParameter);
        }
        if self.block[..FAMILY_ID] != *digest {
            return Err(FirmwareStatus::BadMeasurement);
        }
        match self.block[POLICY..] == policy.to_le_bytes() {
            true => Ok(()),
            false => Err(FirmwareStatus::PolicyFailure),
        }
    }

    fn check_signatures(&self) -> Result<(), FirmwareStatus> {
        if number(&*self.auth, ID_KEY_ALGORITHM) != ECDSA_P384_SHA384 {
            return Err(FirmwareStatus::InvalidParameter);
        }
        self.verify(ID_KEY, &self.block, ID_BLOCK_SIGNATURE)?;
        if !self.has_author {
            return Ok(());
        }
        if number(&*self.auth, AUTHOR_KEY_ALGORITHM) != ECDSA_P384_SHA384 {
            return Err(FirmwareStatus::InvalidParameter);
        }
        let id_key = &self.auth[ID_KEY..ID_KEY + KEY_BYTES];
        self.verify(AUTHOR_KEY, id_key, ID_KEY_SIGNATURE)
    }

    /// Whether the key at `key` signed `message` with the signature at `signature`.
    fn verify(&self, key: usize, message: &[u8], signature: usize) -> Result<(), FirmwareStatus> {
        let bad = FirmwareStatus::BadSignature;
        if number(&*self.auth, key) != CURVE_P384 {
            return Err(bad);
        }
        let mut point = vec![4];
        point.extend(self.pair(key + 4).ok_or(bad)?);
        let signature = self.pair(signature).ok_or(bad)?;
        UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point)
            .verify(message, &signature)
            .map_err(|_| bad)
    }

    /// Two numbers of 48 bytes, big-endian, from two of 72 little-endian; `None` if one is too large.
    fn pair(&self, at: usize) -> Option<[u8; 96]> {
        let mut pair = [0; 96];
        for (index, to) in pair.chunks_exact_mut(48).enumerate() {
            let from = &self.auth[at + 72 * index..][..72];
            let (low, high) = from.split_at(48);
            high.iter().all(|byte| *byte == 0).then_some(())?;
            to.copy_from_slice(low);
            to.reverse();
        }
        Some(pair)
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}
