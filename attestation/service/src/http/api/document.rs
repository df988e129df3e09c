//! The OpenAPI document (OpenAPI 3.1), made of the operations.

use std::collections::{BTreeMap, BTreeSet};

use attestation_evidence::SESSION_COOKIE;
use serde_json::{Map, Value, json};

use super::operation::{Asker, Content, Operation, Tag};
use super::schema::{reference, schemas};
use crate::problem::Problem;
use crate::service::DEFAULT;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";

const ABOUT: &str = "What guests, relying parties and administrators ask a verifier. docs/api.md has each call with its answer. \
    A path without /t/{tenant} is of the tenant `default`. HTTP/1.1 over TLS 1.3 alone; the server is known by its pinned key.";

/// The document of a tenant's own operations, which have two paths each, and of those of all. Compact JSON.
pub fn document(of_a_tenant: &[Operation], of_all: &[Operation]) -> String {
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut add = |operation: &Operation, named: bool| {
        let below = if named { "/t/{tenant}" } else { "" };
        let path = paths
            .entry(format!("{below}{}", operation.path))
            .or_default();
        path.insert(
            operation.method.as_str().to_owned(),
            describe(operation, named),
        );
    };
    for operation in of_a_tenant {
        add(operation, false);
        add(operation, true);
    }
    for operation in of_all {
        add(operation, false);
    }
    let tags: Vec<Value> = Tag::ALL
        .iter()
        .map(|(_, name, what)| json!({"name": name, "description": what}))
        .collect();
    let responses: Map<String, Value> = of_a_tenant
        .iter()
        .chain(of_all)
        .flat_map(|operation| [refusals(operation, false), refusals(operation, true)])
        .flatten()
        .map(|(status, names)| (names.join("."), refusal(status, &names)))
        .collect();
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Cloister verifier",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas(), "responses": responses, "securitySchemes": security_schemes(),
        },
    });
    document.to_string()
}

fn describe(operation: &Operation, named: bool) -> Value {
    let mut said = json!({
        "operationId": match named {
            true => format!("{}OfTenant", operation.id),
            false => operation.id.to_owned(),
        },
        "tags": [operation.tag.name()],
        "summary": operation.summary,
        "security": security(operation.asker),
        "responses": responses(operation, named),
    });
    let parameters = parameters(operation, named);
    if !parameters.is_empty() {
        said["parameters"] = parameters.into();
    }
    if let Some(content) = operation.takes {
        said["requestBody"] = json!({"required": true, "content": request(content)});
    }
    if let Asker::Permitted(action) = operation.asker {
        said["x-cloister-action"] = action.as_str().into();
        said["x-cloister-roles"] = operation.roles().into();
    }
    said
}

fn security(asker: Asker) -> Value {
    match asker {
        Asker::Anybody => json!([]),
        Asker::Permitted(_) => json!([{"bearer": []}, {"certificate": []}]),
        Asker::Session => json!([{"session": []}]),
        Asker::SessionOrToken => json!([{"session": []}, {"attestationToken": []}]),
    }
}

fn security_schemes() -> Value {
    json!({
        "bearer": {
            "type": "http", "scheme": "bearer",
            "description": "A bootstrap token, or a token of an OpenID Connect issuer that the operator or the tenant trusts.",
        },
        "certificate": {
            "type": "mutualTLS",
            "description": "A certificate of an authority that the operator or the tenant trusts.",
        },
        "session": {
            "type": "apiKey", "in": "cookie", "name": SESSION_COOKIE,
            "description": "A guest's session.",
        },
        "attestationToken": {
            "type": "http", "scheme": "bearer",
            "description": "The EAR that a guest got for its evidence.",
        },
    })
}

fn parameters(operation: &Operation, named: bool) -> Vec<Value> {
    let tenant = named.then_some("tenant");
    let path = tenant
        .into_iter()
        .chain(operation.parameters())
        .map(|name| {
            json!({
                "name": name, "in": "path", "required": true,
                "schema": reference(schema_of(name)), "example": example_of(name),
            })
        });
    let query = operation.query.iter().map(|query| {
        json!({
            "name": query.name, "in": "query", "required": query.required,
            "description": query.description, "schema": reference(query.schema),
        })
    });
    path.chain(query).collect()
}

/// What a part of a path is, by its name.
fn schema_of(parameter: &str) -> &'static str {
    match parameter {
        "tenant" => "TenantName",
        "index" => "Index",
        "id" => "ChangeId",
        "repository" | "type" | "tag" => "Segment",
        _ => "Name",
    }
}

fn example_of(parameter: &str) -> Value {
    match parameter {
        "tenant" => DEFAULT.into(),
        "index" => 0.into(),
        "id" => "0".into(),
        "repository" => "default".into(),
        "type" => "disk".into(),
        "tag" => "data".into(),
        _ => "demo".into(),
    }
}

fn request(content: Content) -> Value {
    match content {
        // Whoever sends says what it is: no content type is looked at.
        Content::Bytes => json!({BYTES: {"schema": reference("SecretBytes")}}),
        Content::Text(example) => {
            json!({"text/plain": {"schema": {"type": "string"}, "example": example}})
        }
        other => json!({JSON: {"schema": schema(other)}}),
    }
}

fn schema(content: Content) -> Value {
    match content {
        Content::Json(name) => reference(name),
        Content::List(name) => json!({"type": "array", "items": reference(name)}),
        Content::ByName(name) => json!({"type": "object", "additionalProperties": reference(name)}),
        Content::Text(_) | Content::Bytes => json!({"type": "string"}),
    }
}

fn responses(operation: &Operation, named: bool) -> Value {
    let mut all = Map::new();
    all.insert("200".to_owned(), answer(operation));
    if operation.is_change() {
        let proposed = json!({JSON: {"schema": reference("Proposed")}});
        let what = "Proposed: it waits for a second person.";
        all.insert(
            "202".to_owned(),
            json!({"description": what, "content": proposed}),
        );
    }
    for (status, names) in refusals(operation, named) {
        let shared = format!("#/components/responses/{}", names.join("."));
        all.insert(status.to_string(), json!({"$ref": shared}));
    }
    Value::Object(all)
}

/// What it can be refused with, by status.
fn refusals(operation: &Operation, named: bool) -> BTreeMap<u16, Vec<&'static str>> {
    let names: BTreeSet<&str> = operation.problems(named).into_iter().collect();
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for (name, status) in Problem::KINDS {
        if names.contains(name) {
            by_status.entry(status).or_default().push(name);
        }
    }
    by_status
}

fn answer(operation: &Operation) -> Value {
    let content = operation.answers.content;
    let media = if matches!(content, Content::Text(_)) {
        TEXT
    } else {
        JSON
    };
    let mut said = json!({
        "description": "Done.",
        "content": {media: {"schema": schema(content)}},
    });
    if operation.answers.cookie {
        let what =
            format!("`{SESSION_COOKIE}`, for the paths of this tenant below the same first part.");
        said["headers"] = json!({"Set-Cookie": {
            "description": what, "required": true, "schema": {"type": "string"},
        }});
    }
    said
}

fn refusal(status: u16, names: &[&str]) -> Value {
    let schemas: Vec<Value> = names.iter().map(|name| reference(name)).collect();
    let schema = match schemas.as_slice() {
        [one] => one.clone(),
        many => json!({"oneOf": many}),
    };
    let mut said = json!({
        "description": names.join(", "),
        "content": {JSON: {"schema": schema}},
    });
    if status == 429 {
        said["headers"] = json!({"Retry-After": {
            "description": "Seconds.", "required": true, "schema": {"type": "integer", "minimum": 1},
        }});
    }
    said
}
