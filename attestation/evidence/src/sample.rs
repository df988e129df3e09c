//! The evidence of Trustee's sample attester, which no TEE made.

use serde::{Deserialize, Serialize};

use crate::encoding::{base64_decode, base64_encode};
use crate::{ParseError, REPORT_DATA_LENGTH, from_json, to_json};

/// `primary_evidence` where the claimed TEE is `sample`: what was to be bound, and a version. Anybody can write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleEvidence {
    /// At most 64 bytes.
    #[serde(with = "report_data")]
    pub report_data: Vec<u8>,
    /// The attester's own word.
    pub svn: String,
}

impl SampleEvidence {
    /// Reads primary evidence.
    ///
    /// # Errors
    /// When it is not exactly one such JSON object.
    pub fn from_json(text: &str) -> Result<Self, ParseError> {
        from_json("sample evidence", text.as_bytes())
    }

    /// The primary evidence's JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        to_json(self)
    }

    /// As REPORT_DATA would have it: zeros behind what is there.
    #[must_use]
    pub fn report_data(&self) -> [u8; REPORT_DATA_LENGTH] {
        let mut data = [0; REPORT_DATA_LENGTH];
        for (to, from) in data.iter_mut().zip(&self.report_data) {
            *to = *from;
        }
        data
    }
}

mod report_data {
    use super::*;
    use serde::{Deserializer, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64_encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        base64_decode(&text)
            .filter(|bytes| bytes.len() <= REPORT_DATA_LENGTH)
            .ok_or_else(|| D::Error::custom("not at most 64 bytes in canonical base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sample_evidence_is_read_with_its_members_and_no_others() {
        let text = r#"{"report_data":"AQI=","svn":"1"}"#;
        let evidence = SampleEvidence::from_json(text).expect("it is one");
        assert_eq!(
            (evidence.svn.as_str(), evidence.to_json().as_str()),
            ("1", text)
        );
        assert_eq!(evidence.report_data()[..3], [1, 2, 0]);
        let long = base64_encode(&[0; REPORT_DATA_LENGTH + 1]);
        for wrong in [
            r#"{"report_data":"AQI="}"#.to_owned(),
            r#"{"report_data":"AQI=","svn":1}"#.to_owned(),
            r#"{"report_data":"AQI","svn":"1"}"#.to_owned(),
            r#"{"report_data":"AQI=","svn":"1","more":1}"#.to_owned(),
            format!(r#"{{"report_data":"{long}","svn":"1"}}"#),
        ] {
            assert!(SampleEvidence::from_json(&wrong).is_err(), "{wrong}");
        }
    }
}
