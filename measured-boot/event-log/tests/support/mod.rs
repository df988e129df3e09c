//! Published logs, read in place, and logs made by hand, so that each of their parts can be spoilt.

#![allow(dead_code, reason = "each test uses its part")]

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use measured_boot_event_log::{Algorithm, Log, LogError, LogRule, ReadOptions};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where others' files lie, beside the repository.
pub fn vectors() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not there", folder.display());
    None
}

/// A file of the vectors; in JSON dumps of logs, the log.
pub fn log_bytes(folder: &Path, name: &str) -> Vec<u8> {
    let bytes = std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    if !name.ends_with(".json") {
        return bytes;
    }
    let dump: Value = serde_json::from_slice(&bytes).expect("a dump is JSON");
    let raw = dump["Log"]["Raw"].as_str().expect("a dump has the log");
    BASE64_STANDARD.decode(raw).expect("base64")
}

pub fn json(folder: &Path, name: &str) -> Value {
    let bytes = std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub const GO: &str = "measured-boot/go-eventlog";
pub const TPM2: &str = "measured-boot/tpm2-tools";
pub const TRUSTEE: &str = "trustee/deps/eventlog/test_data";
pub const CSV: &str = "measured-boot/trustee/deps/eventlog/test_data/CCEL_data_csv";
pub const COS: &str = "go-tdx-guest/testdata/ccel/ccel_data.dat";

/// Every log that is no duplicate of another in the same place, by its name among the vectors.
pub fn all_logs() -> Vec<String> {
    let go = [
        "eventlogs/ccel/CCEL_unpadded.data.bin",
        "eventlogs/ccel/cos-113-intel-tdx-dupe-separator-unpadded.bin",
        "eventlogs/ccel/cos-113-intel-tdx-dupe-separator.bin",
        "eventlogs/ccel/cos-113-intel-tdx.bin",
        "eventlogs/ccel/event_log.bin",
        "eventlogs/tpm/arch-linux-workstation.bin",
        "eventlogs/tpm/cos-85-amd-sev.bin",
        "eventlogs/tpm/debian-10.bin",
        "eventlogs/tpm/rhel8-uefi.bin",
        "eventlogs/tpm/ubuntu-2104-no-dbx.bin",
        "legacydata/coreos_36_shielded_vm_no_secure_boot_eventlog",
        "legacydata/crypto_agile_eventlog",
        "legacydata/ebs_event_missing_eventlog",
        "legacydata/linux_tpm12.json",
        "legacydata/option_rom_eventlog",
        "legacydata/sb_cert_eventlog",
        "legacydata/short_no_action_eventlog",
        "legacydata/ubuntu_2104_shielded_vm_no_secure_boot_eventlog",
        "legacydata/windows_gcp_shielded_vm.json",
    ];
    let tpm2 = [
        "event-arch-linux.bin",
        "event-bootorder.bin",
        "event-gce-ubuntu-2104-log.bin",
        "event-moklisttrusted.bin",
        "event-postcode.bin",
        "event-sd-boot-fedora37.bin",
        "event-uefi-sha1-log.bin",
        "event-uefiaction.bin",
        "event-uefiservices.bin",
        "event-uefivar.bin",
        "event.bin",
        "specid-vendordata.bin",
    ];
    let trustee = [
        "CCEL_AAEL_alibabacloud",
        "CCEL_data",
        "CCEL_data_gcp",
        "CCEL_data_grub",
        "CCEL_data_grub_gke",
        "CCEL_data_ovmf",
    ];
    let mut logs: Vec<String> = [CSV, COS].map(str::to_owned).to_vec();
    logs.extend(go.map(|name| format!("{GO}/{name}")));
    logs.extend(tpm2.map(|name| format!("{TPM2}/{name}")));
    logs.extend(trustee.map(|name| format!("{TRUSTEE}/{name}")));
    logs
}

pub fn read(bytes: &[u8]) -> Result<Log<'_>, LogError> {
    Log::read(bytes, &ReadOptions::default())
}

/// Where a log is refused, and by which rule.
pub fn refused(bytes: &[u8]) -> (usize, LogRule) {
    let error = read(bytes).expect_err("the log is malformed");
    (error.offset, error.rule)
}

/// The names and offsets of a log's findings.
pub fn findings(bytes: &[u8]) -> Vec<(&'static str, usize)> {
    let log = read(bytes).expect("the log is well formed");
    let findings = log.findings();
    let all = findings.list().iter();
    all.map(|finding| (finding.rule.name(), finding.offset))
        .collect()
}

/// The log with these bytes at this place.
pub fn with(log: &Made, offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut spoilt = log.bytes.clone();
    spoilt[offset..offset + bytes.len()].copy_from_slice(bytes);
    spoilt
}

pub const NO_ACTION: u32 = 3;
pub const SEPARATOR: u32 = 4;
pub const IPL: u32 = 0x0D;
pub const VARIABLE: u32 = 0x8000_0001;
pub const BOOT_VARIABLE: u32 = 0x8000_0002;
pub const EFI_ACTION: u32 = 0x8000_0007;

pub const ZEROS: [u8; 4] = [0; 4];

/// A log in the making.
#[derive(Clone)]
pub struct Made {
    pub bytes: Vec<u8>,
    /// Numbers of the algorithms; none in a legacy log.
    algorithms: Vec<u16>,
}

impl Made {
    pub fn legacy() -> Self {
        Self {
            bytes: Vec::new(),
            algorithms: Vec::new(),
        }
    }

    /// SHA-1 and SHA-256, for a TPM.
    pub fn agile() -> Self {
        Self::with(0, &[0x04, 0x0B])
    }

    /// SHA-384, for a TD.
    pub fn cc() -> Self {
        Self::with(1, &[0x0C])
    }

    pub fn with(index: u32, algorithms: &[u16]) -> Self {
        let pairs: Vec<(u16, u16)> = algorithms
            .iter()
            .map(|number| {
                let size = Algorithm(*number).size().expect("a known algorithm");
                (*number, u16::try_from(size).expect("small"))
            })
            .collect();
        Self::with_spec_id(index, &spec_id(&pairs, 0, &[]), algorithms)
    }

    pub fn with_spec_id(index: u32, data: &[u8], algorithms: &[u16]) -> Self {
        let mut bytes = [index.to_le_bytes(), NO_ACTION.to_le_bytes()].concat();
        bytes.extend([0; 20]);
        bytes.extend(length(data));
        bytes.extend(data);
        Self {
            bytes,
            algorithms: algorithms.to_vec(),
        }
    }

    /// Adds an event whose digests are of its data, and says where.
    pub fn event(&mut self, index: u32, kind: u32, data: &[u8]) -> usize {
        self.measured(index, kind, data, data)
    }

    /// Adds an event whose digests are of something else.
    pub fn measured(&mut self, index: u32, kind: u32, of: &[u8], data: &[u8]) -> usize {
        let offset = self.bytes.len();
        self.bytes.extend(index.to_le_bytes());
        self.bytes.extend(kind.to_le_bytes());
        if self.algorithms.is_empty() {
            self.bytes.extend(hash(0x04, of));
        } else {
            let count = u32::try_from(self.algorithms.len()).expect("few");
            self.bytes.extend(count.to_le_bytes());
            for algorithm in &self.algorithms {
                self.bytes.extend(algorithm.to_le_bytes());
                self.bytes.extend(hash(*algorithm, of));
            }
        }
        self.bytes.extend(length(data));
        self.bytes.extend(data);
        offset
    }
}

/// The data of a spec ID event.
pub fn spec_id(pairs: &[(u16, u16)], vendor_length: u8, vendor: &[u8]) -> Vec<u8> {
    let mut data = b"Spec ID Event03\0\0\0\0\0\0\x02\x69\x02".to_vec();
    data.extend(u32::try_from(pairs.len()).expect("few").to_le_bytes());
    for (algorithm, size) in pairs {
        data.extend([algorithm.to_le_bytes(), size.to_le_bytes()].concat());
    }
    data.push(vendor_length);
    data.extend(vendor);
    data
}

/// UEFI_VARIABLE_DATA.
pub fn variable(name: &str, data: &[u8]) -> Vec<u8> {
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut event = vec![0x61; 16];
    let lengths = [name.len() / 2, data.len()];
    event.extend(
        lengths
            .map(|length| u64::try_from(length).expect("small").to_le_bytes())
            .concat(),
    );
    event.extend(name);
    event.extend(data);
    event
}

pub fn hash(algorithm: u16, bytes: &[u8]) -> Vec<u8> {
    let digest = Algorithm(algorithm).hash(&[bytes]).expect("computed");
    digest.as_bytes().to_vec()
}

fn length(data: &[u8]) -> [u8; 4] {
    u32::try_from(data.len()).expect("small").to_le_bytes()
}

/// Registers of a bank by number.
pub type Numbered = BTreeMap<u8, String>;
/// Banks by the names of their algorithms.
pub type Banks = BTreeMap<String, Numbered>;

/// What `tpm2_eventlog` prints at its end, under `pcrs:`: banks by two blanks, registers by four.
pub fn yaml_registers(text: &str) -> Banks {
    let mut banks = Banks::new();
    let mut bank = String::new();
    for line in text.lines().skip_while(|line| *line != "pcrs:").skip(1) {
        match line
            .split_once(':')
            .map(|(key, value)| (key.trim(), value.trim()))
        {
            Some((name, "")) => bank = name.to_owned(),
            Some((number, value)) => {
                let value = value.trim_start_matches("0x").to_owned();
                let number = number.parse().expect("a number");
                banks.entry(bank.clone()).or_default().insert(number, value);
            }
            None => {}
        }
    }
    banks
}
