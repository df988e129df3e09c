//! What an operator decides: `verifier.toml`.
//!
//! Every member has a default; one that is unknown is refused, since a misspelt limit would be none. `serve --print-config`
//! prints what is in force, each member with what it is for.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use attestation_access::{InvalidRate, Rate};
use attestation_collateral::AddressError;
use attestation_keyring::{TokenConfig, TokenName};
use attestation_store::{Location, LocationError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::Limits;
use crate::authorities::{Authorities, AuthoritiesError};
use crate::data_dir::names;
use crate::keyring::{KeyPlace, TOKEN_PATIENCE, own_credential};

/// What an operator decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The registered policy by which all evidence is appraised. No client has a say in it.
    pub policy: String,
    /// Where metrics are served, in plain HTTP; empty for nowhere. Nobody has to say who they are there.
    pub metrics: String,
    /// Whether it serves where the kernel does not confine it.
    pub confinement: ConfinementMode,
    /// Who administers: a file that docs/access.md describes; empty for `access.json` of the data directory, if it is there.
    pub access: PathBuf,
    /// Where the log and all that is registered is.
    pub database: Database,
    /// Where the keys are that secrets are under.
    pub keys: KeysConfig,
    /// What AMD and Intel say of machines.
    pub collateral: CollateralConfig,
    /// Evidence of simulated TEEs.
    pub simulated: Simulated,
    /// What strangers may hold open.
    pub limits: LimitsConfig,
}

/// Whether the verifier serves where the kernel does not confine it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfinementMode {
    /// Not without a filter of system calls and Landlock's rules of files.
    #[default]
    Required,
    /// Also without; the journal says what is missing.
    BestEffort,
}

/// Where the log and all that is registered is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `postgres://…`; empty for the file in the data directory.
    pub url: String,
    /// A file that holds the password, so that no command line and no configuration has it; empty for none.
    pub password_file: PathBuf,
}

/// Where the keys are that secrets are under: in the ring's file, or in a PKCS#11 token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeysConfig {
    /// The file that opens the ring; empty for `unseal` in the data directory. Not with a token.
    pub credential: PathBuf,
    /// A token's PKCS#11 module; empty where there is no token.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// A private file with the token's PIN.
    pub pin_file: PathBuf,
    /// The module's environment, `NAME=VALUE` each: all of it.
    pub environment: Vec<String>,
    /// `cloister-token`; empty for the one beside this program.
    pub program: PathBuf,
}

/// Certificates, lists and documents of AMD and Intel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CollateralConfig {
    /// Where they are kept; empty for `collateral` in the data directory.
    pub directory: PathBuf,
    /// Whether AMD and Intel are asked for what is not kept.
    pub ask: bool,
    /// Another address of AMD's KDS; empty for AMD's own.
    pub amd: String,
    /// Another address of Intel's PCS; empty for Intel's own.
    pub intel: String,
    /// Another address of the list of Intel's root; empty for Intel's own.
    pub intel_root_list: String,
    /// Who vouches for these servers, PEM; empty for the machine's own authorities.
    pub ca_file: PathBuf,
}

/// Evidence of simulated TEEs, which protect nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Simulated {
    /// Whether it may be accepted, where the policy does too.
    pub allow: bool,
    /// The root certificate (PEM) under which it is.
    pub root: PathBuf,
}

/// [`Limits`], in whole seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// See [`Limits::client`].
    pub client_requests_per_second: u32,
    /// See [`Limits::client`].
    pub client_requests_at_once: u32,
    /// See [`Limits::clients`].
    pub clients: usize,
    /// See [`Limits::connections`].
    pub connections: usize,
    /// See [`Limits::appraisals`].
    pub appraisals: usize,
    /// See [`Limits::handshake`].
    pub handshake_seconds: u64,
    /// See [`Limits::head`].
    pub head_seconds: u64,
    /// See [`Limits::request`].
    pub request_seconds: u64,
    /// See [`Limits::answer`].
    pub answer_seconds: u64,
    /// See [`Limits::lifetime`].
    pub lifetime_seconds: u64,
    /// See [`Limits::farewell`].
    pub farewell_seconds: u64,
}

/// What each member is for, in the order of the file: section, member, text.
const MEMBERS: &[(&str, &str, &str)] = &[
    ("", "listen", "Address and port. Port 0 takes a free one."),
    (
        "",
        "policy",
        "The registered policy by which all evidence is appraised. No client has a say in it.",
    ),
    (
        "",
        "metrics",
        "Address and port of metrics for Prometheus, in plain HTTP, for whoever reaches it. Empty: there are none.",
    ),
    (
        "",
        "confinement",
        "required: does not serve where the kernel does not confine it. best-effort: serves, and the journal says what is \
         missing.",
    ),
    (
        "",
        "access",
        "Who administers, beside bootstrap tokens (docs/access.md). Empty: access.json of the data directory, if it is there.",
    ),
    (
        "database",
        "url",
        "postgres://USER@HOST/NAME?sslmode=require&sslrootcert=FILE, for several verifiers on one log. Empty: the file \
         store.sqlite in the data directory.",
    ),
    (
        "database",
        "password_file",
        "A file that holds the database's password. Empty: none is sent.",
    ),
    (
        "keys",
        "credential",
        "The file that opens the ring of keys: 32 bytes or more, such as a credential of systemd. Empty: the file unseal in \
         the data directory.",
    ),
    (
        "keys",
        "module",
        "The PKCS#11 module of the token that has the keys. Empty: they are in the ring's own file, and nothing below counts.",
    ),
    ("keys", "token", "The token's label."),
    ("keys", "pin_file", "A private file with the token's PIN."),
    (
        "keys",
        "environment",
        "The module's environment, each NAME=VALUE: it has no other.",
    ),
    (
        "keys",
        "program",
        "The program that loads the module. Empty: cloister-token beside this program.",
    ),
    (
        "collateral",
        "directory",
        "Where AMD's certificates and Intel's documents are kept. Empty: the folder collateral in the data directory.",
    ),
    (
        "collateral",
        "ask",
        "Ask AMD and Intel for what is not kept. Otherwise import it: cloister collateral import.",
    ),
    (
        "collateral",
        "amd",
        "Another address than AMD's own KDS, such as a cache of it.",
    ),
    (
        "collateral",
        "intel",
        "Another address than Intel's own PCS, such as a PCCS.",
    ),
    (
        "collateral",
        "intel_root_list",
        "Another whole address of the revocation list of Intel's root.",
    ),
    (
        "collateral",
        "ca_file",
        "Who vouches for these servers (PEM). Empty: the machine's own authorities.",
    ),
    (
        "simulated",
        "allow",
        "Take evidence of simulated TEEs and of the sample attester, WHICH PROTECT NOTHING, where the policy does too.",
    ),
    (
        "simulated",
        "root",
        "The root certificate (PEM) under which evidence of simulated TEEs is taken. Empty: none is.",
    ),
    (
        "limits",
        "client_requests_per_second",
        "Requests a second of one client's address (of version 6: of its /64); more are answered 429.",
    ),
    (
        "limits",
        "client_requests_at_once",
        "Requests that a client may make at once, after a rest.",
    ),
    (
        "limits",
        "clients",
        "Clients at once of whom account is kept, some 100 bytes each; others share an account.",
    ),
    (
        "limits",
        "connections",
        "Connections at once; more wait. Each may hold a body of 4 MiB.",
    ),
    (
        "limits",
        "appraisals",
        "Appraisals at once; more wait. They compute: as many as there are cores, two at least.",
    ),
    (
        "limits",
        "handshake_seconds",
        "A TLS handshake takes no longer.",
    ),
    (
        "limits",
        "head_seconds",
        "A request's head arrives within this, which also ends idle connections.",
    ),
    (
        "limits",
        "request_seconds",
        "A request is answered within this, its body's arrival included.",
    ),
    (
        "limits",
        "answer_seconds",
        "An answer is taken within this, once the client is slower than the server.",
    ),
    (
        "limits",
        "lifetime_seconds",
        "A connection ends after this, whatever it is at.",
    ),
    (
        "limits",
        "farewell_seconds",
        "At the end of the server, requests under way get this long.",
    ),
];

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is not such a configuration.
    #[error(
        "{path} cannot be used as a configuration; `cloister-verifier serve --print-config` shows one"
    )]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
    /// A number that makes no sense.
    #[error("`limits.{0}` is 0: nobody would be served")]
    Zero(&'static str),
    /// Not `ADDRESS:PORT`.
    #[error("`metrics` is `{0}`, and not an address and a port such as 127.0.0.1:9100")]
    Metrics(String),
    /// `limits.client_requests_…`.
    #[error("`limits.client_requests_per_second` and `client_requests_at_once`")]
    Rate(#[from] InvalidRate),
    /// `collateral.amd` or `collateral.intel…`.
    #[error("`collateral`")]
    Vendor(#[from] AddressError),
    /// `keys`.
    #[error("`keys`: {0}")]
    Keys(&'static str),
    /// The database.
    #[error(transparent)]
    Database(#[from] LocationError),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8443)),
            policy: "strict".to_owned(),
            access: PathBuf::new(),
            metrics: String::new(),
            confinement: ConfinementMode::default(),
            database: Database::default(),
            keys: KeysConfig::default(),
            collateral: CollateralConfig::default(),
            simulated: Simulated::default(),
            limits: LimitsConfig::default(),
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            client_requests_per_second: limits.client.per_second(),
            client_requests_at_once: limits.client.burst(),
            clients: limits.clients,
            connections: limits.connections,
            appraisals: limits.appraisals,
            handshake_seconds: limits.handshake.as_secs(),
            head_seconds: limits.head.as_secs(),
            request_seconds: limits.request.as_secs(),
            answer_seconds: limits.answer.as_secs(),
            lifetime_seconds: limits.lifetime.as_secs(),
            farewell_seconds: limits.farewell.as_secs(),
        }
    }
}

impl Config {
    /// Reads `file`, or else `verifier.toml` of the data directory if there is one; the defaults otherwise.
    ///
    /// # Errors
    /// The file cannot be read, or says something else than a configuration.
    pub fn load(data_dir: &Path, file: Option<&Path>) -> Result<Self, ConfigError> {
        let own = data_dir.join(names::CONFIG);
        let path = match file {
            Some(path) => path,
            None if own.exists() => &own,
            None => return Ok(Self::default()),
        };
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        toml::from_str(&text).map_err(|source| ConfigError::Syntax {
            path: path.to_owned(),
            source: Box::new(source),
        })
    }

    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// Says which member.
    pub fn check(&self) -> Result<(), ConfigError> {
        let limits = &self.limits;
        self.limits()?;
        self.collateral(Path::new(""))?;
        self.key_place(Path::new(""))?;
        let counts = [
            ("clients", limits.clients),
            ("connections", limits.connections),
            ("appraisals", limits.appraisals),
        ];
        if let Some((name, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(ConfigError::Zero(name));
        }
        let times = [
            ("handshake_seconds", limits.handshake_seconds),
            ("head_seconds", limits.head_seconds),
            ("request_seconds", limits.request_seconds),
            ("answer_seconds", limits.answer_seconds),
            ("lifetime_seconds", limits.lifetime_seconds),
        ];
        if let Some((name, _)) = times.into_iter().find(|(_, seconds)| *seconds == 0) {
            return Err(ConfigError::Zero(name));
        }
        self.metrics().map(|_| ())
    }

    /// Where metrics are served, if anywhere.
    ///
    /// # Errors
    /// It is no address.
    pub fn metrics(&self) -> Result<Option<SocketAddr>, ConfigError> {
        if self.metrics.is_empty() {
            return Ok(None);
        }
        let address = self.metrics.parse();
        address
            .map(Some)
            .map_err(|_| ConfigError::Metrics(self.metrics.clone()))
    }

    /// Where the store of the verifier in `data_dir` is.
    ///
    /// # Errors
    /// The URL is none, would send everything in the clear, or the password's file cannot be read.
    pub fn location(&self, data_dir: &Path) -> Result<Location, ConfigError> {
        let Database { url, password_file } = &self.database;
        if url.is_empty() {
            return Ok(Location::File(data_dir.join(names::STORE)));
        }
        let location = Location::postgres(url)?;
        if password_file.as_os_str().is_empty() {
            return Ok(location);
        }
        let text = fs::read_to_string(password_file).map(Zeroizing::new);
        let text = text.map_err(|source| ConfigError::Read {
            path: password_file.clone(),
            source,
        })?;
        Ok(location.with_password(text.trim_end_matches(['\r', '\n'])))
    }

    /// Where the keys are that secrets of the verifier in `data_dir` are under.
    ///
    /// # Errors
    /// A token without a label or a PIN, or members of both kinds.
    pub fn key_place(&self, data_dir: &Path) -> Result<KeyPlace, ConfigError> {
        let keys = &self.keys;
        let is_empty = |path: &Path| path.as_os_str().is_empty();
        if is_empty(&keys.module) {
            if !keys.token.is_empty() || !is_empty(&keys.pin_file) {
                return Err(ConfigError::Keys(
                    "a token needs `module`, the path of its PKCS#11 module",
                ));
            }
            return Ok(KeyPlace::KeyFile(match is_empty(&keys.credential) {
                true => own_credential(data_dir),
                false => keys.credential.clone(),
            }));
        }
        if keys.token.is_empty() || is_empty(&keys.pin_file) {
            return Err(ConfigError::Keys(
                "a `module` needs `token`, the token's label, and `pin_file`",
            ));
        }
        if !is_empty(&keys.credential) {
            return Err(ConfigError::Keys(
                "the keys are under a `credential` or in a token, not both",
            ));
        }
        Ok(KeyPlace::Token(TokenConfig {
            program: match is_empty(&keys.program) {
                true => beside_this_program("cloister-token"),
                false => keys.program.clone(),
            },
            module: keys.module.clone(),
            token: TokenName::Label(keys.token.clone()),
            pin_file: keys.pin_file.clone(),
            label: "cloister".to_owned(),
            environment: variables(&keys.environment)?,
            patience: TOKEN_PATIENCE,
        }))
    }

    /// How certificates and collateral of the verifier in `data_dir` are kept and asked for.
    ///
    /// # Errors
    /// An address that is none.
    pub fn collateral(
        &self,
        data_dir: &Path,
    ) -> Result<attestation_collateral::Settings, ConfigError> {
        let given = &self.collateral;
        let directory = match given.directory.as_os_str().is_empty() {
            true => data_dir.join(names::COLLATERAL),
            false => given.directory.clone(),
        };
        let mut settings = attestation_collateral::Settings::new(directory);
        settings.offline = !given.ask;
        settings.ca_file = Some(given.ca_file.clone()).filter(|file| !file.as_os_str().is_empty());
        let vendors = &mut settings.vendors;
        for (address, place) in [
            (&given.amd, &mut vendors.amd),
            (&given.intel, &mut vendors.intel),
            (&given.intel_root_list, &mut vendors.intel_root_list),
        ] {
            if !address.is_empty() {
                *place = address.parse()?;
            }
        }
        Ok(settings)
    }

    /// By whom administrators of the verifier in `data_dir` are proven.
    ///
    /// # Errors
    /// The file, or one that it names, cannot be read or says what cannot be meant.
    pub fn authorities(&self, data_dir: &Path) -> Result<Authorities, AuthoritiesError> {
        let own = data_dir.join(names::ACCESS);
        match self.access.as_os_str().is_empty() {
            false => Authorities::read(&self.access),
            true if own.exists() => Authorities::read(&own),
            true => Ok(Authorities::default()),
        }
    }

    /// The limits as the server takes them.
    ///
    /// # Errors
    /// A rate that is none.
    pub fn limits(&self) -> Result<Limits, ConfigError> {
        let limits = &self.limits;
        let (per_second, at_once) = (
            limits.client_requests_per_second,
            limits.client_requests_at_once,
        );
        Ok(Limits {
            client: Rate::new(per_second, at_once)?,
            clients: limits.clients,
            connections: limits.connections,
            appraisals: limits.appraisals,
            handshake: Duration::from_secs(limits.handshake_seconds),
            head: Duration::from_secs(limits.head_seconds),
            request: Duration::from_secs(limits.request_seconds),
            answer: Duration::from_secs(limits.answer_seconds),
            lifetime: Duration::from_secs(limits.lifetime_seconds),
            farewell: Duration::from_secs(limits.farewell_seconds),
        })
    }

    /// The whole of it as a file that [`Config::load`] reads, each member with what it is for.
    ///
    /// # Panics
    /// Never: a configuration is plain data.
    #[must_use]
    pub fn explained(&self) -> String {
        let table = toml::Table::try_from(self).expect("a configuration is plain data");
        let mut text = String::from(
            "# The configuration of cloister-verifier: every member, and what it is for.\n",
        );
        let mut open = "";
        for (section, member, purpose) in MEMBERS {
            if *section != open {
                let _ = write!(text, "\n[{section}]\n");
                open = section;
            }
            let found = match *section {
                "" => table.get(*member),
                section => table.get(section).and_then(|inner| inner.get(*member)),
            };
            let value = found.expect("a test holds the list to the members");
            let _ = write!(text, "# {purpose}\n{member} = {value}\n");
        }
        text
    }
}

fn variables(environment: &[String]) -> Result<Vec<(String, String)>, ConfigError> {
    let read = |text: &String| {
        let (name, value) = text.split_once('=')?;
        (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
    };
    let variables: Option<_> = environment.iter().map(read).collect();
    variables.ok_or(ConfigError::Keys("each of `environment` is NAME=VALUE"))
}

/// Found by the shell's search where it cannot be known where this program lies.
fn beside_this_program(name: &str) -> PathBuf {
    let own = std::env::current_exe();
    own.map_or_else(|_| name.into(), |own| own.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("verifier.toml");
        fs::write(&file, text).unwrap();
        Config::load(folder.path(), Some(&file))
    }

    #[test]
    fn configuration_that_is_printed_has_every_member_and_is_read_back_as_it_was() {
        let mut config = Config::default();
        config.database.url = "postgres://u@127.0.0.1/\"log\"".to_owned();
        config.simulated.root = "/etc/a \\ b.pem".into();
        config.limits.connections = 7;

        let text = config.explained();

        assert_eq!(read(&text).unwrap(), config);
        let table = toml::Table::try_from(&config).unwrap();
        let members = |table: &toml::Table| -> usize {
            let count = |value: &toml::Value| value.as_table().map_or(1, toml::Table::len);
            table.values().map(count).sum()
        };
        assert_eq!(members(&table), MEMBERS.len());
    }

    #[test]
    fn member_that_is_unknown_or_of_another_type_is_refused_with_its_place() {
        for (text, word) in [
            ("lisen = '127.0.0.1:1'", "lisen"),
            ("[limits]\nconnection = 3", "connection"),
            ("[limits]\nconnections = -3", "connections"),
            ("listen = 'localhost'", "listen"),
        ] {
            let ConfigError::Syntax { source, .. } = read(text).unwrap_err() else {
                panic!("{text}");
            };
            assert!(source.to_string().contains(word), "{source}");
        }
    }

    #[test]
    fn what_is_not_said_is_the_default() {
        let config = read("[limits]\nhead_seconds = 3").unwrap();

        let mut expected = Config::default();
        expected.limits.head_seconds = 3;
        assert_eq!(config, expected);
        assert_eq!(Config::default().limits().unwrap(), Limits::default());
    }

    #[test]
    fn configuration_that_serves_nobody_is_refused() {
        assert!(Config::default().check().is_ok());
        for text in [
            "[limits]\nconnections = 0",
            "[limits]\nappraisals = 0",
            "[limits]\nrequest_seconds = 0",
            "metrics = '9100'",
        ] {
            assert!(read(text).unwrap().check().is_err(), "{text}");
        }
    }

    #[test]
    fn keys_that_cannot_be_meant_are_refused() {
        for text in [
            "[keys]\ntoken = 'hsm'",
            "[keys]\nmodule = '/m.so'\ntoken = 'hsm'",
            "[keys]\nmodule = '/m.so'\npin_file = '/pin'",
            "[keys]\nmodule = '/m.so'\ntoken = 'hsm'\npin_file = '/pin'\ncredential = '/c'",
            "[keys]\nmodule = '/m.so'\ntoken = 'hsm'\npin_file = '/pin'\nenvironment = ['A']",
        ] {
            let refused = read(text).unwrap().check();
            assert!(matches!(refused, Err(ConfigError::Keys(_))), "{text}");
        }
        let found = read("[keys]\ncredential = '/c'").unwrap();
        let place = found.key_place(Path::new("/data")).unwrap();
        assert!(matches!(place, KeyPlace::KeyFile(file) if file == Path::new("/c")));
        let place = Config::default().key_place(Path::new("/data")).unwrap();
        assert!(matches!(place, KeyPlace::KeyFile(file) if file == Path::new("/data/unseal")));
    }

    #[test]
    fn password_comes_out_of_its_file_and_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        fs::write(&file, "hunter2\n").unwrap();
        let mut config = Config::default();
        config.database.url = "postgres://u@127.0.0.1/log".to_owned();
        config.database.password_file = file;

        let location = config.location(folder.path()).unwrap();

        assert!(!format!("{location} {location:?} {config:?}").contains("hunter2"));
        config.database.password_file = folder.path().join("none");
        assert!(config.location(folder.path()).is_err());
    }
}
