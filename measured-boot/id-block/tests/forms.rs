//! Blocks whose signatures hold, of a form that the secure processor does not take.

use measured_boot_id_block::{IdFault, IdKey, authenticate};
use measured_boot_snp_abi::{GuestPolicy, IdBlock};
use std::process::Command;

fn key() -> Option<IdKey> {
    let words = ["ecparam", "-genkey", "-name", "secp384r1", "-noout"];
    let made = Command::new("openssl").args(words).output().ok();
    let Some(made) = made.filter(|made| made.status.success()) else {
        println!("skipped: there is no openssl");
        return None;
    };
    let pem = String::from_utf8(made.stdout).expect("PEM");
    Some(IdKey::from_pem(&pem).expect("a key"))
}

#[test]
fn block_that_is_signed_and_yet_of_another_form_is_refused() {
    let (Some(id), Some(author)) = (key(), key()) else {
        return;
    };
    let mut block = IdBlock::new([7; 48], GuestPolicy::from_bits(0x30000));
    let good = id.sign(&block, Some(&author));
    assert!(authenticate(&block, &good).is_ok());

    let mut auth = good;
    auth.id_key_algorithm = 2.into();
    let fault = IdFault::Algorithm {
        offset: 0,
        found: 2,
    };
    assert_eq!(authenticate(&block, &auth), Err(fault));

    let mut auth = good;
    auth.author_key_algorithm = 2.into();
    let fault = IdFault::Algorithm {
        offset: 4,
        found: 2,
    };
    assert_eq!(authenticate(&block, &auth), Err(fault));

    let mut auth = id.sign(&block, None);
    auth.id_key.curve = 1.into();
    let fault = IdFault::Curve {
        offset: 0x240,
        found: 1,
    };
    assert_eq!(authenticate(&block, &auth), Err(fault));

    block.version = 2.into();
    let auth = id.sign(&block, None);
    assert_eq!(authenticate(&block, &auth), Err(IdFault::BlockVersion(2)));
}
