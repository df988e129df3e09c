//! The certificates that Azure's host gives its guests.

use crate::json::{self, Json};
use crate::members::Members;
use crate::{LARGEST_EVIDENCE, ShapeError, text};

/// What Azure's instance metadata service answers about its host (`/metadata/THIM/amd/certification`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCertificates {
    /// The VCEK's certificate, PEM.
    pub vcek: Vec<u8>,
    /// The ASK's and ARK's, PEM.
    pub chain: Vec<u8>,
}

impl HostCertificates {
    /// Reads the answer: JSON with `vcekCert` and `certificateChain`. `tcbm` and `cacheControl` may be there and are
    /// not used: the certificate itself says which TCB it is for.
    ///
    /// # Errors
    /// It is not such JSON.
    pub fn read(bytes: &[u8]) -> Result<Self, ShapeError> {
        if bytes.len() > LARGEST_EVIDENCE {
            let (size, limit) = (bytes.len(), LARGEST_EVIDENCE);
            return Err(ShapeError::TooLarge { size, limit });
        }
        let text = text::as_text(bytes).ok_or(ShapeError::UnknownText("no text at all"))?;
        let Json::Object(object) = json::parse(text)? else {
            return Err(ShapeError::UnknownText("JSON, but no object"));
        };
        let from = Members::new("THIM certificates", &object);
        let spare = ["tcbm", "cacheControl"];
        from.only(
            "the object",
            &["vcekCert", "certificateChain", spare[0], spare[1]],
        )?;
        for unused in spare {
            from.text_or_null(unused)?;
        }
        Ok(Self {
            vcek: from.text("vcekCert")?.as_bytes().to_vec(),
            chain: from.text("certificateChain")?.as_bytes().to_vec(),
        })
    }
}
