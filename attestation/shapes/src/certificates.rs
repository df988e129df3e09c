//! Certificates that come along with evidence.

use crate::ShapeError;
use crate::error::Fault;
use crate::json::Json;
use crate::members::Members;
use measured_boot_reader::Reader;

/// How many certificates may come along.
const MOST: usize = 16;

/// Certificates as a host hands them to a guest, each DER or PEM; nothing of them is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateTable {
    /// The VCEK's.
    pub vcek: Option<Vec<u8>>,
    /// The VLEK's.
    pub vlek: Option<Vec<u8>>,
    /// The ASK's and the ARK's, in the order in which they came.
    pub chain: Vec<Vec<u8>>,
}

/// What an entry is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Vcek,
    Vlek,
    Chain,
    /// CRLs, which the relying party brings itself, and what no one knows.
    Unused,
}

/// The GUIDs of the table (GHCB specification, AMD 56421, "SNP Extended Guest Request"), in the order of their text.
const GUIDS: [([u8; 16], Kind); 5] = [
    (
        0x63da_758d_e664_4564_adc5_f4b9_3be8_accd_u128.to_be_bytes(),
        Kind::Vcek,
    ),
    (
        0xa807_4bc2_a25a_483e_aae6_39c0_45a0_b8a1_u128.to_be_bytes(),
        Kind::Vlek,
    ),
    (
        0x4ab7_b379_bbac_4fe4_a02f_05ae_f327_c782_u128.to_be_bytes(),
        Kind::Chain,
    ),
    (
        0xc0b4_06a4_a803_4952_9743_3fb6_014c_d0ae_u128.to_be_bytes(),
        Kind::Chain,
    ),
    (
        0x92f8_1bc3_5811_4d3d_97ff_d19f_88dc_67ea_u128.to_be_bytes(),
        Kind::Unused,
    ),
];

/// Bytes are no certificate table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The list of entries does not end.
    #[error("the certificate table's list of entries has no end")]
    NoEnd,
    /// More entries than can be.
    #[error("the certificate table has more than {MOST} entries")]
    TooMany,
    /// An entry's bytes are not there, or not behind the list and the entry before.
    #[error("entry {0} of the certificate table is not behind the one before, or not there")]
    Place(usize),
    /// Two entries of one kind.
    #[error("entry {0} of the certificate table is there twice")]
    Twice(usize),
    /// Bytes that belong to no entry.
    #[error("there are bytes in the certificate table that belong to no entry")]
    Loose,
}

/// One entry of the list: what, where and how long.
struct Entry {
    guid: [u8; 16],
    offset: usize,
    length: usize,
}

impl CertificateTable {
    /// Reads the table of Linux' extended report, which configfs-tsm has as `auxblob`: entries of a GUID, an offset and
    /// a length, one of zeros, then the certificates in the same order. Between and behind them may be zeros.
    ///
    /// # Errors
    /// It is none, two entries overlap or are of one kind, or a byte belongs to none.
    pub fn read(table: &[u8]) -> Result<Self, TableError> {
        let entries = entries(table)?;
        let mut read = Self::default();
        let mut end = (entries.len() + 1) * ENTRY;
        for (index, entry) in entries.iter().enumerate() {
            let behind = entry.offset.checked_add(entry.length);
            let data = behind.and_then(|behind| table.get(entry.offset..behind));
            let (Some(data), Some(gap)) = (data, table.get(end..entry.offset)) else {
                return Err(TableError::Place(index));
            };
            zeros(gap)?;
            end = entry.offset + data.len();
            let twice = entries[..index].iter().any(|one| one.guid == entry.guid);
            if twice || !read.put(kind(&entry.guid), data) {
                return Err(TableError::Twice(index));
            }
        }
        zeros(table.get(end..).unwrap_or_default())?;
        Ok(read)
    }

    /// The list of an attester: entries of `cert_type` and `data`, or `null`, or nothing.
    pub(crate) fn from_list(from: &Members<'_>, member: &'static str) -> Result<Self, ShapeError> {
        let mut read = Self::default();
        if matches!(from.spare(member), None | Some(Json::Null)) {
            return Ok(read);
        }
        let list = from.list(member)?;
        if list.len() > MOST {
            let (found, wanted) = (list.len(), MOST);
            return Err(from.fault(member, Fault::Count { found, wanted }));
        }
        for entry in list {
            let entry = from.entry(member, entry)?;
            entry.only(member, &["cert_type", "data"])?;
            if !read.put(named_kind(&entry)?, entry.array("data")?) {
                return Err(from.fault(member, Fault::Twice));
            }
        }
        Ok(read)
    }

    /// `false` if one of the kind is there already.
    fn put(&mut self, kind: Kind, data: &[u8]) -> bool {
        let place = match kind {
            Kind::Vcek => &mut self.vcek,
            Kind::Vlek => &mut self.vlek,
            Kind::Chain => {
                self.chain.push(data.to_vec());
                return true;
            }
            Kind::Unused => return true,
        };
        place.replace(data.to_vec()).is_none()
    }

    /// The certificate of the key that a report names (0 VCEK, 1 VLEK); else whichever there is, which will not fit.
    pub(crate) fn vek(&mut self, signing_key: u8) -> Option<Vec<u8>> {
        let (named, other) = match signing_key {
            1 => (self.vlek.take(), self.vcek.take()),
            _ => (self.vcek.take(), self.vlek.take()),
        };
        named.or(other)
    }
}

/// Bytes of an entry.
const ENTRY: usize = 24;

fn entries(table: &[u8]) -> Result<Vec<Entry>, TableError> {
    let mut reader = Reader::new(table);
    let mut entries = Vec::new();
    loop {
        let entry = entry(&mut reader).ok_or(TableError::NoEnd)?;
        if entry.guid == [0; 16] && entry.offset == 0 && entry.length == 0 {
            return Ok(entries);
        }
        if entries.len() == MOST {
            return Err(TableError::TooMany);
        }
        entries.push(entry);
    }
}

fn entry(reader: &mut Reader<'_>) -> Option<Entry> {
    Some(Entry {
        guid: reader.array().ok()?,
        offset: usize::try_from(reader.u32().ok()?).ok()?,
        length: usize::try_from(reader.u32().ok()?).ok()?,
    })
}

fn zeros(bytes: &[u8]) -> Result<(), TableError> {
    let zero = bytes.iter().all(|byte| *byte == 0);
    if zero { Ok(()) } else { Err(TableError::Loose) }
}

fn kind(guid: &[u8; 16]) -> Kind {
    let known = GUIDS.iter().find(|(known, _)| known == guid);
    known.map_or(Kind::Unused, |(_, kind)| *kind)
}

/// The sev crate's name of a kind; `OTHER` comes with a GUID.
fn named_kind(entry: &Members<'_>) -> Result<Kind, ShapeError> {
    const MEMBER: &str = "cert_type";
    let name = match entry.needed(MEMBER)? {
        Json::Object(_) => {
            let other = entry.object(MEMBER)?;
            other.only(MEMBER, &["OTHER"])?;
            other.text("OTHER")?;
            return Ok(Kind::Unused);
        }
        _ => entry.text(MEMBER)?,
    };
    match name {
        "VCEK" => Ok(Kind::Vcek),
        "VLEK" => Ok(Kind::Vlek),
        "ASK" | "ARK" => Ok(Kind::Chain),
        "CRL" | "Empty" => Ok(Kind::Unused),
        _ => Err(entry.fault(MEMBER, Fault::NotA("a kind of certificate"))),
    }
}
