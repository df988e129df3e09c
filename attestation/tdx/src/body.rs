//! What the TDX module says of a TD (TD report), as a quote has it.

use crate::Bytes;
use measured_boot_reader::{CutShort, Reader};
use serde::Serialize;

/// Which of the three bodies a quote has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum BodyKind {
    /// TDX 1.0: all of version 4, and type 2 of version 5.
    #[serde(rename = "tdx_1.0")]
    Td10,
    /// TDX 1.5: type 3.
    #[serde(rename = "tdx_1.5")]
    Td15,
    /// TDX 1.5 with what its service TDs did: type 4.
    #[serde(rename = "tdx_1.5_extended")]
    Td15Extended,
}

impl BodyKind {
    /// The kind of this type of a version 5 quote; 1 is an SGX enclave.
    pub(crate) const fn of(number: u16) -> Option<Self> {
        match number {
            2 => Some(Self::Td10),
            3 => Some(Self::Td15),
            4 => Some(Self::Td15Extended),
            _ => None,
        }
    }

    /// How many bytes it has.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Td10 => 584,
            Self::Td15 => 648,
            Self::Td15Extended => 885,
        }
    }
}

/// A quote's body. Names are those of Intel's documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TdBody {
    /// Which of the bodies.
    pub kind: BodyKind,
    /// Security versions of the TDX module and its loader when the TD was launched.
    pub tee_tcb_svn: Bytes<16>,
    /// The measurement of the TDX module.
    pub mr_seam: Bytes<48>,
    /// Who signed the TDX module; zeros are Intel.
    pub mr_signer_seam: Bytes<48>,
    /// Attributes of the TDX module.
    pub seam_attributes: Bytes<8>,
    /// Attributes of the TD.
    pub td_attributes: Bytes<8>,
    /// The CPU features that the TD may use.
    pub xfam: Bytes<8>,
    /// The measurement of what the TD was built from.
    pub mr_td: Bytes<48>,
    /// What the launching host said it configures; not measured otherwise.
    pub mr_config_id: Bytes<48>,
    /// Who the launching host said is the owner.
    pub mr_owner: Bytes<48>,
    /// What the launching host said the owner configures.
    pub mr_owner_config: Bytes<48>,
    /// The four registers that the TD extends while it runs.
    pub rtmrs: [Bytes<48>; 4],
    /// What the TD binds.
    pub report_data: Bytes<64>,
    /// What TDX 1.5 adds.
    pub td15: Option<Td15>,
}

/// What TDX 1.5 adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Td15 {
    /// Security versions now: the module may have been updated under the running TD.
    pub tee_tcb_svn_2: Bytes<16>,
    /// The hash of the service TDs that are bound to this one; zeros are none.
    pub mr_service_td: Bytes<48>,
    /// What the extended body adds.
    pub extended: Option<Td15Extended>,
}

/// What the extended body adds (`sgx_report2_body_v1_5_ex_t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Td15Extended {
    /// Which VM of a partitioned TD asked; 0 is an unpartitioned TD or the first.
    pub vm_id: u8,
    /// The TD's own number.
    pub td_id: Bytes<32>,
    /// The hash of the devices' descriptions.
    pub device_info: Bytes<48>,
    /// The hash of the service TDs bound at the launch.
    pub initial_service_td_hash: Bytes<48>,
    /// Attributes of the service TD bound at the launch.
    pub initial_service_td_attributes: Bytes<8>,
    /// CPUSVN at the launch.
    pub initial_cpu_svn: Bytes<16>,
    /// TEE_TCB_SVN at the launch.
    pub initial_tee_tcb_svn: Bytes<16>,
    /// The model of the platform on which it was launched.
    pub initial_fmspc: Bytes<12>,
    /// The hash of the service TDs bound now.
    pub current_service_td_hash: Bytes<48>,
    /// Attributes of the service TD bound now.
    pub current_service_td_attributes: Bytes<8>,
}

impl TdBody {
    pub(crate) fn read(kind: BodyKind, reader: &mut Reader<'_>) -> Result<Self, CutShort> {
        Ok(Self {
            kind,
            tee_tcb_svn: bytes(reader)?,
            mr_seam: bytes(reader)?,
            mr_signer_seam: bytes(reader)?,
            seam_attributes: bytes(reader)?,
            td_attributes: bytes(reader)?,
            xfam: bytes(reader)?,
            mr_td: bytes(reader)?,
            mr_config_id: bytes(reader)?,
            mr_owner: bytes(reader)?,
            mr_owner_config: bytes(reader)?,
            rtmrs: [
                bytes(reader)?,
                bytes(reader)?,
                bytes(reader)?,
                bytes(reader)?,
            ],
            report_data: bytes(reader)?,
            td15: match kind {
                BodyKind::Td10 => None,
                BodyKind::Td15 | BodyKind::Td15Extended => Some(Td15::read(kind, reader)?),
            },
        })
    }

    /// TD_ATTRIBUTES as a number.
    pub fn attribute_bits(&self) -> u64 {
        u64::from_le_bytes(self.td_attributes.0)
    }

    /// XFAM as a number.
    pub fn xfam_bits(&self) -> u64 {
        u64::from_le_bytes(self.xfam.0)
    }
}

impl Td15 {
    fn read(kind: BodyKind, reader: &mut Reader<'_>) -> Result<Self, CutShort> {
        Ok(Self {
            tee_tcb_svn_2: bytes(reader)?,
            mr_service_td: bytes(reader)?,
            extended: match kind {
                BodyKind::Td15Extended => Some(Td15Extended::read(reader)?),
                BodyKind::Td10 | BodyKind::Td15 => None,
            },
        })
    }
}

impl Td15Extended {
    fn read(reader: &mut Reader<'_>) -> Result<Self, CutShort> {
        Ok(Self {
            vm_id: reader.u8()?,
            td_id: bytes(reader)?,
            device_info: bytes(reader)?,
            initial_service_td_hash: bytes(reader)?,
            initial_service_td_attributes: bytes(reader)?,
            initial_cpu_svn: bytes(reader)?,
            initial_tee_tcb_svn: bytes(reader)?,
            initial_fmspc: bytes(reader)?,
            current_service_td_hash: bytes(reader)?,
            current_service_td_attributes: bytes(reader)?,
        })
    }
}

fn bytes<const N: usize>(reader: &mut Reader<'_>) -> Result<Bytes<N>, CutShort> {
    reader.array().map(Bytes)
}
