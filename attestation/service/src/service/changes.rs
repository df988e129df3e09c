//! Changes that wait for a second person (docs/access.md).
//!
//! A change waits as a document of its tenant's, whose name is the index of the entry that says it was proposed. The document is
//! believed only as far as that entry, which is proven under the log's key, says the same. It is taken away when the change is
//! approved, rejected or over, in the transaction of the entry that says so: so nothing is done twice.

use attestation_access::{
    Action, Change, ChangeRefusal, ContentDigest, Identity, Permit, Proposal, Subject, TenantName,
    deeds,
};
use attestation_evidence::encoding::base64_bytes;
use attestation_ledger::{AuditRecord, Digest, Entry, Registered as Recorded};
use attestation_store::{Kind, Reading, Writing};
use serde::{Deserialize, Serialize};

use super::amend::{Act, Amended, Amendment, Done, Registered, Request};
use super::tenants::settings_of;
use super::usage::Usage;
use super::{Failure, Service};
use crate::problem::Problem;
use crate::terms::Terms;

/// How long a change waits, in seconds: a week.
pub const CHANGE_SECONDS: u64 = 7 * 86_400;
/// Who ends what nobody decided.
const NOBODY: &str = "verifier";

/// A change as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    change: Change,
    target: String,
    /// What is approved, byte by byte; of a secret the sealed bytes.
    #[serde(with = "base64_bytes")]
    content: Vec<u8>,
}

/// What is to be proposed, and what is there now of its target.
pub(super) struct Wanted<'a, D: Amendment> {
    pub request: &'a Request<'a, D>,
    pub present: Vec<u8>,
}

/// A change that waits, as it is shown.
#[derive(Debug, Serialize)]
pub struct Proposed {
    /// By which it is asked for.
    pub change: String,
    /// What would be done.
    pub action: Action,
    /// To what; empty for the tenant itself.
    pub target: String,
    /// Of exactly what would be written: who approves says it.
    pub digest: ContentDigest,
    /// Who proposed it.
    pub by: Subject,
    /// Since when it waits: seconds since 1970.
    pub proposed_at: u64,
    /// The first second at which it is over.
    pub expires_at: u64,
}

/// The same with what would be written.
#[derive(Debug, Serialize)]
pub struct ProposedWhole {
    /// What waits.
    #[serde(flatten)]
    pub proposed: Proposed,
    /// What it comes to.
    #[serde(flatten)]
    pub content: Content,
}

/// What a change would write, as far as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Nothing: it takes the target away.
    Removes(bool),
    /// This text.
    Text(String),
    /// A secret, which is not shown, to be released so.
    Binds(Terms),
}

impl Kept {
    fn read(reading: &Reading<'_>, document: &[u8]) -> Result<Self, Failure> {
        serde_json::from_slice(document)
            .map_err(|_| reading.torn("a proposed change is damaged").into())
    }

    fn id(&self) -> String {
        self.change.id().to_string()
    }

    /// What its entry of the log says is to be approved, of these bytes.
    pub(super) fn digest(&self) -> ContentDigest {
        let change = &self.change;
        let tenant = change.tenant();
        ContentDigest::of(tenant, change.action(), &self.target, &self.content)
    }

    fn proposed(&self) -> Proposed {
        let change = &self.change;
        Proposed {
            change: self.id(),
            action: change.action(),
            target: self.target.clone(),
            digest: change.digest(),
            by: change.proposer().clone(),
            proposed_at: change.proposed_at(),
            expires_at: change.expires_at(),
        }
    }

    fn shown(&self) -> Content {
        match (self.change.action(), Terms::of_content(&self.content)) {
            (Action::WriteSecret, Some((terms, _))) => Content::Binds(terms),
            _ if self.content.is_empty() => Content::Removes(true),
            _ => Content::Text(String::from_utf8_lossy(&self.content).into_owned()),
        }
    }

    fn is_over(&self, now: u64) -> bool {
        now >= self.change.expires_at()
    }

    /// Whether this entry is that of its proposal.
    fn is_said_by(&self, entry: &[u8]) -> bool {
        let Ok(entry) = Entry::from_bytes(entry) else {
            return false;
        };
        let AuditRecord::Registered(said) = entry.record() else {
            return false;
        };
        let proposed = Recorded::ChangeProposed {
            change: self.id(),
            content: digest_of(self.digest()),
        };
        said.what == proposed
            && said.tenant.as_deref() == Some(self.change.tenant().as_str())
            && said.by == self.change.proposer().as_str()
            && said.time == self.change.proposed_at()
            && self.digest() == self.change.digest()
    }
}

/// The sealed bytes of a secret that waits; `None` of another change.
pub(crate) fn waiting_secret(document: &[u8]) -> Option<Vec<u8>> {
    let kept: Kept = serde_json::from_slice(document).ok()?;
    match (kept.change.action(), Terms::of_content(&kept.content)) {
        (Action::WriteSecret, Some((_, sealed))) => Some(sealed.to_vec()),
        _ => None,
    }
}

/// The name of a change's row, and what its entry of the log says of it; `None` of what is none.
pub(super) fn row(document: &[u8]) -> Option<Digest> {
    let kept: Kept = serde_json::from_slice(document).ok()?;
    Some(digest_of(kept.digest()))
}

fn digest_of(digest: ContentDigest) -> Digest {
    Digest::from_bytes(*digest.as_bytes())
}

impl Service {
    /// The changes that wait, the oldest first. Those that are over are cleared away.
    pub fn changes(&self, permit: &Permit<deeds::ReadChanges>) -> Result<Vec<Proposed>, Problem> {
        let tenant = permit.tenant();
        let (kept, now) = self.consult(|reading| {
            settings_of(tenant, reading)?;
            Ok((all(reading, tenant)?, self.moment(reading)?))
        })?;
        if kept.iter().any(|kept| kept.is_over(now)) {
            self.commit(|writing| self.clear(writing, tenant))?;
        }
        let waiting = kept.iter().filter(|kept| !kept.is_over(now));
        Ok(waiting.map(Kept::proposed).collect())
    }

    /// A change that waits, with what it would write; of a secret, to whom it would go.
    pub fn change(
        &self,
        permit: &Permit<deeds::ReadChanges>,
        id: &str,
    ) -> Result<ProposedWhole, Problem> {
        let kept = self.waiting(permit.tenant(), id)?;
        Ok(ProposedWhole {
            proposed: kept.proposed(),
            content: kept.shown(),
        })
    }

    /// Proposes, in the turn in which it was seen that this is needed.
    pub(super) fn propose<D: Amendment>(
        &self,
        writing: &Writing<'_>,
        permit: Permit<D>,
        wanted: &Wanted<'_, D>,
    ) -> Result<Proposed, Failure> {
        let Request {
            target, content, ..
        } = *wanted.request;
        let tenant = permit.tenant().clone();
        self.clear(writing, &tenant)?;
        let now = self.moment(&writing.reading())?;
        let id = writing.next_index();
        let digest = |bytes: &[u8]| ContentDigest::of(&tenant, D::ACTION, target, bytes);
        let proposal = Proposal {
            id,
            digest: digest(content),
            base: digest(&wanted.present),
            proposed_at: now,
            expires_at: now.saturating_add(CHANGE_SECONDS),
        };
        let by = permit.subject().to_string();
        let change = Change::propose(permit, proposal).map_err(Problem::from)?;
        let kept = Kept {
            change,
            target: target.to_owned(),
            content: content.to_vec(),
        };
        let document = serde_json::to_vec(&kept).expect("a change is plain data");
        writing.put_document(tenant.as_str(), Kind::Change, &id.to_string(), &document)?;
        let act = Act {
            tenant: &tenant,
            by: &by,
            approved_by: None,
        };
        let what = Recorded::ChangeProposed {
            change: id.to_string(),
            content: digest_of(kept.digest()),
        };
        self.log_act(writing, &act, target, Done::of("change-proposed", what))?;
        Ok(kept.proposed())
    }

    /// Approves what somebody else proposed, and makes it so. `seen` is the digest of what the approver was shown.
    pub fn approve(
        &self,
        permit: &Permit<deeds::ApproveChange>,
        who: &Identity,
        id: &str,
        seen: ContentDigest,
    ) -> Result<Amended, Problem> {
        let kept = self.waiting(permit.tenant(), id)?;
        let approval = Approval { who, seen };
        match kept.change.action() {
            Action::WritePolicy => self.approve_one::<deeds::WritePolicy>(&kept, &approval),
            Action::WriteReferenceValue => {
                self.approve_one::<deeds::WriteReferenceValue>(&kept, &approval)
            }
            Action::RevokeReferenceValue => {
                self.approve_one::<deeds::RevokeReferenceValue>(&kept, &approval)
            }
            Action::WriteSecret => self.approve_one::<deeds::WriteSecret>(&kept, &approval),
            Action::DestroySecret => self.approve_one::<deeds::DestroySecret>(&kept, &approval),
            Action::WriteTenant => self.approve_one::<deeds::WriteTenant>(&kept, &approval),
            other => Err(ChangeRefusal::NotAChange(other).into()),
        }
    }

    fn approve_one<D: Amendment>(
        &self,
        kept: &Kept,
        approval: &Approval<'_>,
    ) -> Result<Amended, Problem> {
        let tenant = kept.change.tenant();
        let read = &D::read(&kept.target, &kept.content)?;
        let request = &Request::<D> {
            target: &kept.target,
            content: &kept.content,
            read,
        };
        let registered = self.commit(|writing| {
            let reading = writing.reading();
            // Another replica may have been faster.
            still_waits(&reading, kept)?;
            let settings = settings_of(tenant, &reading)?;
            settings.refuse_suspended()?;
            let usage = Usage::of(tenant, &reading)?;
            let now = self.moment(&reading)?;
            let present = D::present(&reading, tenant, &kept.target, read)?;
            let base = ContentDigest::of(tenant, D::ACTION, &kept.target, &present);
            let mut change = kept.change.clone();
            let Approval { who, seen } = *approval;
            change
                .approve(who, &settings.four_eyes, seen, base, now)
                .map_err(|refusal| self.refused(who, refusal))?;
            let permit: Permit<D> = self.permit(who, tenant)?;
            let mandate = change.apply(&permit, base, now).map_err(Problem::from)?;
            let what = Recorded::ChangeApproved { change: kept.id() };
            self.end(writing, kept, permit.subject().as_str(), what)?;
            let registered = self.carry_out(writing, &mandate, request)?;
            usage.refuse_more(&settings.quotas, tenant, &reading)?;
            Ok(registered)
        })?;
        self.tell(&registered);
        Ok(Amended::Done(registered))
    }

    /// Rejects a change, or withdraws it: by who could approve it, or by its proposer.
    pub fn reject(
        &self,
        permit: &Permit<deeds::ApproveChange>,
        who: &Identity,
        id: &str,
    ) -> Result<Registered, Problem> {
        let kept = self.waiting(permit.tenant(), id)?;
        let registered = self.commit(|writing| {
            let reading = writing.reading();
            still_waits(&reading, &kept)?;
            let now = self.moment(&reading)?;
            kept.change
                .clone()
                .reject(who, now)
                .map_err(|refusal| self.refused(who, refusal))?;
            let what = Recorded::ChangeRejected { change: kept.id() };
            self.end(writing, &kept, permit.subject().as_str(), what)
        })?;
        self.tell(&registered);
        Ok(registered)
    }

    /// Who may not is told no more than that; the operator's log has why.
    fn refused(&self, who: &Identity, refusal: ChangeRefusal) -> Problem {
        match refusal {
            ChangeRefusal::Denied(denial) => self.denied(who, &denial),
            refusal => refusal.into(),
        }
    }

    /// A change that waits, as the log says it was proposed. What is over is cleared away.
    fn waiting(&self, tenant: &TenantName, id: &str) -> Result<Kept, Problem> {
        let none = || Problem::NotFound(format!("no change `{}` waits", id.escape_default()));
        let (kept, now) = self.consult(|reading| {
            settings_of(tenant, reading)?;
            let document = reading.document(tenant.as_str(), Kind::Change, id)?;
            let kept = Kept::read(reading, &document.ok_or_else(none)?)?;
            let key = self.log_key();
            let proof = reading.proof(kept.change.id(), &key)?;
            let said = proof
                .as_ref()
                .and_then(|proof| proof.verified_entry(&key).ok())
                .is_some_and(|entry| kept.is_said_by(entry));
            if !said || kept.id() != id || kept.change.tenant() != tenant {
                return Err(reading
                    .torn(format!("the log says nothing of the change {id}"))
                    .into());
            }
            Ok((kept, self.moment(reading)?))
        })?;
        if kept.is_over(now) {
            self.commit(|writing| self.clear(writing, tenant))?;
            return Err(ChangeRefusal::Expired.into());
        }
        Ok(kept)
    }

    /// Clears away what is over, each with its entry.
    fn clear(&self, writing: &Writing<'_>, tenant: &TenantName) -> Result<(), Failure> {
        let reading = writing.reading();
        let now = self.moment(&reading)?;
        for kept in all(&reading, tenant)? {
            if kept.is_over(now) {
                let what = Recorded::ChangeExpired { change: kept.id() };
                self.end(writing, &kept, NOBODY, what)?;
            }
        }
        Ok(())
    }

    fn end(
        &self,
        writing: &Writing<'_>,
        kept: &Kept,
        by: &str,
        what: Recorded,
    ) -> Result<Registered, Failure> {
        let tenant = kept.change.tenant();
        writing.remove_document(tenant.as_str(), Kind::Change, &kept.id())?;
        let act = Act {
            tenant,
            by,
            approved_by: None,
        };
        self.log_act(writing, &act, &kept.target, Done::of("change", what))
    }
}

/// Who approves, and what they saw.
struct Approval<'a> {
    who: &'a Identity,
    seen: ContentDigest,
}

fn all(reading: &Reading<'_>, tenant: &TenantName) -> Result<Vec<Kept>, Failure> {
    let documents = reading
        .documents(tenant.as_str(), Kind::Change)?
        .into_iter();
    let kept = documents.map(|document| Kept::read(reading, &document.bytes));
    let mut kept: Vec<Kept> = kept.collect::<Result<_, _>>()?;
    kept.sort_by_key(|kept| kept.change.id());
    Ok(kept)
}

fn still_waits(reading: &Reading<'_>, kept: &Kept) -> Result<(), Failure> {
    let tenant = kept.change.tenant().as_str();
    let document = reading.document(tenant, Kind::Change, &kept.id())?;
    match document {
        Some(document) if Kept::read(reading, &document)? == *kept => Ok(()),
        _ => Err(Problem::from(ChangeRefusal::Decided).into()),
    }
}
