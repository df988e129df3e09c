//! One event of a log.

use crate::payload;
use crate::{Algorithm, EventType, Register};

/// One event. Holds places in the file only, so that a list of them stays a small multiple of the file.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Its place in the log, from 0.
    pub number: u32,
    /// Where its record begins in the file, in bytes.
    pub offset: usize,
    /// Where its data begins in the file, in bytes.
    pub data_offset: usize,
    /// The register index of the record, as it is there.
    pub index: u32,
    /// The register that the index means in this log.
    pub register: Register,
    /// Its type.
    pub kind: EventType,
    /// Its digests.
    pub digests: Digests<'a>,
    /// Its data.
    pub data: &'a [u8],
}

impl<'a> Event<'a> {
    /// Its digest in a bank; `None` if the record has none of that algorithm.
    pub fn digest(&self, algorithm: Algorithm) -> Option<&'a [u8]> {
        self.digests
            .iter()
            .find_map(|(other, digest)| (other == algorithm).then_some(digest))
    }

    /// Whether it changes its register: all but EV_NO_ACTION do.
    pub fn is_measured(&self) -> bool {
        self.kind != EventType::NO_ACTION
    }

    /// What its data says, for people: at most 601 characters, none that could drive a terminal.
    /// Only what [`crate::Coverage`] says is covered by the digest.
    pub fn description(&self) -> String {
        payload::describe(self.kind, self.data).says
    }
}

/// The digests of a record, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digests<'a> {
    /// As in the record: a SHA-1 digest alone in legacy logs, else each with its algorithm's number.
    pub(crate) bytes: &'a [u8],
    /// The spec ID event's pairs of algorithm and size; empty in legacy logs.
    pub(crate) declared: &'a [u8],
}

impl<'a> Digests<'a> {
    /// The bytes of all of them.
    pub(crate) fn bytes_of_digests(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.iter().flat_map(|(_, digest)| digest.iter().copied())
    }

    /// Each with its algorithm.
    pub fn iter(&self) -> impl Iterator<Item = (Algorithm, &'a [u8])> + use<'a> {
        let Self {
            mut bytes,
            declared,
        } = *self;
        std::iter::from_fn(move || {
            let (algorithm, size) = if declared.is_empty() {
                (Algorithm::SHA1, bytes.len())
            } else {
                let (number, rest) = bytes.split_first_chunk()?;
                bytes = rest;
                let algorithm = Algorithm(u16::from_le_bytes(*number));
                (algorithm, declared_size(declared, algorithm)?)
            };
            let (digest, rest) = bytes.split_at_checked(size)?;
            bytes = rest;
            (!digest.is_empty()).then_some((algorithm, digest))
        })
    }
}

/// The size that a spec ID event's pairs declare for an algorithm.
pub(crate) fn declared_size(pairs: &[u8], algorithm: Algorithm) -> Option<usize> {
    declared(pairs).find_map(|(other, size)| (other == algorithm).then_some(size))
}

/// The pairs of algorithm and size of a spec ID event.
pub(crate) fn declared(pairs: &[u8]) -> impl Iterator<Item = (Algorithm, usize)> + '_ {
    let (pairs, _) = pairs.as_chunks::<4>();
    pairs.iter().map(|[a0, a1, s0, s1]| {
        let size = u16::from_le_bytes([*s0, *s1]);
        (Algorithm(u16::from_le_bytes([*a0, *a1])), size.into())
    })
}
