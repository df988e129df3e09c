//! What can be wrong with a bundle: a closed list.

use attestation_ledger::{CheckpointError, Digest, EntryError, Outcome, TileError};
use serde::Serialize;
use thiserror::Error;

use crate::rfc3339;

/// Why a bundle cannot be judged at all. It names the file.
#[derive(Debug, Error)]
pub enum Unreadable {
    /// Files that the log is made of, or that its entries name, are not there.
    #[error(
        "the bundle is truncated: {} missing{}",
        enumerate(missing),
        renamed(unknown)
    )]
    Missing {
        /// Their paths; of a long list the first ones.
        missing: Vec<String>,
        /// Files of the bundle that nothing names; perhaps the missing ones under another name.
        unknown: Vec<String>,
    },
    /// The checkpoint is no text of a checkpoint.
    #[error("`{file}` is not a checkpoint: export the bundle again")]
    Checkpoint {
        /// Its path.
        file: String,
        /// What is wrong with the text.
        source: CheckpointError,
    },
    /// A file that holds entries cannot be taken apart.
    #[error("`{file}` is cut short or damaged: export the bundle again")]
    Bundle {
        /// Its path.
        file: String,
        /// Where it ends.
        source: TileError,
    },
    /// A file has another size than a log of the signed size gives it.
    #[error(
        "`{file}` is truncated or damaged: it holds {found} {what}, the checkpoint's log has \
         {expected} there"
    )]
    Width {
        /// Its path.
        file: String,
        /// What it holds.
        what: &'static str,
        /// How many (of bytes or entries) it has.
        found: usize,
        /// How many it must have.
        expected: usize,
    },
}

/// One thing that is wrong. Any finding makes the auditor disagree.
#[derive(Debug, Error)]
pub enum Finding {
    /// The pinned key did not sign the checkpoint. Nothing else was looked at.
    #[error("the checkpoint is not the pinned log's: {0}")]
    CheckpointRefused(CheckpointError),
    /// Signature lines that no pinned key vouches for.
    #[error("the checkpoint carries {0} signatures, and only the log's own can be checked")]
    UnknownSignatures(usize),
    /// The entries are not what was signed.
    #[error("the entries do not give the root hash that the checkpoint signs")]
    RootDiffers,
    /// A tile is not the tree's.
    #[error("`{file}` does not hold the hashes of the log's entries")]
    TileDiffers {
        /// Its path.
        file: String,
    },
    /// A blob is not what its name says.
    #[error("`{file}` does not have the SHA-256 that it is named by: its bytes were changed")]
    BlobDiffers {
        /// Its path.
        file: String,
    },
    /// A file that nothing in the log names.
    #[error("`{file}` is named by nothing in the log")]
    UnknownFile {
        /// Its path.
        file: String,
    },
    /// A leaf is no record.
    #[error("entry {entry} cannot be read: {}", chain(source))]
    EntryUnreadable {
        /// Its index.
        entry: u64,
        /// Why.
        source: EntryError,
    },
    /// A blob is not what its role asks for.
    #[error("entry {entry}: its {role} blob is not what a verdict is computed from: {why}")]
    BlobUnreadable {
        /// The index of the verdict or registration.
        entry: u64,
        /// Its role in the appraisal.
        role: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A verdict names a manifest that it cannot have depended on.
    #[error("entry {entry} names a launch manifest, but no check of its evidence looks at one")]
    ManifestUnneeded {
        /// The verdict's index.
        entry: u64,
    },
    /// The log's time ran backwards.
    #[error(
        "entry {entry} is dated {}, before {} of entry {earlier}", rfc3339(*time), rfc3339(*before)
    )]
    TimeBackwards {
        /// Its index.
        entry: u64,
        /// Its time.
        time: u64,
        /// The entry before it with the latest time.
        earlier: u64,
        /// That time.
        before: u64,
    },
    /// The verdict was reached by rules that this auditor does not have.
    #[error(
        "entry {entry} was judged by the rules `{}`; this auditor replays `{ours}`: use the \
         auditor of that version", recorded.escape_debug()
    )]
    OtherRuleset {
        /// The verdict's index.
        entry: u64,
        /// The recorded ruleset.
        recorded: String,
        /// This build's.
        ours: String,
    },
    /// The verifier trusted a simulated root and the auditor was given none.
    #[error(
        "entry {entry} was judged with the simulated root {recorded}, and no root was given to \
         replay it with"
    )]
    RootNotGiven {
        /// The verdict's index.
        entry: u64,
        /// SHA-256 of the root.
        recorded: Digest,
    },
    /// The verifier trusted another simulated root.
    #[error(
        "entry {entry} was judged with the simulated root {recorded}, which is none of those given here"
    )]
    OtherRoot {
        /// The verdict's index.
        entry: u64,
        /// SHA-256 of the verifier's root.
        recorded: Digest,
    },
    /// The verifier took the sample attester's evidence, and the auditor was not told that it may.
    #[error(
        "entry {entry} was judged by a verifier that takes samples, which anybody can write, and this was not allowed here"
    )]
    SampleNotAllowed {
        /// The verdict's index.
        entry: u64,
    },
    /// The verifier trusted a root in a vendor's place that the auditor was not given.
    #[error(
        "entry {entry} was judged with the root {recorded} in the place of {vendor}'s, which is none of those given here"
    )]
    VendorRootNotGiven {
        /// The verdict's index.
        entry: u64,
        /// Whose place it took.
        vendor: &'static str,
        /// SHA-256 of the root.
        recorded: Digest,
    },
    /// A reference value says that it was signed, and no key that the auditor was given did so.
    #[error("entry {entry} registers a reference value that was not signed as it says: {why}")]
    ReferenceNotSigned {
        /// The registration's index.
        entry: u64,
        /// What does not hold.
        why: String,
    },
    /// Something was done to what is not there.
    #[error("entry {entry} does to `{}` what cannot be done: {why}", name.escape_debug())]
    ActUnfounded {
        /// The registration's index.
        entry: u64,
        /// What it was done to.
        name: String,
        /// Why it cannot be.
        why: &'static str,
    },
    /// The same evidence gives another verdict.
    #[error(
        "entry {entry} records `{}`; its evidence, appraised again as of then, is `{}`; they differ \
         in: {}", word(*recorded), word(*replayed), members.join(", ")
    )]
    VerdictDiffers {
        /// The verdict's index.
        entry: u64,
        /// The recorded outcome.
        recorded: Outcome,
        /// The outcome of the replay.
        replayed: Outcome,
        /// The members of the record that differ; of the checks, each by name.
        members: Vec<String>,
    },
    /// A nonce served a second time.
    #[error("entry {entry} takes as fresh, or accepts, the nonce that entry {earlier} used up")]
    NonceReused {
        /// The later verdict's index.
        entry: u64,
        /// The earlier one's.
        earlier: u64,
    },
    /// A verdict was given by a policy or reference value that nobody had registered, or that had
    /// been replaced.
    #[error("entry {entry}: the {what} {digest} was not registered, or not any more, at that time")]
    NotInForce {
        /// The verdict's index.
        entry: u64,
        /// `policy` or `reference value`.
        what: &'static str,
        /// Digest of the blob.
        digest: Digest,
    },
    /// A policy or reference value was registered under a name that is not its own.
    #[error(
        "entry {entry} registers as `{}` a {what} that calls itself `{}`",
        name.escape_debug(), inside.escape_debug()
    )]
    OtherName {
        /// The registration's index.
        entry: u64,
        /// `policy` or `reference value`.
        what: &'static str,
        /// The entry's name for it.
        name: String,
        /// The document's own.
        inside: String,
    },
    /// A secret left without the right to.
    #[error("entry {entry} releases `{resource}` without a right: {why}")]
    ReleaseUnfounded {
        /// The release's index.
        entry: u64,
        /// The secret's name.
        resource: String,
        /// What is missing.
        why: String,
    },
    /// What the log says of where it came from does not hold.
    #[error("entry {entry} says where this log came from, and that does not hold: {why}")]
    SuccessionUnfounded {
        /// The entry's index.
        entry: u64,
        /// What does not hold.
        why: String,
    },
    /// A key was given for the log before this one, and there was none.
    #[error("a predecessor's key was given, and this log was begun in the place of no other")]
    NoPredecessor,
    /// A secret's versions are not counted one by one.
    #[error("entry {entry} registers version {found} of `{resource}` after version {last}")]
    SecretVersion {
        /// The registration's index.
        entry: u64,
        /// The secret's name.
        resource: String,
        /// The version that it registers.
        found: u64,
        /// The version before; 0 if there was none.
        last: u64,
    },
}

/// The name of a kind of finding, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the finding of the same name")]
pub enum FindingCode {
    CheckpointRefused,
    UnknownSignatures,
    RootDiffers,
    TileDiffers,
    BlobDiffers,
    UnknownFile,
    EntryUnreadable,
    BlobUnreadable,
    ManifestUnneeded,
    TimeBackwards,
    OtherRuleset,
    RootNotGiven,
    OtherRoot,
    SampleNotAllowed,
    VendorRootNotGiven,
    ReferenceNotSigned,
    ActUnfounded,
    VerdictDiffers,
    NonceReused,
    NotInForce,
    OtherName,
    ReleaseUnfounded,
    SecretVersion,
    SuccessionUnfounded,
    NoPredecessor,
}

impl Finding {
    /// The finding's kind.
    pub fn code(&self) -> FindingCode {
        match self {
            Self::CheckpointRefused(_) => FindingCode::CheckpointRefused,
            Self::UnknownSignatures(_) => FindingCode::UnknownSignatures,
            Self::RootDiffers => FindingCode::RootDiffers,
            Self::TileDiffers { .. } => FindingCode::TileDiffers,
            Self::BlobDiffers { .. } => FindingCode::BlobDiffers,
            Self::UnknownFile { .. } => FindingCode::UnknownFile,
            Self::EntryUnreadable { .. } => FindingCode::EntryUnreadable,
            Self::BlobUnreadable { .. } => FindingCode::BlobUnreadable,
            Self::ManifestUnneeded { .. } => FindingCode::ManifestUnneeded,
            Self::TimeBackwards { .. } => FindingCode::TimeBackwards,
            Self::OtherRuleset { .. } => FindingCode::OtherRuleset,
            Self::RootNotGiven { .. } => FindingCode::RootNotGiven,
            Self::OtherRoot { .. } => FindingCode::OtherRoot,
            Self::SampleNotAllowed { .. } => FindingCode::SampleNotAllowed,
            Self::VendorRootNotGiven { .. } => FindingCode::VendorRootNotGiven,
            Self::ReferenceNotSigned { .. } => FindingCode::ReferenceNotSigned,
            Self::ActUnfounded { .. } => FindingCode::ActUnfounded,
            Self::VerdictDiffers { .. } => FindingCode::VerdictDiffers,
            Self::NonceReused { .. } => FindingCode::NonceReused,
            Self::NotInForce { .. } => FindingCode::NotInForce,
            Self::OtherName { .. } => FindingCode::OtherName,
            Self::ReleaseUnfounded { .. } => FindingCode::ReleaseUnfounded,
            Self::SecretVersion { .. } => FindingCode::SecretVersion,
            Self::SuccessionUnfounded { .. } => FindingCode::SuccessionUnfounded,
            Self::NoPredecessor => FindingCode::NoPredecessor,
        }
    }

    /// The entry that it is about, if it is about one.
    pub fn entry(&self) -> Option<u64> {
        match self {
            Self::EntryUnreadable { entry, .. }
            | Self::BlobUnreadable { entry, .. }
            | Self::ManifestUnneeded { entry }
            | Self::TimeBackwards { entry, .. }
            | Self::OtherRuleset { entry, .. }
            | Self::RootNotGiven { entry, .. }
            | Self::OtherRoot { entry, .. }
            | Self::SampleNotAllowed { entry }
            | Self::VendorRootNotGiven { entry, .. }
            | Self::ReferenceNotSigned { entry, .. }
            | Self::ActUnfounded { entry, .. }
            | Self::VerdictDiffers { entry, .. }
            | Self::NonceReused { entry, .. }
            | Self::NotInForce { entry, .. }
            | Self::OtherName { entry, .. }
            | Self::ReleaseUnfounded { entry, .. }
            | Self::SuccessionUnfounded { entry, .. }
            | Self::SecretVersion { entry, .. } => Some(*entry),
            Self::CheckpointRefused(_)
            | Self::UnknownSignatures(_)
            | Self::RootDiffers
            | Self::TileDiffers { .. }
            | Self::BlobDiffers { .. }
            | Self::UnknownFile { .. }
            | Self::NoPredecessor => None,
        }
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted => "accepted",
        Outcome::Refused => "refused",
    }
}

fn enumerate(paths: &[String]) -> String {
    let verb = if paths.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", quoted(paths))
}

fn renamed(unknown: &[String]) -> String {
    match unknown {
        [] => String::new(),
        _ => format!("; nothing names {} (renamed?)", quoted(unknown)),
    }
}

/// At most five paths: a message is not a listing.
fn quoted(paths: &[String]) -> String {
    let mut shown: Vec<String> = paths
        .iter()
        .take(5)
        .map(|path| format!("`{path}`"))
        .collect();
    if paths.len() > shown.len() {
        shown.push("more".to_owned());
    }
    shown.join(", ")
}

/// An error with its causes in one line: findings are lines of a list.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
