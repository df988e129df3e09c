//! The module, the token in it, and a session that is logged in.

use std::path::Path;

use attestation_keyring::TokenName;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::MechanismType;
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

use crate::fault::{self, Fault};

/// A session with a token.
pub struct Token {
    pub session: Session,
}

/// Who asks for a login.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// A person, who knows how many tries are left.
    Person,
    /// A program, which may be started again and again.
    Program,
}

impl Token {
    pub fn open(
        module: &Path,
        name: &TokenName,
        pin: &Zeroizing<String>,
        asker: Asker,
    ) -> Result<Self, Fault> {
        let module = Pkcs11::new(module).map_err(|error| {
            let why = fault::words(&error);
            Fault::Lost(format!("the module cannot be loaded: {why}"))
        })?;
        module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
        let (slot, info) = find(&module, name)?;
        refuse_low_count(&info, asker)?;
        look_for_mechanisms(&module, slot)?;
        let session = module.open_rw_session(slot)?;
        let pin = AuthPin::new(pin.as_str().into());
        session
            .login(UserType::User, Some(&pin))
            .map_err(fault::of_login)?;
        Ok(Self { session })
    }
}

fn find(module: &Pkcs11, name: &TokenName) -> Result<(Slot, TokenInfo), Fault> {
    let mut found = Vec::new();
    for slot in module.get_slots_with_token()? {
        // One token that cannot be asked is not in the way of another.
        let Ok(info) = module.get_token_info(slot) else {
            continue;
        };
        let is_it = match name {
            TokenName::Label(label) => info.label() == label,
            TokenName::Serial(serial) => info.serial_number() == serial,
        };
        if is_it && info.token_initialized() {
            found.push((slot, info));
        }
    }
    if found.len() > 1 {
        let why = "more than one token has that name: use the serial number";
        return Err(Fault::Lost(why.to_owned()));
    }
    let none = || Fault::Lost("the module has no token of that name".to_owned());
    found.pop().ok_or_else(none)
}

/// A service manager that starts a verifier with a wrong PIN again and again would lock the token. So a program
/// does not try a PIN on a token that was given a wrong one since its last login, and nobody takes the last try.
fn refuse_low_count(info: &TokenInfo, asker: Asker) -> Result<(), Fault> {
    let why = if info.user_pin_locked() {
        "it is locked"
    } else if info.user_pin_final_try() {
        "the next wrong one locks it: log in by other means"
    } else if info.user_pin_count_low() && asker == Asker::Program {
        "a wrong one was given before: not tried"
    } else {
        return Ok(());
    };
    Err(Fault::Pin(why.to_owned()))
}

fn look_for_mechanisms(module: &Pkcs11, slot: Slot) -> Result<(), Fault> {
    let has = module.get_mechanism_list(slot)?;
    for (needed, name) in [
        (MechanismType::AES_GCM, "CKM_AES_GCM"),
        (MechanismType::AES_KEY_GEN, "CKM_AES_KEY_GEN"),
    ] {
        if !has.contains(&needed) {
            return Err(Fault::Lost(format!("the token has no {name}")));
        }
    }
    Ok(())
}
