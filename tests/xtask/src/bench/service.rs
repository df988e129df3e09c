//! cargo xtask bench service: whole handshakes with a secret, against what this machine's disk and its P-384 can do.
//!
//! The verifier is a process of its own, as installed; this process is its guests. Both share the machine's cores, so that a
//! handshake costs what both sides of it cost.

mod flood;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    UnparsedPublicKey,
};
use tests_verifier_load::{Guest, Limits, Tee, Verifier, at_rate, closed_loop, resident_memory};

use super::claims::{Bound, Claim};
use super::samples::{Samples, Subject, Unit, median, ratio};
use super::{conclude, cpu, samples};

/// Guests at once. More would wait longer and get no more done.
const AT_ONCE: usize = 32;
/// Handshakes of a round.
const HANDSHAKES: usize = 1_000;
/// Syncs and signatures of a round.
const SYNCS: usize = 200;
const SIGNATURES: usize = 500;
/// How much is written before each sync: what a transaction of a few entries has.
const WRITTEN: usize = 16 * 1024;

const SERVICE: &str = "handshake with secret, 32 guests at once";
const SYNC: &str = "16 KiB appended to a file and synced";
const P384: &str = "ECDSA P-384 verified (aws-lc, one core)";

const RATE: (&str, Bound) = (
    "handshakes with secret a second, guests included",
    Bound::AtLeast(200.0),
);
const TAIL: (&str, Bound) = ("ms, p99 at half of that rate", Bound::AtMost(50.0));
const MEMORY: (&str, Bound) = (
    "memory after all handshakes over memory after a tenth",
    Bound::AtMost(1.1),
);
const UNHARMED: (&str, Bound) = (
    "p99 beside a flood of challenges over p99 without",
    Bound::AtMost(2.0),
);
const FLOOD: (&str, Bound) = ("answers to the flood a second", Bound::AtLeast(10_000.0));
const REFUSED: (&str, Bound) = (
    "share of the flood that got a challenge",
    Bound::AtMost(0.05),
);
const OVER_SYNC: (&str, Bound) = (
    "handshakes over synced writes of the disk",
    Bound::AtLeast(0.05),
);
const OVER_P384: (&str, Bound) = (
    "handshakes over P-384 verifications of one core",
    Bound::AtLeast(0.05),
);

/// Builds the verifier, times, prints, and judges; ends in `target/bench/service.json`.
///
/// # Errors
/// A claim does not hold, or something could not be built or run.
pub fn service(root: &Path, program: &Path, rounds: usize, handshakes: u64) -> Result<()> {
    let folder = root.join("target/bench");
    let place = folder.join("service");
    let _ = std::fs::remove_dir_all(&place);
    let tee = Tee::generate()?;
    let verifier = Verifier::furnished(program, &place, &tee, Limits::Lifted)?;
    let guest = Guest {
        tee: &tee,
        pins: &verifier.pins,
        address: verifier.address,
    };
    println!("{}, {rounds} rounds of {HANDSHAKES} handshakes", cpu());
    let mut tails = Vec::new();
    let samples = take(&guest, &place, rounds, &mut tails)?;
    let memory = memory(&guest, verifier.pid(), handshakes)?;
    drop(verifier);
    let harm = flood::harm(program, &place, &tee, rounds)?;
    let mut claims = judge(&samples, &tails, memory);
    claims.extend([
        claim(UNHARMED, Some(median(&harm.tails))),
        claim(FLOOD, Some(median(&harm.rates))),
        claim(REFUSED, Some(median(&harm.served))),
    ]);
    conclude(
        &folder.join("service.json"),
        AT_ONCE,
        None,
        &samples,
        &claims,
    )
}

fn take(
    guest: &Guest<'_>,
    place: &Path,
    rounds: usize,
    tails: &mut Vec<f64>,
) -> Result<Vec<Samples>> {
    let mut file = File::create(place.join("synced"))?;
    let (key, message, signature) = signed()?;
    let key = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, key);
    let count = u64::try_from(HANDSHAKES)?;
    let mut subjects = [
        subject(SYNC, SYNCS, move || sync(&mut file)),
        subject(P384, SIGNATURES, move || {
            for _ in 0..SIGNATURES {
                let verified = key.verify(&message, &signature);
                verified.ok().context("the signature does not verify")?;
            }
            Ok(())
        }),
        subject(SERVICE, HANDSHAKES, move || {
            closed_loop(guest, AT_ONCE, count).map(|_| ())
        }),
    ];
    let found = samples::take(&mut subjects, rounds)?;
    for rate in found.last().map(Samples::rates).unwrap_or_default() {
        // Half of what was reached in this round: a guest each so many seconds.
        let interval = Duration::from_secs_f64(2.0 / rate);
        let latencies = at_rate(guest, AT_ONCE * 2, interval, count)?;
        tails.push(latencies.quantile(0.99) * 1e3);
    }
    Ok(found)
}

fn subject<'a>(name: &str, amount: usize, work: impl FnMut() -> Result<()> + 'a) -> Subject<'a> {
    Subject {
        name: name.to_owned(),
        amount,
        unit: Unit::Times,
        work: Box::new(work),
    }
}

fn sync(file: &mut File) -> Result<()> {
    for _ in 0..SYNCS {
        file.write_all(&[0x5A; WRITTEN])?;
        file.sync_data()?;
    }
    Ok(())
}

/// A public key, a message as long as a report, and its signature.
fn signed() -> Result<(Vec<u8>, Vec<u8>, Vec<u8>)> {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P384_SHA384_FIXED_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random)
        .ok()
        .context("no key")?;
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref())
        .ok()
        .context("no key")?;
    let message = vec![0x5A; 0x2A0];
    let signature = pair.sign(&random, &message).ok().context("no signature")?;
    let key = pair.public_key().as_ref().to_vec();
    Ok((key, message, signature.as_ref().to_vec()))
}

/// How much more memory the verifier has after `handshakes` than after a tenth of them; nothing where there are none.
fn memory(guest: &Guest<'_>, pid: u32, handshakes: u64) -> Result<Option<f64>> {
    if handshakes == 0 {
        return Ok(None);
    }
    println!("memory over {handshakes} handshakes");
    let tenth = handshakes / 10;
    closed_loop(guest, AT_ONCE, tenth)?;
    let early = resident_memory(pid)?;
    closed_loop(guest, AT_ONCE, handshakes - tenth)?;
    let late = resident_memory(pid)?;
    println!(
        "  {} KiB after a tenth, {} KiB at the end",
        early >> 10,
        late >> 10
    );
    let mebibytes = |bytes: u64| u32::try_from(bytes >> 10).map_or(f64::NAN, f64::from);
    Ok(Some(mebibytes(late) / mebibytes(early)))
}

fn judge(samples: &[Samples], tails: &[f64], memory: Option<f64>) -> Vec<Claim> {
    let rates = |name| {
        let found = samples.iter().find(|subject| subject.name == name);
        found.map(Samples::rates).unwrap_or_default()
    };
    let service = rates(SERVICE);
    vec![
        claim(RATE, Some(median(&service))),
        claim(TAIL, Some(median(tails))),
        claim(MEMORY, memory),
        claim(OVER_SYNC, Some(ratio(&service, &rates(SYNC)))),
        claim(OVER_P384, Some(ratio(&service, &rates(P384)))),
    ]
}

fn claim((name, bound): (&'static str, Bound), value: Option<f64>) -> Claim {
    Claim { name, bound, value }
}
