//! What is printed of signed reference values.

use measured_boot_reference_values::{Alternative, PROFILE, Sbom, Signed, Tee, VerifyingKey};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

use crate::text::{Side, table};

/// As JSON.
#[derive(Serialize)]
pub struct Document {
    reference: String,
    file: String,
    profile: &'static str,
    signer: String,
    key_id: String,
    corim_sha384: String,
    workload: String,
    workload_version: Option<String>,
    tee: &'static str,
    simulated: bool,
    not_before: u64,
    not_after: u64,
    min_svn: Option<u32>,
    sbom: Option<SbomDocument>,
    alternatives: Vec<AlternativeDocument>,
}

#[derive(Serialize)]
struct SbomDocument {
    file: String,
    sha384: String,
}

/// Of an SNP guest `launch_digest`; of a TD `mrtd`, and what is predicted of `rtmr0` to `rtmr3`.
#[derive(Serialize)]
struct AlternativeDocument {
    vcpus: u32,
    #[serde(flatten)]
    registers: BTreeMap<String, String>,
}

impl Document {
    pub fn of(signed: &Signed, key: &VerifyingKey, file: &Path) -> Self {
        let set = &signed.set;
        let alternatives = set.alternatives.iter();
        Self {
            reference: set.id(),
            file: file.display().to_string(),
            profile: PROFILE,
            signer: signed.signer.clone(),
            key_id: hex::encode(key.thumbprint()),
            corim_sha384: hex::encode(signed.corim_sha384),
            workload: set.workload.name.clone(),
            workload_version: set.workload.version.clone(),
            tee: set.tee.name(),
            simulated: set.tee == Tee::Simulated,
            not_before: set.validity.not_before,
            not_after: set.validity.not_after,
            min_svn: set.min_svn,
            sbom: set.sbom.as_ref().map(SbomDocument::of),
            alternatives: alternatives
                .map(|launch| AlternativeDocument::of(launch, set.tee))
                .collect(),
        }
    }

    /// For people.
    pub fn page(&self) -> String {
        let workload = match &self.workload_version {
            Some(version) => format!("{} {version}", self.workload),
            None => self.workload.clone(),
        };
        let sbom = self.sbom.as_ref();
        let sbom = sbom.map(|sbom| format!("{}, SHA-384 {}…", sbom.file, &sbom.sha384[..24]));
        let least = self.min_svn.map(|svn| svn.to_string());
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "(none)".to_owned());
        let rows = [
            ["reference", &self.reference],
            ["file", &self.file],
            ["workload", &workload],
            ["tee", self.tee],
            ["signer", &self.signer],
            ["key", &self.key_id],
            ["good from", &utc(self.not_before)],
            ["good until", &utc(self.not_after)],
            ["least guest SVN", &or_none(least)],
            ["SBOM", &or_none(sbom)],
        ];
        let rows = rows.map(|row| row.map(str::to_owned));
        format!("{}\n{}", table(&[Side::Left; 2], &rows), self.launches())
    }

    fn launches(&self) -> String {
        let header = ["VCPUS", "REGISTER", "SHA-384"].map(str::to_owned);
        let rows = self.alternatives.iter().flat_map(|launch| {
            let vcpus = launch.vcpus.to_string();
            let registers = launch.registers.iter();
            registers
                .map(move |(name, value)| [vcpus.clone(), name.replace('_', " "), value.clone()])
        });
        let rows: Vec<_> = [header].into_iter().chain(rows).collect();
        table(&[Side::Right, Side::Left, Side::Left], &rows)
    }
}

impl SbomDocument {
    fn of(sbom: &Sbom) -> Self {
        Self {
            file: sbom.file.clone(),
            sha384: hex::encode(sbom.sha384),
        }
    }
}

impl AlternativeDocument {
    fn of(launch: &Alternative, tee: Tee) -> Self {
        let digest = match tee {
            Tee::Tdx => "mrtd",
            Tee::Snp | Tee::Simulated => "launch_digest",
        };
        let digest = (digest.to_owned(), hex::encode(launch.digest));
        let rtmrs = launch.rtmrs.iter().enumerate();
        let rtmrs = rtmrs
            .filter_map(|(number, rtmr)| Some((format!("rtmr{number}"), hex::encode((*rtmr)?))));
        Self {
            vcpus: launch.vcpus,
            registers: [digest].into_iter().chain(rtmrs).collect(),
        }
    }
}

/// Seconds since 1970 as date and time, proleptic Gregorian; days are counted from 0000-03-01, so that the
/// leap day is a year's last.
fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = era * 400 + year + next;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC ({seconds})")
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn seconds_are_shown_as_the_date_that_they_are() {
        let dates = [
            (0, "1970-01-01 00:00:00 UTC (0)"),
            (951_782_399, "2000-02-28 23:59:59 UTC (951782399)"),
            (951_782_400, "2000-02-29 00:00:00 UTC (951782400)"),
            (1_790_000_000, "2026-09-21 14:13:20 UTC (1790000000)"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC (4107542400)"),
        ];
        for (seconds, date) in dates {
            assert_eq!(utc(seconds), date);
        }
    }
}
