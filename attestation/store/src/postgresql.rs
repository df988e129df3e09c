//! PostgreSQL: several processes on one log.

use std::cell::{RefCell, RefMut};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use postgres::fallible_iterator::FallibleIterator;
use postgres::types::ToSql;
use postgres::{Client, Config, NoTls, Statement};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::connection::{Connection, Row, TakeRow, Value};
use crate::location::PostgresLocation;
use crate::{DatabaseError, StoreError};

/// To reach the server, and to hear from it once it is silent.
const CONNECT: Duration = Duration::from_secs(3);
/// What one statement may take, waiting for others' locks included; and how long a transaction may be left alone.
const LIMITS: &str = "SET lock_timeout = '5s'; SET statement_timeout = '20s'; \
                      SET idle_in_transaction_session_timeout = '20s'; \
                      SET client_min_messages = warning";
/// Not on a replica of the server, which refuses, and never with an answer before the disk has it.
const BEGIN_WRITING: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
/// Every writer locks the one row of the checkpoint first, so that replicas take turns: what a statement after this one reads
/// is what the one before committed.
const TAKE_TURN: &str = "SELECT one FROM checkpoint FOR UPDATE";

pub struct Postgresql {
    /// Always there until the end.
    client: RefCell<Option<Client>>,
    /// By the text that they were written as.
    prepared: RefCell<HashMap<&'static str, Statement>>,
}

impl Postgresql {
    pub fn connect(location: &PostgresLocation) -> Result<Self, DatabaseError> {
        let mut config = location.config.clone();
        config
            .application_name("cloister-verifier")
            .connect_timeout(CONNECT)
            .tcp_user_timeout(CONNECT * 2)
            .keepalives_idle(CONNECT * 2);
        let mut client = match location.roots.as_deref() {
            None => config.connect(NoTls)?,
            Some(roots) => connect_with_tls(&config, roots)?,
        };
        refuse_careless(&mut client)?;
        client.batch_execute(LIMITS)?;
        Ok(Self {
            client: RefCell::new(Some(client)),
            prepared: RefCell::default(),
        })
    }

    fn client(&self) -> Result<RefMut<'_, Client>, DatabaseError> {
        RefMut::filter_map(self.client.borrow_mut(), Option::as_mut)
            .map_err(|_| DatabaseError::Waiting)
    }

    fn prepare(&self, statement: &'static str) -> Result<Statement, DatabaseError> {
        if let Some(found) = self.prepared.borrow().get(statement) {
            return Ok(found.clone());
        }
        let prepared = self.client()?.prepare(&dollars(statement))?;
        self.prepared
            .borrow_mut()
            .insert(statement, prepared.clone());
        Ok(prepared)
    }
}

impl Drop for Postgresql {
    /// To close a connection is to wait for it, which a thread that answers requests must not.
    fn drop(&mut self) {
        let client = self.client.take();
        thread::spawn(move || drop(client));
    }
}

fn connect_with_tls(config: &Config, path: &Path) -> Result<Client, DatabaseError> {
    let unusable = |what: String| DatabaseError::Roots {
        path: path.to_owned(),
        what,
    };
    let pem = fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("it has no certificate".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config.connect(MakeRustlsConnect::new(tls))?)
}

/// An answer that leaves has to be on the disk, whatever the server's operator set for other databases.
fn refuse_careless(client: &mut Client) -> Result<(), DatabaseError> {
    for name in ["fsync", "full_page_writes", "synchronous_commit"] {
        let row = client.query_one("SELECT current_setting($1)", &[&name])?;
        if row.try_get::<_, &str>(0)? == "off" {
            return Err(DatabaseError::Careless(name));
        }
    }
    Ok(())
}

/// PostgreSQL writes `$1` where SQLite writes `?1`. No statement of ours has a question mark in a text.
fn dollars(statement: &str) -> String {
    statement.replace('?', "$")
}

impl Connection for Postgresql {
    fn begin_reading(&self) -> Result<(), DatabaseError> {
        self.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    }

    fn begin_writing(&self) -> Result<(), DatabaseError> {
        self.run(BEGIN_WRITING)?;
        self.execute(TAKE_TURN, &[]).map(|_| ())
    }

    fn run(&self, script: &str) -> Result<(), DatabaseError> {
        Ok(self.client()?.batch_execute(script)?)
    }

    fn execute(&self, statement: &'static str, values: &[Value<'_>]) -> Result<u64, DatabaseError> {
        let prepared = self.prepare(statement)?;
        let values: Vec<_> = values.iter().map(parameter).collect();
        let mut client = self.client()?;
        Ok(client.execute(&prepared, &values)?)
    }

    fn each(
        &self,
        statement: &'static str,
        values: &[Value<'_>],
        take: &mut TakeRow<'_>,
    ) -> Result<(), StoreError> {
        let failed = |error| StoreError::from(DatabaseError::from(error));
        let prepared = self.prepare(statement)?;
        let values: Vec<_> = values.iter().map(parameter).collect();
        let mut client = self.client()?;
        let mut rows = client.query_raw(&prepared, values).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            take(&row)?;
        }
        Ok(())
    }
}

fn parameter<'a>(value: &'a Value<'a>) -> &'a (dyn ToSql + Sync) {
    match value {
        Value::Number(number) => number,
        Value::Text(text) => text,
        Value::Bytes(bytes) => bytes,
    }
}

impl Row for postgres::Row {
    fn number(&self, column: usize) -> Result<i64, DatabaseError> {
        Ok(self.try_get(column)?)
    }

    fn number_or_null(&self, column: usize) -> Result<Option<i64>, DatabaseError> {
        Ok(self.try_get(column)?)
    }

    fn text(&self, column: usize) -> Result<String, DatabaseError> {
        Ok(self.try_get(column)?)
    }

    fn bytes(&self, column: usize) -> Result<Vec<u8>, DatabaseError> {
        Ok(self.try_get(column)?)
    }
}
