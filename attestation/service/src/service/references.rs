//! How reference values are registered, revoked and removed.

use attestation_access::{TenantName, deeds};
use attestation_judge::{ReferenceValue, Revocation};
use attestation_ledger::Registered as Recorded;
use attestation_store::{Kind, Reading, Writing};

use super::amend::{Act, Amendment, Done};
use super::documents::{
    invalid, missing, refuse_odd_name, refuse_other_manifest, refuse_other_name, there,
};
use super::{Failure, Service};
use crate::problem::Problem;

/// Reference values at once: each verdict's entry, of 64 KiB at most, names them all.
const LIMIT: u64 = 256;
/// The bytes of all their documents: each judgement under way holds a copy.
const BYTES_LIMIT: u64 = 16 * 1024 * 1024;
const WHAT: &str = "reference value";

/// Registers or replaces a reference value, whose own name must be the target; or removes it. Whoever wants its refusals to say
/// why revokes it.
impl Amendment for deeds::WriteReferenceValue {
    type Content = Option<Box<ReferenceValue>>;

    fn read(target: &str, content: &[u8]) -> Result<Self::Content, Problem> {
        refuse_odd_name(WHAT, target)?;
        if content.is_empty() {
            return Ok(None);
        }
        let value = ReferenceValue::from_plain(content).map_err(|error| invalid(&error))?;
        refuse_other_name(WHAT, target, &value.name)?;
        refuse_other_manifest(&value)?;
        Ok(Some(Box::new(value)))
    }

    fn present(
        reading: &Reading<'_>,
        tenant: &TenantName,
        target: &str,
        content: &Self::Content,
    ) -> Result<Vec<u8>, Failure> {
        let value = reading.document(tenant.as_str(), Kind::Reference, target)?;
        there(WHAT, target, value, content.is_none())
    }

    fn carry_out(
        _: &Service,
        writing: &Writing<'_>,
        act: &Act<'_>,
        target: &str,
        content: &Self::Content,
    ) -> Result<Done, Failure> {
        let tenant = act.tenant.as_str();
        let Some(value) = content else {
            return match writing.remove_document(tenant, Kind::Reference, target)? {
                true => Ok(Done::of("reference-removed", Recorded::ReferenceRemoved {})),
                false => Err(missing(WHAT, target)),
            };
        };
        let document = value.blob();
        writing.put_document(tenant, Kind::Reference, target, &document)?;
        refuse_too_many(tenant, &writing.reading())?;
        let digest = writing.put_blob(&document)?;
        let corim = None;
        Ok(Done::of("reference", Recorded::Reference { digest, corim }))
    }
}

/// Revokes a reference value as of now, for the reason that is the content: it stays, to be named by the refusals that it causes.
impl Amendment for deeds::RevokeReferenceValue {
    type Content = String;

    fn read(target: &str, content: &[u8]) -> Result<Self::Content, Problem> {
        refuse_odd_name(WHAT, target)?;
        String::from_utf8(content.to_vec())
            .map_err(|_| Problem::InvalidRequest("a reason is UTF-8 text".to_owned()))
    }

    fn present(
        reading: &Reading<'_>,
        tenant: &TenantName,
        target: &str,
        reason: &Self::Content,
    ) -> Result<Vec<u8>, Failure> {
        let value = reading.document(tenant.as_str(), Kind::Reference, target)?;
        let value = there(WHAT, target, value, true)?;
        // Whether it can be revoked at all, whenever that is.
        revoked(value_of(reading, &value)?, 0, reason)?;
        Ok(value)
    }

    fn carry_out(
        service: &Service,
        writing: &Writing<'_>,
        act: &Act<'_>,
        target: &str,
        reason: &Self::Content,
    ) -> Result<Done, Failure> {
        let tenant = act.tenant.as_str();
        let reading = writing.reading();
        let before = reading
            .document(tenant, Kind::Reference, target)?
            .ok_or_else(|| missing(WHAT, target))?;
        let value = value_of(&reading, &before)?;
        let after = revoked(value, service.moment(&reading)?, reason)?.blob();
        writing.put_document(tenant, Kind::Reference, target, &after)?;
        let digest = writing.put_blob(&after)?;
        Ok(Done::of(
            "reference-revoked",
            Recorded::ReferenceRevoked { digest },
        ))
    }
}

fn value_of(reading: &Reading<'_>, document: &[u8]) -> Result<ReferenceValue, Failure> {
    ReferenceValue::from_blob(document)
        .map_err(|_| reading.torn("a reference value is damaged").into())
}

/// The value with its revocation, unless it has one: the first is the one that counts.
fn revoked(mut value: ReferenceValue, at: u64, reason: &str) -> Result<ReferenceValue, Problem> {
    if value.revoked.is_some() {
        return Err(Problem::InvalidRequest(
            "the reference value is revoked already".to_owned(),
        ));
    }
    value.revoked = Some(Revocation {
        at,
        reason: reason.to_owned(),
    });
    value
        .checked()
        .map_err(|error| Problem::InvalidRequest(error.to_string()))
}

/// Looked at once the value is put, in a transaction that is then not committed.
fn refuse_too_many(tenant: &str, reading: &Reading<'_>) -> Result<(), Failure> {
    let (count, bytes) = reading.document_sizes(tenant, Kind::Reference)?;
    let why = if count > LIMIT {
        format!("{LIMIT} reference values are registered: replace one by its name")
    } else if bytes > BYTES_LIMIT {
        format!(
            "all reference values together would have more than {BYTES_LIMIT} bytes: \
             replace one of a launch that is over by one without a `manifest`"
        )
    } else {
        return Ok(());
    };
    Err(Problem::InvalidRequest(why).into())
}
