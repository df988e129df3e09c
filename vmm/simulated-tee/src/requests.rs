//! Report requests of the guest, one connection at a time.

use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use measured_boot_snp_abi::simulated::{Endorsements, Request, Response, body_length};
use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, recv};

use crate::report::Reporter;

/// A guest that keeps a connection silent must not keep its other processes waiting for ever.
const SILENCE: Duration = Duration::from_secs(30);
/// Nor must one that asks again and again. There are three things to ask for.
const REQUESTS: usize = 16;

/// Answers a guest's requests.
pub struct Responder {
    /// Signs.
    pub reporter: Reporter,
    /// Certificates that verify the signatures.
    pub endorsements: Endorsements,
    /// The host's explanation of the digest: not this processor's word.
    pub manifest: Vec<u8>,
}

impl Responder {
    /// Answers until the guest closes the connection, or has had its share.
    ///
    /// # Errors
    /// The guest sends something that is no request, or takes too long over one.
    pub fn serve(&self, stream: &UnixStream) -> io::Result<()> {
        self.serve_within(stream, SILENCE)
    }

    fn serve_within(&self, mut stream: &UnixStream, silence: Duration) -> io::Result<()> {
        stream.set_read_timeout(Some(silence))?;
        stream.set_write_timeout(Some(silence))?;
        for _ in 0..REQUESTS {
            let Some(request) = read_request(stream)? else {
                break;
            };
            let frame = self.answer(&request).to_frame().map_err(io::Error::other)?;
            stream.write_all(&frame)?;
        }
        Ok(())
    }

    fn answer(&self, request: &Request) -> Response {
        match request {
            Request::Report { report_data } => match self.reporter.report(*report_data) {
                Ok(report) => Response::Report(report),
                Err(error) => Response::Failed(error.to_string()),
            },
            Request::Endorsements => Response::Endorsements(self.endorsements.clone()),
            Request::Manifest => Response::Manifest(self.manifest.clone()),
        }
    }
}

/// `None` at the end of the connection.
fn read_request(stream: &UnixStream) -> io::Result<Option<Request>> {
    let mut header = [0; 4];
    match receive(stream, &mut header)? {
        0 => return Ok(None),
        4 => {}
        _ => return Err(io::ErrorKind::TimedOut.into()),
    }
    let length = body_length(header).map_err(io::Error::other)?;
    let mut body = vec![0; length];
    if receive(stream, &mut body)? != length {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Request::from_body(&body)
        .map(Some)
        .map_err(io::Error::other)
}

/// Fills `buffer` by one call, so that the socket's time limit is one for all of it (a byte now and then
/// does not begin it anew), and returns how much came.
fn receive(stream: &UnixStream, buffer: &mut [u8]) -> io::Result<usize> {
    let (received, _) = retry_on_intr(|| recv(stream, &mut *buffer, RecvFlags::WAITALL))?;
    Ok(received)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::Shutdown;
    use std::thread;

    use super::*;
    use crate::report::tests::reporter;

    fn responder() -> Responder {
        let endorsements = Endorsements {
            vcek: vec![1],
            ask: vec![2],
            ark: vec![3],
        };
        Responder {
            reporter: reporter().0,
            endorsements,
            manifest: vec![4],
        }
    }

    /// What comes back for these bytes, and whether the server was content.
    fn exchange(sent: &[u8]) -> (Vec<u8>, io::Result<()>) {
        let (mut guest, server) = UnixStream::pair().unwrap();
        guest.write_all(sent).unwrap();
        guest.shutdown(Shutdown::Write).unwrap();
        let served = responder().serve(&server);
        drop(server);
        let mut answer = Vec::new();
        guest.read_to_end(&mut answer).unwrap();
        (answer, served)
    }

    #[test]
    fn requests_on_one_connection_are_answered_in_order() {
        let sent = [
            Request::Manifest.to_frame(),
            Request::Endorsements.to_frame(),
        ]
        .concat();
        let (answer, served) = exchange(&sent);
        served.unwrap();
        let manifest = Response::Manifest(vec![4]).to_frame().unwrap();
        let endorsements = Response::Endorsements(responder().endorsements)
            .to_frame()
            .unwrap();
        assert_eq!(answer, [manifest, endorsements].concat());
    }

    #[test]
    fn report_is_given_for_64_bytes_and_nothing_else() {
        let (answer, served) = exchange(
            &Request::Report {
                report_data: [6; 64],
            }
            .to_frame(),
        );
        served.unwrap();
        assert_eq!(answer.len(), 4 + 1 + 1184);
        let (answer, served) = exchange(&[3, 0, 0, 0, 1, 2, 3]);
        assert!(served.is_err() && answer.is_empty());
    }

    #[test]
    fn guest_that_sends_a_byte_now_and_then_is_given_up() {
        let (mut guest, server) = UnixStream::pair().unwrap();
        let request = Request::Manifest.to_frame();
        let drip = thread::spawn(move || {
            for byte in request {
                if guest.write_all(&[byte]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(150));
            }
        });
        let served = responder().serve_within(&server, Duration::from_millis(300));
        drop(server);
        drip.join().unwrap();
        assert!(served.is_err());
    }

    #[test]
    fn guest_that_asks_without_end_gets_its_share() {
        let (mut guest, server) = UnixStream::pair().unwrap();
        let requests = Request::Manifest.to_frame().repeat(REQUESTS + 1);
        guest.write_all(&requests).unwrap();
        responder().serve(&server).unwrap();
        server.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        guest.read_to_end(&mut answer).unwrap();
        let one = Response::Manifest(vec![4]).to_frame().unwrap();
        assert_eq!(answer, one.repeat(REQUESTS));
    }

    #[test]
    fn frame_of_an_absurd_length_is_refused_before_it_is_read() {
        let (answer, served) = exchange(&[0xff; 4]);
        assert!(served.is_err() && answer.is_empty());
    }
}
