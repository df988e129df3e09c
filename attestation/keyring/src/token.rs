//! A PKCS#11 token, by way of the process that has its module loaded.
//!
//! A module is somebody else's C, and dynamic: in the verifier's process it could read every key, crash it,
//! or never return. So `cloister-token` has the module and the PIN, and this is its client: a crash is an
//! end of file here, and a hang ends at a deadline. There is one worker with one session, and a mutex
//! around it: modules differ in how far their threads can be trusted, and a secret is wrapped or
//! unwrapped a few times a second at most.
//!
//! A worker that is lost is started anew once for each request, and after that not before a pause has
//! passed. A PIN that was refused is never tried again by this value. Of [`Token::started`] the worker is the
//! only one: a process that may start no program loses its token with it.

mod worker;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use worker::{Fault, Worker};
use zeroize::Zeroizing;

use crate::KeyId;
use crate::envelope::{CONTEXT_LENGTH, DataKey};
use crate::sealed::{IV_LENGTH, TokenWrap};
use crate::wire::{Reply, Request};

/// The pause after a worker was lost twice over one request; doubled each time, up to a minute.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Where a token is, and how to reach it.
#[derive(Clone)]
pub struct TokenConfig {
    /// `cloister-token`.
    pub program: PathBuf,
    /// The token's PKCS#11 module, a shared library.
    pub module: PathBuf,
    /// Which of the module's tokens.
    pub token: TokenName,
    /// A private file with the user's PIN. The worker reads it; this process never does.
    pub pin_file: PathBuf,
    /// What new keys' labels begin with.
    pub label: String,
    /// The module's environment, all of it: `SOFTHSM2_CONF` and such.
    pub environment: Vec<(String, String)>,
    /// How long an answer may take.
    pub patience: Duration,
}

/// Without the environment, in which some modules want their passwords.
impl fmt::Debug for TokenConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenConfig")
            .field("program", &self.program)
            .field("module", &self.module)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

/// Which token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenName {
    /// The one with this label.
    Label(String),
    /// The one with this serial number.
    Serial(String),
}

/// Why a token does not do what it is asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not there, or not now, or not well.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// It is well, and refuses.
    #[error("key {key} in the token: {refusal}")]
    Refused {
        /// The key.
        key: KeyId,
        /// Why.
        refusal: TokenRefusal,
    },
}

/// Why a token is not there. Nothing is released meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The worker cannot be started.
    #[error("cannot start {program}: {why}")]
    NoWorker {
        /// What was to be started.
        program: String,
        /// What the operating system said.
        why: String,
    },
    /// The token would not let the PIN in.
    #[error(
        "the token refused the PIN ({0}): correct the PIN file, try it once with `cloister-token check`, \
         then start the verifier anew; it is not tried again"
    )]
    Pin(String),
    /// The module, the token or the session failed.
    #[error("the token failed ({0})")]
    Lost(String),
    /// The worker ended: the module crashed.
    #[error("the token's worker ended unasked: its module may have crashed")]
    Ended,
    /// No answer in time.
    #[error("the token did not answer in time")]
    Silent,
    /// An answer that makes no sense.
    #[error("the token's worker answered nonsense")]
    Garbled,
    /// The only worker is gone.
    #[error(
        "{0}; no other is started while the verifier serves: mend the token, then restart cloister-verifier"
    )]
    Gone(Box<Unavailable>),
    /// It failed lately.
    #[error("the token failed lately, and is left in peace for {} s", .0.as_secs().max(1))]
    Resting(Duration),
}

/// What a token that is well refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// Ciphertext, IV or what it is bound to was changed, or it is under another key.
    #[error("what it encrypted was changed, or is bound to something else")]
    DoesNotOpen,
    /// No such key.
    #[error("there is none")]
    NoSuchKey,
    /// More than one object has its id.
    #[error("more than one object has its id")]
    Ambiguous,
    /// The object is no AES-256 key.
    #[error("it is no AES-256 key of the token's")]
    OtherKind,
    /// The key can leave the token.
    #[error(
        "it can leave the token, or once could (CKA_SENSITIVE, CKA_EXTRACTABLE and their histories)"
    )]
    Extractable,
    /// The key was not made in the token.
    #[error("it was not made in the token (CKA_LOCAL)")]
    NotLocal,
    /// The key may not be used as it has to be, or may be used as it must not.
    #[error("it has to encrypt and decrypt and must do nothing else")]
    OtherUse,
    /// The token has no AES-GCM, or not as it is needed.
    #[error("the token has no CKM_AES_GCM that takes or makes an IV of 96 bits")]
    NoMechanism,
}

impl TokenRefusal {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::DoesNotOpen,
        Self::NoSuchKey,
        Self::Ambiguous,
        Self::OtherKind,
        Self::Extractable,
        Self::NotLocal,
        Self::OtherUse,
        Self::NoMechanism,
    ];

    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::DoesNotOpen => 1,
            Self::NoSuchKey => 2,
            Self::Ambiguous => 3,
            Self::OtherKind => 4,
            Self::Extractable => 5,
            Self::NotLocal => 6,
            Self::OtherUse => 7,
            Self::NoMechanism => 8,
        }
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|refusal| refusal.number() == number)
    }
}

/// A token. Its methods may be called from any number of threads; they take turns.
pub struct Token {
    config: TokenConfig,
    line: Mutex<Line>,
}

/// What is known of the worker.
#[derive(Default)]
struct Line {
    worker: Option<Worker>,
    /// Whether the worker that is there is the last.
    is_last: bool,
    barred: Option<Unavailable>,
    rest: Option<(Instant, Duration)>,
}

impl Token {
    /// A token that is first asked for when it is needed.
    #[must_use]
    pub fn new(config: TokenConfig) -> Self {
        Self {
            config,
            line: Mutex::default(),
        }
    }

    /// A token whose worker is started now, is logged in, and is the only one that it ever has: for a
    /// process that gives up the right to start programs. The worker ends by itself once this is dropped; it is
    /// neither killed nor waited for, which such a process could not do either.
    ///
    /// # Errors
    /// The worker cannot be started, or the token does not let it in.
    pub fn started(config: TokenConfig) -> Result<Self, Unavailable> {
        let worker = Worker::start(&config)?.left_alone();
        let token = Self::new(config);
        let mut line = token.line();
        (line.worker, line.is_last) = (Some(worker), true);
        drop(line);
        Ok(token)
    }

    /// Has a fit key of this id; makes it if there is none.
    pub(crate) fn ensure(&self, key: KeyId, number: u32) -> Result<(), TokenError> {
        let label = format!("{} {number}", self.config.label);
        match self.ask(key, &Request::Ensure { key, label })? {
            Reply::Done => Ok(()),
            _ => Err(self.garbled()),
        }
    }

    pub(crate) fn wrap(
        &self,
        key: KeyId,
        iv: [u8; IV_LENGTH],
        context: [u8; CONTEXT_LENGTH],
        data_key: &DataKey,
    ) -> Result<TokenWrap, TokenError> {
        let request = Request::Wrap {
            key,
            iv,
            context,
            data_key: Zeroizing::clone(&data_key.0),
        };
        match self.ask(key, &request)? {
            Reply::Wrapped(wrapped) => Ok(wrapped),
            _ => Err(self.garbled()),
        }
    }

    pub(crate) fn unwrap(
        &self,
        key: KeyId,
        wrapped: TokenWrap,
        context: [u8; CONTEXT_LENGTH],
    ) -> Result<DataKey, TokenError> {
        let request = Request::Unwrap {
            key,
            wrapped,
            context,
        };
        match self.ask(key, &request)? {
            Reply::Unwrapped(data_key) => Ok(DataKey(data_key)),
            _ => Err(self.garbled()),
        }
    }

    pub(crate) fn destroy(&self, key: KeyId) -> Result<(), TokenError> {
        match self.ask(key, &Request::Destroy { key })? {
            Reply::Done => Ok(()),
            _ => Err(self.garbled()),
        }
    }

    fn ask(&self, key: KeyId, request: &Request) -> Result<Reply, TokenError> {
        let mut line = self.line();
        match line.exchange(&self.config, request)? {
            Reply::Refused(refusal) => Err(TokenError::Refused { key, refusal }),
            reply => Ok(reply),
        }
    }

    /// An answer to another question: the worker cannot be relied upon.
    fn garbled(&self) -> TokenError {
        self.line().lose(&Unavailable::Garbled);
        Unavailable::Garbled.into()
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(|poisoned| {
            // Its holder panicked, perhaps with an answer still to come.
            let mut line = PoisonError::into_inner(poisoned);
            line.lose(&Unavailable::Garbled);
            line
        })
    }
}

impl Line {
    /// Two tries: a session ends when a token is reset, and its keys are there again a moment later.
    fn exchange(&mut self, config: &TokenConfig, request: &Request) -> Result<Reply, Unavailable> {
        self.may_be_asked()?;
        if self.is_last {
            let only = self.exchange_once(config, request);
            if let Err(why) = &only {
                self.lose(why);
            }
            return only;
        }
        let first = self.exchange_once(config, request);
        let last = match first {
            Err(Unavailable::Lost(_) | Unavailable::Ended) => self.exchange_once(config, request),
            other => other,
        };
        match &last {
            Ok(_) => self.rest = None,
            Err(Unavailable::Pin(_)) => self.barred = last.as_ref().err().cloned(),
            Err(_) => self.take_rest(),
        }
        last
    }

    fn exchange_once(
        &mut self,
        config: &TokenConfig,
        request: &Request,
    ) -> Result<Reply, Unavailable> {
        let mut worker = match self.worker.take() {
            Some(worker) => worker,
            None => Worker::start(config)?,
        };
        let reply = worker.ask(&request.to_bytes())?;
        // Kept only if it answered: whatever else happened, what it says next may be about this.
        self.worker = Some(worker);
        Ok(reply)
    }

    /// The worker cannot be relied upon any more; where it was the last, none is asked again.
    fn lose(&mut self, why: &Unavailable) {
        self.worker = None;
        if self.is_last && self.barred.is_none() {
            self.barred = Some(Unavailable::Gone(Box::new(why.clone())));
        }
    }

    fn may_be_asked(&self) -> Result<(), Unavailable> {
        if let Some(why) = &self.barred {
            return Err(why.clone());
        }
        match self.rest {
            Some((since, pause)) if since.elapsed() < pause => {
                Err(Unavailable::Resting(pause.saturating_sub(since.elapsed())))
            }
            _ => Ok(()),
        }
    }

    fn take_rest(&mut self) {
        let pause = self.rest.map_or(FIRST_PAUSE, |(_, pause)| {
            pause.saturating_mul(2).min(LONGEST_PAUSE)
        });
        self.rest = Some((Instant::now(), pause));
    }
}

impl From<Fault> for Unavailable {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Ended => Self::Ended,
            Fault::Silent => Self::Silent,
            Fault::Garbled => Self::Garbled,
        }
    }
}

#[cfg(test)]
impl Token {
    /// A token whose only worker is this function.
    pub(crate) fn answered_by(
        answer: impl FnMut(Request) -> Option<Reply> + Send + 'static,
    ) -> Self {
        let token = Self::new(TokenConfig {
            program: "/nonexistent".into(),
            module: "/nonexistent".into(),
            token: TokenName::Label("none".to_owned()),
            pin_file: "/nonexistent".into(),
            label: "test".to_owned(),
            environment: Vec::new(),
            patience: Duration::from_secs(5),
        });
        token.line().worker = Some(Worker::answered_by(answer));
        token
    }
}

#[cfg(test)]
mod tests;
