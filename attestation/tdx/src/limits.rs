//! What a relying party accepts of a TD and its platform.

use crate::{Bytes, TdAttribute};
use dcap_qvl::TcbStatus;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// More days of grace are no grace: Intel recovers its TCB several times a year.
pub const MAX_GRACE_DAYS: u32 = 366;

/// A relying party's limits. There are no defaults: every member has to be there, and no other may be. `null` says
/// of a list of accepted values that nobody asks, which the verdict then shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TdxLimits {
    /// Accepted states of the platform's TCB, by Intel's names (`UpToDate`, `SWHardeningNeeded`, ...). `Revoked` is
    /// refused even if it is here.
    pub accepted_tcb_statuses: Vec<TcbStatus>,
    /// Advisories that may apply (`INTEL-SA-00289`, ...); `null`: any.
    #[serde(deserialize_with = "needed")]
    pub accepted_advisories: Option<Vec<String>>,
    /// For how many days after the date of its TCB level the age of a platform, of its TDX module and of its quoting
    /// enclave is forgiven: `OutOfDate` counts as `UpToDate`, `OutOfDateConfigurationNeeded` as `ConfigurationNeeded`,
    /// and that has to be among the accepted states. 0: never; at most [`MAX_GRACE_DAYS`].
    #[serde(deserialize_with = "days")]
    pub grace_days: u32,
    /// The least tcbEvaluationDataNumber of TCB info and QE identity.
    pub min_tcb_evaluation_data_number: u32,
    /// Accepted models of platform (6 bytes); `null`: any.
    #[serde(deserialize_with = "needed")]
    pub fmspcs: Option<Vec<Bytes<6>>>,
    /// Whether packages may be added to the platform.
    pub allow_dynamic_platform: bool,
    /// Whether Intel's registration service may keep the platform's root keys.
    pub allow_cached_keys: bool,
    /// Whether the platform may run two threads on a core.
    pub allow_smt: bool,
    /// Whether the TD may be open to debuggers and profilers (TD_ATTRIBUTES 0 to 7): such a TD keeps no secret.
    pub allow_debug: bool,
    /// Attributes that a TD may have, beside those that it must have.
    pub allowed_attributes: Vec<TdAttribute>,
    /// Attributes that a TD must have.
    pub required_attributes: Vec<TdAttribute>,
    /// CPU features (bits of XFAM) that a TD may use: 16 hexadecimal digits, the most significant first.
    pub allowed_xfam: Bytes<8>,
    /// Whether a quote has to have a body of TDX 1.5. One of TDX 1.0 says neither which service TDs there are
    /// (MRSERVICETD) nor which TDX module runs now (TEE_TCB_SVN_2), and the host chooses which it is.
    pub require_body_1_5: bool,
    /// Accepted MRSERVICETD beside zeros, which are none.
    pub mr_service_tds: Vec<Bytes<48>>,
    /// Accepted MRTD; `null`: not asked.
    #[serde(deserialize_with = "needed")]
    pub mr_tds: Option<Vec<Bytes<48>>>,
    /// Accepted RTMR0; `null`: not asked.
    #[serde(deserialize_with = "needed")]
    pub rtmr0: Option<Vec<Bytes<48>>>,
    /// Accepted RTMR1; `null`: not asked.
    #[serde(deserialize_with = "needed")]
    pub rtmr1: Option<Vec<Bytes<48>>>,
    /// Accepted RTMR2; `null`: not asked.
    #[serde(deserialize_with = "needed")]
    pub rtmr2: Option<Vec<Bytes<48>>>,
    /// Accepted RTMR3; `null`: not asked.
    #[serde(deserialize_with = "needed")]
    pub rtmr3: Option<Vec<Bytes<48>>>,
    /// Accepted MRCONFIGID; `null`: not asked.
    #[serde(deserialize_with = "needed")]
    pub mr_config_ids: Option<Vec<Bytes<48>>>,
    /// Accepted MROWNER; `null`: not asked.
    #[serde(deserialize_with = "needed")]
    pub mr_owners: Option<Vec<Bytes<48>>>,
    /// Accepted MROWNERCONFIG; `null`: not asked.
    #[serde(deserialize_with = "needed")]
    pub mr_owner_configs: Option<Vec<Bytes<48>>>,
}

/// `null` has to be written: who forgets a member has not decided.
fn needed<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

fn days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let days = u32::deserialize(deserializer)?;
    if days > MAX_GRACE_DAYS {
        return Err(D::Error::custom(format!(
            "grace_days is {days}, more than {MAX_GRACE_DAYS}"
        )));
    }
    Ok(days)
}
