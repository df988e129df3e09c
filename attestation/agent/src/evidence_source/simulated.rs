//! The simulated TEE, for which no kernel has a driver: frames over vsock.

use std::io::{self, Read, Write};

use attestation_evidence::{CertChain, REPORT_DATA_LENGTH, SimulatedEvidence, Tee};
use measured_boot_snp_abi::simulated::{Request, Response, body_length};

use super::{Evidence, EvidenceError, EvidenceSource};

/// Dials the simulated TEE when evidence is asked for.
pub struct Simulated<D> {
    dial: D,
}

impl<S: Read + Write, D: FnMut() -> io::Result<S>> Simulated<D> {
    /// A source behind whatever `dial` connects to.
    pub fn new(dial: D) -> Self {
        Self { dial }
    }
}

impl<S: Read + Write, D: FnMut() -> io::Result<S>> EvidenceSource for Simulated<D> {
    fn tee(&self) -> Tee {
        Tee::Simulated
    }

    fn collect(
        &mut self,
        report_data: &[u8; REPORT_DATA_LENGTH],
    ) -> Result<Evidence, EvidenceError> {
        let mut stream = (self.dial)().map_err(|source| EvidenceError::Connection {
            action: "reach",
            source,
        })?;
        let attestation_report = report(&mut stream, *report_data)?;
        let cert_chain = cert_chain(&mut stream)?;
        let manifest = manifest(&mut stream)?;
        let evidence = SimulatedEvidence {
            attestation_report,
            cert_chain,
            manifest,
        };
        Ok(Evidence::Simulated(evidence))
    }
}

fn report(
    stream: &mut (impl Read + Write),
    report_data: [u8; REPORT_DATA_LENGTH],
) -> Result<Vec<u8>, EvidenceError> {
    match ask(stream, &Request::Report { report_data })? {
        Response::Report(report) => Ok(report.to_vec()),
        other => Err(not_given("report", other)),
    }
}

fn cert_chain(stream: &mut (impl Read + Write)) -> Result<CertChain, EvidenceError> {
    match ask(stream, &Request::Endorsements)? {
        Response::Endorsements(chain) => Ok(CertChain {
            vcek: chain.vcek,
            ask: chain.ask,
            ark: chain.ark,
        }),
        other => Err(not_given("endorsements", other)),
    }
}

/// The host's account of what it loaded. It only helps to name what differs, so a host without one
/// is no failure.
fn manifest(stream: &mut (impl Read + Write)) -> Result<Option<Vec<u8>>, EvidenceError> {
    match ask(stream, &Request::Manifest)? {
        Response::Manifest(manifest) if !manifest.is_empty() => Ok(Some(manifest)),
        _ => Ok(None),
    }
}

fn ask(stream: &mut (impl Read + Write), request: &Request) -> Result<Response, EvidenceError> {
    let ask = |source| EvidenceError::Connection {
        action: "ask",
        source,
    };
    let hear = |source| EvidenceError::Connection {
        action: "hear",
        source,
    };
    stream
        .write_all(&request.to_frame())
        .and_then(|()| stream.flush())
        .map_err(ask)?;
    let mut header = [0; 4];
    stream.read_exact(&mut header).map_err(hear)?;
    let mut body = vec![0; body_length(header)?];
    stream.read_exact(&mut body).map_err(hear)?;
    Ok(Response::from_body(request, &body)?)
}

fn not_given(what: &'static str, response: Response) -> EvidenceError {
    let reason = match response {
        Response::Failed(reason) => reason,
        _ => "it answered another question".to_owned(),
    };
    EvidenceError::NotGiven { what, reason }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::thread;

    use measured_boot_snp_abi::simulated::Endorsements;

    use super::*;

    /// A TEE that gives these answers, in order, to whatever it is asked.
    fn tee_answering(answers: Vec<Vec<u8>>) -> Simulated<impl FnMut() -> io::Result<UnixStream>> {
        Simulated::new(move || {
            let (ours, mut theirs) = UnixStream::pair()?;
            let answers = answers.clone();
            thread::spawn(move || {
                for answer in answers {
                    let mut header = [0; 4];
                    theirs.read_exact(&mut header)?;
                    theirs.read_exact(&mut vec![0; body_length(header).unwrap()])?;
                    theirs.write_all(&answer)?;
                }
                io::Result::Ok(())
            });
            Ok(ours)
        })
    }

    fn answers(manifest: &[u8]) -> Vec<Vec<u8>> {
        let chain = Endorsements {
            vcek: vec![1],
            ask: vec![2],
            ark: vec![3],
        };
        [
            Response::Report(Box::new([7; 1184])),
            Response::Endorsements(chain),
            Response::Manifest(manifest.to_vec()),
        ]
        .map(|response| response.to_frame().unwrap())
        .to_vec()
    }

    fn collect(answers: Vec<Vec<u8>>) -> Result<SimulatedEvidence, EvidenceError> {
        match tee_answering(answers).collect(&[9; 64])? {
            Evidence::Simulated(evidence) => Ok(evidence),
            hardware @ Evidence::Hardware { .. } => panic!("{hardware:?}"),
        }
    }

    #[test]
    fn simulated_tee_answers_become_evidence() {
        let evidence = collect(answers(b"pages")).unwrap();
        assert_eq!(evidence.attestation_report, [7; 1184]);
        assert_eq!(evidence.cert_chain.ark, [3]);
        assert_eq!(evidence.manifest.as_deref(), Some(&b"pages"[..]));
    }

    #[test]
    fn simulated_tee_without_manifest_is_enough() {
        assert_eq!(collect(answers(b"")).unwrap().manifest, None);
    }

    #[test]
    fn simulated_tee_refusal_is_passed_on() {
        let refusal = Response::Failed("a page nobody announced".into())
            .to_frame()
            .unwrap();
        let error = collect(vec![refusal]).unwrap_err();
        let expected = "the simulated TEE gives no report: a page nobody announced";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn simulated_tee_hanging_up_or_overlong_is_refused() {
        assert!(matches!(
            collect(Vec::new()),
            Err(EvidenceError::Connection { .. })
        ));
        let overlong = vec![u32::MAX.to_le_bytes().to_vec()];
        assert!(matches!(collect(overlong), Err(EvidenceError::Protocol(_))));
    }
}
