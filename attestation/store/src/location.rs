//! Where the store is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use postgres::config::{Host, SslMode};

/// Where the store is. Its text never has a password.
#[derive(Clone, Debug)]
pub enum Location {
    /// A file of SQLite.
    File(PathBuf),
    /// A database of a PostgreSQL server.
    Postgres(PostgresLocation),
}

/// A database of a PostgreSQL server.
#[derive(Clone)]
pub struct PostgresLocation {
    pub(crate) config: Box<postgres::Config>,
    /// PEM certificates that its server's ends in.
    pub(crate) roots: Option<PathBuf>,
    shown: String,
}

/// The text does not say where a store is.
#[derive(Debug, thiserror::Error)]
pub enum LocationError {
    /// It is no URL of a database. The text may hold a password, so it is not repeated.
    #[error("the database is no `postgres://USER@HOST:PORT/NAME?sslmode=require&sslrootcert=FILE`")]
    Syntax(#[source] postgres::Error),
    /// What is sent there could be read and changed on the way.
    #[error(
        "the database at {0} is reached over a network without TLS: say `sslmode=require` and, unless it is trusted by a public authority, `sslrootcert=FILE`"
    )]
    InTheClear(String),
    /// TLS, and nobody to vouch for the server.
    #[error(
        "the database at {0} has `sslmode=require` and no `sslrootcert=FILE`: which authority vouches for its server?"
    )]
    NoRoots(String),
}

const ROOTS: &str = "sslrootcert=";

impl FromStr for Location {
    type Err = LocationError;

    /// Reads `postgres://…`, or else the path of a file.
    fn from_str(text: &str) -> Result<Self, LocationError> {
        match text.starts_with("postgres://") || text.starts_with("postgresql://") {
            true => Self::postgres(text),
            false => Ok(Self::File(PathBuf::from(text))),
        }
    }
}

impl Location {
    /// The database at a URL `postgres://…`.
    ///
    /// # Errors
    /// It is none, or others could read what is sent there.
    pub fn postgres(text: &str) -> Result<Self, LocationError> {
        let (url, roots) = without_roots(text);
        let config: postgres::Config = url.parse().map_err(LocationError::Syntax)?;
        let shown = shown(&config);
        let far = config.get_hosts().iter().any(is_far);
        if far && config.get_ssl_mode() != SslMode::Require {
            return Err(LocationError::InTheClear(shown));
        }
        if config.get_ssl_mode() == SslMode::Require && roots.is_none() {
            return Err(LocationError::NoRoots(shown));
        }
        Ok(Self::Postgres(PostgresLocation {
            config: Box::new(config),
            roots,
            shown,
        }))
    }

    /// The same database, to which this password is sent. A file takes none.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        if let Self::Postgres(location) = &mut self {
            location.config.password(password);
        }
        self
    }
}

/// libpq's parameter, which the client library does not know.
fn without_roots(text: &str) -> (String, Option<PathBuf>) {
    let Some((address, query)) = text.split_once('?') else {
        return (text.to_owned(), None);
    };
    let (roots, rest): (Vec<&str>, Vec<&str>) =
        query.split('&').partition(|pair| pair.starts_with(ROOTS));
    let roots = roots.last().and_then(|pair| pair.strip_prefix(ROOTS));
    (
        format!("{address}?{}", rest.join("&")),
        roots.map(PathBuf::from),
    )
}

/// Whether others may stand on the way there. A name may lead anywhere.
fn is_far(host: &Host) -> bool {
    match host {
        Host::Unix(_) => false,
        Host::Tcp(name) => !name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
    }
}

fn shown(config: &postgres::Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let hosts: Vec<_> = hosts.collect();
    let name = config
        .get_dbname()
        .or(config.get_user())
        .unwrap_or("postgres");
    format!("postgres://{}/{name}", hosts.join(","))
}

/// The server of a database, as a process has to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    /// The TCP ports, none where it is reached by Unix sockets alone.
    pub ports: Vec<u16>,
    /// Whether a host has a name that is looked up.
    pub is_named: bool,
    /// Certificates that are read for each connection.
    pub roots: Option<PathBuf>,
}

/// PostgreSQL's own.
const PORT: u16 = 5432;

impl PostgresLocation {
    /// How it is reached.
    #[must_use]
    pub fn address(&self) -> ServerAddress {
        let hosts = self.config.get_hosts();
        let ports = self.config.get_ports();
        // One port for all hosts, or one for each; the client library refuses anything else.
        let port = |host: usize| ports.get(host).or(ports.first()).copied().unwrap_or(PORT);
        let is_tcp = |host: &Host| matches!(host, Host::Tcp(_));
        let mut reached: Vec<u16> = hosts
            .iter()
            .enumerate()
            .filter(|(_, host)| is_tcp(host))
            .map(|(index, _)| port(index))
            .collect();
        // `hostaddr` alone is an address too.
        if hosts.is_empty() {
            reached.extend((0..self.config.get_hostaddrs().len()).map(port));
        }
        ServerAddress {
            ports: reached,
            is_named: hosts.iter().any(is_name),
            roots: self.roots.clone(),
        }
    }
}

fn is_name(host: &Host) -> bool {
    match host {
        Host::Unix(_) => false,
        Host::Tcp(name) => name.parse::<std::net::IpAddr>().is_err(),
    }
}

impl Location {
    /// The file of a store in one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Postgres(location) => f.write_str(&location.shown),
        }
    }
}

impl fmt::Debug for PostgresLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_is_never_shown() {
        let text = "postgres://me:hunter2@127.0.0.1:5432/log";
        let location: Location = text.parse().unwrap();

        assert_eq!(location.to_string(), "postgres://127.0.0.1/log");
        assert!(!format!("{location:?}").contains("hunter2"));
        let error = "postgres://me:hunter2@far.example/log"
            .parse::<Location>()
            .unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn server_over_a_network_needs_tls_and_a_root() {
        for (text, allowed) in [
            ("postgres://u@10.0.0.1/log", false),
            ("postgres://u@localhost/log", false),
            ("postgres://u@127.0.0.1,10.0.0.1/log", false),
            ("postgres://u@10.0.0.1/log?sslmode=prefer", false),
            ("postgres://u@10.0.0.1/log?sslmode=require", false),
            (
                "postgres://u@10.0.0.1/log?sslmode=require&sslrootcert=/ca.pem",
                true,
            ),
            ("postgres://u@127.0.0.1/log", true),
            ("postgres://u@%2Frun%2Fpostgresql/log", true),
        ] {
            assert_eq!(text.parse::<Location>().is_ok(), allowed, "{text}");
        }
    }

    #[test]
    fn address_of_a_server_has_the_ports_and_names_that_are_reached() {
        const FAR: &str = "sslmode=require&sslrootcert=/ca.pem";
        for (text, ports, is_named) in [
            ("postgres://u@127.0.0.1/log".to_owned(), vec![5432], false),
            ("postgres://u@[::1]:7000/log".to_owned(), vec![7000], false),
            (
                format!("postgres://u@db.example/log?{FAR}"),
                vec![5432],
                true,
            ),
            (
                format!("postgres://u@a.example:1,10.0.0.2:2/log?{FAR}"),
                vec![1, 2],
                true,
            ),
            (
                "postgres://u@%2Frun%2Fpostgresql/log".to_owned(),
                vec![],
                false,
            ),
        ] {
            let Location::Postgres(location) = text.parse().unwrap() else {
                panic!("{text}");
            };
            let address = location.address();
            assert_eq!(
                (address.ports, address.is_named),
                (ports, is_named),
                "{text}"
            );
        }
    }

    #[test]
    fn anything_else_is_a_path() {
        let location: Location = "/var/lib/x.sqlite".parse().unwrap();
        assert_eq!(location.file(), Some(Path::new("/var/lib/x.sqlite")));
    }
}
