//! What is printed of a launch.

use super::{Predicted, SnpArguments};
use measured_boot_digest::{ComponentDigest, CoverageRow};
use measured_boot_id_block::authenticate;
use measured_boot_igvm::FirmwareIdBlock;
use measured_boot_snp_launch::Measurement;
use serde::Serialize;

use crate::prediction::Component;
use crate::text;

/// What `--output json` prints.
#[derive(Serialize)]
pub struct Document {
    tee: &'static str,
    vmm_type: &'static str,
    vcpus: usize,
    cpu_signature: Option<String>,
    guest_features: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    launch_digest: String,
    /// The launch digest after the firmware's own pages, which `--firmware-digest` takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    firmware_digest: Option<String>,
    components: Vec<Component>,
    coverage: Vec<CoverageRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_block: Option<IdBlockDocument>,
    warnings: Vec<String>,
}

/// An ID block that is in the file itself.
#[derive(Serialize)]
pub struct IdBlockDocument {
    /// Whether the secure processor would take it for this launch.
    #[serde(rename = "accepted")]
    pub is_accepted: bool,
    launch_digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    id_key_digest: Option<String>,
    author_key_digest: Option<String>,
}

impl Document {
    pub fn of(
        arguments: &SnpArguments,
        predicted: Predicted<'_>,
        measurement: &Measurement,
        id_block: Option<IdBlockDocument>,
    ) -> Self {
        let features = predicted.launch.sev_features();
        let features: Vec<_> = features.iter().map(|one| format!("{one:#x}")).collect();
        Self {
            tee: "snp",
            vmm_type: arguments.vmm_type.name(),
            vcpus: predicted.launch.vcpus(),
            cpu_signature: predicted.cpu.map(|cpu| cpu.to_string()),
            guest_features: features.join(", "),
            policy: predicted.policy.map(|policy| format!("{policy:#x}")),
            launch_digest: measurement.digest().to_string(),
            firmware_digest: firmware_digest(measurement),
            components: measurement.components().iter().map(Component::of).collect(),
            coverage: predicted.coverage,
            id_block,
            warnings: predicted.warnings,
        }
    }

    /// What is to be said beside the result.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The page for people.
    pub fn page(&self, with_coverage: bool, measurement: &Measurement) -> String {
        let coverage = with_coverage.then_some(self.coverage.as_slice());
        let parts = with_vcpus_together(measurement.components());
        let page = text::foreign_page(&self.headline(), &parts, coverage, measurement.digest());
        match &self.id_block {
            Some(block) => format!("{page}\n{}", block.page()),
            None => page,
        }
    }

    fn headline(&self) -> String {
        let cpu = self.cpu_signature.as_deref();
        let cpu = cpu.map_or(String::new(), |cpu| format!(" of signature {cpu}"));
        let policy = self.policy.as_deref();
        let policy = policy.map_or(String::new(), |policy| format!(", policy {policy}"));
        format!(
            "{}: {}{cpu}, SEV_FEATURES {}{policy}",
            self.vmm_type,
            crate::text::count(self.vcpus, "vCPU"),
            self.guest_features
        )
    }
}

/// Equal vCPUs in one row: there may be thousands.
fn with_vcpus_together(parts: Vec<ComponentDigest>) -> Vec<ComponentDigest> {
    let is_vcpu = |part: &ComponentDigest| part.name.starts_with("vcpu");
    let mut together: Vec<ComponentDigest> = Vec::new();
    for part in parts {
        match together.last_mut() {
            Some(last) if is_vcpu(last) && is_vcpu(&part) && last.sha384 == part.sha384 => {
                let (first, _) = last.name.split_once("..").unwrap_or((&last.name, ""));
                last.name = format!("{first}..{}", part.name.trim_start_matches("vcpu"));
                last.pages += part.pages;
            }
            _ => together.push(part),
        }
    }
    together
}

fn firmware_digest(measurement: &Measurement) -> Option<String> {
    let first = measurement.runs().first()?;
    let is_firmware = first.name == "firmware";
    is_firmware.then(|| measurement.digest_after(1).to_string())
}

impl IdBlockDocument {
    /// Judges an ID block as the secure processor does when the launch ends.
    pub fn of(id_block: &FirmwareIdBlock, digest: [u8; 48]) -> Self {
        let identity = authenticate(&id_block.block, &id_block.auth);
        let refused = match &identity {
            _ if id_block.block.launch_digest != digest => {
                Some("it is for another launch digest".to_owned())
            }
            Err(fault) => Some(fault.to_string()),
            Ok(_) => None,
        };
        let identity = identity.ok();
        let author = identity.and_then(|identity| identity.author_key_digest);
        Self {
            is_accepted: refused.is_none(),
            launch_digest: hex::encode(id_block.block.launch_digest),
            refused,
            id_key_digest: identity.map(|identity| hex::encode(identity.id_key_digest)),
            author_key_digest: author.map(hex::encode),
        }
    }

    fn page(&self) -> String {
        let key = self.id_key_digest.as_deref().unwrap_or("(not authentic)");
        let author = self.author_key_digest.as_deref().unwrap_or("(no author)");
        let digests = format!("ID key digest      {key}\nauthor key digest  {author}\n");
        match &self.refused {
            None => format!("ID block           fits this launch\n{digests}"),
            Some(why) => format!(
                "ID block           REFUSED: {why}; the launch would fail\nit is for          {}\n{digests}",
                self.launch_digest
            ),
        }
    }
}
