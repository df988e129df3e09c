//! Report requests of the guest, one connection at a time.

use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use measured_boot_snp_abi::simulated::{Endorsements, Request, Response, body_length};

use crate::connection::Connection;
use crate::report::Reporter;

/// How long a connection may last in all: one process of a guest that is silent, or slow, or asks again
/// and again, must not keep the others waiting for ever.
const LONGEST: Duration = Duration::from_secs(30);
/// There are three things to ask for.
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
    /// The guest sends something that is no request, or takes too long.
    pub fn serve(&self, stream: &UnixStream) -> io::Result<()> {
        self.serve_within(stream, LONGEST)
    }

    fn serve_within(&self, stream: &UnixStream, longest: Duration) -> io::Result<()> {
        let connection = Connection::new(stream, longest)?;
        for _ in 0..REQUESTS {
            let Some(request) = read_request(&connection)? else {
                break;
            };
            let frame = self.answer(&request).to_frame().map_err(io::Error::other)?;
            connection.send(&frame)?;
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
fn read_request(connection: &Connection<'_>) -> io::Result<Option<Request>> {
    let mut header = [0; 4];
    match connection.receive(&mut header)? {
        0 => return Ok(None),
        4 => {}
        _ => return Err(io::ErrorKind::UnexpectedEof.into()),
    }
    let length = body_length(header).map_err(io::Error::other)?;
    let mut body = vec![0; length];
    if connection.receive(&mut body)? != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Request::from_body(&body)
        .map(Some)
        .map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::net::Shutdown;
    use std::thread;
    use std::time::Instant;

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

    /// A guest does this, and the server gives up in time.
    fn assert_given_up(guest: impl FnOnce(UnixStream) + Send + 'static) {
        let longest = Duration::from_millis(300);
        let (theirs, server) = UnixStream::pair().unwrap();
        let guest = thread::spawn(move || guest(theirs));
        let started = Instant::now();
        let mut large = responder();
        large.manifest = vec![4; 3 << 20];
        let given_up = large.serve_within(&server, longest).unwrap_err();
        let took = started.elapsed();
        drop(server);
        guest.join().unwrap();
        assert_eq!(given_up.kind(), ErrorKind::TimedOut, "{given_up}");
        assert!(longest <= took && took < 3 * longest, "{took:?}");
    }

    /// As long as the other side listens.
    fn now_and_then(mut act: impl FnMut() -> io::Result<()>) {
        while act().is_ok() {
            thread::sleep(Duration::from_millis(100));
        }
    }

    #[test]
    fn guest_that_is_silent_or_sends_a_byte_now_and_then_is_given_up() {
        assert_given_up(|mut guest| assert_eq!(guest.read(&mut [0]).unwrap(), 0));
        assert_given_up(|mut guest| {
            let frame = Request::Manifest.to_frame();
            let mut bytes = frame.iter().cycle();
            now_and_then(|| guest.write_all(&[*bytes.next().unwrap()]));
        });
    }

    #[test]
    fn guest_that_reads_its_answer_a_bit_now_and_then_is_given_up() {
        assert_given_up(|mut guest| {
            guest.write_all(&Request::Manifest.to_frame()).unwrap();
            now_and_then(|| guest.read_exact(&mut [0; 64 << 10]));
        });
    }

    /// Each of its requests is in time.
    #[test]
    fn guest_that_asks_now_and_then_is_given_up() {
        assert_given_up(|mut guest| {
            let answer = Response::Endorsements(responder().endorsements);
            let mut answer = answer.to_frame().unwrap();
            now_and_then(|| {
                guest.write_all(&Request::Endorsements.to_frame())?;
                guest.read_exact(&mut answer)
            });
        });
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
