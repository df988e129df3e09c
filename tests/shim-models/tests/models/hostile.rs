//! Hostile hosts: each lie ends in a refusal that names it, and none in a kernel.

use std::path::Path;

use measured_boot_shim_abi::Refusal;
use serde_json::{Map, Value};
use tests_shim_models::{Kind, Launch, Outcome};

use crate::support::{emulator, launch, run};

/// What is said, how, and why it is refused.
pub type Lie = (&'static str, fn(&mut Launch), Refusal);

/// Each of these ends in its refusal.
pub fn refused(kind: Kind, lies: &[Lie]) {
    let Some(python) = emulator() else { return };
    for (what, lie, refusal) in lies {
        let mut launch = launch(kind, 1);
        lie(&mut launch);
        assert_refused(&launch, &python, *refusal, what);
    }
}

/// This launch ends in this refusal, told as its TEE tells it.
pub fn assert_refused(launch: &Launch, python: &Path, refusal: Refusal, what: &str) {
    let text = match launch.kind {
        Kind::Tdx => refusal.sentence().to_owned(),
        Kind::Plain | Kind::Snp => String::new(),
    };
    let refusal = Some(refusal);
    let expected = Outcome::Refused { refusal, text };
    assert_eq!(run(launch, python).outcome(), expected, "{what}");
}

/// Lets the host do this.
pub fn trick(launch: &mut Launch, name: &str, value: Value) {
    launch.tricks = Map::from_iter([(name.to_owned(), value)]);
}
