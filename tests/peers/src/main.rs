//! The sev crate's verification of one SNP report with its whole chain: `tests-peers REPORT ARK ASK VEK`.
//!
//! A line on standard input is a number of verifications, the answer the nanoseconds that they took together. The
//! certificates are parsed once, before: that is the fastest that the crate can do for a chain it has not verified.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::io::{Write, stdin, stdout};
use std::time::Instant;

use sev::certs::snp::{Certificate, Chain, Verifiable, ca};
use sev::firmware::guest::AttestationReport;
use sev::parser::ByteParser;

fn main() -> Result<(), Box<dyn Error>> {
    let mut paths = std::env::args().skip(1);
    let mut next = || paths.next().ok_or("usage: tests-peers REPORT ARK ASK VEK");
    let report = fs::read(next()?)?;
    let ca = ca::Chain {
        ark: certificate(&next()?)?,
        ask: certificate(&next()?)?,
    };
    let chain = Chain {
        ca,
        vek: certificate(&next()?)?,
    };
    for line in stdin().lines() {
        let times: u32 = line?.trim().parse()?;
        let start = Instant::now();
        for _ in 0..times {
            verify(&chain, &report)?;
        }
        println!("{}", start.elapsed().as_nanos());
        stdout().flush()?;
    }
    Ok(())
}

fn verify(chain: &Chain, report: &[u8]) -> Result<(), Box<dyn Error>> {
    let report = AttestationReport::from_bytes(black_box(report))?;
    Ok((black_box(chain), &report).verify()?)
}

/// PEM or DER.
fn certificate(path: &str) -> Result<Certificate, Box<dyn Error>> {
    let bytes = fs::read(path)?;
    let read = if bytes.starts_with(b"-----") {
        Certificate::from_pem(&bytes)
    } else {
        Certificate::from_der(&bytes)
    };
    Ok(read?)
}
