//! What a guest asks for.

use serde_json::{Map, Value, json};

/// What a guest asks for: `GET /kbs/v0/PLUGIN/PATH?QUERY`, each part as it means and not as it was escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// Who has it: `resource`.
    pub plugin: &'a str,
    /// The segments of its path, such as repository, type and tag.
    pub path: &'a [&'a str],
    /// Names and values of its query, each name once.
    pub query: &'a [(&'a str, &'a str)],
}

impl Request<'_> {
    /// As a policy finds it in `data`.
    pub(crate) fn as_data(&self) -> Value {
        let query = self.query.iter();
        let query = query.map(|(name, value)| ((*name).to_owned(), json!(value)));
        let query: Map<String, Value> = query.collect();
        json!({"plugin": self.plugin, "resource-path": self.path, "query": query})
    }
}
