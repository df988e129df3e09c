//! Certificates and lists before they are signed.

use super::key::Key;
use super::write::{bits, constructed, number, octets, oid, tlv};

/// A second within [`validity`] of every draft: 2026-06-01T00:00:00Z.
pub const WITHIN: u64 = 1_780_272_000;

/// `Name` of one common name.
pub fn name(common: &str) -> Vec<u8> {
    let attribute = constructed(0x30, &[oid(&[2, 5, 4, 3]), tlv(0x0C, common.as_bytes())]);
    constructed(0x30, &[constructed(0x31, &[attribute])])
}

/// `Validity` of two UTCTimes: `260101000000Z`.
pub fn validity(not_before: &str, not_after: &str) -> Vec<u8> {
    let times = [not_before, not_after].map(|time| tlv(0x17, time.as_bytes()));
    constructed(0x30, &times)
}

/// `Extension`.
pub fn extension(identifier: &[u32], critical: bool, content: &[u8]) -> Vec<u8> {
    let mut parts = vec![oid(identifier)];
    if critical {
        parts.push(tlv(0x01, &[0xFF]));
    }
    parts.push(octets(content));
    constructed(0x30, &parts)
}

/// A certificate: each part as DER, to be changed at will.
#[derive(Clone)]
pub struct Draft {
    pub version: Vec<u8>,
    pub serial: Vec<u8>,
    pub inner_algorithm: Vec<u8>,
    pub outer_algorithm: Vec<u8>,
    pub issuer: Vec<u8>,
    pub validity: Vec<u8>,
    pub subject: Vec<u8>,
    pub key_info: Vec<u8>,
    pub extensions: Vec<Vec<u8>>,
}

impl Draft {
    /// A leaf, valid through 2026.
    pub fn leaf(subject: &str, key: &Key, issuer: &str, issuer_key: &Key) -> Self {
        Self {
            version: tlv(0xA0, &number(2)),
            serial: number(1),
            inner_algorithm: issuer_key.algorithm(),
            outer_algorithm: issuer_key.algorithm(),
            issuer: name(issuer),
            validity: validity("260101000000Z", "261231235959Z"),
            subject: name(subject),
            key_info: key.info(),
            extensions: vec![extension(&[2, 5, 29, 14], false, &octets(&[7; 20]))],
        }
    }

    /// An authority: may sign certificates and lists.
    pub fn authority(subject: &str, key: &Key, issuer: &str, issuer_key: &Key) -> Self {
        let mut draft = Self::leaf(subject, key, issuer, issuer_key);
        draft.constrain(true, None);
        draft.allow(0b0000_0110);
        draft
    }

    /// With basic constraints.
    pub fn constrain(&mut self, authority: bool, path_length: Option<u32>) {
        let mut parts = Vec::new();
        if authority {
            parts.push(tlv(0x01, &[0xFF]));
        }
        parts.extend(path_length.map(number));
        self.replace(&[2, 5, 29, 19], &constructed(0x30, &parts));
    }

    /// With a key usage; the highest bit is digitalSignature.
    pub fn allow(&mut self, usage: u8) {
        let unused = u8::try_from(usage.trailing_zeros().min(7)).expect("it is small");
        self.replace(&[2, 5, 29, 15], &tlv(0x03, &[unused, usage]));
    }

    /// With this critical extension instead of the one of this identifier, if there is one.
    pub fn replace(&mut self, identifier: &[u32], content: &[u8]) {
        let wanted = oid(identifier);
        let names = |extension: &Vec<u8>| extension[2..].starts_with(&wanted);
        self.extensions.retain(|extension| !names(extension));
        self.extensions.push(extension(identifier, true, content));
    }

    /// What is signed.
    pub fn content(&self) -> Vec<u8> {
        let mut parts = vec![
            self.version.clone(),
            self.serial.clone(),
            self.inner_algorithm.clone(),
            self.issuer.clone(),
            self.validity.clone(),
            self.subject.clone(),
            self.key_info.clone(),
        ];
        if !self.extensions.is_empty() {
            parts.push(tlv(0xA3, &constructed(0x30, &self.extensions)));
        }
        constructed(0x30, &parts)
    }

    /// The certificate.
    pub fn signed_by(&self, key: &Key) -> Vec<u8> {
        frame(self.content(), &self.outer_algorithm, key)
    }
}

/// A revocation list: each part as DER, to be changed at will.
#[derive(Clone)]
pub struct ListDraft {
    pub version: Vec<u8>,
    pub algorithm: Vec<u8>,
    pub issuer: Vec<u8>,
    pub this_update: Vec<u8>,
    pub next_update: Vec<u8>,
    pub entries: Vec<Vec<u8>>,
    pub extensions: Vec<Vec<u8>>,
}

impl ListDraft {
    /// Of these serial numbers, with CRL number 5, in its time through 2026.
    pub fn new(issuer: &str, issuer_key: &Key, serials: &[u32]) -> Self {
        let entries = serials.iter().map(|serial| Self::entry(number(*serial)));
        Self {
            version: number(1),
            algorithm: issuer_key.algorithm(),
            issuer: name(issuer),
            this_update: tlv(0x17, b"260101000000Z"),
            next_update: tlv(0x17, b"261231235959Z"),
            entries: entries.collect(),
            extensions: vec![extension(&[2, 5, 29, 20], false, &number(5))],
        }
    }

    /// One entry.
    pub fn entry(serial: Vec<u8>) -> Vec<u8> {
        constructed(0x30, &[serial, tlv(0x17, b"260101000000Z")])
    }

    /// The list.
    pub fn signed_by(&self, key: &Key) -> Vec<u8> {
        let mut parts = vec![
            self.version.clone(),
            self.algorithm.clone(),
            self.issuer.clone(),
            self.this_update.clone(),
            self.next_update.clone(),
        ];
        if !self.entries.is_empty() {
            parts.push(constructed(0x30, &self.entries));
        }
        if !self.extensions.is_empty() {
            parts.push(tlv(0xA0, &constructed(0x30, &self.extensions)));
        }
        frame(constructed(0x30, &parts), &self.algorithm, key)
    }
}

fn frame(content: Vec<u8>, algorithm: &[u8], key: &Key) -> Vec<u8> {
    let signature = bits(&key.sign(&content));
    constructed(0x30, &[content, algorithm.to_vec(), signature])
}
