//! What a TEE's report binds.

use super::{Case, Found, not_asked, not_made};
use crate::{AkTrust, HardwareReport, HclReport, RuntimeData, TeeReport, TpmRejection, td_report};
use attestation_verdict::Finding;

const NO_TEE: &str = "no TEE: the relying party named the attestation key, or who certified it";
const NO_HCL: &str = "there is no HCL report that could be read";

impl Case<'_> {
    pub(super) fn hcl_format(&self) -> Found {
        match (self.input.trust, &self.reading.hcl) {
            (AkTrust::Tee(_), None) => Finding::fail(TpmRejection::HclMissing),
            (AkTrust::Tee(_), Some(Err(error))) => {
                Finding::fail(TpmRejection::HclUnreadable(*error))
            }
            (AkTrust::Tee(_), Some(Ok(hcl))) => Finding::Pass(format!(
                "HCL report of version {} with a report of {}",
                hcl.version,
                hcl.hardware.tee()
            )),
            (_, None) => not_asked(NO_TEE),
            (_, Some(_)) => Finding::fail(TpmRejection::HclUnbound),
        }
    }

    pub(super) fn tee_report(&self) -> Found {
        let AkTrust::Tee(judged) = self.input.trust else {
            return not_asked(NO_TEE);
        };
        match self.hcl() {
            Some(hcl) => same_report(&hcl.hardware, judged).into(),
            None => not_made(NO_HCL),
        }
    }

    pub(super) fn runtime_data(&self) -> Found {
        let AkTrust::Tee(judged) = self.input.trust else {
            return not_asked(NO_TEE);
        };
        let (Some(hcl), Some(read)) = (self.hcl(), &self.reading.runtime_data) else {
            return not_made(NO_HCL);
        };
        let unbound = judged.report_data() != Some(hcl.bound());
        let unbound = unbound.then_some(TpmRejection::RuntimeDataUnbound { hash: hcl.hash });
        let unreadable = read.as_ref().err().copied();
        let reasons = unbound
            .into_iter()
            .chain(unreadable.map(TpmRejection::RuntimeDataUnreadable));
        Finding::from_reasons(reasons, || {
            format!("REPORT_DATA is the {} digest of the runtime data", hcl.hash)
        })
    }

    pub(super) fn vm_configuration(&self) -> Found {
        let limits = self.input.limits;
        let asked = limits.require_secure_boot || !limits.allow_console;
        let AkTrust::Tee(_) = self.input.trust else {
            return match asked {
                true => Finding::fail(TpmRejection::ConfigurationMissing),
                false => not_asked(NO_TEE),
            };
        };
        let Some(Ok(data)) = &self.reading.runtime_data else {
            return not_made("there is no runtime data that could be read");
        };
        if !asked {
            return not_asked("the limits ask for nothing in the machine's configuration");
        }
        Finding::from_reasons(self.configuration_reasons(data), || {
            "the machine's configuration keeps to the limits".to_owned()
        })
    }

    fn configuration_reasons(&self, data: &RuntimeData) -> Vec<TpmRejection> {
        let limits = self.input.limits;
        let mut reasons = Vec::new();
        if limits.require_secure_boot && data.vm.secure_boot != Some(true) {
            reasons.push(TpmRejection::SecureBootOff);
        }
        if !limits.allow_console && data.vm.console_enabled != Some(false) {
            reasons.push(TpmRejection::Console);
        }
        reasons
    }

    fn hcl(&self) -> Option<&HclReport> {
        self.reading.hcl.as_ref()?.as_ref().ok()
    }
}

impl HardwareReport {
    pub(crate) const fn tee(&self) -> &'static str {
        match self {
            Self::Snp(_) => "snp",
            Self::Tdx(_) => "tdx",
        }
    }
}

fn same_report(found: &HardwareReport, judged: TeeReport<'_>) -> Result<String, TpmRejection> {
    match (found, judged) {
        (HardwareReport::Snp(found), TeeReport::Snp(judged)) => same_snp(found, judged),
        (HardwareReport::Tdx(found), TeeReport::Tdx(judged)) => same_td(found, judged),
        _ => Err(TpmRejection::TeeOther {
            found: found.tee(),
            judged: judged.name(),
        }),
    }
}

/// Whoever runs in the guest may ask for a report of their own, with a key of their own in REPORT_DATA, but not for
/// VMPL 0, where the paravisor runs that holds the vTPM (AMD 56860 revision 1.58, MSG_REPORT_REQ).
fn same_snp(found: &[u8; 1184], judged: &[u8; 1184]) -> Result<String, TpmRejection> {
    if found != judged {
        return Err(TpmRejection::SnpReportOther);
    }
    let vmpl = judged.get(0x30..).and_then(<[u8]>::first_chunk);
    match vmpl.map(|bytes| u32::from_le_bytes(*bytes)) {
        Some(0) => Ok("the SNP report is the judged one, made for VMPL 0".to_owned()),
        other => Err(TpmRejection::Vmpl(other.unwrap_or(u32::MAX))),
    }
}

fn same_td(found: &[u8; 1024], judged: &[u8]) -> Result<String, TpmRejection> {
    if td_report::report_data(judged).is_none() {
        return Err(TpmRejection::TdBodyLength(judged.len()));
    }
    if let Some(field) = td_report::difference(found, judged) {
        return Err(TpmRejection::TdReportOther(field));
    }
    if !td_report::is_consistent(found) {
        return Err(TpmRejection::TdReportInconsistent);
    }
    Ok("the TD report says what the judged quote says".to_owned())
}
