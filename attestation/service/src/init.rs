//! Makes a new verifier: its keys, its empty signed log, the pins that guests carry.

use std::path::Path;

use attestation_access::TenantName;
use attestation_evidence::encoding::FormatVersion;
use attestation_evidence::{ResourcePath, VerifierPins};
use attestation_ledger::{Hash, KeyError, SigningKey, TreeHead};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData,
};
use zeroize::Zeroizing;

use crate::bootstrap::{self, BootstrapError};
use crate::config::{Config, ConfigError, Database, KeysConfig};
use crate::data_dir::{DataDir, DataDirError, names};
use crate::entropy::{self, NoEntropy};
use crate::key_log::{self, KeyLogError, Stamp, purpose};
use crate::keyring::{KeySource, KeySourceError};
use crate::mark::marked;
use crate::service::DEFAULT;
use attestation_appraisal::EarKey;
use attestation_keyring::{KeyringError, Operation};
use attestation_ledger::KeyEvent;
use attestation_store::{Location, Store, StoreError};

/// For how many days the first administrator's token is good.
const BOOTSTRAP_DAYS: u64 = 7;

/// What `cloister-verifier init` is told.
#[derive(Debug, Clone)]
pub struct NewVerifier {
    /// Name of the log (its origin) and of the TLS certificate; a DNS name.
    pub name: String,
    /// What else its clients call it by: DNS names and IP addresses.
    pub also: Vec<String>,
    /// Where the agent finds the verifier: a vsock port of the host.
    pub vsock_port: u32,
    /// The secret that the agent asks for.
    pub resource: ResourcePath,
    /// The tenant whose first administrator gets a token.
    pub tenant: TenantName,
    /// The time: seconds since 1970.
    pub now: u64,
    /// Where the store is to be: what is not said is in the data directory.
    pub database: Database,
    /// Where the keys of secrets are to be: what is not said is in the data directory.
    pub keys: KeysConfig,
}

/// Why no verifier could be made. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// A file cannot be made.
    #[error(transparent)]
    Files(#[from] DataDirError),
    /// The name is not a DNS name.
    #[error("`{0}` cannot name a verifier: give --name a DNS name such as cloister-verifier")]
    Name(String),
    /// Nor is this one a name or an address that a client could call it by.
    #[error("`{0}` is neither a DNS name nor an IP address: correct --san")]
    Also(String),
    /// The name cannot name a log.
    #[error("the --name cannot name a log")]
    LogName(#[from] KeyError),
    /// No key could be made.
    #[error("cannot make a {what}")]
    Key {
        /// Which key or certificate.
        what: &'static str,
        /// Why.
        source: rcgen::Error,
    },
    /// No token for the first administrator.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The database cannot be reached as it is described.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store cannot be made.
    #[error("cannot make the store")]
    Store(#[from] StoreError),
    /// What opens the ring of keys is not there.
    #[error(transparent)]
    KeySource(#[from] KeySourceError),
    /// The ring of keys cannot be made.
    #[error("cannot make the keys of secrets")]
    Keys(#[from] KeyringError),
    /// What was made cannot be logged.
    #[error("cannot begin the log")]
    Log(#[from] KeyLogError),
}

/// Makes the data directory `path`, whole or not at all, and returns the pins.
pub fn init(path: &Path, new: &NewVerifier) -> Result<VerifierPins, InitError> {
    if rustls::pki_types::DnsName::try_from(new.name.as_str()).is_err() {
        return Err(InitError::Name(new.name.clone()));
    }
    if let Some(wrong) = new.also.iter().find(|name| is_no_server(name)) {
        return Err(InitError::Also(wrong.clone()));
    }
    let mut pins = None;
    DataDir::create::<InitError>(path, |dir| {
        let log = make_log_key(dir, &new.name)?;
        let tls_spki_sha256 = make_tls_identity(dir, &new.name, &new.also)?;
        let token_key = make_key("token key")?.serialize_pem();
        dir.write_private(names::TOKEN_KEY, token_key.as_bytes())?;
        let config = remember(dir, new)?;
        let source = key_source(dir, &config)?;
        let by = source.who("init");
        let ring = source.make(dir)?;
        let secrets = ring.keys().prepare(Operation::Generate)?;
        dir.write_private(names::CHALLENGE_KEY, random_line()?.as_bytes())?;
        let token = bootstrap::add(
            dir,
            bootstrap::grants_in(&new.tenant),
            new.now,
            BOOTSTRAP_DAYS,
        )?;
        let token = Zeroizing::new(format!("{}\n", token.token.as_str()));
        dir.write_private(names::ADMIN_TOKEN, token.as_bytes())?;
        let made = VerifierPins {
            version: FormatVersion,
            tls_spki_sha256,
            log_key: log.verifying_key().to_string(),
            verifier_vsock_port: new.vsock_port,
            server_name: new.name.clone(),
            resource: new.resource.clone(),
            tenant: Some(new.tenant.to_string()).filter(|tenant| tenant != DEFAULT),
        };
        dir.write_public(names::PINS, format!("{}\n", made.to_json()).as_bytes())?;
        let empty = TreeHead {
            size: 0,
            root: Hash::empty_root(),
        };
        dir.write_private(names::MARK, &marked(&empty.sign(&log)))?;
        // Last: a database elsewhere is not taken back when something here fails.
        let location = make_store(dir, &config)?;
        Store::create(&location, &log, &random_line()?)?;
        let born = [
            (purpose::LOG, log_key_name(&made.log_key)),
            (purpose::TLS, hex::encode(made.tls_spki_sha256)),
            (purpose::TOKENS, token_key_name(&token_key)?),
            (purpose::SECRETS, secrets.key.to_string()),
        ];
        begin_log(
            &location,
            log,
            &born,
            Stamp {
                time: new.now,
                by: &by,
            },
        )?;
        ring.commit(&secrets)?;
        pins = Some(made);
        Ok(())
    })?;
    Ok(pins.expect("the directory was filled, and that made the pins"))
}

fn is_no_server(name: &str) -> bool {
    rustls::pki_types::ServerName::try_from(name).is_err()
}

fn make_log_key(dir: &DataDir, name: &str) -> Result<SigningKey, InitError> {
    let seed = Zeroizing::new(entropy::random()?);
    let text = SigningKey::to_text(name, &seed)?;
    dir.write_private(names::LOG_KEY, format!("{}\n", text.as_str()).as_bytes())?;
    Ok(SigningKey::from_seed(name, &seed)?)
}

/// Another database than the file in the directory, and other keys, are remembered there.
fn remember(dir: &DataDir, new: &NewVerifier) -> Result<Config, InitError> {
    let config = Config {
        database: new.database.clone(),
        keys: new.keys.clone(),
        ..Config::default()
    };
    config.check()?;
    if config != Config::default() {
        // The URL may hold a password.
        dir.write_private(names::CONFIG, config.explained().as_bytes())?;
    }
    Ok(config)
}

fn key_source(dir: &DataDir, config: &Config) -> Result<KeySource, InitError> {
    if config.keys == KeysConfig::default() {
        let key = Zeroizing::new(entropy::random::<32>()?);
        dir.write_private(names::UNSEAL, key.as_slice())?;
    }
    Ok(KeySource::open(&config.key_place(dir.path())?)?)
}

fn make_store(dir: &DataDir, config: &Config) -> Result<Location, InitError> {
    if config.database.url.is_empty() {
        // SQLite gives its side files the mode of the database, which therefore exists first.
        dir.write_private(names::STORE, b"")?;
    }
    Ok(config.location(dir.path())?)
}

/// The first entries: the keys that were made.
fn begin_log(
    location: &Location,
    key: SigningKey,
    born: &[(&str, String)],
    stamp: Stamp<'_>,
) -> Result<(), InitError> {
    let (store, _) = Store::open(location, key)?;
    store.write(|writing| {
        for (purpose, name) in born {
            key_log::log(writing, stamp, name, purpose, KeyEvent::Generated)?;
        }
        Ok(())
    })
}

/// Its name and the hash that checkpoints have (C2SP signed note), without the key.
pub(crate) fn log_key_name(key: &str) -> String {
    key.rsplit_once('+')
        .map_or(key, |(name, _)| name)
        .to_owned()
}

fn token_key_name(pem: &str) -> Result<String, InitError> {
    let key = EarKey::from_pkcs8_pem(pem).expect("it was made just now");
    Ok(key.public().thumbprint())
}

/// The certificate only carries the key: guests pin the key and have no clock to trust, so its
/// dates are rcgen's widest.
fn make_tls_identity(dir: &DataDir, name: &str, also: &[String]) -> Result<[u8; 32], InitError> {
    let key = make_key("TLS key")?;
    let certificate = |source| InitError::Key {
        what: "TLS certificate",
        source,
    };
    let names = [&[name.to_owned()], also].concat();
    let mut params = CertificateParams::new(names).map_err(certificate)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let signed = params.self_signed(&key).map_err(certificate)?;
    dir.write_private(names::TLS_KEY, key.serialize_pem().as_bytes())?;
    dir.write_private(names::TLS_CERTIFICATE, signed.pem().as_bytes())?;
    Ok(entropy::sha256(&key.subject_public_key_info()))
}

fn make_key(what: &'static str) -> Result<KeyPair, InitError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|source| InitError::Key { what, source })
}

pub(crate) fn random_line() -> Result<Zeroizing<String>, NoEntropy> {
    let bytes = Zeroizing::new(entropy::random::<32>()?);
    Ok(Zeroizing::new(format!(
        "{}\n",
        hex::encode(bytes.as_slice())
    )))
}
