//! What a hostile host can do in a simulation and could not do on hardware: it asks the simulated TEE
//! of somebody's running guest for a report over data of its own choice.
//!
//! On SEV-SNP the guest's request travels encrypted under a key (VMPCK) that the host does not have.
//! The simulated TEE answers whoever reaches its socket; the refusals that the verifier must give are
//! the same.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, bail};
use measured_boot_snp_abi::simulated::{self, Request, Response};

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [socket, report_data] = words.as_slice() else {
        bail!("usage: ask-report SOCKET REPORT_DATA_HEX");
    };
    let report_data = hex::decode(report_data)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .context("REPORT_DATA is not 64 bytes of hex")?;
    let mut stream = UnixStream::connect(socket).with_context(|| format!("connect to {socket}"))?;
    let Response::Report(report) = ask(&mut stream, &Request::Report { report_data })? else {
        bail!("the simulated TEE gave no report");
    };
    let Response::Endorsements(chain) = ask(&mut stream, &Request::Endorsements)? else {
        bail!("the simulated TEE gave no certificates");
    };
    println!(
        "{}",
        serde_json::json!({
            "report": hex::encode(report.as_slice()),
            "chain": [hex::encode(chain.vcek), hex::encode(chain.ask), hex::encode(chain.ark)],
        })
    );
    Ok(())
}

fn ask(stream: &mut UnixStream, request: &Request) -> Result<Response> {
    stream.write_all(&request.to_frame())?;
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    let mut body = vec![0; simulated::body_length(head)?];
    stream.read_exact(&mut body)?;
    Ok(Response::from_body(request, &body)?)
}
