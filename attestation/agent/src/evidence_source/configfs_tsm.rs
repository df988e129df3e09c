//! SNP and TDX reports through configfs-tsm.
//!
//! Linux 6.7 and later, Documentation/ABI/testing/configfs-tsm-report. Tried against a fake tree only:
//! it has never run on SNP or TDX hardware.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use attestation_evidence::{REPORT_DATA_LENGTH, Tee};

use super::{Evidence, EvidenceError, EvidenceSource};

/// Where report entries are made.
pub const TSM_REPORTS: &str = "/sys/kernel/config/tsm/report";

const ENTRY: &str = "cloister-agent";

/// `ENXIO`, which mkdir answers where tsm is there but no TEE's driver.
const NO_DEVICE: i32 = 6;

/// One report entry of configfs-tsm, taken away when dropped.
#[derive(Debug)]
pub struct ConfigfsTsm {
    entry: PathBuf,
    tee: Tee,
}

impl ConfigfsTsm {
    /// Makes an entry below `reports`; `None` where no TEE's driver serves that directory.
    pub fn find(reports: &Path) -> Result<Option<Self>, EvidenceError> {
        let entry = reports.join(ENTRY);
        match fs::create_dir(&entry) {
            Ok(()) => Self::at(entry).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) if error.raw_os_error() == Some(NO_DEVICE) => Ok(None),
            Err(error) => Err(failed("make", &entry)(error)),
        }
    }

    fn at(entry: PathBuf) -> Result<Self, EvidenceError> {
        let provider = read_text(&entry.join("provider"))?;
        let tee = match provider.as_str() {
            "sev_guest" => Tee::Snp,
            "tdx_guest" => Tee::Tdx,
            _ => return Err(EvidenceError::Provider(provider)),
        };
        Ok(Self { entry, tee })
    }

    fn generation(&self) -> Result<u64, EvidenceError> {
        let text = read_text(&self.entry.join("generation"))?;
        text.parse().map_err(|_| EvidenceError::NoGeneration(text))
    }

    /// Host-supplied certificates. TDX has no such file.
    fn auxiliary(&self) -> Result<Vec<u8>, EvidenceError> {
        match self.tee {
            Tee::Snp => read(&self.entry.join("auxblob")),
            _ => Ok(Vec::new()),
        }
    }
}

impl EvidenceSource for ConfigfsTsm {
    fn tee(&self) -> Tee {
        self.tee
    }

    /// Each write to an entry raises its generation: that it is exactly one higher after reading
    /// shows that the report answers our write and nobody else's.
    fn collect(
        &mut self,
        report_data: &[u8; REPORT_DATA_LENGTH],
    ) -> Result<Evidence, EvidenceError> {
        let ours = self.generation()?.saturating_add(1);
        write(&self.entry.join("inblob"), report_data)?;
        let report = read(&self.entry.join("outblob"))?;
        let auxiliary = self.auxiliary()?;
        match self.generation()? {
            found if found == ours => Ok(Evidence::Hardware {
                tee: self.tee,
                report,
                auxiliary,
            }),
            found => Err(EvidenceError::Generation { ours, found }),
        }
    }
}

impl Drop for ConfigfsTsm {
    fn drop(&mut self) {
        // A leftover harms nobody: the machine powers off after the agent.
        let _ = fs::remove_dir(&self.entry);
    }
}

fn read(path: &Path) -> Result<Vec<u8>, EvidenceError> {
    fs::read(path).map_err(failed("read", path))
}

fn read_text(path: &Path) -> Result<String, EvidenceError> {
    let bytes = read(path)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

/// An attribute takes its value in one write.
fn write(path: &Path, value: &[u8]) -> Result<(), EvidenceError> {
    let mut file = OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(failed("open", path))?;
    match file.write(value) {
        Ok(written) if written == value.len() => Ok(()),
        Ok(_) => Err(failed("write", path)(ErrorKind::WriteZero.into())),
        Err(error) => Err(failed("write", path)(error)),
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> EvidenceError {
    let path = path.to_owned();
    move |source| EvidenceError::File {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests;
