//! Why the store cannot be used.

use std::path::PathBuf;
use std::sync::Arc;

use attestation_ledger::TreeError;
use rusqlite::ErrorCode;

/// What a database said.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// SQLite.
    #[error("SQLite failed")]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL, or the way there.
    #[error("PostgreSQL failed")]
    Postgres(#[from] postgres::Error),
    /// There is no connection at present, and it is too early to try again.
    #[error("the database could not be reached a moment ago")]
    Waiting,
    /// It is set so that a commit may be lost.
    #[error("PostgreSQL runs with `{0} = off`: what it commits may be lost; set it to `on`")]
    Careless(&'static str),
    /// The certificates that its server's has to end in.
    #[error("cannot use the certificates in {path} (sslrootcert): {what}")]
    Roots {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// What a failure means for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Another program kept the database for itself for too long. Nothing was done.
    Busy,
    /// The database was not there, or went away. What was not answered may have been done or not; the next one who asks
    /// connects anew.
    Unreachable,
    /// Something is wrong that does not pass by itself.
    Failed,
}

impl DatabaseError {
    /// What it means.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy) => Trouble::Busy,
                _ => Trouble::Failed,
            },
            Self::Postgres(error) => postgres_trouble(error),
            Self::Waiting => Trouble::Unreachable,
            Self::Careless(_) | Self::Roots { .. } => Trouble::Failed,
        }
    }
}

/// By the classes of PostgreSQL 15, appendix A.
fn postgres_trouble(error: &postgres::Error) -> Trouble {
    let Some(code) = error.code() else {
        // It never came to the server's answer.
        return Trouble::Unreachable;
    };
    match code.code() {
        // Lock not available, query cancelled by its time limit, serialization failure, deadlock.
        "55P03" | "57014" | "40001" | "40P01" => Trouble::Busy,
        // Shutting down or starting up, too many connections, idle for too long in a transaction, a standby.
        "57P01" | "57P02" | "57P03" | "53300" | "25P03" | "25006" => Trouble::Unreachable,
        code if code.starts_with("08") => Trouble::Unreachable,
        _ => Trouble::Failed,
    }
}

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened.
    #[error("cannot open the store {place}")]
    Open {
        /// File or URL.
        place: String,
        /// What the database said.
        source: DatabaseError,
    },
    /// The database is something else's, or of a version before the first that can be brought up.
    #[error(
        "{place} is not a store of this version of cloister-verifier: serve it with the version that \
         made it, or start anew with `cloister-verifier init`"
    )]
    Foreign {
        /// File or URL.
        place: String,
    },
    /// A later version of this program made it, or brought it up.
    #[error(
        "{place} has schema version {found}, and this cloister-verifier knows {known}: a store is never taken back to an \
         older version; run the newer cloister-verifier"
    )]
    Newer {
        /// File or URL.
        place: String,
        /// The store's version.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// There is a store already.
    #[error("{place} holds a store already: nothing was changed")]
    Exists {
        /// File or URL.
        place: String,
    },
    /// The log is not the one that was signed.
    #[error(
        "the log in {place} does not verify: {what}. Nothing is served from it. Keep it as \
         evidence and restore a backup, or start anew with `cloister-verifier init`"
    )]
    Torn {
        /// File or URL.
        place: String,
        /// What does not hold.
        what: String,
    },
    /// The log lacks what this process saw in it.
    #[error(
        "the log in {place} is not the one that was here before: {what}. It was put back to an older day, or another log \
         stands in its place. Nothing is written to it"
    )]
    Older {
        /// File or URL.
        place: String,
        /// What was seen, and what is there now.
        what: String,
    },
    /// A statement failed.
    #[error("the store failed")]
    Database(#[from] DatabaseError),
    /// The tree's nodes cannot be read.
    #[error("the log's tree cannot be read")]
    Tree(#[source] Box<TreeError<StoreError>>),
    /// A number is out of range.
    #[error("the store holds a number that cannot be: {0}")]
    Number(i64),
    /// Another one's work ended by a bug, in the same transaction.
    #[error("a fault in the verifier ended the transaction, of which nothing was kept")]
    Panicked,
    /// The transaction that was shared with others was not committed.
    #[error(transparent)]
    Shared(#[from] Arc<StoreError>),
}

impl From<TreeError<StoreError>> for StoreError {
    fn from(error: TreeError<StoreError>) -> Self {
        Self::Tree(Box::new(error))
    }
}

impl StoreError {
    /// What it means for whoever asked.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Database(error) | Self::Open { source: error, .. } => error.trouble(),
            Self::Shared(error) => error.trouble(),
            Self::Tree(error) => match error.as_ref() {
                TreeError::Read { source, .. } => source.trouble(),
                _ => Trouble::Failed,
            },
            _ => Trouble::Failed,
        }
    }
}
