//! What a tenant may have.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Rate;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quota {
    /// Policies registered.
    Policies,
    /// Reference values registered.
    ReferenceValues,
    /// Secrets kept, each version for itself.
    Secrets,
    /// Changes that wait for a second person.
    Changes,
    /// Bytes of all of these together.
    StoredBytes,
    /// Bytes of evidence that the log keeps, of one day (UTC).
    EvidenceBytesADay,
}

impl Quota {
    /// Each of them.
    pub const ALL: [Self; 6] = [
        Self::Policies,
        Self::ReferenceValues,
        Self::Secrets,
        Self::Changes,
        Self::StoredBytes,
        Self::EvidenceBytesADay,
    ];

    /// As configurations and documents write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policies => "policies",
            Self::ReferenceValues => "reference_values",
            Self::Secrets => "secrets",
            Self::Changes => "changes",
            Self::StoredBytes => "stored_bytes",
            Self::EvidenceBytesADay => "evidence_bytes_a_day",
        }
    }

    /// What a tenant has unless the operator says otherwise.
    pub const fn default_limit(self) -> u64 {
        match self {
            Self::Policies | Self::Changes => 64,
            Self::ReferenceValues | Self::Secrets => 256,
            Self::StoredBytes => 64 << 20,
            Self::EvidenceBytesADay => 256 << 20,
        }
    }

    /// The most that an operator can give: beyond that, nothing of the verifier was measured.
    pub const fn highest_limit(self) -> u64 {
        match self {
            Self::Policies | Self::Changes => 1024,
            Self::ReferenceValues => 4096,
            Self::Secrets => 1 << 16,
            Self::StoredBytes => 16 << 30,
            Self::EvidenceBytesADay => 1 << 40,
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The limits of one tenant. Each may be 0, which allows none of it, but for the rates: who is not to be served at all
/// is suspended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Limits", into = "Limits")]
pub struct Quotas(Limits);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Limits {
    policies: u64,
    reference_values: u64,
    secrets: u64,
    changes: u64,
    stored_bytes: u64,
    evidence_bytes_a_day: u64,
    challenges: Rate,
    attests: Rate,
}

/// More than the tenant may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the tenant's limit of {quota} is {limit}: {used} are used, {more} more do not fit")]
pub struct OverQuota {
    /// Which limit.
    pub quota: Quota,
    /// What it is.
    pub limit: u64,
    /// How much of it is used.
    pub used: u64,
    /// What was asked for.
    pub more: u64,
}

/// A limit that no operator can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{quota} = {limit}: the most is {}", .quota.highest_limit())]
pub struct LimitTooHigh {
    /// Which.
    pub quota: Quota,
    /// What was asked for.
    pub limit: u64,
}

impl Quotas {
    /// One limit.
    pub const fn limit(&self, quota: Quota) -> u64 {
        self.0.limit(quota)
    }

    /// How many challenges are made.
    pub const fn challenges(&self) -> Rate {
        self.0.challenges
    }

    /// How many attempts are judged.
    pub const fn attests(&self) -> Rate {
        self.0.attests
    }

    /// How much is used after `more` of it was added.
    ///
    /// # Errors
    /// That is over the limit.
    pub fn admit(&self, quota: Quota, used: u64, more: u64) -> Result<u64, OverQuota> {
        let limit = self.limit(quota);
        let sum = used.checked_add(more).filter(|sum| *sum <= limit);
        sum.ok_or(OverQuota {
            quota,
            limit,
            used,
            more,
        })
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            policies: Quota::Policies.default_limit(),
            reference_values: Quota::ReferenceValues.default_limit(),
            secrets: Quota::Secrets.default_limit(),
            changes: Quota::Changes.default_limit(),
            stored_bytes: Quota::StoredBytes.default_limit(),
            evidence_bytes_a_day: Quota::EvidenceBytesADay.default_limit(),
            challenges: Rate::CHALLENGES,
            attests: Rate::ATTESTS,
        }
    }
}

impl Limits {
    const fn limit(&self, quota: Quota) -> u64 {
        match quota {
            Quota::Policies => self.policies,
            Quota::ReferenceValues => self.reference_values,
            Quota::Secrets => self.secrets,
            Quota::Changes => self.changes,
            Quota::StoredBytes => self.stored_bytes,
            Quota::EvidenceBytesADay => self.evidence_bytes_a_day,
        }
    }
}

impl TryFrom<Limits> for Quotas {
    type Error = LimitTooHigh;

    fn try_from(limits: Limits) -> Result<Self, LimitTooHigh> {
        for quota in Quota::ALL {
            let limit = limits.limit(quota);
            if limit > quota.highest_limit() {
                return Err(LimitTooHigh { quota, limit });
            }
        }
        Ok(Self(limits))
    }
}

impl From<Quotas> for Limits {
    fn from(quotas: Quotas) -> Self {
        quotas.0
    }
}

/// How many bytes of evidence a tenant sent on one day (UTC).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DailyBytes {
    day: u64,
    used: u64,
}

impl DailyBytes {
    /// Adds what was sent. A clock that goes back gives nothing back.
    ///
    /// # Errors
    /// The day's limit does not allow it; nothing was added.
    pub fn add(&mut self, bytes: u64, quotas: &Quotas, now: u64) -> Result<(), OverQuota> {
        let day = now / 86_400;
        let used = if day > self.day { 0 } else { self.used };
        let used = quotas.admit(Quota::EvidenceBytesADay, used, bytes)?;
        self.day = self.day.max(day);
        self.used = used;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_is_reached_and_not_passed() {
        let quotas = Quotas::default();
        assert_eq!(quotas.admit(Quota::Policies, 63, 1), Ok(64));
        let over = quotas.admit(Quota::Policies, 64, 1).unwrap_err();
        assert_eq!((over.limit, over.used, over.more), (64, 64, 1));
        assert!(quotas.admit(Quota::Policies, u64::MAX, 1).is_err());
    }

    #[test]
    fn limits_that_are_not_written_are_the_defaults() {
        let quotas: Quotas = serde_json::from_str(r#"{"secrets":0}"#).unwrap();
        assert!(quotas.admit(Quota::Secrets, 0, 1).is_err());
        assert_eq!(quotas.limit(Quota::Policies), 64);
        assert_eq!(quotas.attests(), Rate::ATTESTS);
    }

    #[test]
    fn limit_beyond_the_highest_or_unknown_is_refused() {
        for quota in Quota::ALL {
            assert!(quota.default_limit() <= quota.highest_limit());
            let text = |limit| format!(r#"{{"{quota}":{limit}}}"#);
            let highest = quota.highest_limit();
            assert!(serde_json::from_str::<Quotas>(&text(highest)).is_ok());
            assert!(serde_json::from_str::<Quotas>(&text(highest + 1)).is_err());
        }
        assert!(serde_json::from_str::<Quotas>(r#"{"polices":1}"#).is_err());
    }

    #[test]
    fn evidence_of_a_day_is_counted_until_the_next() {
        let quotas: Quotas = serde_json::from_str(r#"{"evidence_bytes_a_day":100}"#).unwrap();
        let mut bytes = DailyBytes::default();
        let noon = 86_400 * 20_000 + 43_200;
        assert!(bytes.add(60, &quotas, noon).is_ok());
        assert!(bytes.add(41, &quotas, noon).is_err());
        assert!(bytes.add(40, &quotas, noon).is_ok());
        assert!(bytes.add(1, &quotas, noon + 43_199).is_err());
        let next_day = noon + 43_200;
        assert!(bytes.add(60, &quotas, next_day).is_ok());
        // The clock is set back to the day before, and forward again.
        assert!(bytes.add(41, &quotas, noon).is_err());
        assert!(bytes.add(10, &quotas, noon).is_ok());
        assert!(bytes.add(31, &quotas, next_day).is_err());
        assert!(bytes.add(30, &quotas, next_day).is_ok());
    }
}
