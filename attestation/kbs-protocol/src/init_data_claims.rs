//! What init data says, in the form in which Trustee's policies ask for it.

use serde_json::{Map, Value};

use crate::ReadInitData;

/// Configurations in TOML, which claims have as JSON: the Attestation Agent's and the Confidential Data Hub's.
const CONFIGURATIONS: [&str; 2] = ["aa.toml", "cdh.toml"];
/// The Kata agent's policy, whose data claims have in the place of its rules, under another name.
const AGENT_POLICY: &str = "policy.rego";
const AGENT_POLICY_CLAIMS: &str = "agent_policy_claims";
/// With this line such a policy's data begin; they are JSON, and the last that is in it.
const POLICY_DATA: &str = "policy_data := ";

impl ReadInitData {
    /// The files by name, as `init_data_claims` has them. What is not what its name promises stays text.
    #[must_use]
    pub fn claims(&self) -> Map<String, Value> {
        self.data
            .iter()
            .map(|(name, text)| claim(name, text))
            .collect()
    }
}

fn claim(name: &str, text: &str) -> (String, Value) {
    let read = match name {
        name if CONFIGURATIONS.contains(&name) => configuration(text).map(|it| (name, it)),
        AGENT_POLICY => policy_data(text).map(|it| (AGENT_POLICY_CLAIMS, it)),
        _ => None,
    };
    let (name, value) = read.unwrap_or_else(|| (name, Value::from(text)));
    (name.to_owned(), value)
}

fn configuration(text: &str) -> Option<Value> {
    let table: toml::Table = toml::from_str(text).ok()?;
    Some(json(toml::Value::Table(table)))
}

fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::from(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Boolean(yes) => Value::from(yes),
        toml::Value::Array(items) => items.into_iter().map(json).collect(),
        toml::Value::Table(members) => {
            let members = members.into_iter();
            Value::Object(members.map(|(name, it)| (name, json(it))).collect())
        }
        // JSON has no dates, and no number for what is none or has no end.
        toml::Value::Datetime(date) => Value::from(date.to_string()),
        toml::Value::Float(number) => {
            let finite = serde_json::Number::from_f64(number);
            finite.map_or_else(|| Value::from(number.to_string()), Value::Number)
        }
    }
}

fn policy_data(text: &str) -> Option<Value> {
    let data = match text.strip_prefix(POLICY_DATA) {
        Some(data) => data,
        None => text.split_once(&format!("\n{POLICY_DATA}"))?.1,
    };
    let data: Map<String, Value> = serde_json::from_str(data).ok()?;
    Some(Value::Object(data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn configuration_in_toml_is_given_as_json() {
        let (name, value) = claim(
            "cdh.toml",
            "a = 1\nb = [1.5, nan]\nc.d = 2026-11-23\ne = true",
        );
        assert_eq!(name, "cdh.toml");
        assert_eq!(
            value,
            json!({"a": 1, "b": [1.5, "NaN"], "c": {"d": "2026-11-23"}, "e": true})
        );
    }

    #[test]
    fn data_of_the_agents_policy_stand_in_the_place_of_its_rules() {
        for text in [
            "policy_data := {\"a\": 1}",
            "package agent_policy\n\npolicy_data := {\n  \"a\": 1\n}\n",
        ] {
            let (name, value) = claim("policy.rego", text);
            assert_eq!(
                (name.as_str(), value),
                ("agent_policy_claims", json!({"a": 1}))
            );
        }
    }

    #[test]
    fn file_that_is_not_what_its_name_promises_stays_text() {
        for (name, text) in [
            ("aa.toml", "a = "),
            ("other.toml", "a = 1"),
            ("policy.rego", "package agent_policy"),
            ("policy.rego", "# policy_data := {}"),
            ("policy.rego", "policy_data := [1]"),
            ("policy.rego", "policy_data := {}\nallow := true"),
        ] {
            assert_eq!(claim(name, text), (name.to_owned(), json!(text)), "{text}");
        }
    }
}
