//! JSON Schemas of what is sent and answered, by name. Bounds, words and names of errors come from the types that check them; the
//! members are held to the types by tests of this crate and of the program.

use attestation_access::{Action, FourEyes, Quota, Rate, TenantName};
use attestation_evidence::{KBS_PROTOCOL_VERSION, Tee, error_type};
use serde_json::{Map, Value, json};

use crate::problem::Problem;
use crate::service::SECRET_LIMIT;

/// Lower-case hexadecimal of so many bytes.
fn hex(bytes: usize) -> Value {
    json!({"type": "string", "pattern": format!("^[0-9a-f]{{{}}}$", 2 * bytes)})
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn base64url(description: &str) -> Value {
    json!({"type": "string", "pattern": "^[A-Za-z0-9_-]*$", "description": description})
}

fn constant(value: &str) -> Value {
    json!({"type": "string", "const": value})
}

fn number(description: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": description})
}

/// Numbers of 64 bits as JSON of this service has them: no document says a larger one.
fn bounded(most: u64) -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": most})
}

fn or_null(mut schema: Value) -> Value {
    let other = schema["type"].take();
    schema["type"] = json!([other, "null"]);
    schema
}

pub fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// An object of these members alone, of which these have to be there.
fn object(members: Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": members, "required": required, "additionalProperties": false})
}

/// An object of these members, all of them there.
fn whole(members: Value) -> Value {
    let names: Vec<&str> = members
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .map(String::as_str)
        .collect();
    let required = json!(names);
    json!({"type": "object", "properties": members, "required": required, "additionalProperties": false})
}

/// Every schema, by its name.
pub fn schemas() -> Map<String, Value> {
    let mut all = Map::new();
    for part in [
        names(),
        documents(),
        registry(),
        guests(),
        relying_parties(),
        trustee(),
        tenants(),
        changes(),
        log(),
    ] {
        let Value::Object(part) = part else {
            continue;
        };
        all.extend(part);
    }
    for (name, _) in Problem::KINDS {
        let error = whole(json!({
            "type": constant(&error_type(name)),
            "detail": text("For people; it changes with versions."),
        }));
        all.insert(name.to_owned(), error);
    }
    all
}

/// What stands in paths and queries.
fn names() -> Value {
    json!({
        "Name": {
            "type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$",
            "description": "The name of a policy or of a reference value: the document's own.",
        },
        "TenantName": {
            "type": "string", "pattern": format!("^[a-z][a-z0-9-]{{0,{}}}$", TenantName::MAX_LENGTH - 1),
            "description": "A tenant's name.",
        },
        "Segment": {
            "type": "string", "pattern": r"^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,64}$",
            "description": "A part of a secret's name.",
        },
        "Index": {
            "type": "integer", "minimum": 0, "maximum": u64::MAX,
            "description": "A place in the log.",
        },
        "ChangeId": {"type": "string", "pattern": "^[0-9]{1,20}$", "description": "The number of a change."},
        "Names": {
            "type": "string", "pattern": "[^,]", "example": "demo",
            "description": "Names with commas between them.",
        },
        "Tee": {"type": "string", "enum": Tee::ALL.map(Tee::as_str)},
    })
}

fn documents() -> Value {
    let version_1 = whole(json!({
        "version": {"const": 1},
        "name": reference("Name"),
        "tee": {"type": "string", "enum": ["snp", "tdx", "simulated"]},
        "launch_digest": hex(48),
        "manifest": or_null(text("Base64 of the components behind the digest, of a simulated launch.")),
        "not_before": bounded(u64::MAX),
        "not_after": bounded(u64::MAX),
    }));
    let plain = whole(json!({"kind": constant("plain")}));
    let corim =
        whole(json!({"kind": constant("corim"), "corim_sha384": hex(48), "key_sha256": hex(32)}));
    let revoked = whole(json!({
        "at": number("From this second on it allows nothing."),
        "reason": {"type": "string", "maxLength": 500},
    }));
    let version_2 = |source: Value| {
        whole(json!({
            "version": {"const": 2},
            "name": reference("Name"),
            "tee": {"type": "string", "enum": ["sample", "snp", "tdx", "simulated"]},
            "launch_digest": or_null(hex(48)),
            "rtmrs": {"type": "array", "items": or_null(hex(48)), "minItems": 4, "maxItems": 4},
            "min_svn": or_null(bounded(u32::MAX.into())),
            "not_before": bounded(u64::MAX),
            "not_after": bounded(u64::MAX),
            "revoked": {"oneOf": [{"type": "null"}, revoked]},
            "source": source,
            "manifest": or_null(text("Base64 of the components behind the digest, of a simulated launch.")),
        }))
    };
    json!({
        "ReferenceValue": version_2(json!({"oneOf": [plain.clone(), corim]})),
        "PlainReferenceValue": {
            "oneOf": [version_1, version_2(plain)],
            "examples": [{
                "version": 1, "name": "demo", "tee": "simulated", "launch_digest": "5a".repeat(48),
                "manifest": null, "not_before": 0, "not_after": 4_102_444_800_u64,
            }],
        },
        "Reason": {
            "type": "object", "required": ["reason"], "additionalProperties": false,
            "properties": {"reason": {"type": "string", "maxLength": 500}},
            "examples": [{"reason": "the image had a default password"}],
        },
    })
}

fn registry() -> Value {
    json!({
        "Registered": object(
            json!({
                "name": text("What it is called."),
                "version": number("Of a secret."),
                "log_index": number("The entry of the log that says so."),
            }),
            &["name", "log_index"],
        ),
        "Listed": whole(json!({"name": text("What it is called."), "sha256": reference("Digest")})),
        "ListedSecret": whole(json!({
            "resource": text("REPOSITORY/TYPE/TAG"),
            "version": number("The newest."),
            "policy": text("Under which a verdict has to be given."),
            "references": {"type": "array", "items": {"type": "string"}},
            "destroyed": {"type": "boolean"},
        })),
        "Digest": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256"},
        "OpenApi": {"type": "object", "required": ["openapi", "info", "paths"]},
        "SecretBytes": {
            "type": "string", "minLength": 1, "maxLength": SECRET_LIMIT,
            "contentMediaType": "application/octet-stream",
        },
    })
}

fn guests() -> Value {
    let nonce = json!({
        "type": "string", "pattern": "^[A-Za-z0-9+/]{43}=$",
        "description": "32 bytes in base64.",
    });
    let point = |curve: &str, length: usize| {
        let coordinate =
            json!({"type": "string", "pattern": format!("^[A-Za-z0-9_-]{{{length}}}$")});
        whole(json!({
            "kty": constant("EC"), "crv": constant(curve), "alg": constant("ECDH-ES+A256KW"),
            "x": coordinate, "y": coordinate,
        }))
    };
    let rsa = whole(json!({
        "kty": constant("RSA"), "alg": constant("RSA-OAEP-256"),
        "n": base64url("The modulus."), "e": base64url("The exponent."),
    }));
    let init_data = object(
        json!({"format": constant("toml"), "body": text("Whose digest the evidence has.")}),
        &["format", "body"],
    );
    json!({
        "SessionRequest": {
            "type": "object",
            "properties": {
                "version": constant(KBS_PROTOCOL_VERSION),
                "tee": reference("Tee"),
                "extra-params": {"description": "Nothing in it chooses anything."},
            },
            "required": ["version", "tee"],
            "examples": [{"version": KBS_PROTOCOL_VERSION, "tee": "simulated", "extra-params": ""}],
        },
        "Challenge": whole(json!({"nonce": nonce, "extra-params": {"const": ""}})),
        "Attestation": object(
            json!({
                "init-data": {"oneOf": [{"type": "null"}, init_data]},
                "runtime-data": whole(json!({"nonce": nonce, "tee-pubkey": reference("TeePublicKey")})),
                "tee-evidence": whole(json!({
                    "primary_evidence": {"description": "As the attester writes it: see docs/evidence-shapes.md."},
                    "additional_evidence": text("Of devices; empty for none."),
                })),
            }),
            &["runtime-data", "tee-evidence"],
        ),
        "TeePublicKey": {"oneOf": [point("P-256", 43), point("P-521", 88), rsa]},
        "Token": whole(json!({"token": text("An EAR: docs/tokens.md.")})),
        "SealedRelease": whole(json!({
            "protected": base64url("The protected header."),
            "encrypted_key": base64url("The content's key, wrapped to the guest's."),
            "iv": base64url(""),
            "ciphertext": base64url(""),
            "tag": base64url(""),
            "release_proof": text("That the release is in the log: tlog-proof@v1."),
        })),
    })
}

fn relying_parties() -> Value {
    json!({
        "Question": object(
            json!({
                "tee": reference("Tee"),
                "evidence": {"description": "As attesters send it."},
                "additional_evidence": text("Of devices."),
                "report_data": {
                    "type": ["string", "null"], "pattern": "^[0-9A-Fa-f]{128}$",
                    "description": "What it has to bind; null ties it to nothing.",
                },
            }),
            &["tee", "evidence"],
        ),
        "Verdict": whole(json!({
            "verdict": {
                "type": "object",
                "description": "docs/appraisal-policy.md, The verdict's document.",
                "properties": {
                    "version": {"const": 1},
                    "verdict": {"type": "string", "enum": ["accepted", "refused"]},
                },
                "required": ["version", "verdict"],
            },
            "log_index": number("The entry of the log that has it."),
        })),
        "TokenKeys": whole(json!({"keys": {"type": "array", "items": reference("TokenKey")}})),
        "TokenKey": whole(json!({
            "kty": constant("EC"), "crv": {"type": "string", "enum": ["P-256", "P-384"]},
            "x": base64url(""), "y": base64url(""),
            "alg": {"type": "string", "enum": ["ES256", "ES384"]},
            "use": constant("sig"), "kid": base64url("RFC 7638's thumbprint."),
        })),
    })
}

fn trustee() -> Value {
    json!({
        "SetAttestationPolicy": object(
            json!({
                "type": constant("rego"),
                "policy_id": {
                    "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$",
                    "description": "`default` and `default_cpu` are the policy in force.",
                },
                "policy": base64url("Base64url of its Rego."),
            }),
            &["policy_id", "policy"],
        ),
        "RegisterReferenceValues": object(
            json!({
                "version": constant("0.1.0"),
                "type": constant("sample"),
                "payload": text("Base64 of a JSON object: one name with its reference value."),
            }),
            &["type", "payload"],
        ),
    })
}

fn tenants() -> Value {
    let rate = |what: &str| {
        let mut rate = whole(json!({
            "per_second": {"type": "integer", "minimum": 1, "maximum": Rate::MOST_PER_SECOND},
            "burst": {"type": "integer", "minimum": 1, "maximum": Rate::MOST_AT_ONCE},
        }));
        rate["description"] = what.into();
        rate
    };
    let mut quotas = Map::new();
    for quota in Quota::ALL {
        quotas.insert(quota.as_str().to_owned(), bounded(quota.highest_limit()));
    }
    quotas.insert("challenges".to_owned(), rate("Sessions."));
    quotas.insert("attests".to_owned(), rate("Attempts."));
    json!({
        "Quotas": object(Value::Object(quotas), &[]),
        "Usage": whole(json!({
            "policies": number(""), "reference_values": number(""), "secrets": number(""),
            "changes": number(""), "stored_bytes": number(""),
        })),
        "ListedTenant": whole(json!({
            "state": {"type": "string", "enum": ["active", "suspended", "removed"]},
            "used": reference("Usage"),"name": reference("TenantName"), "quotas": reference("Quotas")})),
    })
}

fn changes() -> Value {
    let members = json!({
        "change": reference("ChangeId"),
        "action": {"type": "string", "enum": FourEyes::CHANGES.map(Action::as_str)},
        "target": text("To what; empty for the tenant itself."),
        "digest": reference("Digest"),
        "by": text("Who proposed it."),
        "proposed_at": number("Seconds since 1970."),
        "expires_at": number("The first second at which it is over."),
    });
    let terms = whole(json!({
        "policy": {"type": "string"},
        "references": {"type": "array", "items": {"type": "string"}},
    }));
    let proposed = whole(members);
    let mut whole_change = proposed.clone();
    whole_change["properties"]["removes"] = json!({"type": "boolean"});
    whole_change["properties"]["text"] = text("What would be put.");
    whole_change["properties"]["binds"] = terms;
    whole_change["oneOf"] = json!([
        {"required": ["removes"]}, {"required": ["text"]}, {"required": ["binds"]},
    ]);
    json!({
        "FourEyes": object(
            json!({
                "actions": {
                    "type": "array",
                    "items": {"type": "string", "enum": FourEyes::CHANGES.map(Action::as_str)},
                },
                "approvers": {"type": "string", "enum": ["same-authority", "any-authority"]},
            }),
            &["actions"],
        ),
        "Proposed": proposed,
        "ProposedWhole": whole_change,
        "Seen": whole(json!({"digest": reference("Digest")})),
    })
}

fn log() -> Value {
    let record = |kind: &str, members: &[&str]| {
        let mut properties = Map::new();
        properties.insert("kind".to_owned(), constant(kind));
        properties.insert("version".to_owned(), json!({"const": 2}));
        properties.insert("time".to_owned(), number("Seconds since 1970."));
        for member in members {
            properties.insert((*member).to_owned(), json!({}));
        }
        let required: Vec<&String> = properties.keys().collect();
        json!({"type": "object", "required": required, "properties": properties})
    };
    json!({
        "Entry": {
            "description": "One act, by its kind: docs/evidence-bundle.md has every member.",
            "oneOf": [
                record("verdict", &["tenant", "session", "tee", "outcome", "policy", "input", "document"]),
                record("release", &["tenant", "session", "verdict_index", "resource", "secret_version", "jwe_sha256"]),
                record("registered", &["tenant", "by", "approved_by", "name", "what"]),
            ],
        },
        "PlacedEntry": whole(json!({"index": number("Where it stands."), "entry": reference("Entry")})),
    })
}
