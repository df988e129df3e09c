//! Who authorised the launch, and what guest it is.

use super::{Case, Found};
use crate::{Hex, SnpRejection as Reason};
use attestation_verdict::Finding;

/// Passes for a value of the list; asks nothing where there is no list.
fn listed<const N: usize>(
    found: [u8; N],
    list: Option<&Vec<Hex<N>>>,
    what: &str,
    reason: Reason,
) -> Found {
    match list {
        None => Finding::NotAsked(format!("the limits say nothing of the {what}")),
        Some(list) if list.contains(&Hex(found)) => {
            Finding::Pass(format!("the {what} is accepted"))
        }
        Some(_) => Finding::fail(reason),
    }
}

pub fn id_key(case: &Case<'_>) -> Found {
    let list = case.limits.id_keys.as_ref();
    listed(case.report.id_key_digest, list, "ID key", Reason::IdKey)
}

pub fn author_key(case: &Case<'_>) -> Found {
    let list = case.limits.author_keys.as_ref();
    if list.is_some() && !case.report.author_key_enabled() {
        return Finding::fail(Reason::AuthorKeyMissing);
    }
    listed(
        case.report.author_key_digest,
        list,
        "author key",
        Reason::AuthorKey,
    )
}

pub fn family_id(case: &Case<'_>) -> Found {
    let list = case.limits.family_ids.as_ref();
    listed(case.report.family_id, list, "family", Reason::FamilyId)
}

pub fn image_id(case: &Case<'_>) -> Found {
    let list = case.limits.image_ids.as_ref();
    listed(case.report.image_id, list, "image", Reason::ImageId)
}

pub fn host_data(case: &Case<'_>) -> Found {
    let list = case.limits.host_data.as_ref();
    listed(case.report.host_data, list, "host's data", Reason::HostData)
}
