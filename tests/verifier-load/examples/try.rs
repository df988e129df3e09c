#![allow(clippy::unwrap_used, missing_docs, reason = "a trial")]
use tests_verifier_load::*;
fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let folder = std::path::PathBuf::from(&arguments[2]);
    let tee = Tee::generate().unwrap();
    let verifier = Verifier::furnished(arguments[1].as_ref(), &folder, &tee).unwrap();
    let guest = Guest {
        tee: &tee,
        pins: &verifier.pins,
        address: verifier.address,
    };
    for at_once in [1, 8, 32, 64] {
        let found = closed_loop(&guest, at_once, 100 + 40 * at_once as u64).unwrap();
        let cpu = std::fs::read_to_string(format!("/proc/{}/stat", verifier.pid())).unwrap();
        let cpu: Vec<&str> = cpu.split(' ').collect();
        println!(
            "{at_once}: {:.0}/s p50 {:.1} ms p99 {:.1} ms rss {} server ticks {} {}",
            found.rate(),
            found.quantile(0.5) * 1e3,
            found.quantile(0.99) * 1e3,
            resident_memory(verifier.pid()).unwrap() >> 20,
            cpu[13],
            cpu[14]
        );
    }
}
