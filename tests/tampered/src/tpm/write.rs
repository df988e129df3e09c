//! Bytes of quotes and HCL reports.

use super::Edit;
use ring::digest::{SHA256, digest};

/// TPMS_ATTEST of a quote (TPM 2.0 Library, Part 2, 10.12.12).
#[derive(Clone)]
pub struct QuoteDraft {
    /// TPM_GENERATED_VALUE.
    pub magic: u32,
    /// TPM_ST_ATTEST_QUOTE.
    pub kind: u16,
    /// The key's qualified name.
    pub signer: Vec<u8>,
    /// What it binds.
    pub nonce: Vec<u8>,
    /// Whether the clock never went back.
    pub safe: u8,
    /// Algorithms and bitmaps.
    pub selections: Vec<(u16, Vec<u8>)>,
    /// Of the selected PCRs.
    pub digest: Vec<u8>,
    /// What follows.
    pub trailing: Vec<u8>,
}

impl QuoteDraft {
    /// Over PCRs 0 to 7 of the SHA-256 bank.
    pub fn over(pcrs: &[Vec<u8>]) -> Self {
        Self {
            magic: 0xFF54_4347,
            kind: 0x8018,
            signer: vec![5; 34],
            nonce: b"a nonce".to_vec(),
            safe: 1,
            selections: vec![(0x0B, vec![0xFF, 0, 0])],
            digest: digest(&SHA256, &pcrs[..8].concat()).as_ref().to_vec(),
            trailing: Vec::new(),
        }
    }

    /// Over PCRs 0 to 7 of SHA-256's bank and of SHA-384's.
    pub fn over_both(pcrs: &[Vec<u8>], pcrs_384: &[Vec<u8>]) -> Self {
        let mut quote = Self::over(pcrs);
        quote.selections.push((0x0C, vec![0xFF, 0, 0]));
        let values = [pcrs[..8].concat(), pcrs_384[..8].concat()].concat();
        quote.digest = digest(&SHA256, &values).as_ref().to_vec();
        quote
    }

    /// As the TPM signs it.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.magic.to_be_bytes().to_vec();
        bytes.extend(self.kind.to_be_bytes());
        sized(&mut bytes, &self.signer);
        sized(&mut bytes, &self.nonce);
        bytes.extend(1_000_u64.to_be_bytes());
        bytes.extend([0, 0, 0, 2, 0, 0, 0, 1, self.safe]);
        bytes.extend(0x2020_0312_0012_0003_u64.to_be_bytes());
        let count = u32::try_from(self.selections.len()).expect("few");
        bytes.extend(count.to_be_bytes());
        for (algorithm, bitmap) in &self.selections {
            bytes.extend(algorithm.to_be_bytes());
            bytes.push(u8::try_from(bitmap.len()).expect("short"));
            bytes.extend(bitmap);
        }
        sized(&mut bytes, &self.digest);
        bytes.extend(&self.trailing);
        bytes
    }
}

fn sized(bytes: &mut Vec<u8>, content: &[u8]) {
    let size = u16::try_from(content.len()).expect("short");
    bytes.extend(size.to_be_bytes());
    bytes.extend(content);
}

/// An HCL report's fields beside report and runtime data.
#[derive(Clone)]
pub struct HclDraft {
    /// Of the header.
    pub signature: [u8; 4],
    /// Of the header.
    pub version: u32,
    /// AK_CERT_REQUEST.
    pub request: u32,
    /// Zero.
    pub status: u32,
    /// Zeros.
    pub reserved: [u8; 12],
    /// Of the description.
    pub description_version: u32,
    /// SNP.
    pub report_type: u32,
    /// SHA-256.
    pub hash: u32,
    /// What is changed of the report in it alone.
    pub edit_report: Edit,
}

impl Default for HclDraft {
    fn default() -> Self {
        Self {
            signature: *b"HCLA",
            version: 2,
            request: 2,
            status: 0,
            reserved: [0; 12],
            description_version: 1,
            report_type: 2,
            hash: 1,
            edit_report: |_| (),
        }
    }
}

impl HclDraft {
    /// With both.
    pub fn bytes(&self, report: &[u8], runtime_data: &[u8]) -> Vec<u8> {
        let number = |number: usize| u32::try_from(number).expect("small").to_le_bytes();
        let mut report = report.to_vec();
        (self.edit_report)(&mut report);
        let size = 32 + report.len() + 20 + runtime_data.len();
        [
            &self.signature,
            &self.version.to_le_bytes()[..],
            &number(size),
            &self.request.to_le_bytes(),
            &self.status.to_le_bytes(),
            &self.reserved,
            &report,
            &number(20 + runtime_data.len()),
            &self.description_version.to_le_bytes(),
            &self.report_type.to_le_bytes(),
            &self.hash.to_le_bytes(),
            &number(runtime_data.len()),
            runtime_data,
        ]
        .concat()
    }
}
