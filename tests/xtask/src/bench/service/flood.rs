//! A client that behaves, beside one that does not.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tests_verifier_load::{Flood, Flooded, Guest, Limits, Tee, Verifier, at_rate};

/// Challenges a second that the flood asks for: a tenth more than is claimed, since it pauses between its volleys.
const PER_SECOND: u32 = 11_000;
/// Guests that behave: three requests a handshake, which is within what a client may ask.
const INTERVAL: Duration = Duration::from_millis(34);
const HANDSHAKES: u64 = 300;
const AT_ONCE: usize = 32;
/// Where the flood comes from; guests come from 127.0.0.1.
const FROM: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// What a flood did, a round each.
pub struct Harm {
    /// p99 of the guests beside the flood over that without it.
    pub tails: Vec<f64>,
    /// Answers that the flood got, a second.
    pub rates: Vec<f64>,
    /// The share of the flood that got a challenge.
    pub served: Vec<f64>,
}

/// Times guests without and with a flood, by the limits that a verifier has unless told otherwise.
///
/// # Errors
/// A guest does not get its secret.
pub fn harm(program: &Path, folder: &Path, tee: &Tee, rounds: usize) -> Result<Harm> {
    let verifier = Verifier::furnished(program, &folder.join("flooded"), tee, Limits::Shipped)?;
    let guest = Guest {
        tee,
        pins: &verifier.pins,
        address: verifier.address,
    };
    let mut harm = Harm {
        tails: Vec::new(),
        rates: Vec::new(),
        served: Vec::new(),
    };
    println!("a flood of {PER_SECOND} challenges a second, {rounds} rounds");
    for _ in 0..rounds {
        let alone = tail(&guest)?;
        let (beside, flooded) = beside(&guest)?;
        println!(
            "  p99 {:.1} ms without, {:.1} ms with; {:.0} answers a second, {} challenges",
            alone * 1e3,
            beside * 1e3,
            flooded.rate(),
            flooded.served
        );
        harm.tails.push(beside / alone);
        harm.rates.push(flooded.rate());
        let counts = [flooded.served, flooded.refused].map(u32::try_from);
        let [served, refused] = counts.map(|count| count.map_or(f64::NAN, f64::from));
        harm.served.push(served / (served + refused));
    }
    Ok(harm)
}

fn tail(guest: &Guest<'_>) -> Result<f64> {
    let latencies = at_rate(guest, AT_ONCE, INTERVAL, HANDSHAKES)?;
    Ok(latencies.quantile(0.99))
}

fn beside(guest: &Guest<'_>) -> Result<(f64, Flooded)> {
    let flood = Flood {
        pins: guest.pins,
        address: guest.address,
        from: FROM,
    };
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let flooding = scope.spawn(|| flood.until(&stop, PER_SECOND));
        let tail = tail(guest);
        stop.store(true, Ordering::Relaxed);
        let flooded = flooding.join().map_err(|_| anyhow!("the flood panicked"))?;
        Ok((tail?, flooded.context("the flood broke off")?))
    })
}
