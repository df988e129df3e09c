//! One answer of a vendor, as it is kept and carried.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::Subject;

/// The most bytes of one that is kept: the largest answer in base64, with its chain.
pub(crate) const MOST_BYTES: usize = 3 << 20;
/// A chain of two certificates has 1.9 KiB.
pub(crate) const MOST_CHAIN: usize = 16 << 10;
const VERSION: u32 = 1;

/// What a vendor answered. Nothing in it is believed before it is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What it was asked for as.
    pub subject: Subject,
    /// The body as it came; certificates and lists as DER.
    pub body: Vec<u8>,
    /// The certificates of who signed it, PEM, where a header carried them.
    pub issuer_chain: Option<String>,
    /// When it came, unix seconds: decides only when it is asked for again.
    pub fetched: u64,
}

/// As it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fetched: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issuer_chain: Option<String>,
    body: String,
}

impl Document {
    /// Reads one that was written here; `now` is when it came where it does not say.
    pub(crate) fn read(json: &[u8], now: u64) -> Result<Self, String> {
        if json.len() > MOST_BYTES {
            return Err(format!("more than {} MiB", MOST_BYTES >> 20));
        }
        let written: Written = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if written.version != VERSION {
            return Err(format!("version {}, where 1 is known", written.version));
        }
        let subject: Subject = written
            .subject
            .parse()
            .map_err(|_| "its subject is none that is known".to_owned())?;
        let body = STANDARD.decode(written.body);
        let body = body.map_err(|_| "its body is not base64".to_owned())?;
        if body.len() > subject.most_bytes() {
            return Err(format!("a body of {} bytes, more than any has", body.len()));
        }
        let chain = written.issuer_chain;
        if chain.as_ref().is_some_and(|chain| chain.len() > MOST_CHAIN) {
            return Err("a chain longer than any".to_owned());
        }
        Ok(Self {
            subject,
            body,
            issuer_chain: chain,
            // A time to come would keep it from being asked for again.
            fetched: written
                .fetched
                .map_or(now, |then| if then > now { 0 } else { then }),
        })
    }

    /// For the directory.
    pub(crate) fn to_json(&self) -> String {
        self.written(Some(self.fetched))
    }

    /// For other machines: the same content is the same text, whenever it came.
    pub(crate) fn to_portable_json(&self) -> String {
        self.written(None)
    }

    fn written(&self, fetched: Option<u64>) -> String {
        let written = Written {
            version: VERSION,
            subject: self.subject.to_string(),
            fetched,
            issuer_chain: self.issuer_chain.clone(),
            body: STANDARD.encode(&self.body),
        };
        serde_json::to_string(&written).expect("it is plain data")
    }
}
