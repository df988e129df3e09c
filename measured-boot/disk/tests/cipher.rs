//! The disk cipher against a published vector and an independent implementation's digests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use measured_boot_disk::{CRYPT_KEY_BYTES, SECTOR_BYTES, SectorCipher};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// IEEE 1619-2018, Annex B, vector 10: the digits of e and pi.
fn vector_key() -> [u8; CRYPT_KEY_BYTES] {
    let e = "2718281828459045235360287471352662497757247093699959574966967627";
    let pi = "3141592653589793238462643383279502884197169399375105820974944592";
    hex::decode(format!("{e}{pi}")).unwrap().try_into().unwrap()
}

fn counting_sector() -> Vec<u8> {
    (0..=255).cycle().take(SECTOR_BYTES).collect()
}

#[test]
fn cipher_ieee_1619_vector_10_matches() {
    let mut sector = counting_sector();
    SectorCipher::new(&vector_key())
        .encrypt(0xff, &mut sector)
        .unwrap();
    assert_eq!(
        hex::encode(&sector[..32]),
        "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b"
    );
    assert_eq!(
        hex::encode(Sha256::digest(&sector)),
        "e97e974fa393af794f7a4684395814cf820de60a01eaec677d87b452e316b364"
    );
}

/// Digest computed by OpenSSL (Python's `cryptography`), a sector at a time.
#[test]
fn cipher_sector_numbers_beyond_32_bits_count_on() {
    let mut sectors = [counting_sector(), counting_sector()].concat();
    SectorCipher::new(&vector_key())
        .encrypt(0xffff_ffff, &mut sectors)
        .unwrap();
    assert_eq!(
        hex::encode(Sha256::digest(&sectors)),
        "52632249490e8ea9f95e6768bf1a4e51b877b56b5ac186b2cbdba10b4445c2ed"
    );
}

#[test]
fn cipher_part_of_a_sector_refused() {
    let cipher = SectorCipher::new(&vector_key());
    for length in [1, 16, SECTOR_BYTES - 1, SECTOR_BYTES + 16] {
        assert!(cipher.encrypt(0, &mut vec![0; length]).is_err());
        assert!(cipher.decrypt(0, &mut vec![0; length]).is_err());
    }
    cipher.encrypt(0, &mut []).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn cipher_decrypt_undoes_encrypt(
        key in prop::collection::vec(any::<u8>(), CRYPT_KEY_BYTES),
        first in 0..=u64::MAX - 4,
        count in 0_usize..4,
        seed in any::<u8>(),
    ) {
        let cipher = SectorCipher::new(&key.try_into().unwrap());
        let plain: Vec<u8> = (0..count * SECTOR_BYTES).map(|at| seed ^ at.to_le_bytes()[0]).collect();
        let mut sectors = plain.clone();
        cipher.encrypt(first, &mut sectors).unwrap();
        prop_assert!(count == 0 || sectors != plain);
        cipher.decrypt(first, &mut sectors).unwrap();
        prop_assert_eq!(sectors, plain);
    }

    /// A chunk boundary must not show on the disk.
    #[test]
    fn cipher_in_two_chunks_equals_one(first in 0..=u64::MAX - 4, split in 0_usize..=4) {
        let cipher = SectorCipher::new(&vector_key());
        let mut whole = counting_sector().repeat(4);
        let mut parts = whole.clone();
        cipher.encrypt(first, &mut whole).unwrap();
        let (left, right) = parts.split_at_mut(split * SECTOR_BYTES);
        cipher.encrypt(first, left).unwrap();
        cipher.encrypt(first + split as u64, right).unwrap();
        prop_assert_eq!(whole, parts);
    }
}
