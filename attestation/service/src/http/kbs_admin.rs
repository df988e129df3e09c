//! What administrators of Trustee's key service send with its own tools: the same acts as those of `/v1`.

use attestation_access::deeds;
use attestation_kbs_protocol::{PolicyId, RegisterReferenceValues, SetAttestationPolicy};
use axum::body::Body;
use serde_json::{Map, Value};

use super::api::{Api, Content, Operation, Tag};
use super::may::{Answered, May};
use super::v1::{destroy_secret, read_reference};
use super::{BODY_LIMIT, Resource, read_body};
use crate::problem::Problem;
use crate::terms::Terms;

pub(super) fn api() -> Api {
    use Tag::Trustee;
    const REFERENCE: &str = "/kbs/v0/reference-value";
    const RESOURCE: &str = "/kbs/v0/resource/{repository}/{type}/{tag}";
    let set_policy = Operation::post(
        Trustee,
        "/kbs/v0/attestation-policy",
        "setAttestationPolicy",
        "Registers a policy.",
    );
    let list = "The tenant's reference values by their names.";
    let put = "Registers one reference value.";
    let get = "One reference value.";
    let bind = "Puts a secret, bound to the policy in force and to all reference values by now.";
    let destroy = "Destroys a secret.";
    Api::new()
        .on(
            set_policy
                .needs::<deeds::WritePolicy>()
                .takes(Content::Json("SetAttestationPolicy")),
            attestation_policy,
        )
        .on(
            Operation::get(Trustee, REFERENCE, "listReferenceValuesByName", list)
                .needs::<deeds::ReadReferenceValues>()
                .answers(Content::ByName("ReferenceValue")),
            references,
        )
        .on(
            Operation::post(Trustee, REFERENCE, "registerReferenceValue", put)
                .needs::<deeds::WriteReferenceValue>()
                .takes(Content::Json("RegisterReferenceValues")),
            reference,
        )
        .on(
            Operation::get(
                Trustee,
                "/kbs/v0/reference-value/{name}",
                "getReferenceValueByName",
                get,
            )
            .needs::<deeds::ReadReferenceValues>()
            .answers(Content::Json("ReferenceValue")),
            read_reference,
        )
        .on(
            Operation::post(Trustee, RESOURCE, "setResource", bind)
                .needs::<deeds::WriteSecret>()
                .takes(Content::Bytes),
            resource,
        )
        .on(
            Operation::delete(Trustee, RESOURCE, "deleteResource", destroy)
                .needs::<deeds::DestroySecret>(),
            destroy_secret,
        )
}

/// `default` and `default_cpu` are the policy in force, whose own name has to be in the text.
async fn attestation_policy(may: May<deeds::WritePolicy>, body: Body) -> Answered {
    let in_force = may.service.settings().policy.clone();
    may.put(async {
        let body = read_body(body, BODY_LIMIT).await?;
        let set = SetAttestationPolicy::from_json(&body).map_err(invalid)?;
        let name = match set.id {
            PolicyId::Cpu => in_force,
            PolicyId::Other(name) => name,
        };
        Ok((name, set.source.into_bytes()))
    })
    .await
}

async fn references(may: May<deeds::ReadReferenceValues>) -> Answered {
    may.show(|service, permit| {
        let values = service.references(permit)?.into_iter();
        let by_name = values.map(|value| Ok((value.name.clone(), serde_json::to_value(value)?)));
        let by_name: serde_json::Result<Map<String, Value>> = by_name.collect();
        by_name.map_err(|_| Problem::Internal)
    })
    .await
}

/// One value a message, so that a message is registered whole or not at all.
async fn reference(may: May<deeds::WriteReferenceValue>, body: Body) -> Answered {
    may.put(async {
        let body = read_body(body, BODY_LIMIT).await?;
        let message = RegisterReferenceValues::from_json(&body).map_err(invalid)?;
        let (name, value) = only(&message)?;
        Ok((name, value.into_bytes()))
    })
    .await
}

/// The one name with its value, which kbs-client puts into a list.
fn only(message: &RegisterReferenceValues) -> Result<(String, String), Problem> {
    let mut values = message.values().iter();
    let (Some((name, value)), None) = (values.next(), values.next()) else {
        let why = "a message registers one reference value: send one for each";
        return Err(Problem::InvalidRequest(why.to_owned()));
    };
    let value = match value {
        Value::Array(list) if list.len() == 1 => list.first().unwrap_or(value),
        value => value,
    };
    // All that kbs-client can send of a document is its text.
    let document = match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    Ok((name.clone(), document))
}

/// Its owner names neither policy nor launches: it is bound to the policy in force, and to the reference values that the tenant has
/// by now.
async fn resource(
    may: May<deeds::WriteSecret>,
    Resource(resource): Resource,
    body: Body,
) -> Answered {
    may.put_secret(resource, body, |service, permit| {
        let references = service.reference_names(permit)?;
        if references.is_empty() {
            let why =
                "no reference value is registered: put those first that may have the resource";
            return Err(Problem::InvalidRequest(why.to_owned()));
        }
        let policy = service.settings().policy.clone();
        Ok(Terms { policy, references })
    })
    .await
}

fn invalid(error: impl std::error::Error) -> Problem {
    Problem::InvalidRequest(error.to_string())
}
