//! What administrators do: each act is an entry.

use serde::{Deserialize, Serialize};

use super::RecordVersion;
use crate::Digest;

/// Something that an administrator did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// Format of this record.
    pub version: RecordVersion,
    /// When, in seconds since 1970-01-01 UTC.
    pub time: u64,
    /// Whose it is; `null` of what concerns the whole verifier.
    pub tenant: Option<String>,
    /// Who did it, at most [`Self::LONGEST_NAME`] bytes.
    pub by: String,
    /// Who approved it, where that is another's to do.
    pub approved_by: Option<String>,
    /// The name of what it was done to; from here on the name means this.
    pub name: String,
    /// What.
    pub what: Registered,
}

impl Registration {
    /// The longest name, in bytes.
    pub const LONGEST_NAME: usize = 1024;

    pub(super) fn names_are_short(&self) -> bool {
        let names = [
            self.tenant.as_deref(),
            Some(self.by.as_str()),
            self.approved_by.as_deref(),
            Some(self.name.as_str()),
        ];
        names
            .into_iter()
            .flatten()
            .all(|name| name.len() <= Self::LONGEST_NAME)
    }
}

/// What can be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "snake_case",
    rename_all_fields = "snake_case",
    deny_unknown_fields
)]
pub enum Registered {
    /// An appraisal policy was registered, or took the place of one of its name.
    Policy {
        /// Digest of its text, by which verdicts name it too.
        digest: Digest,
    },
    /// A policy was taken away: nothing is judged by it any more.
    PolicyRemoved {},
    /// A reference value was registered, or took the place of one of its name.
    Reference {
        /// Digest of its blob, by which verdicts name it too.
        digest: Digest,
        /// The signed CoRIM that it was read from; `null` of a plain one.
        corim: Option<Digest>,
    },
    /// A reference value was revoked: it stays, to be named by refusals, and allows nothing.
    ReferenceRevoked {
        /// Digest of the blob that says so.
        digest: Digest,
    },
    /// A reference value was taken away.
    ReferenceRemoved {},
    /// A key was trusted to sign reference values.
    ReferenceKey {
        /// SHA-256 of its SubjectPublicKeyInfo.
        key_sha256: Digest,
    },
    /// It is not any more.
    ReferenceKeyRemoved {
        /// SHA-256 of its SubjectPublicKeyInfo.
        key_sha256: Digest,
    },
    /// A secret. There is no digest of it: that would let a guess at it be tested.
    Secret {
        /// Counts the registrations of this name from 1.
        secret_version: u64,
        /// Name of the policy that a verdict must have been given under to receive it.
        policy: String,
        /// Names of the reference values of which one must allow the launch.
        references: Vec<String>,
    },
    /// Every version of a secret up to this one was destroyed: none of them is ever released again.
    SecretDestroyed {
        /// The newest of them.
        secret_version: u64,
    },
    /// A tenant was made; `name` is its own.
    TenantCreated {
        /// Digest of the settings that it has.
        settings: Digest,
    },
    /// Its settings were changed.
    TenantChanged {
        /// Digest of the settings that it has from now on.
        settings: Digest,
    },
    /// It was taken away, with all that it has.
    TenantRemoved {},
    /// Somebody wants something done that needs another's approval; what is then done is an entry of its own.
    ChangeProposed {
        /// The proposal's id.
        change: String,
        /// Digest of exactly what is to be approved.
        content: Digest,
    },
    /// A second person approved it; what is done for it is the entry that follows.
    ChangeApproved {
        /// The proposal's id.
        change: String,
    },
    /// A second person refused it, or its proposer withdrew it.
    ChangeRejected {
        /// The proposal's id.
        change: String,
    },
    /// Nobody approved it in time.
    ChangeExpired {
        /// The proposal's id.
        change: String,
    },
    /// Something befell a key of the verifier; `name` is the key's id.
    Key {
        /// What it is for, such as `secrets` or `log`.
        purpose: String,
        /// What befell it.
        event: KeyEvent,
    },
    /// This log was begun in the place of another, of which entries may be lost; `name` is its own origin. It is the first
    /// entry, and the next `carried` entries register again, at this time, what was registered there.
    LogBegun {
        /// A [`Succession`](crate::Succession) that the old log's key signed.
        succession: String,
        /// The newest checkpoint of the old log that is known: entries of it between what was carried over and this are lost.
        newest: String,
        /// How many registrations follow.
        carried: u64,
        /// Why, in the operator's words.
        why: String,
    },
    /// The store was restored, and this log goes on since nothing of it was lost; `name` is its origin. Challenges from before
    /// are void.
    LogContinued {
        /// The checkpoint from outside that shows that nothing was lost: the log had exactly these entries.
        checkpoint: String,
        /// Why it was restored, in the operator's words.
        why: String,
    },
}

/// The life of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyEvent {
    /// It was made, or brought in.
    Generated,
    /// It was handed to where it is used.
    Distributed,
    /// It took the place of the one before it.
    Rotated,
    /// What was under others is under it now.
    Rewrapped,
    /// It opens what is old, and makes nothing new.
    Retired,
    /// It is gone, and with it what only it opened.
    Destroyed,
}

impl Registered {
    /// The blobs that it names, all of which belong in a bundle. A tenant's settings and a proposal's content are named for
    /// whoever has them, and stay with the verifier.
    pub(super) fn blobs(&self) -> Vec<Digest> {
        match self {
            Self::Policy { digest } | Self::ReferenceRevoked { digest } => vec![*digest],
            Self::Reference { digest, corim } => std::iter::once(*digest).chain(*corim).collect(),
            _ => Vec::new(),
        }
    }
}
