use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000_000;

fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    Ipv4Addr::new(a, b, c, d).into()
}

fn limiter(per_second: u32, burst: u32, capacity: usize) -> ClientAddresses {
    ClientAddresses::new(Rate::new(per_second, burst).unwrap(), capacity)
}

/// Takes until it is refused, or far more than any bucket here has.
fn drain(limiter: &mut ClientAddresses, address: IpAddr, now: u64) -> u32 {
    let mut taken = 0;
    while taken < 1000 && limiter.take(address, now).is_ok() {
        taken += 1;
    }
    taken
}

#[test]
fn client_of_version_6_has_one_bucket_for_its_network() {
    let mut limiter = limiter(1, 5, 64);
    let address = |text: &str| IpAddr::from(text.parse::<Ipv6Addr>().unwrap());
    assert_eq!(drain(&mut limiter, address("2001:db8:0:1::1"), 0), 5);
    assert!(limiter.take(address("2001:db8:0:1:ffff::2"), 0).is_err());
    assert!(limiter.take(address("2001:db8:0:2::1"), 0).is_ok());
}

#[test]
fn client_of_version_4_within_6_has_no_second_bucket() {
    let mut limiter = limiter(1, 5, 64);
    assert_eq!(drain(&mut limiter, v4(192, 0, 2, 1), 0), 5);
    let mapped = Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped();
    assert!(limiter.take(mapped.into(), 0).is_err());
}

#[test]
fn bucket_in_use_is_not_pushed_out_by_any_number_of_others() {
    let mut limiter = limiter(1, 5, 64);
    let attacker = v4(10, 0, 0, 1);
    assert_eq!(drain(&mut limiter, attacker, 0), 5);
    for n in 0..10_000_u32 {
        let [_, _, c, d] = n.to_be_bytes();
        let _ = limiter.take(v4(10, c, d, 7), 0);
    }
    // Had it been forgotten, it would be full again.
    assert!(limiter.take(attacker, 0).is_err());
}

#[test]
fn attacker_of_seven_neighbourhoods_leaves_room_for_others() {
    let mut limiter = limiter(1, 5, 64);
    for n in 0..7 {
        for host in 0..=255 {
            let _ = limiter.take(v4(10, n, 0, host), 0);
        }
    }
    let client = v4(192, 0, 2, 1);
    assert_eq!(drain(&mut limiter, client, 0), 5);
    assert!(limiter.own.full_at(&Client::of(client)).is_some());
}

#[test]
fn client_without_room_shares_with_its_neighbourhood_alone() {
    let mut limiter = limiter(1, 5, 64);
    for host in 0..64 {
        let _ = drain(&mut limiter, v4(10, 0, 0, host), 0);
    }
    // Eight have buckets of their own, and the others have used up the one that they share.
    assert_eq!(limiter.own.len(), 8);
    assert!(limiter.take(v4(10, 0, 9, 9), 0).is_err());
    assert!(limiter.take(v4(10, 1, 9, 9), 0).is_ok());
    // Once the eight are at rest, there is room again.
    assert_eq!(drain(&mut limiter, v4(10, 0, 9, 9), 6 * SECOND), 5);
    assert!(limiter.own.full_at(&Client::of(v4(10, 0, 9, 9))).is_some());
}

#[test]
fn clients_of_any_number_take_no_more_memory_than_said() {
    let mut limiter = limiter(1, 5, 16);
    for neighbourhood in 0..40 {
        for host in 0..2 {
            let _ = limiter.take(v4(10, neighbourhood, 0, host), 0);
        }
    }
    assert_eq!((limiter.own.len(), limiter.shared.len()), (16, 8));
}

#[test]
fn clock_that_goes_back_gives_nothing() {
    let mut limiter = limiter(1, 5, 64);
    let client = v4(192, 0, 2, 1);
    assert_eq!(drain(&mut limiter, client, 100 * SECOND), 5);
    assert_eq!(drain(&mut limiter, client, 0), 0);
    assert_eq!(drain(&mut limiter, client, 101 * SECOND), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Nobody who has a bucket of their own gets more than the rate says in any span of time, and memory stays bounded.
    #[test]
    fn no_client_gets_more_than_its_rate_whatever_others_do(
        requests in prop::collection::vec((0_u8..12, 0_u8..4, 0_u64..SECOND / 2), 1..400),
        per_second in 1_u32..20,
        burst in 1_u32..10,
    ) {
        let capacity = 16;
        let mut limiter = limiter(per_second, burst, capacity);
        let mut now = 0;
        let mut served: BTreeMap<IpAddr, Vec<u64>> = BTreeMap::new();
        for (neighbourhood, host, step) in requests {
            now += step;
            let address = v4(10, neighbourhood, 0, host);
            let client = Client::of(address);
            let was_served = limiter.take(address, now).is_ok();
            if was_served && limiter.own.full_at(&client).is_some() {
                served.entry(address).or_default().push(now);
            }
            prop_assert!(limiter.own.len() <= capacity);
            prop_assert!(limiter.shared.len() <= capacity / 2);
            prop_assert!(limiter.held.values().sum::<usize>() == limiter.own.len());
            prop_assert!(limiter.held.values().all(|held| (1..=2).contains(held)));
        }
        for times in served.values() {
            for (first, start) in times.iter().enumerate() {
                for (last, end) in times.iter().enumerate().skip(first) {
                    let most = u64::from(burst) + (end - start) * u64::from(per_second) / SECOND;
                    prop_assert!(u64::try_from(last - first + 1).unwrap() <= most);
                }
            }
        }
    }

    /// Who asks no faster than the rate, from a bucket of their own, is never refused.
    #[test]
    fn client_within_its_rate_is_never_refused(
        gaps in prop::collection::vec(0_u64..SECOND, 1..100),
        noise in prop::collection::vec((0_u8..7, any::<u8>()), 0..200),
    ) {
        let mut limiter = limiter(5, 1, 64);
        let client = v4(192, 0, 2, 1);
        let mut now = 0;
        let mut noise = noise.into_iter();
        for gap in gaps {
            now += SECOND / 5 + gap;
            for (neighbourhood, host) in noise.by_ref().take(4) {
                let _ = limiter.take(v4(10, neighbourhood, 0, host), now);
            }
            prop_assert!(limiter.take(client, now).is_ok());
        }
    }
}
