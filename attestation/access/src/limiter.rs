//! How often somebody may ask.
//!
//! A bucket holds `burst` tokens and is filled with `per_second` of them each second. Of a bucket nothing is kept but the
//! moment at which it is full again (the generic cell rate algorithm of ITU-T I.371, annex A): a bucket that is full is
//! no bucket, and forgetting it changes nothing.

mod buckets;
mod clients;
mod rate;
mod tenants;

pub use clients::ClientAddresses;
pub use rate::{InvalidRate, Rate, TooSoon};
pub use tenants::TenantRates;
