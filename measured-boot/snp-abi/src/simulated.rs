//! How a guest talks to the simulated TEE, for which no kernel has a driver: framed messages over a
//! vsock connection to port [`SIMULATED_TEE_PORT`] of the host.
//!
//! A frame is a u32 little-endian length and that many bytes. The guest sends requests and gets one
//! response each, in order. Everything here is pure: callers read and write the bytes.

use crate::REPORT_SIZE;

/// Vsock port of the simulated TEE on the host (CID 2).
pub const SIMULATED_TEE_PORT: u32 = 9000;

/// Longest frame body that either side accepts.
pub const MAX_FRAME: usize = 4 << 20;

const KIND_REPORT: u8 = 1;
const KIND_ENDORSEMENTS: u8 = 2;
const KIND_MANIFEST: u8 = 3;
const STATUS_OK: u8 = 0;
const STATUS_FAILED: u8 = 1;

/// What a guest may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A signed attestation report over these 64 bytes.
    Report {
        /// REPORT_DATA of the report.
        report_data: [u8; 64],
    },
    /// The certificates that verify the report.
    Endorsements,
    /// The host's untrusted explanation of the launch digest.
    Manifest,
}

/// What the simulated TEE answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// The report's bytes.
    Report(Box<[u8; REPORT_SIZE]>),
    /// The certificates, DER.
    Endorsements(Endorsements),
    /// The manifest's bytes, supplied by the host; may be empty.
    Manifest(Vec<u8>),
    /// The request was not fulfilled, for this reason.
    Failed(String),
}

/// Certificates of the key that signs reports, DER, in the order of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endorsements {
    /// The key that signs reports.
    pub vcek: Vec<u8>,
    /// Signs the VCEK.
    pub ask: Vec<u8>,
    /// The root, self-signed.
    pub ark: Vec<u8>,
}

/// Why a frame was not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The peer announced a frame beyond the limit.
    #[error("a frame of {length} bytes was announced, the limit is {MAX_FRAME}")]
    FrameTooLong {
        /// The announced length.
        length: u64,
    },
    /// The frame ends before its contents do.
    #[error("the frame ends before its contents do")]
    Truncated,
    /// Bytes follow the contents.
    #[error("the frame goes on after its contents")]
    TrailingBytes,
    /// The first byte names no request.
    #[error("{0} is no kind of request (1 report, 2 endorsements, 3 manifest)")]
    UnknownRequest(u8),
}

/// Length of the body that follows a frame's first four bytes.
///
/// # Errors
///
/// [`ProtocolError::FrameTooLong`], so that nobody allocates what a peer merely claims.
pub fn body_length(header: [u8; 4]) -> Result<usize, ProtocolError> {
    let length = u32::from_le_bytes(header);
    usize::try_from(length)
        .ok()
        .filter(|length| *length <= MAX_FRAME)
        .ok_or(ProtocolError::FrameTooLong {
            length: length.into(),
        })
}

impl Request {
    /// The whole frame, length included.
    pub fn to_frame(&self) -> Vec<u8> {
        let mut body = vec![self.kind()];
        if let Self::Report { report_data } = self {
            body.extend_from_slice(report_data);
        }
        let length = u32::try_from(body.len()).expect("a request has at most 65 bytes");
        [&length.to_le_bytes()[..], &body].concat()
    }

    /// Reads a frame's body.
    ///
    /// # Errors
    ///
    /// Any [`ProtocolError`] but the frame's length: unknown kind, too short, too long.
    pub fn from_body(body: &[u8]) -> Result<Self, ProtocolError> {
        let (kind, rest) = body.split_first().ok_or(ProtocolError::Truncated)?;
        let request = match *kind {
            KIND_REPORT => {
                let (report_data, rest) =
                    rest.split_first_chunk().ok_or(ProtocolError::Truncated)?;
                return end(rest).map(|()| Self::Report {
                    report_data: *report_data,
                });
            }
            KIND_ENDORSEMENTS => Self::Endorsements,
            KIND_MANIFEST => Self::Manifest,
            unknown => return Err(ProtocolError::UnknownRequest(unknown)),
        };
        end(rest).map(|()| request)
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::Report { .. } => KIND_REPORT,
            Self::Endorsements => KIND_ENDORSEMENTS,
            Self::Manifest => KIND_MANIFEST,
        }
    }
}

impl Response {
    /// The whole frame, length included.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::FrameTooLong`] for a manifest or certificates beyond the limit.
    pub fn to_frame(&self) -> Result<Vec<u8>, ProtocolError> {
        let mut body = vec![if matches!(self, Self::Failed(_)) {
            STATUS_FAILED
        } else {
            STATUS_OK
        }];
        match self {
            Self::Report(report) => body.extend_from_slice(&report[..]),
            Self::Endorsements(Endorsements { vcek, ask, ark }) => {
                for certificate in [vcek, ask, ark] {
                    body.extend_from_slice(&checked_length(certificate)?.to_le_bytes());
                    body.extend_from_slice(certificate);
                }
            }
            Self::Manifest(manifest) => body.extend_from_slice(manifest),
            Self::Failed(reason) => body.extend_from_slice(reason.as_bytes()),
        }
        Ok([&checked_length(&body)?.to_le_bytes()[..], &body].concat())
    }

    /// Reads the body of the response to `request`.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::Truncated`] or [`ProtocolError::TrailingBytes`].
    pub fn from_body(request: &Request, body: &[u8]) -> Result<Self, ProtocolError> {
        let (status, rest) = body.split_first().ok_or(ProtocolError::Truncated)?;
        if *status != STATUS_OK {
            return Ok(Self::Failed(String::from_utf8_lossy(rest).into_owned()));
        }
        match request {
            Request::Report { .. } => {
                let (report, rest) = rest.split_first_chunk().ok_or(ProtocolError::Truncated)?;
                end(rest).map(|()| Self::Report(Box::new(*report)))
            }
            Request::Endorsements => {
                let (vcek, rest) = take_counted(rest)?;
                let (ask, rest) = take_counted(rest)?;
                let (ark, rest) = take_counted(rest)?;
                end(rest).map(|()| Self::Endorsements(Endorsements { vcek, ask, ark }))
            }
            Request::Manifest => Ok(Self::Manifest(rest.to_vec())),
        }
    }
}

fn take_counted(bytes: &[u8]) -> Result<(Vec<u8>, &[u8]), ProtocolError> {
    let (length, rest) = bytes.split_first_chunk().ok_or(ProtocolError::Truncated)?;
    let (taken, rest) = rest
        .split_at_checked(body_length(*length)?)
        .ok_or(ProtocolError::Truncated)?;
    Ok((taken.to_vec(), rest))
}

fn checked_length(bytes: &[u8]) -> Result<u32, ProtocolError> {
    u32::try_from(bytes.len())
        .ok()
        .filter(|_| bytes.len() <= MAX_FRAME)
        .ok_or(ProtocolError::FrameTooLong {
            length: bytes.len().try_into().unwrap_or(u64::MAX),
        })
}

fn end(rest: &[u8]) -> Result<(), ProtocolError> {
    if rest.is_empty() {
        Ok(())
    } else {
        Err(ProtocolError::TrailingBytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(frame: &[u8]) -> &[u8] {
        let (header, body) = frame.split_first_chunk().expect("a frame has a header");
        assert_eq!(body_length(*header), Ok(body.len()));
        body
    }

    fn report_request() -> Request {
        Request::Report {
            report_data: [5; 64],
        }
    }

    #[test]
    fn request_round_trips() {
        for request in [report_request(), Request::Endorsements, Request::Manifest] {
            let frame = request.to_frame();
            assert_eq!(Request::from_body(body(&frame)), Ok(request));
        }
    }

    #[test]
    fn request_truncated_unknown_or_overlong_is_refused() {
        let frame = report_request().to_frame();
        assert_eq!(Request::from_body(&[]), Err(ProtocolError::Truncated));
        assert_eq!(
            Request::from_body(&body(&frame)[..64]),
            Err(ProtocolError::Truncated)
        );
        assert_eq!(
            Request::from_body(&[4]),
            Err(ProtocolError::UnknownRequest(4))
        );
        assert_eq!(
            Request::from_body(&[2, 0]),
            Err(ProtocolError::TrailingBytes)
        );
        assert_eq!(
            Request::from_body(&[&[1; 65][..], &[0]].concat()),
            Err(ProtocolError::TrailingBytes)
        );
    }

    #[test]
    fn response_round_trips() {
        let endorsements = Endorsements {
            vcek: vec![1; 700],
            ask: vec![2; 900],
            ark: Vec::new(),
        };
        for (request, response) in [
            (
                report_request(),
                Response::Report(Box::new([3; REPORT_SIZE])),
            ),
            (Request::Endorsements, Response::Endorsements(endorsements)),
            (Request::Manifest, Response::Manifest(Vec::new())),
            (
                Request::Manifest,
                Response::Failed("no guest was measured".into()),
            ),
        ] {
            let frame = response.to_frame().expect("a small response fits");
            assert_eq!(Response::from_body(&request, body(&frame)), Ok(response));
        }
    }

    #[test]
    fn response_cut_anywhere_is_refused() {
        let endorsements = Endorsements {
            vcek: vec![1; 7],
            ask: vec![2; 9],
            ark: vec![3; 5],
        };
        let frame = Response::Endorsements(endorsements)
            .to_frame()
            .expect("a small response fits");
        for length in 0..body(&frame).len() {
            let cut = Response::from_body(&Request::Endorsements, &body(&frame)[..length]);
            assert_eq!(cut, Err(ProtocolError::Truncated), "{length} bytes");
        }
    }

    #[test]
    fn frame_beyond_the_limit_is_refused_by_both_sides() {
        let too_long = u32::try_from(MAX_FRAME + 1).expect("the limit fits in 32 bits");
        assert!(body_length(too_long.to_le_bytes()).is_err());
        assert!(Response::Manifest(vec![0; MAX_FRAME]).to_frame().is_err());
        assert!(
            Response::Manifest(vec![0; MAX_FRAME - 1])
                .to_frame()
                .is_ok()
        );
    }
}
