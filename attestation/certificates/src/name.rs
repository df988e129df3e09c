//! Names of subjects and issuers (RFC 5280, 4.1.2.4).

use crate::Oid;
use crate::der::{DerError, PRINTABLE_STRING, SEQUENCE, SET, UTF8_STRING, Value};

const COMMON_NAME: Oid = Oid::new(&[2, 5, 4, 3]);

/// The one common name; none where there is none, are several, or it is not readable text.
pub(crate) fn common_name(name: Value<'_>) -> Result<Option<&str>, DerError> {
    let mut found = None;
    let mut count = 0;
    let mut parts = name.inside();
    while !parts.is_empty() {
        let mut attributes = parts.inside(SET)?;
        while !attributes.is_empty() {
            let mut attribute = attributes.inside(SEQUENCE)?;
            let kind = attribute.identifier()?;
            let value = attribute.any()?;
            attribute.end()?;
            if kind == COMMON_NAME {
                found = text(value);
                count += 1;
            }
        }
    }
    Ok(found.filter(|_| count == 1))
}

fn text(value: Value<'_>) -> Option<&str> {
    matches!(value.tag, UTF8_STRING | PRINTABLE_STRING)
        .then(|| std::str::from_utf8(value.content).ok())?
}
