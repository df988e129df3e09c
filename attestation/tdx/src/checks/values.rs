//! Whether measurements, names and binding are what the relying party expects.

use super::{Found, quote};
use crate::judge::Case;
use crate::{Bytes, Field, TdxRejection};
use attestation_verdict::{ExpectedData, Finding};

type Accepted<'a> = Option<&'a [Bytes<48>]>;

pub(crate) fn launch_digest(case: &Case<'_>) -> Found {
    let limits = case.input.limits.mr_tds.as_deref();
    let reference = case
        .input
        .reference
        .map(|reference| reference.mr_tds.as_slice());
    compare(case, Field::MrTd, limits, given(reference), |case| {
        case.mr_td
    })
}

pub(crate) fn rtmr(case: &Case<'_>, number: u8) -> Found {
    let index = usize::from(number);
    let limits = case.input.limits;
    let limits = [&limits.rtmr0, &limits.rtmr1, &limits.rtmr2, &limits.rtmr3];
    let limits = limits.get(index).and_then(|list| list.as_deref());
    let reference = case
        .input
        .reference
        .and_then(|reference| reference.rtmrs.get(index));
    let reference = given(reference.map(Vec::as_slice));
    compare(case, Field::Rtmr(number), limits, reference, |body| {
        body.rtmrs.get(index).copied().unwrap_or(Bytes([0; 48]))
    })
}

pub(crate) fn mr_config_id(case: &Case<'_>) -> Found {
    let limits = case.input.limits.mr_config_ids.as_deref();
    compare(case, Field::MrConfigId, limits, None, |body| {
        body.mr_config_id
    })
}

pub(crate) fn mr_owner(case: &Case<'_>) -> Found {
    let limits = case.input.limits.mr_owners.as_deref();
    compare(case, Field::MrOwner, limits, None, |body| body.mr_owner)
}

pub(crate) fn mr_owner_config(case: &Case<'_>) -> Found {
    let limits = case.input.limits.mr_owner_configs.as_deref();
    compare(case, Field::MrOwnerConfig, limits, None, |body| {
        body.mr_owner_config
    })
}

/// Reference values that say nothing of a register do not ask for it.
fn given(reference: Accepted<'_>) -> Accepted<'_> {
    reference.filter(|values| !values.is_empty())
}

/// Where both limits and reference values say something, both have to accept.
fn compare(
    case: &Case<'_>,
    field: Field,
    limits: Accepted<'_>,
    reference: Accepted<'_>,
    of: impl Fn(&crate::TdBody) -> Bytes<48>,
) -> Found {
    let (quote, _) = match quote(case) {
        Ok(parts) => parts,
        Err(not_made) => return not_made,
    };
    let found = of(&quote.body);
    let lists = [limits, reference];
    if lists.iter().all(Option::is_none) {
        return Finding::NotAsked(format!("no value is expected; it is {found}"));
    }
    if lists
        .into_iter()
        .flatten()
        .all(|list| list.contains(&found))
    {
        return Finding::Pass(format!("{found} is an accepted value"));
    }
    Finding::fail(TdxRejection::NotAccepted {
        field,
        found: found.to_string(),
    })
}

pub(crate) fn binding(case: &Case<'_>) -> Found {
    let (quote, _) = match quote(case) {
        Ok(parts) => parts,
        Err(not_made) => return not_made,
    };
    match case.input.expected {
        ExpectedData::Unbound => Finding::NotAsked(
            "the relying party binds the quote to nothing: anybody may have sent it again"
                .to_owned(),
        ),
        ExpectedData::Exactly(expected) if quote.body.report_data.0 == *expected => {
            Finding::Pass("REPORTDATA is what was expected".to_owned())
        }
        ExpectedData::Exactly(_) => Finding::fail(TdxRejection::Binding),
    }
}
