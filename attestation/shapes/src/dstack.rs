//! dstack's evidence: a quote, and its own list of what extended the RTMRs.

use crate::attesters::evidence;
use crate::error::Fault;
use crate::json::{self, Json};
use crate::members::Members;
use crate::{DstackEvent, EventLog, Shape, ShapeError, TdxEvidence};
use ring::digest::{SHA384, digest};

/// dstack's `GetQuote`. What it says of REPORT_DATA beside the quote is not used: the quote's own counts.
pub(crate) fn read(from: Members<'_>) -> Result<TdxEvidence, ShapeError> {
    for unused in ["report_data", "hash_algorithm", "prefix"] {
        from.text_or_null(unused)?;
    }
    // What dstack has for other TEEs, in a format of its own.
    if from.text_or_null("attestation")?.unwrap_or_default() != "" {
        let other = Fault::Contradicts("a TDX quote comes without one");
        return Err(from.fault("attestation", other));
    }
    let quote = from.text("quote")?;
    let quote = from.hex_of("quote", quote.strip_prefix("0x").unwrap_or(quote))?;
    let log = match from.needed("event_log")? {
        Json::Text(none) if none.is_empty() => None,
        Json::Text(text) => Some(dstack_log(&json::parse(text)?)?),
        list => Some(dstack_log(list)?),
    };
    let vm_config = from.text_or_null("vm_config")?.map(str::to_owned);
    Ok(TdxEvidence {
        vm_config,
        ..evidence(quote, log.map(EventLog::Dstack), Shape::Dstack)
    })
}

/// dstack's own events.
const DSTACK_EVENT: u32 = 0x0800_0001;

fn dstack_log(list: &Json) -> Result<Vec<DstackEvent>, ShapeError> {
    let log = Members::new("dstack's event_log", &[]);
    let events = log.list_of("event_log", list)?.iter();
    let event = |event| dstack_event(log.entry("event_log", event)?);
    events.map(event).collect()
}

fn dstack_event(from: Members<'_>) -> Result<DstackEvent, ShapeError> {
    let needed = ["imr", "event_type", "digest", "event", "event_payload"];
    let spare = ["version", "preimage"];
    from.only("event_log", &[&needed[..], &spare[..]].concat())?;
    let event_type = from.u32("event_type")?;
    let digest = match from.hex("digest")? {
        none if none.is_empty() && event_type == DSTACK_EVENT => None,
        digest => Some(from.sized("digest", &digest)?),
    };
    let preimage = from.text_or_null("preimage")?;
    Ok(DstackEvent {
        rtmr: from.byte("imr", 3)?,
        event_type,
        digest,
        event: from.text("event")?.to_owned(),
        payload: from.hex("event_payload")?,
        version: dstack_version(&from)?,
        preimage: preimage
            .map(|text| from.hex_of("preimage", text))
            .transpose()?,
    })
}

fn dstack_version(from: &Members<'_>) -> Result<u8, ShapeError> {
    match from.spare("version") {
        None => Ok(1),
        Some(_) => match from.byte("version", 2)? {
            0 => Err(from.fault("version", Fault::NotA("1 or 2"))),
            version => Ok(version),
        },
    }
}

/// What firmware ends its part of a register with (TCG PC Client Platform Firmware Profile 1.06, 10.4.1).
const SEPARATOR: u32 = 4;
/// EV_EVENT_TAG, the same.
const EVENT_TAG: u32 = 6;

impl EventLog {
    /// The log in the binary format of the TCG (PC Client Platform Firmware Profile 1.06, 10), whichever it came in.
    ///
    /// A dstack list becomes a log of its events in order, each with its type, its SHA-384 digest and its payload. The
    /// digests of dstack's own events are made here, out of their names and payloads, whatever the list says: so their
    /// names are right if the log replays. Of a separator without its payload the four bytes are put back that its
    /// digest is made of; any other event of firmware without its payload becomes an EV_EVENT_TAG.
    pub fn into_tcg(self) -> Vec<u8> {
        match self {
            Self::Tcg(log) => log,
            Self::Dstack(events) => {
                let mut log = spec_id();
                for event in &events {
                    event.append_to(&mut log);
                }
                log
            }
        }
    }
}

/// The record with which a log begins: one digest an event, of SHA-384.
fn spec_id() -> Vec<u8> {
    let mut log = Vec::new();
    // Register 1 is RTMR0: 0 is MRTD, and nothing extends it.
    for number in [1_u32, 3] {
        log.extend_from_slice(&number.to_le_bytes());
    }
    log.extend_from_slice(&[0; 20]);
    let signature = b"Spec ID Event03\0";
    // Platform class, version 2.0, errata 0, 64 bits; one algorithm, its number and size; no vendor's bytes.
    let rest = [0, 0, 0, 0, 0, 2, 0, 2, 1, 0, 0, 0, 0x0C, 0, 48, 0, 0];
    append(&mut log, &[&signature[..], &rest].concat());
    log
}

/// Data behind its length.
fn append(log: &mut Vec<u8>, data: &[u8]) {
    let length = u32::try_from(data.len()).expect("evidence has at most 4 MiB");
    log.extend_from_slice(&length.to_le_bytes());
    log.extend_from_slice(data);
}

impl DstackEvent {
    fn append_to(&self, log: &mut Vec<u8>) {
        let digest = self.extended();
        log.extend_from_slice(&(u32::from(self.rtmr) + 1).to_le_bytes());
        let payload = self.payload_of(&digest);
        log.extend_from_slice(&self.type_beside(payload).to_le_bytes());
        log.extend_from_slice(&[1, 0, 0, 0, 0x0C, 0]);
        log.extend_from_slice(&digest);
        append(log, payload);
    }

    /// What extended the register.
    fn extended(&self) -> [u8; 48] {
        match self.digest {
            Some(digest) if self.event_type != DSTACK_EVENT => digest,
            _ => sha384(&self.own_preimage()),
        }
    }

    /// What dstack makes the digest of its own events of: type, name and payload, or canonical JSON of them.
    fn own_preimage(&self) -> Vec<u8> {
        let Self { event, payload, .. } = self;
        if self.version == 2 {
            // RFC 8785 writes a text as serde_json does, and the members by their names.
            let name = serde_json::Value::from(event.as_str());
            let payload = hex::encode(payload);
            let number = self.event_type;
            let json = format!(r#"{{"name":{name},"payload":"{payload}","type":{number}}}"#);
            return json.into_bytes();
        }
        let number = self.event_type.to_le_bytes();
        [&number[..], b":", event.as_bytes(), b":", payload].concat()
    }

    /// dstack leaves payloads out to save room. Most types say how their payload is read, so that a type without it
    /// is no record of the format: then it is a tag.
    fn type_beside(&self, payload: &[u8]) -> u32 {
        match (payload, self.event_type) {
            ([], own @ DSTACK_EVENT) => own,
            ([], _) => EVENT_TAG,
            (_, kind) => kind,
        }
    }

    fn payload_of(&self, digest: &[u8; 48]) -> &[u8] {
        let separator = self.event_type == SEPARATOR && self.payload.is_empty();
        let known = [[0; 4], [0xFF; 4]].map(|bytes| sha384(&bytes) == *digest);
        match known {
            [true, _] if separator => &[0; 4],
            [_, true] if separator => &[0xFF; 4],
            _ => &self.payload,
        }
    }
}

fn sha384(bytes: &[u8]) -> [u8; 48] {
    let mut hash = [0; 48];
    hash.copy_from_slice(digest(&SHA384, bytes).as_ref());
    hash
}
