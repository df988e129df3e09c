//! The service itself, without HTTP: sessions, verdicts, releases, registrations.
//!
//! Every method blocks, on the store's disk above all; the HTTP layer calls them from threads that
//! may block.

mod amend;
mod attest;
mod changes;
mod collateral;
mod documents;
mod judge;
mod keys;
mod listing;
mod moment;
mod policies;
mod references;
pub(crate) mod registered;
mod release;
mod rules;
mod secrets;
pub(crate) mod start;
mod tenants;
mod usage;
mod verify;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use attestation_access::{Rate, TenantName};
use attestation_audit::VERDICT_SECONDS;
use attestation_collateral::Collateral;
use attestation_evidence::Challenge;
use attestation_judge::Trust;
use attestation_kbs_protocol::{SessionRequest, SessionRequestError};
use attestation_ledger::{LogProof, VerifyingKey};
use attestation_metrics::{Build, Limit, Metrics, StoreTrouble};
use attestation_store::{Commit, Location, Logged, Reading, Store, StoreError, Trouble, Writing};
use serde::Serialize;

use crate::authorities::Authorities;
use crate::challenge::{Challenge as Opened, SessionCookie};
use crate::data_dir::{DataDir, Lock};
use crate::entropy::{self, NoEntropy};
use crate::fault::Fault;
use crate::key_log::KeyLogError;
use crate::keyring::{KeySource, UnsealError};
use crate::keys::{Keys, load_log_key};
use crate::mark::Mark;
use crate::problem::Problem;
use crate::throttle::Throttle;
use crate::{Clock, Journal};

use rules::Slot;

pub use amend::{Amended, Amendment, Registered};
pub(crate) use changes::waiting_secret;
pub(crate) use registered::{RegistryError, compare};
pub(crate) use start::{check_owner, check_store_files};

pub use attest::Attested;
pub use release::Shown;
pub use secrets::SECRET_LIMIT;
pub use start::StartError;
pub use tenants::{DEFAULT, TenantSettings};

/// How long a nonce is good, in seconds: as long as afterwards an accepted verdict.
pub const SESSION_SECONDS: u64 = VERDICT_SECONDS;
/// For how long after its end a challenge is still known, so that who comes late hears the true reason.
const REMEMBERED_SECONDS: u64 = 3600;
/// A build that anybody can repeat has no date, and knows of no commit.
const BUILD: Build = Build {
    version: env!("CARGO_PKG_VERSION"),
    git_hash: "",
    date: "",
};

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
    /// Where certificates and collateral are kept, and whether vendors are asked.
    pub collateral: attestation_collateral::Settings,
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
    collateral: Collateral,
    /// The store's, which challenges are of.
    generation: String,
    /// What evidence is judged by, if it was read since something was put.
    rules: Mutex<BTreeMap<TenantName, Slot>>,
    /// Why the log cannot be written. Once set it stays: only a restart, which verifies the whole
    /// log, knows again what is on the disk.
    failure: Mutex<Option<String>>,
    /// Up to where the log was seen, outside of the store.
    mark: Arc<Mark>,
    /// Tenants' settings, as they were read last.
    tenants: Mutex<tenants::Kept>,
    /// When the keys of secrets were last tried, and whether they could be used.
    tried: Mutex<keys::Tried>,
    /// As which machine it says in the log that it has keys.
    machine: String,
    /// How often tenants' guests were served.
    throttle: Throttle,
    metrics: Arc<Metrics>,
    journal: Journal,
    clock: Clock,
    _lock: Lock,
}

impl Service {
    /// Opens the data directory, takes its lock, and verifies the log.
    pub fn start(
        path: &Path,
        settings: Settings,
        source: KeySource,
        journal: Journal,
        clock: Clock,
    ) -> Result<Self, StartError> {
        #[derive(Serialize)]
        struct Verified {
            entries: u64,
            root: String,
        }
        let dir = DataDir::open(path)?;
        // Before anything is written: a lock of another user's would keep its owner out.
        start::check_owner(path)?;
        let lock = dir.lock()?;
        let machine = source.who("verifier");
        // Until it is known what of the ring holds, nobody changes it.
        let turn = dir.lock_keys()?;
        let ring = source.open_ring(&dir)?;
        let keys = Keys::load(&dir, ring)?;
        if settings.database.file().is_some() {
            start::check_store_files(&dir)?;
        }
        let log = load_log_key(&dir)?;
        start::check_pins(&dir, &log.verifying_key())?;
        let (store, head, mark) = start::open_store(&dir, path, &settings.database, log)?;
        let mark = Arc::new(mark);
        let (generation, heard, rows) = store.read(|reading| {
            let heard = registered::compare(reading)?;
            let rows = crate::key_log::rows(reading)?;
            Ok::<_, StartError>((reading.generation()?, heard, rows))
        })?;
        keys::settle(&dir, &keys.ring, &rows, &journal)?;
        drop(turn);
        let collateral = Collateral::open(settings.collateral.clone())?;
        let metrics = Arc::new(Metrics::new(BUILD));
        metrics.log_is(head.size);
        let (counted, marking) = (Arc::clone(&metrics), Arc::clone(&mark));
        store.watch(Box::new(move |commit: Commit<'_>| {
            if let Some(checkpoint) = commit.checkpoint {
                marking.note(checkpoint);
            }
            counted.committed(
                commit.took,
                u64::try_from(commit.writers).unwrap_or(u64::MAX),
            );
            counted.log_is(commit.entries);
        }));
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
        let service = Self {
            settings,
            dir,
            keys,
            store,
            collateral,
            generation,
            rules: Mutex::default(),
            failure: Mutex::default(),
            mark,
            tenants: Mutex::default(),
            tried: Mutex::default(),
            machine,
            throttle: Throttle::new(Rate::CLIENT, 1),
            metrics,
            journal,
            clock,
            _lock: lock,
        };
        service.announce_at_start(&heard)?;
        Ok(service)
    }

    /// Opens a session of this tenant's guest: a nonce that is good once and for five minutes.
    pub fn open_session(
        &self,
        tenant: &TenantName,
        body: &[u8],
    ) -> Result<(Challenge, SessionCookie), Problem> {
        self.metrics.challenge_requested();
        let opened = self
            .admit_challenge(tenant)
            .and_then(|()| self.challenge(tenant, body));
        match &opened {
            Ok(_) => self.metrics.challenged(),
            Err(Problem::TooSoon(_)) => self.metrics.challenge_limited(Limit::Tenant),
            Err(_) => self.metrics.challenge_failed(),
        }
        opened
    }

    fn admit_challenge(&self, tenant: &TenantName) -> Result<(), Problem> {
        let quotas = self.quotas(tenant)?;
        Ok(self.throttle.challenge(tenant, &quotas)?)
    }

    fn challenge(
        &self,
        tenant: &TenantName,
        body: &[u8],
    ) -> Result<(Challenge, SessionCookie), Problem> {
        let request = SessionRequest::from_json(body).map_err(not_opened)?;
        request
            .check_selector(&self.settings.policy)
            .map_err(not_opened)?;
        let random = self.note(entropy::random())?;
        let opened = Opened {
            tenant: tenant.clone(),
            tee: request.tee(),
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
            .map_err(|error| self.problem(error.into()))?;
        self.try_keys()
    }

    fn refuse_failed(&self) -> Result<(), Problem> {
        let failed = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_some() {
            return Err(Problem::LogFailed);
        }
        drop(failed);
        match self.mark.failure() {
            Some(failure) => Err(self.stop(&failure)),
            None => Ok(()),
        }
    }

    /// What is counted.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
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

    /// The key that signs the log's checkpoints.
    pub fn log_key(&self) -> VerifyingKey {
        self.store.log_key()
    }

    /// The keys under which attestation tokens are to be believed: a JSON Web Key Set.
    pub fn token_keys(&self) -> String {
        self.keys.token.published(self.clock.now()).to_json()
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
        let done = self.store.write(work);
        let done = done.map_err(|failure| self.problem(failure))?;
        // What is not marked is not answered on.
        self.refuse_failed().map(|()| done)
    }

    /// The same, of `work` that appends the entry whose proof is answered.
    fn commit_and_prove<T>(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<(T, Logged), Failure>,
    ) -> Result<(T, LogProof), Problem> {
        self.refuse_failed()?;
        let done = self.store.write_and_prove(work);
        let done = done.map_err(|failure| self.problem(failure))?;
        self.refuse_failed().map(|()| done)
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
            Failure::Store(error) => {
                let trouble = error.trouble();
                self.metrics.store_failed(match trouble {
                    Trouble::Failed => StoreTrouble::Failed,
                    Trouble::Busy => StoreTrouble::Busy,
                    Trouble::Unreachable => StoreTrouble::Unreachable,
                });
                match trouble {
                    Trouble::Failed => self.stop(&error),
                    Trouble::Busy | Trouble::Unreachable => self.busy(&error),
                }
            }
            Failure::Entropy(error) => self.internal(&error),
            Failure::Unseal(UnsealError::Keys(error)) | Failure::Keys(error) => {
                self.keys_problem(&error)
            }
            Failure::Unseal(error) => self.internal(&error),
            Failure::KeyLog(KeyLogError::Store(error)) => self.problem(error.into()),
            Failure::KeyLog(error) => self.internal(&error),
            Failure::Entry(error) => self.internal(&error),
            Failure::Wrap(error) => self.internal(&error),
        }
    }

    /// Nothing was done, and nothing is wrong with the log: others only have to let go of the file.
    fn busy(&self, error: &StoreError) -> Problem {
        self.internal(error);
        Problem::Busy
    }

    fn stop(&self, error: &(dyn std::error::Error + 'static)) -> Problem {
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
        self.metrics.fails_closed(true);
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
pub enum Failure {
    /// The request is at fault; the store is well.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There are no random bytes.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// A secret does not open.
    #[error(transparent)]
    Unseal(#[from] UnsealError),
    /// What was done cannot be said in an entry of the log.
    #[error(transparent)]
    Entry(#[from] attestation_ledger::EntryError),
    /// The keys of secrets cannot be used.
    #[error(transparent)]
    Keys(#[from] attestation_keyring::KeyringError),
    /// What befell a key cannot be said in an entry of the log.
    #[error(transparent)]
    KeyLog(#[from] KeyLogError),
    /// A secret cannot be wrapped to the guest's key.
    #[error(transparent)]
    Wrap(#[from] attestation_release::ReleaseError),
}

/// An error with all its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// What a client hears that asked for no session that there can be.
fn not_opened(error: SessionRequestError) -> Problem {
    match error {
        SessionRequestError::Version => Problem::ProtocolVersion,
        SessionRequestError::Tee(unknown) => Problem::UnknownTee(unknown.to_string()),
        other => Problem::InvalidRequest(other.to_string()),
    }
}
