//! The log's time never runs backwards, whatever the clock does.

use crate::support::{Place, RESOURCE, expect_error};
use attestation_audit::{CLOCK_TOLERANCE_SECONDS, Conclusion};
use attestation_judge::test_support::NOW;

#[test]
fn clock_set_back_a_little_stands_still_in_the_log() {
    let place = Place::new();
    let verifier = place.serve().furnished();

    verifier.set_clock(NOW - CLOCK_TOLERANCE_SECONDS);
    verifier.guest().fetch(&place.pins);
    verifier.put_policy();

    for (index, kind) in [(3, "verdict"), (4, "release"), (5, "registered")] {
        let entry = verifier.entry(index);
        assert_eq!(
            (&entry["kind"], &entry["time"]),
            (&kind.into(), &NOW.into())
        );
    }
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}

#[test]
fn clock_set_back_further_refuses_everything_that_would_be_logged() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let (attested, opened) = (guest.auth(), guest.auth());
    assert_eq!(guest.attest(&attested).status, 200);
    let clock = NOW - CLOCK_TOLERANCE_SECONDS - 1;

    verifier.set_clock(clock);

    let body = crate::support::policy().into_bytes();
    for answer in [
        guest.attest(&opened),
        guest.resource(&attested.cookie, RESOURCE),
        verifier.put("/v1/policies/demo", &body),
        verifier.get("/readyz"),
    ] {
        let detail = expect_error(&answer, 503, "ClockBehind");
        for part in [
            &clock.to_string(),
            &NOW.to_string(),
            "clock of the verifier's machine",
        ] {
            assert!(detail.contains(part), "{detail}");
        }
    }
    assert_eq!(verifier.log_size(), 4);
    for what in ["attest", "administer"] {
        verifier.wait_for_line(&format!("\"request-refused\",\"what\":\"{what}\""));
    }

    verifier.set_clock(NOW);
    assert_eq!(guest.resource(&attested.cookie, RESOURCE).status, 200);
    assert_eq!(verifier.get("/readyz").status, 200);
}
