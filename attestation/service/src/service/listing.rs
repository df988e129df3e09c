//! What a tenant has, for those of it who may see it.

use attestation_access::{Permit, deeds};
use attestation_judge::ReferenceValue;
use attestation_ledger::Digest;
use attestation_store::Kind;
use serde::Serialize;

use super::Service;
use crate::problem::Problem;
use crate::terms::Terms;

/// Entries of the log that are handed out at once.
const PAGE: u64 = 256;

/// A registered document.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// SHA-256 of its bytes, by which log entries name it.
    pub sha256: Digest,
}

/// A version of a secret, without what it holds.
#[derive(Debug, Serialize)]
pub struct ListedSecret {
    /// `REPOSITORY/TYPE/TAG`.
    pub resource: String,
    /// The newest version.
    pub version: u64,
    /// To whom it may go.
    #[serde(flatten)]
    pub terms: Terms,
    /// Whether its bytes are gone.
    pub destroyed: bool,
}

impl Service {
    /// A tenant's policies.
    pub fn policies(&self, permit: &Permit<deeds::ReadPolicies>) -> Result<Vec<Listed>, Problem> {
        self.documents(permit.tenant().as_str(), Kind::Policy)
    }

    /// A policy's text.
    pub fn policy(
        &self,
        permit: &Permit<deeds::ReadPolicies>,
        name: &str,
    ) -> Result<Vec<u8>, Problem> {
        self.document(permit.tenant().as_str(), Kind::Policy, name)
    }

    /// A tenant's reference values.
    pub fn references(
        &self,
        permit: &Permit<deeds::ReadReferenceValues>,
    ) -> Result<Vec<ReferenceValue>, Problem> {
        let tenant = permit.tenant().as_str();
        self.consult(|reading| {
            let documents = reading.documents(tenant, Kind::Reference)?;
            let values = documents.iter().map(|document| {
                ReferenceValue::from_blob(&document.bytes)
                    .map_err(|_| reading.torn("a reference value is damaged").into())
            });
            values.collect()
        })
    }

    /// A reference value, as JSON.
    pub fn reference(
        &self,
        permit: &Permit<deeds::ReadReferenceValues>,
        name: &str,
    ) -> Result<Vec<u8>, Problem> {
        self.document(permit.tenant().as_str(), Kind::Reference, name)
    }

    /// The newest version of each of a tenant's secrets.
    pub fn secrets(
        &self,
        permit: &Permit<deeds::ListSecrets>,
    ) -> Result<Vec<ListedSecret>, Problem> {
        let tenant = permit.tenant().as_str();
        self.consult(|reading| {
            let mut listed = Vec::new();
            for resource in reading.secret_names(tenant)? {
                let versions = reading.secret_versions(tenant, &resource)?;
                let Some(newest) = versions.last() else {
                    continue;
                };
                let terms = Terms::from_bytes(&newest.terms)
                    .ok_or_else(|| reading.torn("the terms of a secret are damaged"))?;
                listed.push(ListedSecret {
                    resource,
                    version: newest.version,
                    terms,
                    destroyed: newest.is_destroyed(),
                });
            }
            Ok(listed)
        })
    }

    /// The names of the reference values that the tenant has now: to whom a secret goes whose owner names none.
    pub(crate) fn reference_names(
        &self,
        permit: &Permit<deeds::WriteSecret>,
    ) -> Result<Vec<String>, Problem> {
        let listed = self.documents(permit.tenant().as_str(), Kind::Reference)?;
        Ok(listed.into_iter().map(|one| one.name).collect())
    }

    /// The bytes of one of the tenant's entries of the log. Others' are as if they were not there.
    pub fn entry(&self, permit: &Permit<deeds::ReadAudit>, index: u64) -> Result<Vec<u8>, Problem> {
        let found = self.entries_from(permit, index, 1)?;
        let entry = found.into_iter().find(|(at, _)| *at == index);
        entry.map(|(_, bytes)| bytes).ok_or_else(|| {
            let tenant = permit.tenant();
            Problem::NotFound(format!(
                "entry {index} of the log is not there, or not `{tenant}`'s"
            ))
        })
    }

    /// The tenant's entries from this index on, a page of them, each with its index.
    pub fn entries(
        &self,
        permit: &Permit<deeds::ReadAudit>,
        from: u64,
    ) -> Result<Vec<(u64, Vec<u8>)>, Problem> {
        self.entries_from(permit, from, PAGE)
    }

    fn entries_from(
        &self,
        permit: &Permit<deeds::ReadAudit>,
        from: u64,
        most: u64,
    ) -> Result<Vec<(u64, Vec<u8>)>, Problem> {
        let tenant = permit.tenant().as_str();
        self.consult(|reading| Ok(reading.entries_of(tenant, from, most)?))
    }

    fn documents(&self, tenant: &str, kind: Kind) -> Result<Vec<Listed>, Problem> {
        let documents = self.consult(|reading| Ok(reading.documents(tenant, kind)?))?;
        let listed = documents.into_iter().map(|document| Listed {
            name: document.name,
            sha256: Digest::of(&document.bytes),
        });
        Ok(listed.collect())
    }

    fn document(&self, tenant: &str, kind: Kind, name: &str) -> Result<Vec<u8>, Problem> {
        let found = self.consult(|reading| Ok(reading.document(tenant, kind, name)?))?;
        let name = name.escape_default();
        found.ok_or_else(|| Problem::NotFound(format!("no `{name}` is registered")))
    }
}
