//! The quoting enclave's report.

use crate::Bytes;
use measured_boot_reader::{CutShort, Reader};
use serde::Serialize;

/// An SGX enclave's report (Intel SDM volume 3D, table 40-21), its reserved bytes left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EnclaveReport {
    /// Security versions of the CPU.
    pub cpu_svn: Bytes<16>,
    /// Which extended features the enclave saves, as it is in memory.
    pub misc_select: Bytes<4>,
    /// The enclave's attributes.
    pub attributes: Bytes<16>,
    /// Its measurement.
    pub mr_enclave: Bytes<32>,
    /// Who signed it.
    pub mr_signer: Bytes<32>,
    /// Which product of the signer's.
    pub isv_prod_id: u16,
    /// Its security version.
    pub isv_svn: u16,
    /// What it binds: SHA-256 over the attestation key and the authentication data, then zeros.
    pub report_data: Bytes<64>,
}

impl EnclaveReport {
    /// The bit of the attributes that opens an enclave to debuggers.
    const DEBUG: u8 = 2;

    pub(crate) fn read(bytes: &[u8; 384]) -> Result<Self, CutShort> {
        let mut reader = Reader::new(bytes);
        let cpu_svn = Bytes(reader.array()?);
        let misc_select = Bytes(reader.array()?);
        reader.take(28)?;
        let attributes = Bytes(reader.array()?);
        let mr_enclave = Bytes(reader.array()?);
        reader.take(32)?;
        let mr_signer = Bytes(reader.array()?);
        reader.take(96)?;
        let isv_prod_id = reader.u16()?;
        let isv_svn = reader.u16()?;
        reader.take(60)?;
        Ok(Self {
            cpu_svn,
            misc_select,
            attributes,
            mr_enclave,
            mr_signer,
            isv_prod_id,
            isv_svn,
            report_data: Bytes(reader.array()?),
        })
    }

    pub(crate) const fn is_debug(&self) -> bool {
        self.attributes.0[0] & Self::DEBUG != 0
    }
}
