//! Who may do what: identities and how they are proven, roles, permits, four eyes, quotas and rates.
//!
//! The road of a request: [`Issuer::prove`], [`ClientCertificates::prove`] or [`BootstrapToken::prove`] make an
//! [`Identity`]; [`decide`] makes a [`Permit`] of it, for one action on one place, by the one [`TABLE`]; who only reads
//! shows the permit. Who writes makes a [`Mandate`] of it, and that is where four eyes are asked for: alone where the
//! tenant allows it ([`FourEyes::alone`]), by a [`Change`] that somebody else approved where not.
//!
//! Nothing here reads a clock, a file or a socket: times come in, in seconds since 1970-01-01T00:00:00Z where they are
//! of the calendar, in nanoseconds of a clock that never goes back where rates are meant. docs/access.md tells it to
//! those who use it.

#![forbid(unsafe_code)]

mod action;
mod bootstrap;
mod certificate;
mod change;
mod digest;
mod four_eyes;
mod identity;
mod jwt;
mod limiter;
mod mandate;
mod permit;
mod quota;
mod role;
mod subject;
mod table;
mod tenant;

pub use action::{Action, Deed, Place, Verifier, deeds};
pub use bootstrap::{BootstrapRefusal, BootstrapToken, InvalidBootstrap};
pub use certificate::{
    AcceptedByTls, CertificateMatch, CertificateRefusal, CertificateRule, ClientCertificates,
    InvalidCertificateRules,
};
pub use change::{Change, ChangeRefusal, ChangeState, ImpossibleChange, Proposal};
pub use digest::{ContentDigest, InvalidDigest};
pub use four_eyes::{Approvers, FourEyes, NeedsApproval, NotAChange};
pub use identity::{Identity, Proof};
pub use jwt::{
    Algorithm, ClaimPath, ClaimRule, InvalidClaimPath, InvalidIssuer, InvalidKeys, Issuer,
    IssuerSettings, JsonProblem, KeyFault, KeySet, TokenRefusal,
};
pub use limiter::{ClientAddresses, InvalidRate, Rate, TenantRates, TooSoon};
pub use mandate::Mandate;
pub use permit::{Denial, DenialReason, Permit, check, decide};
pub use quota::{DailyBytes, LimitTooHigh, OverQuota, Quota, Quotas};
pub use role::{Grant, Role, TenantRole};
pub use subject::{InvalidSubject, Subject};
pub use table::{Row, TABLE, may};
pub use tenant::{InvalidTenantName, TenantName};
