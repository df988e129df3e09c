//! What an operator asks: can the verifier log in, and which keys would it take?

use std::process::ExitCode;

use anyhow::{Context, anyhow};
use attestation_keyring::{read_pin, wire};
use cryptoki::object::{Attribute, AttributeType, ObjectClass};

use crate::Place;
use crate::fault::Fault;
use crate::fitness;
use crate::token::{Asker, Token};

/// Logs in, lists the secret keys, and says of each whether it is fit.
pub fn run(place: &Place) -> anyhow::Result<ExitCode> {
    let pin = read_pin(&place.pin_file).context("the PIN file")?;
    let token = Token::open(&place.module, &place.name(), &pin, Asker::Person).map_err(told)?;
    let session = &token.session;
    println!("logged in; the token has CKM_AES_GCM and CKM_AES_KEY_GEN");
    let secret_keys = [Attribute::Class(ObjectClass::SECRET_KEY)];
    for object in session.find_objects(&secret_keys)? {
        let (mut id, mut label) = (String::new(), String::new());
        for attribute in
            session.get_attributes(object, &[AttributeType::Id, AttributeType::Label])?
        {
            match attribute {
                Attribute::Id(bytes) => id = hex::encode(bytes),
                Attribute::Label(bytes) => label = wire::plain(&String::from_utf8_lossy(&bytes)),
                _ => {}
            }
        }
        match fitness::check(session, object) {
            Ok(()) => println!("{id} \"{label}\": fit"),
            Err(fault) => println!("{id} \"{label}\": not fit: {}", told(fault)),
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn told(fault: Fault) -> anyhow::Error {
    match fault {
        Fault::Refused(refusal) => anyhow!("{refusal}"),
        Fault::Pin(why) => anyhow!("the PIN: {why}"),
        Fault::Lost(why) => anyhow!("the token: {why}"),
    }
}
