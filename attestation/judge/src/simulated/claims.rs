//! What a simulated report says, as data for policies.

use measured_boot_snp_abi::AttestationReport;
use serde::Serialize;

/// Everything that a simulated report says that a policy may ask for. It proves nothing, and least of all about hardware.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SimulatedClaims {
    /// Always `simulated`.
    pub tee: &'static str,
    /// Of the report's format.
    pub version: u32,
    /// What the guest asked to have signed: hexadecimal digits.
    pub report_data: String,
    /// The launch digest.
    pub launch_digest: String,
    /// What the host supplied at launch.
    pub host_data: String,
    /// From the ID block.
    pub guest_svn: u32,
    /// Which asked for the report; 4294967295 if the host did.
    pub vmpl: u32,
    /// The guest policy's bits.
    pub policy: u64,
}

impl SimulatedClaims {
    pub(super) fn of(report: &AttestationReport) -> Self {
        Self {
            tee: "simulated",
            version: report.version.get(),
            report_data: hex::encode(report.report_data),
            launch_digest: hex::encode(report.measurement),
            host_data: hex::encode(report.host_data),
            guest_svn: report.guest_svn.get(),
            vmpl: report.vmpl.get(),
            policy: report.guest_policy().bits(),
        }
    }
}
