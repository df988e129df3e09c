//! A SoftHSM 2 of the test's own, and hands in it besides ours: OpenSC's `pkcs11-tool`.

#![allow(dead_code, reason = "each test program uses a part")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use attestation_keyring::{
    Backend, KeyId, Keyring, KeyringError, Operation, SystemEntropy, Token, TokenConfig, TokenName,
};

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
pub const PIN: &str = "246813";

pub struct SoftHsm {
    pub dir: tempfile::TempDir,
}

impl SoftHsm {
    /// One with a token named `cloister`; where there is none on this machine, says so.
    pub fn new() -> Option<Self> {
        for needed in [MODULE, "/usr/bin/softhsm2-util", "/usr/bin/pkcs11-tool"] {
            if !Path::new(needed).exists() {
                println!("skipped: no {needed} (packages softhsm2 and opensc)");
                return None;
            }
        }
        let hsm = Self {
            dir: tempfile::tempdir().expect("a directory"),
        };
        let tokens = hsm.tokens();
        std::fs::create_dir(&tokens).expect("a directory");
        let configuration = format!("directories.tokendir = {}\n", tokens.display());
        std::fs::write(hsm.configuration(), configuration).expect("a file");
        let mut init = Command::new("softhsm2-util");
        init.args(["--init-token", "--free", "--label", "cloister"]);
        init.args(["--so-pin", "135790", "--pin", PIN]);
        hsm.run(&mut init);
        hsm.set_pin(PIN);
        Some(hsm)
    }

    pub fn tokens(&self) -> PathBuf {
        self.dir.path().join("tokens")
    }

    fn configuration(&self) -> PathBuf {
        self.dir.path().join("softhsm2.conf")
    }

    pub fn pin_file(&self) -> PathBuf {
        self.dir.path().join("pin")
    }

    pub fn set_pin(&self, pin: &str) {
        std::fs::write(self.pin_file(), format!("{pin}\n")).expect("a file");
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(self.pin_file(), private).expect("our own file");
    }

    pub fn config(&self) -> TokenConfig {
        let configuration = self.configuration().display().to_string();
        TokenConfig {
            program: env!("CARGO_BIN_EXE_cloister-token").into(),
            module: MODULE.into(),
            token: TokenName::Label("cloister".to_owned()),
            pin_file: self.pin_file(),
            label: "verifier".to_owned(),
            environment: vec![("SOFTHSM2_CONF".to_owned(), configuration)],
            patience: Duration::from_secs(20),
        }
    }

    pub fn backend(&self) -> Backend {
        Backend::Token(Box::new(Token::new(self.config())))
    }

    /// A keyring with an active key in the token.
    pub fn made(&self) -> Keyring {
        let keyring = Keyring::create(&self.ring(), self.backend(), Box::new(SystemEntropy));
        let keyring = keyring.expect("the token is there");
        step(&keyring, Operation::Generate);
        keyring
    }

    pub fn open(&self) -> Result<Keyring, KeyringError> {
        self.open_by(self.config())
    }

    pub fn open_by(&self, config: TokenConfig) -> Result<Keyring, KeyringError> {
        let backend = Backend::Token(Box::new(Token::new(config)));
        Keyring::open(&self.ring(), backend, Box::new(SystemEntropy), 0)
    }

    pub fn ring(&self) -> PathBuf {
        self.dir.path().join("ring")
    }

    /// `cloister-token check`.
    pub fn check(&self) -> Output {
        let mut check = Command::new(env!("CARGO_BIN_EXE_cloister-token"));
        check.args(["check", "--module", MODULE, "--token-label", "cloister"]);
        check.arg("--pin-file").arg(self.pin_file());
        check.env("SOFTHSM2_CONF", self.configuration());
        check.output().expect("our own program")
    }

    /// OpenSC's tool, logged in.
    pub fn pkcs11_tool(&self, arguments: &[&str]) -> String {
        let mut tool = Command::new("pkcs11-tool");
        tool.args(["--module", MODULE, "--token-label", "cloister"]);
        tool.args(["--login", "--pin", PIN]).args(arguments);
        self.run(&mut tool)
    }

    /// The module's slots, as OpenSC's tool lists them.
    pub fn list_slots(&self) -> String {
        self.run(Command::new("pkcs11-tool").args(["--module", MODULE, "--list-token-slots"]))
    }

    /// What has this key's id is deleted, and something else is made with it.
    pub fn replace(&self, key: KeyId, arguments: &[&str]) {
        self.delete(key);
        let (id, label) = (key.to_string(), "verifier 1");
        let made = ["--keygen", "--id", &id, "--label", label];
        self.pkcs11_tool(&[&made, arguments].concat());
    }

    pub fn delete(&self, key: KeyId) {
        let id = key.to_string();
        self.pkcs11_tool(&["--delete-object", "--type", "secrkey", "--id", &id]);
    }

    /// The ids of the token's secret keys.
    pub fn ids(&self) -> Vec<String> {
        let listed = self.pkcs11_tool(&["--list-objects", "--type", "secrkey"]);
        let ids = listed
            .lines()
            .filter_map(|line| line.trim().strip_prefix("ID:"));
        ids.map(|id| id.trim().to_owned()).collect()
    }

    pub fn run(&self, command: &mut Command) -> String {
        command.env("SOFTHSM2_CONF", self.configuration());
        let output = command.output().expect("it is there");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {said}{complained}");
        said
    }
}

pub fn step(keyring: &Keyring, operation: Operation) -> KeyId {
    let event = keyring.prepare(operation).expect("it can be prepared");
    keyring.commit(&event).expect("it can be committed");
    event.key
}
