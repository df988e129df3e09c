//! The name of a secret: repository, type and tag.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const SEGMENTS: usize = 3;
const SEGMENT_LIMIT: usize = 64;

/// A resource's path in the KBS protocol: `repository/type/tag`, such as `default/disk/data`.
///
/// Each segment has 1 to 64 characters of `A-Z a-z 0-9 - _ .` and is neither `.` nor `..`, so a
/// path means the same in a URL, a log entry and a file name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ResourcePath(String);

impl ResourcePath {
    /// The three segments joined by `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ResourcePath {
    type Err = ResourcePathError;

    fn from_str(path: &str) -> Result<Self, ResourcePathError> {
        let segments: Vec<&str> = path.split('/').collect();
        if segments.len() == SEGMENTS && segments.iter().all(|segment| well_formed(segment)) {
            Ok(Self(path.to_owned()))
        } else {
            Err(ResourcePathError)
        }
    }
}

fn well_formed(segment: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=SEGMENT_LIMIT).contains(&segment.len())
        && segment.bytes().all(allowed)
        && !matches!(segment, "." | "..")
}

impl fmt::Display for ResourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ResourcePath> for String {
    fn from(path: ResourcePath) -> Self {
        path.0
    }
}

impl TryFrom<String> for ResourcePath {
    type Error = ResourcePathError;

    fn try_from(path: String) -> Result<Self, ResourcePathError> {
        path.parse()
    }
}

/// The text is no resource path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a resource path has three segments, repository/type/tag, each of 1 to 64 characters \
     A-Z a-z 0-9 - _ . and neither `.` nor `..`"
)]
pub struct ResourcePathError;
