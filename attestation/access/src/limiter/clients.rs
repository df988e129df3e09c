//! Limits by client address.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::buckets::Buckets;
use super::{Rate, TooSoon};

/// A client: one address of version 4, or one network of version 6, in which one machine can have any address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Client {
    /// /32.
    V4(u32),
    /// /64.
    V6(u64),
}

/// What one owner may well have all of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Neighbourhood {
    /// /16.
    V4(u16),
    /// /32.
    V6(u32),
}

/// How often each client address is served, in bounded memory.
///
/// A client has a bucket of its own, by /32 or /64, as long as there is room: [`ClientAddresses::new`] says for how many,
/// and no neighbourhood (/16, /32 of version 6) has more than an eighth of it. Who finds no room shares a bucket with its
/// neighbourhood; and if there are too many of those too, one with all such neighbourhoods.
///
/// Promised, whatever others send:
/// - memory is for `capacity` clients and half as many neighbourhoods, and no more;
/// - a bucket is forgotten only when it is full. So nobody gets more than `burst + per_second * time` out of one bucket
///   in any span of time, and who has a bucket keeps it while it is in use: others cannot push it out;
/// - who has addresses in fewer than eight neighbourhoods cannot take all the room: clients of other neighbourhoods
///   still get buckets of their own.
///
/// Not promised: that a client is served fairly whose own neighbourhood is full of attackers, or when eight whole
/// neighbourhoods are.
#[derive(Debug)]
pub struct ClientAddresses {
    rate: Rate,
    own: Buckets<Client>,
    /// How many of `own` each neighbourhood has.
    held: BTreeMap<Neighbourhood, usize>,
    share: usize,
    shared: Buckets<Neighbourhood>,
    /// When the bucket of all others is full.
    crowd: u64,
    latest: u64,
}

/// The part of the room that one neighbourhood may have.
const SHARES: usize = 8;

impl ClientAddresses {
    /// For so many clients at once that are not at rest; some 100 bytes each.
    pub fn new(rate: Rate, capacity: usize) -> Self {
        Self {
            rate,
            own: Buckets::new(capacity),
            held: BTreeMap::new(),
            share: capacity.div_ceil(SHARES),
            shared: Buckets::new(capacity.div_ceil(2)),
            crowd: 0,
            latest: 0,
        }
    }

    /// One request. `now` is in nanoseconds of a clock that does not go back.
    ///
    /// # Errors
    /// The client's bucket, or the one that it shares, is empty.
    pub fn take(&mut self, address: IpAddr, now: u64) -> Result<(), TooSoon> {
        self.latest = self.latest.max(now);
        // Two for one that may come: room is made faster than it is taken.
        for _ in 0..2 {
            self.forget_full();
        }
        let client = Client::of(address);
        if let Some(full_at) = self.own.full_at(&client) {
            let full_at = self.rate.take(full_at, self.latest)?;
            self.own.keep(client, full_at);
            return Ok(());
        }
        let neighbourhood = client.neighbourhood();
        let held = self.held.get(&neighbourhood).copied().unwrap_or(0);
        if self.own.has_room() && held < self.share {
            let full_at = self.rate.take(0, self.latest)?;
            self.own.keep(client, full_at);
            self.held.insert(neighbourhood, held + 1);
            return Ok(());
        }
        self.take_shared(neighbourhood)
    }

    fn take_shared(&mut self, neighbourhood: Neighbourhood) -> Result<(), TooSoon> {
        let kept = self.shared.full_at(&neighbourhood);
        if kept.is_none() && !self.shared.has_room() {
            self.crowd = self.rate.take(self.crowd, self.latest)?;
            return Ok(());
        }
        let full_at = self.rate.take(kept.unwrap_or(0), self.latest)?;
        self.shared.keep(neighbourhood, full_at);
        Ok(())
    }

    fn forget_full(&mut self) {
        self.shared.forget_full(self.latest);
        let Some(client) = self.own.forget_full(self.latest) else {
            return;
        };
        let neighbourhood = client.neighbourhood();
        match self.held.get_mut(&neighbourhood) {
            Some(held) if *held > 1 => *held -= 1,
            _ => {
                self.held.remove(&neighbourhood);
            }
        }
    }
}

impl Client {
    /// Addresses of version 4 within version 6 (RFC 4291, 2.5.5.2) are those of version 4.
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6(
                    [a, b, c, d]
                        .iter()
                        .fold(0, |bits, part| bits << 16 | u64::from(*part)),
                )
            }
        }
    }

    fn neighbourhood(self) -> Neighbourhood {
        match self {
            Self::V4(bits) => {
                let [a, b, ..] = bits.to_be_bytes();
                Neighbourhood::V4(u16::from_be_bytes([a, b]))
            }
            Self::V6(bits) => {
                let [a, b, c, d, ..] = bits.to_be_bytes();
                Neighbourhood::V6(u32::from_be_bytes([a, b, c, d]))
            }
        }
    }
}

#[cfg(test)]
mod tests;
