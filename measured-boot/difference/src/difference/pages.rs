//! Where pages differ.

use serde::Serialize;

/// Pages of one component that differ, one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageRange {
    /// What they are of.
    pub component: String,
    /// Guest physical address of the first.
    pub gpa: u64,
    /// How many, the equal ones between them included.
    pub pages: u64,
    /// How many of them differ.
    pub differing_pages: u64,
    /// Which file they are from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<&'static str>,
    /// Where in that file the first byte that differs is, or the first page where bytes are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_offset: Option<u64>,
    /// The bytes, where both are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<DifferingBytes>,
    /// What lies there, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// How bytes of both sides differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DifferingBytes {
    /// How many.
    pub differing: u64,
    /// Offset of the first in the first page.
    pub offset: u64,
    /// Up to 16 bytes from there on, in hexadecimal.
    pub a: String,
    /// The same.
    pub b: String,
}
