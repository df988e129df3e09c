//! How often strangers, and tenants' guests, are served.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use attestation_access::{ClientAddresses, Quotas, Rate, TenantName, TenantRates, TooSoon};

/// Tenants at once that are not at rest.
const TENANTS: usize = 4096;

/// Buckets of clients and tenants; their memory is bounded, whoever asks.
pub struct Throttle {
    begun: Instant,
    clients: Mutex<ClientAddresses>,
    tenants: Mutex<TenantRates>,
}

impl Throttle {
    /// Of so many clients at once, each served at this rate.
    pub fn new(client: Rate, clients: usize) -> Self {
        Self {
            begun: Instant::now(),
            clients: Mutex::new(ClientAddresses::new(client, clients)),
            tenants: Mutex::new(TenantRates::new(TENANTS)),
        }
    }

    /// One request of whoever is at this address.
    pub fn client(&self, address: IpAddr) -> Result<(), TooSoon> {
        let now = self.now();
        held(&self.clients).take(address, now)
    }

    /// One challenge to a guest of this tenant's.
    pub fn challenge(&self, tenant: &TenantName, quotas: &Quotas) -> Result<(), TooSoon> {
        let now = self.now();
        held(&self.tenants).challenge(tenant, quotas, now)
    }

    /// One attempt of a guest of this tenant's.
    pub fn attempt(&self, tenant: &TenantName, quotas: &Quotas) -> Result<(), TooSoon> {
        let now = self.now();
        held(&self.tenants).attest(tenant, quotas, now)
    }

    /// Nanoseconds of a clock that does not go back; of five centuries, which is long enough.
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Buckets are right even where somebody panicked.
fn held<T>(buckets: &Mutex<T>) -> MutexGuard<'_, T> {
    buckets.lock().unwrap_or_else(PoisonError::into_inner)
}
