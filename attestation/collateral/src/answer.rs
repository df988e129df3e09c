//! From what came over HTTP to a document, or to an error that says who was asked for what.

use std::time::{Duration, UNIX_EPOCH};

use attestation_certificates::{Certificate, Crl};

use crate::client::{Answer, Failure};
use crate::document::MOST_CHAIN;
use crate::error::{CollateralError, Unproven};
use crate::{Document, Subject};

/// The longest that a vendor may send us away for: whoever answers in its place cannot silence us for years.
const LONGEST_AFTER: u64 = 3600;

/// The document in an answer.
pub(crate) fn document(
    subject: &Subject,
    address: &str,
    answer: Result<Answer, Failure>,
    now: u64,
) -> Result<Document, CollateralError> {
    let (vendor, at) = (subject.vendor(), address.to_owned());
    let answer = answer.map_err(|failure| match failure {
        Failure::NoConnection(why) => CollateralError::Unreachable {
            vendor,
            address: at.clone(),
            why,
        },
        Failure::Cut(why) => CollateralError::Cut {
            vendor,
            address: at.clone(),
            why,
        },
        Failure::Late => CollateralError::TooSlow {
            vendor,
            address: at.clone(),
        },
    })?;
    let status = answer.status;
    match status {
        200 => read(subject, answer, now).map_err(|why| CollateralError::Unproven {
            what: subject.describe(),
            source_name: vendor.to_string(),
            why,
        }),
        // Of what no machine has, AMD's service says 400 and Intel's 404.
        400 | 404 | 410 => Err(CollateralError::Missing {
            vendor,
            what: subject.describe(),
            address: at,
            status,
        }),
        429 | 503 => Err(CollateralError::Busy {
            vendor,
            address: at,
            status,
            after: answer.retry_after.and_then(|text| seconds(&text, now)),
        }),
        _ => Err(CollateralError::Status {
            vendor,
            address: at,
            status,
        }),
    }
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
fn seconds(text: &str, now: u64) -> Option<u64> {
    let text = text.trim();
    let seconds = match text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are longer than the longest.
        true if !text.is_empty() => text.parse().unwrap_or(u64::MAX),
        _ => {
            let then = httpdate::parse_http_date(text).ok()?;
            let then = then.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            then.as_secs().saturating_sub(now)
        }
    };
    Some(seconds.min(LONGEST_AFTER))
}

/// Certificates and lists as DER, so that the same content is the same bytes; signed text as it came.
fn read(subject: &Subject, answer: Answer, now: u64) -> Result<Document, Unproven> {
    let unreadable =
        |error: attestation_certificates::FormatError| Unproven::Unreadable(error.to_string());
    let body = match subject {
        Subject::Vcek(_) => {
            let certificate = Certificate::read(&answer.body).map_err(unreadable)?;
            certificate.der().to_vec()
        }
        Subject::AmdChain(..) => {
            let all = Certificate::bundle(&answer.body).map_err(unreadable)?;
            all.iter().flat_map(|one| one.der().to_vec()).collect()
        }
        Subject::AmdList(_) | Subject::RootList | Subject::PckList(_) => {
            let list = Crl::read(&undigited(answer.body)).map_err(unreadable)?;
            list.der().to_vec()
        }
        Subject::QeIdentity | Subject::TcbInfo(_) => answer.body,
    };
    let issuer_chain = match answer.header {
        Some(header) => Some(percent_decoded(&header).ok_or_else(|| {
            Unproven::Unreadable("the header with its signer's certificates".to_owned())
        })?),
        None => None,
    };
    Ok(Document {
        subject: subject.clone(),
        body,
        issuer_chain,
        fetched: now,
    })
}

/// A PCCS answers some lists as hexadecimal digits.
fn undigited(body: Vec<u8>) -> Vec<u8> {
    hex::decode(body.trim_ascii()).unwrap_or(body)
}

/// What a header carries percent-encoded (RFC 3986, 2.1): PEM, which is ASCII.
fn percent_decoded(text: &str) -> Option<String> {
    if text.len() > 2 * MOST_CHAIN {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = match (first, behind) {
            (b'%', [high, low, behind @ ..]) => {
                let mut byte = [0];
                hex::decode_to_slice([*high, *low], &mut byte).ok()?;
                bytes.extend(byte);
                behind
            }
            (b'%', _) => return None,
            _ => {
                bytes.push(*first);
                behind
            }
        };
    }
    let text = String::from_utf8(bytes).ok()?;
    (text.is_ascii() && text.len() <= MOST_CHAIN).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date_and_bounded() {
        // 2025-06-19T12:35:00Z.
        let now = 1_750_336_500;
        for (text, expected) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("Thu, 19 Jun 2025 12:36:30 GMT", Some(90)),
            ("Thu, 19 Jun 2025 12:30:00 GMT", Some(0)),
            ("Tue, 19 Jun 2035 12:30:00 GMT", Some(LONGEST_AFTER)),
            ("99999999999999999999999999", Some(LONGEST_AFTER)),
            ("", None),
            ("soon", None),
            ("-5", None),
            ("1.5", None),
        ] {
            assert_eq!(seconds(text, now), expected, "{text:?}");
        }
    }

    #[test]
    fn header_is_decoded_or_refused() {
        let decoded = percent_decoded("a%0Ab%2Bc+d");
        assert_eq!(decoded.as_deref(), Some("a\nb+c+d"));
        for text in ["%", "%4", "%zz", "%ff", "%C3%A4"] {
            assert_eq!(percent_decoded(text), None, "{text}");
        }
        assert_eq!(percent_decoded(&"a".repeat(MOST_CHAIN + 1)), None);
    }
}
