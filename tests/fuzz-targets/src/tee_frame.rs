//! What a guest and the simulated TEE say to each other.

use crate::{Bound, Target};
use measured_boot_snp_abi::simulated::{Request, Response, body_length};

/// A message that is understood has one spelling.
pub const TEE_FRAME: Target = Target {
    name: "tee_frame",
    // The bytes once; a reason that is no UTF-8 grows to three bytes a byte, in a string that doubles.
    bound: Bound {
        factor: 9,
        constant: 2048,
    },
    longest: 4 << 10,
    vectors: &[],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let mut accepted = false;
    if let Ok(request) = bound.holds(bytes, || Request::from_body(bytes)) {
        assert_eq!(body(&request.to_frame()), bytes);
        accepted = true;
    }
    let requests = [
        Request::Report {
            report_data: [0; 64],
        },
        Request::Endorsements,
        Request::Manifest,
    ];
    for request in requests {
        let response = bound.holds(bytes, || Response::from_body(&request, bytes));
        if let Ok(response) = response
            && !matches!(response, Response::Failed(_))
        {
            let frame = response.to_frame().expect("it came in a frame");
            assert_eq!(body(&frame), bytes);
            accepted = true;
        }
    }
    accepted
}

fn body(frame: &[u8]) -> &[u8] {
    let (header, body) = frame.split_first_chunk().expect("a frame has a header");
    assert_eq!(body_length(*header), Ok(body.len()));
    body
}
