//! How administrators change what a tenant holds: alone, or where the tenant wants it, with a second person.
//!
//! Each change is one of the deeds that [`Amendment`] is implemented for, and goes one way: what is asked for is read, then in
//! one transaction the tenant's settings say whether it is done at once or proposed, and what is done is done with its entry of
//! the log.

use attestation_access::{Deed, Mandate, NeedsApproval, Permit, TenantName, deeds};
use attestation_evidence::ResourcePath;
use attestation_ledger::{self as recorded, AuditRecord, Entry, RecordVersion, Registration};
use attestation_store::{Reading, Writing};
use serde::Serialize;

use super::changes::{Proposed, Wanted};
use super::secrets::refuse_secret;
use super::tenants::settings_of;
use super::usage::Usage;
use super::{Failure, Service};
use crate::key_log;
use crate::keyring::Place;
use crate::problem::Problem;
use crate::terms::Terms;

/// What the content is of a change that takes something away.
const NOTHING: &[u8] = b"";

/// A change of what a tenant holds: a deed that a second person may have to approve.
pub trait Amendment: Deed<Place = TenantName> + Sized {
    /// What is asked for, once it is read.
    type Content: Send;

    /// Reads what is asked for, by itself; empty `content` takes the target away.
    ///
    /// # Errors
    /// It makes no sense, whatever the tenant has.
    fn read(target: &str, content: &[u8]) -> Result<Self::Content, Problem>;

    /// What is there of the target now; empty if nothing is. The change is for this, and for nothing that comes after it.
    ///
    /// # Errors
    /// The change cannot be made to what is there.
    fn present(
        reading: &Reading<'_>,
        tenant: &TenantName,
        target: &str,
        content: &Self::Content,
    ) -> Result<Vec<u8>, Failure>;

    /// Makes the change, and says what was done.
    ///
    /// # Errors
    /// Nothing of it is kept.
    fn carry_out(
        service: &Service,
        writing: &Writing<'_>,
        act: &Act<'_>,
        target: &str,
        content: &Self::Content,
    ) -> Result<Done, Failure>;
}

/// What was done, for the log.
pub struct Done {
    /// The operator's word for it.
    pub kind: &'static str,
    /// The auditor's.
    pub what: recorded::Registered,
    /// The version, of a secret.
    pub version: Option<u64>,
}

impl Done {
    /// Of what has no versions.
    pub fn of(kind: &'static str, what: recorded::Registered) -> Self {
        Self {
            kind,
            what,
            version: None,
        }
    }

    /// Of this version.
    #[must_use]
    pub fn version(self, version: u64) -> Self {
        Self {
            version: Some(version),
            ..self
        }
    }
}

/// The answer to a registration.
#[derive(Debug, Serialize)]
pub struct Registered {
    /// Its name.
    pub name: String,
    /// The version, of a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The log entry that says so.
    pub log_index: u64,
    /// What the operator's log says of it besides.
    #[serde(skip)]
    pub(super) told: Told,
}

/// Who did what, in the operator's log.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    what: &'static str,
    tenant: TenantName,
    by: String,
    approved_by: Option<String>,
}

/// What became of a change that was asked for.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Amended {
    /// It is made.
    Done(Registered),
    /// It waits for a second person.
    Proposed(Proposed),
}

/// What an administrator does, and by whose leave.
pub struct Act<'a> {
    /// In which tenant.
    pub tenant: &'a TenantName,
    /// Who does it.
    pub by: &'a str,
    /// Who approved it, where that was needed.
    pub approved_by: Option<&'a str>,
}

impl<'a> Act<'a> {
    /// What no second person is asked for.
    pub fn of<D: Deed<Place = TenantName>>(permit: &'a Permit<D>) -> Self {
        Self {
            tenant: permit.tenant(),
            by: permit.subject().as_str(),
            approved_by: None,
        }
    }
}

impl<'a, D: Deed<Place = TenantName>> From<&'a Mandate<D>> for Act<'a> {
    fn from(mandate: &'a Mandate<D>) -> Self {
        Self {
            tenant: mandate.tenant(),
            by: mandate.by().as_str(),
            approved_by: mandate
                .approved_by()
                .map(attestation_access::Subject::as_str),
        }
    }
}

/// A change that is ready to be made or proposed.
pub(super) struct Request<'a, D: Amendment> {
    pub target: &'a str,
    /// As it is mandated.
    pub content: &'a [u8],
    pub read: &'a D::Content,
}

impl Service {
    /// Puts `content` under the name `target`, or proposes to.
    pub fn put<D: Amendment>(
        &self,
        permit: Permit<D>,
        target: &str,
        content: &[u8],
    ) -> Result<Amended, Problem> {
        match content {
            NOTHING => Err(Problem::InvalidRequest("the body is empty".to_owned())),
            _ => self.amend(permit, target, content),
        }
    }

    /// Takes away what is under the name `target`, or proposes to.
    pub fn remove<D: Amendment>(
        &self,
        permit: Permit<D>,
        target: &str,
    ) -> Result<Amended, Problem> {
        self.amend(permit, target, NOTHING)
    }

    fn amend<D: Amendment>(
        &self,
        permit: Permit<D>,
        target: &str,
        content: &[u8],
    ) -> Result<Amended, Problem> {
        let read = &D::read(target, content)?;
        let request = Request {
            target,
            content,
            read,
        };
        let amended = self.commit(|writing| self.amend_in_turn(writing, permit, &request))?;
        self.tell_of(&amended);
        Ok(amended)
    }

    /// Puts a secret, or its next version, for guests whose verdict was given under the policy of these terms and matched one of
    /// their reference values; or proposes to. What waits is sealed as what is stored: it never lies about in the clear.
    pub fn put_secret(
        &self,
        permit: Permit<deeds::WriteSecret>,
        resource: &ResourcePath,
        terms: &Terms,
        secret: &[u8],
    ) -> Result<Amended, Problem> {
        refuse_secret(terms, secret)?;
        let target = resource.as_str();
        self.follow_ring()?;
        let amended = self.commit(|writing| {
            // Under a key that was retired meanwhile it might be destroyed with it.
            self.refuse_stale_ring(&key_log::rows(&writing.reading())?)?;
            let tenant = permit.tenant();
            let newest = writing.reading().newest_version(tenant.as_str(), target)?;
            let version = newest.saturating_add(1);
            let place = Place {
                tenant,
                resource,
                version,
                terms,
            };
            let sealed = self.keys.ring.seal(place, secret)?;
            let content = terms.content(&sealed);
            let read = &deeds::WriteSecret::read(target, &content)?;
            let request = Request {
                target,
                content: &content,
                read,
            };
            self.amend_in_turn(writing, permit, &request)
        })?;
        self.tell_of(&amended);
        Ok(amended)
    }

    fn amend_in_turn<D: Amendment>(
        &self,
        writing: &Writing<'_>,
        permit: Permit<D>,
        request: &Request<'_, D>,
    ) -> Result<Amended, Failure> {
        let reading = writing.reading();
        let settings = settings_of(permit.tenant(), &reading)?;
        settings.refuse_suspended()?;
        let usage = Usage::of(permit.tenant(), &reading)?;
        let Request {
            target, content, ..
        } = *request;
        let present = D::present(&reading, permit.tenant(), target, request.read)?;
        match settings.four_eyes.alone(permit, target, content) {
            Ok(mandate) => {
                let registered = self.carry_out(writing, &mandate, request)?;
                usage.refuse_more(&settings.quotas, mandate.tenant(), &reading)?;
                Ok(Amended::Done(registered))
            }
            Err(NeedsApproval(permit)) => {
                let wanted = Wanted { request, present };
                let tenant = permit.tenant().clone();
                let proposed = self.propose(writing, permit, &wanted)?;
                usage.refuse_more(&settings.quotas, &tenant, &reading)?;
                Ok(Amended::Proposed(proposed))
            }
        }
    }

    /// What is mandated, and nothing else, with its entry of the log.
    pub(super) fn carry_out<D: Amendment>(
        &self,
        writing: &Writing<'_>,
        mandate: &Mandate<D>,
        request: &Request<'_, D>,
    ) -> Result<Registered, Failure> {
        let target = request.target;
        if !mandate.covers(target, request.content) {
            return Err(Problem::Denied("this is not what was mandated").into());
        }
        let act = Act::from(mandate);
        let done = D::carry_out(self, writing, &act, target, request.read)?;
        self.log_act(writing, &act, target, done)
    }

    pub(super) fn log_act(
        &self,
        writing: &Writing<'_>,
        act: &Act<'_>,
        target: &str,
        done: Done,
    ) -> Result<Registered, Failure> {
        // What is done to the tenant itself has no other name.
        let name = match target {
            "" => act.tenant.as_str(),
            target => target,
        };
        let entry = Entry::new(AuditRecord::Registered(Registration {
            version: RecordVersion::V2,
            time: self.moment(&writing.reading())?,
            tenant: Some(act.tenant.to_string()),
            by: act.by.to_owned(),
            approved_by: act.approved_by.map(str::to_owned),
            name: name.to_owned(),
            what: done.what,
        }))?;
        let registered = Registered {
            name: name.to_owned(),
            version: done.version,
            log_index: writing.append(&entry)?.index,
            told: Told {
                what: done.kind,
                tenant: act.tenant.clone(),
                by: act.by.to_owned(),
                approved_by: act.approved_by.map(str::to_owned),
            },
        };
        Ok(registered)
    }

    /// Tells the operator of what is committed.
    pub(super) fn tell(&self, registered: &Registered) {
        #[derive(Serialize)]
        struct Line<'a> {
            #[serde(flatten)]
            told: &'a Told,
            #[serde(flatten)]
            registered: &'a Registered,
        }
        let told = &registered.told;
        self.journal.info("registered", &Line { told, registered });
    }

    pub(super) fn tell_of(&self, amended: &Amended) {
        match amended {
            Amended::Done(registered) => self.tell(registered),
            Amended::Proposed(proposed) => self.journal.info("change-proposed", proposed),
        }
    }
}
