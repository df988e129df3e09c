//! HCL reports: what Azure's paravisor leaves in the vTPM (NV index 0x01400001) so that a guest can send it.
//!
//! A header, the TEE's own report, a description of what follows, and the runtime data, JSON text whose digest the
//! TEE's report binds. Nothing but the report and the runtime data is bound by anything, so the rest is held to the
//! only values that it can have. Source: `openhcl_attestation_protocol::igvm_attest::get`, microsoft/openvmm, 2026.

use measured_boot_event_log::Algorithm;
use measured_boot_reader::{CutShort, Reader};

const SIGNATURE: [u8; 4] = *b"HCLA";
/// Versions of the header: 1 in reports before 2024, 2 since. Both have the same form.
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=2;
/// AK_CERT_REQUEST: the one with the vTPM's keys. Others have a key of the paravisor's own.
const REQUEST_AK: u32 = 2;
/// Bytes of the place for the TEE's report, an SNP report's.
const REPORT_AREA: usize = 1184;
const SNP_REPORT: u32 = 2;
const TDX_REPORT: u32 = 4;
/// Bytes of the description of what follows, and of what its second version has more.
const DESCRIPTION: usize = 20;
const EXTENSION: usize = 4;
/// Larger ones are refused: the NV index has 2,600 bytes.
const LARGEST: usize = 16 << 10;

/// An HCL report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HclReport {
    /// The version in the header.
    pub version: u32,
    /// The TEE's own report.
    pub hardware: HardwareReport,
    /// The algorithm of the digest that the TEE's report binds.
    pub hash: Algorithm,
    /// The runtime data: JSON text.
    pub runtime_data: Vec<u8>,
}

/// The TEE's own report in an HCL report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HardwareReport {
    /// An SNP report.
    Snp(Box<[u8; 1184]>),
    /// A TDREPORT_STRUCT: what a quote is made of.
    Tdx(Box<[u8; 1024]>),
}

impl HclReport {
    /// Reads a report to its end; zeros may follow, since the NV index is larger than what is in it.
    ///
    /// # Errors
    /// The place and the rule of the first thing that no report has.
    pub fn read(bytes: &[u8]) -> Result<Self, HclError> {
        if bytes.len() > LARGEST {
            return Err(HclRule::TooLarge(bytes.len()).at(LARGEST));
        }
        let mut reader = Reader::new(bytes);
        let (version, size) = header(&mut reader)?;
        let area_offset = reader.offset();
        let area: &[u8; REPORT_AREA] = &reader.array()?;
        let described = Description::read(&mut reader)?;
        let hardware = hardware(described.report_type, area, area_offset)?;
        let runtime_data = reader.take(described.runtime_data_size)?.to_vec();
        if reader.offset() != size {
            return Err(HclRule::Size(size).at(8));
        }
        let offset = reader.offset();
        if reader.rest().iter().any(|byte| *byte != 0) {
            return Err(HclRule::Trailing.at(offset));
        }
        Ok(Self {
            version,
            hardware,
            hash: described.hash,
            runtime_data,
        })
    }

    /// What the TEE's report has to have in REPORT_DATA: the digest of the runtime data, then zeros.
    pub fn bound(&self) -> [u8; 64] {
        let digest = self.hash.hash(&[&self.runtime_data]);
        let digest = digest.expect("the algorithms that are read are computed");
        let mut data = [0; 64];
        data[..digest.as_bytes().len()].copy_from_slice(digest.as_bytes());
        data
    }
}

/// The version, and what the header says that all has.
fn header(reader: &mut Reader<'_>) -> Result<(u32, usize), HclError> {
    let signature: [u8; 4] = reader.array()?;
    if signature != SIGNATURE {
        return Err(HclRule::Signature.at(0));
    }
    let version = reader.u32()?;
    if !VERSIONS.contains(&version) {
        return Err(HclRule::Version(version).at(4));
    }
    let size = reader.u32()?;
    let request = reader.u32()?;
    if request != REQUEST_AK {
        return Err(HclRule::Request(request).at(12));
    }
    let status = reader.u32()?;
    if status != 0 {
        return Err(HclRule::Status(status).at(16));
    }
    let offset = reader.offset();
    let reserved: [u8; 12] = reader.array()?;
    if reserved != [0; 12] {
        return Err(HclRule::Reserved.at(offset));
    }
    Ok((version, usize::try_from(size).unwrap_or(usize::MAX)))
}

struct Description {
    report_type: u32,
    hash: Algorithm,
    runtime_data_size: usize,
}

impl Description {
    fn read(reader: &mut Reader<'_>) -> Result<Self, HclError> {
        let offset = reader.offset();
        let size = reader.u32()?;
        let version = reader.u32()?;
        let report_type = reader.u32()?;
        let hash = match reader.u32()? {
            1 => Algorithm::SHA256,
            2 => Algorithm::SHA384,
            3 => Algorithm::SHA512,
            other => return Err(HclRule::Hash(other).at(offset + 12)),
        };
        let runtime_data_size = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
        let extension = match version {
            1 => 0,
            2 => EXTENSION,
            other => return Err(HclRule::DescriptionVersion(other).at(offset + 4)),
        };
        // What a request asks of the host: it says nothing of the guest.
        reader.take(extension)?;
        let described = runtime_data_size.checked_add(DESCRIPTION + extension);
        if described != usize::try_from(size).ok() {
            return Err(HclRule::DescriptionSize(size).at(offset));
        }
        Ok(Self {
            report_type,
            hash,
            runtime_data_size,
        })
    }
}

fn hardware(
    report_type: u32,
    area: &[u8; REPORT_AREA],
    offset: usize,
) -> Result<HardwareReport, HclError> {
    match report_type {
        SNP_REPORT => Ok(HardwareReport::Snp(Box::new(*area))),
        TDX_REPORT => match area.split_first_chunk() {
            Some((report, rest)) if rest.iter().all(|byte| *byte == 0) => {
                Ok(HardwareReport::Tdx(Box::new(*report)))
            }
            _ => Err(HclRule::Reserved.at(offset + 1024)),
        },
        other => Err(HclRule::ReportType(other).at(offset + REPORT_AREA + 8)),
    }
}

/// Bytes are no HCL report that all readers take alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("offset {offset:#x}: {rule}")]
pub struct HclError {
    /// Where, in bytes from the report's start.
    pub offset: usize,
    /// What it breaks there.
    pub rule: HclRule,
}

/// What an HCL report has to keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HclRule {
    /// It ends too early.
    #[error("{wanted} bytes were to follow and {left} are left")]
    CutShort {
        /// What was to be read.
        wanted: usize,
        /// What there is.
        left: usize,
    },
    /// Larger than any.
    #[error("{0} bytes; an HCL report has at most 16384")]
    TooLarge(usize),
    /// Not one at all.
    #[error("it does not begin with HCLA")]
    Signature,
    /// Another version may mean something else.
    #[error("version {0}; 1 and 2 are known")]
    Version(u32),
    /// Another size than it has.
    #[error("the header says that all has {0} bytes, and it has not")]
    Size(usize),
    /// Made for something else.
    #[error("made for a request of type {0}; the vTPM's keys come with type 2")]
    Request(u32),
    /// It reports a failure.
    #[error("its status is {0} and not 0")]
    Status(u32),
    /// Reserved bytes are zero.
    #[error("reserved bytes that are not zero")]
    Reserved,
    /// Another version may mean something else.
    #[error("the description of the runtime data has version {0}; 1 and 2 are known")]
    DescriptionVersion(u32),
    /// Another size than it has.
    #[error("the description of the runtime data says that both have {0} bytes, and they have not")]
    DescriptionSize(u32),
    /// Neither SNP nor TDX.
    #[error("a report of type {0}; 2 (SNP) and 4 (TDX) are known")]
    ReportType(u32),
    /// Unknown.
    #[error("a digest of type {0}; 1 (SHA-256), 2 (SHA-384) and 3 (SHA-512) are known")]
    Hash(u32),
    /// Something follows.
    #[error("bytes other than zeros follow the runtime data")]
    Trailing,
}

impl HclRule {
    const fn at(self, offset: usize) -> HclError {
        HclError { offset, rule: self }
    }
}

impl From<CutShort> for HclError {
    fn from(short: CutShort) -> Self {
        let CutShort {
            offset,
            wanted,
            left,
        } = short;
        HclRule::CutShort { wanted, left }.at(offset)
    }
}
