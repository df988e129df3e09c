//! Limits by tenant.

use super::buckets::Buckets;
use super::{Rate, TooSoon};
use crate::{Quotas, TenantName};

/// What is limited for a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    Challenge,
    Attest,
}

/// How often each tenant is served. Only of tenants that exist: who names others is refused before.
#[derive(Debug)]
pub struct TenantRates {
    buckets: Buckets<(TenantName, Asked)>,
    latest: u64,
}

impl TenantRates {
    /// For at most so many tenants at once that are not at rest.
    pub const fn new(tenants: usize) -> Self {
        Self {
            buckets: Buckets::new(tenants.saturating_mul(2)),
            latest: 0,
        }
    }

    /// One challenge. `now` is in nanoseconds of a clock that does not go back.
    ///
    /// # Errors
    /// The tenant has used up its rate, or more tenants than there is room for ask at once.
    pub fn challenge(
        &mut self,
        tenant: &TenantName,
        quotas: &Quotas,
        now: u64,
    ) -> Result<(), TooSoon> {
        self.take(tenant, Asked::Challenge, quotas.challenges(), now)
    }

    /// One attempt to attest, likewise.
    ///
    /// # Errors
    /// Likewise.
    pub fn attest(
        &mut self,
        tenant: &TenantName,
        quotas: &Quotas,
        now: u64,
    ) -> Result<(), TooSoon> {
        self.take(tenant, Asked::Attest, quotas.attests(), now)
    }

    fn take(
        &mut self,
        tenant: &TenantName,
        asked: Asked,
        rate: Rate,
        now: u64,
    ) -> Result<(), TooSoon> {
        self.latest = self.latest.max(now);
        // Two for one that may come: room is made faster than it is taken.
        for _ in 0..2 {
            self.buckets.forget_full(self.latest);
        }
        let key = (tenant.clone(), asked);
        let kept = self.buckets.full_at(&key);
        if kept.is_none() && !self.buckets.has_room() {
            return Err(TooSoon { nanoseconds: 1 });
        }
        let full_at = rate.take(kept.unwrap_or(0), self.latest)?;
        self.buckets.keep(key, full_at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn quotas() -> Quotas {
        let text =
            r#"{"challenges":{"per_second":1,"burst":3},"attests":{"per_second":1,"burst":1}}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn tenant_that_used_up_its_rate_keeps_no_other_from_asking() {
        let (alpha, beta) = ("alpha".parse().unwrap(), "beta".parse().unwrap());
        let mut rates = TenantRates::new(8);
        for _ in 0..3 {
            assert!(rates.challenge(&alpha, &quotas(), SECOND).is_ok());
        }
        assert!(rates.challenge(&alpha, &quotas(), SECOND).is_err());
        assert!(rates.attest(&alpha, &quotas(), SECOND).is_ok());
        assert!(rates.challenge(&beta, &quotas(), SECOND).is_ok());
        assert!(rates.challenge(&alpha, &quotas(), 2 * SECOND).is_ok());
    }

    #[test]
    fn tenants_beyond_the_room_wait_until_one_is_at_rest() {
        let mut rates = TenantRates::new(1);
        let name = |n: u32| format!("t{n}").parse::<TenantName>().unwrap();
        for n in 0..2 {
            assert!(rates.challenge(&name(n), &quotas(), 0).is_ok());
        }
        assert!(rates.challenge(&name(2), &quotas(), 0).is_err());
        assert!(rates.challenge(&name(2), &quotas(), SECOND).is_ok());
        assert!(rates.buckets.len() <= 2);
    }
}
