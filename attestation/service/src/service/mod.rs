//! The service itself, without HTTP: sessions, verdicts, releases, registrations.
//!
//! Every method blocks, on the store's disk above all; the HTTP layer calls them from threads that
//! may block.

mod attest;
mod documents;
mod judge;
mod moment;
mod register;
mod registered;
mod release;
mod rules;
mod start;
mod tenants;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use attestation_access::{Permit, TenantName, deeds};
use attestation_audit::VERDICT_SECONDS;
use attestation_evidence::{Challenge, KBS_PROTOCOL_VERSION, Request, Tee};
use attestation_judge::Trust;
use attestation_ledger::{LogProof, VerifyingKey};
use attestation_store::{Location, Logged, Reading, Store, StoreError, Trouble, Writing};
use serde::Serialize;

use crate::challenge::{Challenge as Opened, SessionCookie};
use crate::data_dir::{DataDir, Lock};
use crate::entropy::{self, NoEntropy};
use crate::fault::Fault;
use crate::gate::Authorities;
use crate::keys::{Keys, UnsealError, load_log_key};
use crate::problem::Problem;
use crate::{Clock, Journal};

use rules::Slot;

pub use attest::{Attested, launch_digest};
pub use register::{Registered, SECRET_LIMIT};
pub use start::StartError;
pub use tenants::{DEFAULT, TenantSettings};

/// How long a nonce is good, in seconds: as long as afterwards an accepted verdict.
pub const SESSION_SECONDS: u64 = VERDICT_SECONDS;
/// For how long after its end a challenge is still known, so that who comes late hears the true reason.
const REMEMBERED_SECONDS: u64 = 3600;
const UNKNOWN_SESSION: Problem =
    Problem::NoSession("the session is unknown here: POST /kbs/v0/auth first");

/// What the operator chose on the command line.
#[derive(Debug)]
pub struct Settings {
    /// Whom it trusts, and whether evidence that proves nothing may be accepted.
    pub trust: Trust,
    /// The policy that all evidence is appraised by. No client has a say in it.
    pub policy: String,
    /// By whom administrators are proven.
    pub authorities: Authorities,
    /// Where the store is.
    pub database: Location,
    /// Test-only pauses.
    pub faults: Vec<Fault>,
}

/// A running verifier.
pub struct Service {
    settings: Settings,
    dir: DataDir,
    keys: Keys,
    store: Store,
    /// The store's, which challenges are of.
    generation: String,
    /// What evidence is judged by, if it was read since something was put.
    rules: Mutex<BTreeMap<TenantName, Slot>>,
    /// Why the log cannot be written. Once set it stays: only a restart, which verifies the whole
    /// log, knows again what is on the disk.
    failure: Mutex<Option<String>>,
    journal: Journal,
    clock: Clock,
    _lock: Lock,
}

impl Service {
    /// Opens the data directory, takes its lock, and verifies the log.
    pub fn start(
        path: &Path,
        settings: Settings,
        journal: Journal,
        clock: Clock,
    ) -> Result<Self, StartError> {
        #[derive(Serialize)]
        struct Verified {
            entries: u64,
            root: String,
        }
        let dir = DataDir::open(path)?;
        let lock = dir.lock()?;
        let keys = Keys::load(&dir)?;
        start::check_owner(path)?;
        if settings.database.file().is_some() {
            start::check_store_files(&dir)?;
        }
        let log = load_log_key(&dir)?;
        start::check_pins(&dir, &log.verifying_key())?;
        let (store, head) = Store::open(&settings.database, log)?;
        let generation = store.read(|reading| {
            registered::compare(reading)?;
            Ok::<_, StartError>(reading.generation()?)
        })?;
        for fault in &settings.faults {
            journal.error("test-fault-enabled", fault);
        }
        journal.info(
            "log-verified",
            &Verified {
                entries: head.size,
                root: head.root.to_string(),
            },
        );
        Ok(Self {
            settings,
            dir,
            keys,
            store,
            generation,
            rules: Mutex::default(),
            failure: Mutex::default(),
            journal,
            clock,
            _lock: lock,
        })
    }

    /// Opens a session of this tenant's guest: a nonce that is good once and for five minutes.
    pub fn open_session(
        &self,
        tenant: &TenantName,
        body: &[u8],
    ) -> Result<(Challenge, SessionCookie), Problem> {
        let request =
            Request::from_json(body).map_err(|error| Problem::InvalidRequest(error.to_string()))?;
        if request.version != KBS_PROTOCOL_VERSION {
            return Err(Problem::ProtocolVersion);
        }
        let tee: Tee = request
            .tee
            .parse()
            .map_err(|error: attestation_evidence::UnknownTee| {
                Problem::UnknownTee(error.to_string())
            })?;
        let random = self.note(entropy::random())?;
        let opened = Opened {
            tenant: tenant.clone(),
            tee,
            expires: self.clock.now().saturating_add(SESSION_SECONDS),
        };
        let (cookie, nonce) = self.keys.challenge.issue(&self.generation, &opened, random);
        Ok((Challenge::new(nonce), cookie))
    }

    /// Whether the service can do its work: `Err` says why not.
    pub fn ready(&self) -> Result<(), Problem> {
        self.refuse_failed()?;
        self.consult(|reading| self.moment(reading))?;
        self.store
            .try_out()
            .map_err(|error| self.problem(error.into()))
    }

    fn refuse_failed(&self) -> Result<(), Problem> {
        match *self.failure.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(_) => Err(Problem::LogFailed),
            None => Ok(()),
        }
    }

    /// What the operator chose.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where the keys are.
    pub(crate) fn data_dir(&self) -> &DataDir {
        &self.dir
    }

    /// Where the time is taken from.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The newest signed checkpoint.
    pub fn checkpoint(&self) -> Result<String, Problem> {
        self.note(self.store.read(|reading| reading.checkpoint()))
    }

    /// The bytes of one of the tenant's entries of the log. Others' are as if they were not there.
    pub fn entry(&self, permit: &Permit<deeds::ReadAudit>, index: u64) -> Result<Vec<u8>, Problem> {
        let tenant = permit.tenant();
        let found = self.consult(|reading| Ok(reading.entries_of(tenant.as_str(), index, 1)?))?;
        let entry = found.into_iter().find(|(at, _)| *at == index);
        entry.map(|(_, bytes)| bytes).ok_or_else(|| {
            Problem::NotFound(format!(
                "entry {index} of the log is not there, or not `{tenant}`'s"
            ))
        })
    }

    /// The key that signs the log's checkpoints.
    pub fn log_key(&self) -> VerifyingKey {
        self.store.log_key()
    }

    /// The key that signs attestation tokens, as a JSON Web Key.
    pub fn token_key(&self) -> serde_json::Value {
        self.keys.token.public_jwk()
    }

    /// The test-only pauses.
    pub(crate) fn faults(&self) -> &[Fault] {
        &self.settings.faults
    }

    /// The operator's log.
    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Runs `work` in one synced transaction. After the first failure of the store it runs nothing
    /// any more: what the disk holds is then unknown until a restart has verified it.
    fn commit<T>(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<T, Failure>,
    ) -> Result<T, Problem> {
        self.refuse_failed()?;
        self.store
            .write(work)
            .map_err(|failure| self.problem(failure))
    }

    /// The same, of `work` that appends the entry whose proof is answered.
    fn commit_and_prove<T>(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<(T, Logged), Failure>,
    ) -> Result<(T, LogProof), Problem> {
        self.refuse_failed()?;
        self.store
            .write_and_prove(work)
            .map_err(|failure| self.problem(failure))
    }

    /// Runs `work` over one state of the store that is not about to be changed.
    fn consult<T>(
        &self,
        work: impl FnOnce(&Reading<'_>) -> Result<T, Failure>,
    ) -> Result<T, Problem> {
        self.store
            .read(work)
            .map_err(|failure| self.problem(failure))
    }

    fn problem(&self, failure: Failure) -> Problem {
        match failure {
            Failure::Problem(problem) => problem,
            Failure::Store(error) => match error.trouble() {
                Trouble::Failed => self.stop(&error),
                Trouble::Busy | Trouble::Unreachable => self.busy(&error),
            },
            Failure::Entropy(error) => self.internal(&error),
            Failure::Unseal(error) => self.internal(&error),
            Failure::Entry(error) => self.internal(&error),
            Failure::Wrap(error) => self.internal(&error),
        }
    }

    /// Nothing was done, and nothing is wrong with the log: others only have to let go of the file.
    fn busy(&self, error: &StoreError) -> Problem {
        self.internal(error);
        Problem::Busy
    }

    fn stop(&self, error: &StoreError) -> Problem {
        #[derive(Serialize)]
        struct Stopped {
            why: String,
            remedy: &'static str,
        }
        let why = chain(error);
        let remedy = "nothing is released any more; mend the cause, then restart cloister-verifier";
        self.journal.error(
            "log-cannot-be-written",
            &Stopped {
                why: why.clone(),
                remedy,
            },
        );
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        Problem::LogFailed
    }

    /// Tells the operator of a request that got no further, and hands the problem on.
    pub(crate) fn refuse(&self, what: &'static str, session: &str, problem: Problem) -> Problem {
        #[derive(Serialize)]
        struct Refused<'a> {
            what: &'static str,
            session: &'a str,
            reasons: [String; 1],
        }
        let reasons = [problem.to_string()];
        self.journal.info(
            "request-refused",
            &Refused {
                what,
                session,
                reasons,
            },
        );
        problem
    }

    pub(crate) fn note<T, E: std::error::Error>(&self, result: Result<T, E>) -> Result<T, Problem> {
        result.map_err(|error| self.internal(&error))
    }

    fn internal(&self, error: &dyn std::error::Error) -> Problem {
        #[derive(Serialize)]
        struct Failed {
            why: String,
        }
        self.journal
            .error("request-failed", &Failed { why: chain(error) });
        Problem::Internal
    }
}

/// Why a transaction was not committed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The request is at fault; the store is well.
    #[error(transparent)]
    Problem(#[from] Problem),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    #[error(transparent)]
    Unseal(#[from] UnsealError),
    #[error(transparent)]
    Entry(#[from] attestation_ledger::EntryError),
    #[error(transparent)]
    Wrap(#[from] attestation_release::ReleaseError),
}

/// An error with all its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
