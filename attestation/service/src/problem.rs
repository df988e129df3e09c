//! Every way in which a request is answered with an error, and what the client is told.

use attestation_access::{ChangeRefusal, Denial, OverQuota, TooSoon};
use attestation_audit::rfc3339;
use attestation_evidence::ErrorBody;
use attestation_verdict::RejectionRecord;

/// Why a request got no result. The text goes to the client, so it repeats nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The body, path or query is not understood.
    #[error("{0}")]
    InvalidRequest(String),
    /// Another protocol version.
    #[error("this verifier speaks KBS protocol 0.4.0 only")]
    ProtocolVersion,
    /// The `tee` is none that is known.
    #[error("{0}")]
    UnknownTee(String),
    /// No session cookie, or none that is known.
    #[error("{0}")]
    NoSession(&'static str),
    /// An attestation token that is not believed, or not any more.
    #[error("the attestation token is refused: {0}")]
    InvalidToken(String),
    /// The evidence was judged and refused.
    #[error("{}", reasons(.0))]
    Refused(Vec<RejectionRecord>),
    /// Nobody in particular asks, and this is not for everybody.
    #[error("{}: a bearer token or a client certificate is needed", Denial::ANSWER)]
    NotProven,
    /// It is not for the one who asks, or is not there: which, is not said.
    #[error("{}", Denial::ANSWER)]
    NotPermitted,
    /// A change that needs a second person cannot be proposed, approved or made.
    #[error("{0}")]
    ChangeRefused(ChangeRefusal),
    /// The operator stopped serving the tenant.
    #[error("the tenant is suspended: its operator can resume it")]
    Suspended,
    /// The tenant would have more than the operator allows.
    #[error(transparent)]
    OverQuota(#[from] OverQuota),
    /// The session's verdict does not entitle to this.
    #[error("{0}")]
    Denied(&'static str),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The path exists, the method does not.
    #[error("this path does not take that method")]
    Method,
    /// The request did not arrive in time.
    #[error("the request took longer than {0} seconds")]
    TooSlow(u64),
    /// The client, or the tenant, asks too often.
    #[error("{0}")]
    TooSoon(#[from] TooSoon),
    /// The body, or the evidence in it, is too large.
    #[error("{0}")]
    TooLarge(String),
    /// Another program holds the store, or it is not there at present.
    #[error(
        "the verifier's store is held by another program, or cannot be reached: try again in a few seconds"
    )]
    Busy,
    /// What a vendor says of the evidence's hardware is not to be had now.
    #[error("the evidence cannot be judged now: {0}")]
    NoCollateral(String),
    /// The token with the keys of secrets does not do its work, or the ring of keys is not that of the log.
    #[error(
        "the keys of secrets cannot be used, so nothing is put or released: see the verifier's own log"
    )]
    KeysUnavailable,
    /// The server is not set up for this yet.
    #[error("{0}")]
    NotReady(String),
    /// The log could not be written: nothing is released until a restart has verified it.
    #[error("the log cannot be written, so nothing is released: see the verifier's own log")]
    LogFailed,
    /// The clock was set back, or the log's last entry was made by a wrong one.
    #[error(
        "the verifier's clock says {} ({clock}), before the log's last entry, which is of {} ({last}): \
         nothing is judged until the clock of the verifier's machine is right, or that time has come",
        rfc3339(*clock), rfc3339(*last)
    )]
    ClockBehind {
        /// What the clock says, in seconds since 1970.
        clock: u64,
        /// The time of the log's last entry.
        last: u64,
    },
    /// The store was restored from a backup while this process ran.
    #[error("the verifier's store was restored from a backup: its process has to be started anew")]
    Restored,
    /// Something of ours failed; the journal has the details.
    #[error("the verifier failed: see its own log")]
    Internal,
}

impl Problem {
    /// Every [`Problem::name`] with its [`Problem::status`].
    pub const KINDS: [(&'static str, u16); 24] = [
        ("InvalidRequest", 400),
        ("ProtocolVersion", 400),
        ("UnsupportedTee", 400),
        ("TokenNotFound", 401),
        ("TokenVerifierError", 401),
        ("AttestationFailed", 401),
        ("NotProven", 401),
        ("NotPermitted", 403),
        ("TenantSuspended", 403),
        ("QuotaExceeded", 403),
        ("PolicyDeny", 403),
        ("ResourceNotFound", 404),
        ("MethodNotAllowed", 405),
        ("RequestTimeout", 408),
        ("ChangeRefused", 409),
        ("PayloadTooLarge", 413),
        ("TooManyRequests", 429),
        ("InternalError", 500),
        ("CollateralUnavailable", 503),
        ("KeysUnavailable", 503),
        ("StoreBusy", 503),
        ("NotReady", 503),
        ("ClockBehind", 503),
        ("LogUnavailable", 503),
    ];

    /// The body is longer than `limit` bytes.
    pub(crate) fn body_too_large(limit: usize) -> Self {
        Self::TooLarge(format!("the body is larger than {limit} bytes"))
    }

    /// The HTTP status code.
    pub fn status(&self) -> u16 {
        match self {
            Self::InvalidRequest(_) | Self::ProtocolVersion | Self::UnknownTee(_) => 400,
            Self::NoSession(_) | Self::InvalidToken(_) | Self::Refused(_) | Self::NotProven => 401,
            Self::Denied(_) | Self::NotPermitted | Self::Suspended | Self::OverQuota(_) => 403,
            Self::NotFound(_) => 404,
            Self::Method => 405,
            Self::ChangeRefused(_) => 409,
            Self::TooSlow(_) => 408,
            Self::TooLarge(_) => 413,
            Self::TooSoon(_) => 429,
            Self::Internal => 500,
            Self::Busy
            | Self::NotReady(_)
            | Self::NoCollateral(_)
            | Self::KeysUnavailable
            | Self::LogFailed
            | Self::Restored
            | Self::ClockBehind { .. } => 503,
        }
    }

    /// The last part of the body's `type`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "InvalidRequest",
            Self::ProtocolVersion => "ProtocolVersion",
            Self::UnknownTee(_) => "UnsupportedTee",
            Self::NoSession(_) => "TokenNotFound",
            Self::InvalidToken(_) => "TokenVerifierError",
            Self::Refused(_) => "AttestationFailed",
            Self::NotProven => "NotProven",
            Self::NotPermitted => "NotPermitted",
            Self::ChangeRefused(_) => "ChangeRefused",
            Self::Suspended => "TenantSuspended",
            Self::OverQuota(_) => "QuotaExceeded",
            Self::Denied(_) => "PolicyDeny",
            Self::NotFound(_) => "ResourceNotFound",
            Self::Method => "MethodNotAllowed",
            Self::TooSlow(_) => "RequestTimeout",
            Self::TooLarge(_) => "PayloadTooLarge",
            Self::TooSoon(_) => "TooManyRequests",
            Self::Busy => "StoreBusy",
            Self::NotReady(_) => "NotReady",
            Self::NoCollateral(_) => "CollateralUnavailable",
            Self::KeysUnavailable => "KeysUnavailable",
            Self::LogFailed => "LogUnavailable",
            Self::Restored => "NotReady",
            Self::ClockBehind { .. } => "ClockBehind",
            Self::Internal => "InternalError",
        }
    }

    /// After how many seconds to try again, where that is known (`Retry-After`, RFC 9110, 10.2.3).
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooSoon(soon) => Some(soon.seconds()),
            _ => None,
        }
    }

    /// The body: `{"type": …, "detail": …}`, as the KBS protocol has it, for every path.
    pub fn body(&self) -> String {
        ErrorBody::new(self.name(), self.to_string()).to_json()
    }
}

/// Who may not is told no more than that, wherever it is seen.
impl From<ChangeRefusal> for Problem {
    fn from(refusal: ChangeRefusal) -> Self {
        match refusal {
            ChangeRefusal::Denied(_) => Self::NotPermitted,
            refusal => Self::ChangeRefused(refusal),
        }
    }
}

/// `check: reason`, joined by semicolons.
fn reasons(rejections: &[RejectionRecord]) -> String {
    let texts = rejections
        .iter()
        .map(|one| format!("{}: {}", one.check, one.reason));
    texts.collect::<Vec<_>>().join("; ")
}
