//! ID blocks: one that virtee's tools signed, and ours.

use measured_boot_id_block::{IdFault, IdKey, KeyError, authenticate};
use measured_boot_snp_abi::{GuestPolicy, IdAuth, IdBlock};
use std::path::Path;
use std::process::Command;
use zerocopy::{FromBytes, IntoBytes};

/// The launch digest of virtee's test block, 48 bytes in hexadecimal.
const LAUNCH_DIGEST: &str = "a14d638341e5674628fe1e02fbedebe5e5ab4faf1dd72d8966068e615bb99efd13d214b35c231715b38e263dc6059745";

fn virtees() -> Option<(IdBlock, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/vectors/virtee-sev/tests/measurement");
    let Ok(auth) = std::fs::read(folder.join("test_auth_block.bin")) else {
        println!("skipped: {} is not there", folder.display());
        return None;
    };
    let digest: Vec<u8> = (0..96)
        .step_by(2)
        .map(|at| u8::from_str_radix(&LAUNCH_DIGEST[at..at + 2], 16).expect("hexadecimal"))
        .collect();
    let digest = digest.try_into().expect("48 bytes");
    Some((IdBlock::new(digest, policy()), auth))
}

fn policy() -> GuestPolicy {
    GuestPolicy::from_bits(0x30000)
}

fn key(curve: &str, form: &[&str]) -> Option<String> {
    let run = |words: &[&str]| Command::new("openssl").args(words).output().ok();
    let made = run(&[&["ecparam", "-genkey", "-name", curve], form].concat());
    let Some(made) = made.filter(|made| made.status.success()) else {
        println!("skipped: there is no openssl");
        return None;
    };
    Some(String::from_utf8(made.stdout).expect("PEM"))
}

#[test]
fn block_that_virtees_tools_signed_is_authentic_and_its_keys_have_their_digests() {
    let Some((block, auth)) = virtees() else {
        return;
    };
    let auth = IdAuth::read_from_bytes(&auth).unwrap();
    let identity = authenticate(&block, &auth).unwrap();
    let hexadecimal = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    assert_eq!(
        hexadecimal(&identity.id_key_digest),
        "59fb2c686dfa4fef49f38339aa775c90051c28d57383ddc3baf3b5eb4b1496df3b0dbbdcbae5fe27677a644820773fe2"
    );
    assert_eq!(
        hexadecimal(&identity.author_key_digest.unwrap()),
        "eed81169fb0cb5e0ec34794f128fd4e0c4a46f67c65a1adfa81fcb24bcc088c272369b7ffc3eb2b6af6a4284a1b36c5f"
    );
    assert_eq!(auth.id_block_signature.as_bytes(), part("test_id_sig.bin"));
    assert_eq!(auth.id_key_signature.as_bytes(), part("test_auth_sig.bin"));
}

/// A file of virtee's that holds a part of the authentication.
fn part(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/vectors/virtee-sev/tests/measurement");
    std::fs::read(folder.join(name)).expect("it lies beside the authentication")
}

/// The 96 bytes that virtee's tests expect, of which these are not zero.
#[test]
fn block_has_the_bytes_of_virtees() {
    let Some((block, _)) = virtees() else { return };
    let bytes = block.as_bytes();
    assert_eq!(bytes[..48], block.launch_digest);
    assert_eq!(bytes[48..80], [0; 32]);
    assert_eq!(
        bytes[80..],
        [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0]
    );
}

#[test]
fn block_or_authentication_with_any_byte_changed_is_refused() {
    let Some((block, auth)) = virtees() else {
        return;
    };
    for at in 0..size_of::<IdBlock>() {
        let mut changed = block;
        changed.as_mut_bytes()[at] ^= 1;
        let auth = IdAuth::read_from_bytes(&auth).unwrap();
        authenticate(&changed, &auth).unwrap_err();
    }
    for at in 0..auth.len() {
        let mut changed = auth.clone();
        changed[at] ^= 1;
        let fault = authenticate(&block, &IdAuth::read_from_bytes(&changed).unwrap());
        assert!(fault.is_err(), "byte {at:#x}");
    }
}

#[test]
fn block_signed_here_is_authentic_and_the_same_each_time() {
    let (Some(id), Some(author)) = (key("secp384r1", &["-noout"]), key("secp384r1", &[])) else {
        return;
    };
    let (id, author) = (
        IdKey::from_pem(&id).unwrap(),
        IdKey::from_pem(&author).unwrap(),
    );
    let block = IdBlock::new([7; 48], policy());
    let alone = id.sign(&block, None);
    assert_eq!(
        authenticate(&block, &alone).unwrap().author_key_digest,
        None
    );
    let both = id.sign(&block, Some(&author));
    let identity = authenticate(&block, &both).unwrap();
    assert_ne!(identity.author_key_digest, Some(identity.id_key_digest));
    assert_eq!(id.sign(&block, Some(&author)), both);
}

#[test]
fn author_without_key_or_signature_is_refused() {
    let Some((block, auth)) = virtees() else {
        return;
    };
    for part in [0x680..0x880, 0x880..0xC84] {
        let mut half = auth.clone();
        half[part].fill(0);
        let fault = authenticate(&block, &IdAuth::read_from_bytes(&half).unwrap());
        assert_eq!(fault, Err(IdFault::HalfAnAuthor));
    }
}

#[test]
fn file_that_is_no_such_key_is_refused_for_what_it_is() {
    let refused = |pem: &str| IdKey::from_pem(pem).map(|_| ()).unwrap_err();
    assert_eq!(refused("text"), KeyError::NotAKey);
    assert_eq!(
        refused("-----BEGIN ENCRYPTED PRIVATE KEY-----"),
        KeyError::Encrypted
    );
    assert_eq!(
        refused("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        KeyError::NotP384
    );
    let (Some(good), Some(other)) = (
        key("secp384r1", &["-noout"]),
        key("prime256v1", &["-noout"]),
    ) else {
        return;
    };
    assert_eq!(refused(&other), KeyError::NotP384);
    assert_eq!(refused(&good.repeat(2)), KeyError::SeveralKeys);
}
