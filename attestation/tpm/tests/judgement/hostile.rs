//! Bytes that nobody made: nothing panics, and nothing is accepted.

use crate::forge::{Hcl, Quote};
use crate::recorded;
use crate::support::{NONCE, Sample, limits, nonce};
use attestation_tpm::{
    AkTrust, AttestationKey, HclReport, PcrTable, RuntimeData, Signature, TeeReport, TpmClaims,
};
use proptest::prelude::*;

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..most)
}

/// Good bytes of which some were changed, taken out or put in.
fn spoilt(good: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<proptest::sample::Index>(), any::<u8>(), 0..3);
    proptest::collection::vec(change, 1..4).prop_map(move |changes| {
        let mut bytes = good.clone();
        for (place, byte, kind) in changes {
            let place = place.index(bytes.len());
            match kind {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                _ => drop(bytes.remove(place)),
            }
        }
        bytes
    })
}

proptest! {
    #[test]
    fn parser_of_any_bytes_does_not_panic(bytes in bytes(4096)) {
        prop_assert!(attestation_tpm::Quote::read(&bytes).is_err());
        prop_assert!(HclReport::read(&bytes).is_err());
        prop_assert!(RuntimeData::read(&bytes).is_err());
        let _ = Signature::read(&bytes);
        let _ = AttestationKey::read(&bytes);
        let _ = PcrTable::from_json(&bytes);
    }

    #[test]
    fn evidence_of_any_bytes_is_refused(
        quote in bytes(256),
        signature in bytes(600),
        hcl_report in bytes(2600),
        event_log in bytes(512),
        bare: bool,
        tee: bool,
    ) {
        let sample = Sample {
            quote,
            signature,
            bare,
            pcrs: PcrTable::default(),
            sent_ak: None,
            hcl_report: tee.then_some(hcl_report),
            event_log: Some(event_log),
        };
        let (_, key) = recorded::sample("ecc256-ecdsa-sha256");
        let report = [0; 1184];
        let trust = match tee {
            true => AkTrust::Tee(TeeReport::Snp(&report)),
            false => AkTrust::Named(&key),
        };
        let _ = TpmClaims::of(&sample.evidence(), trust);
        prop_assert!(!sample.judged(trust, &nonce(NONCE), &limits()).accepted());
    }

    #[test]
    fn evidence_with_a_spoilt_hcl_report_is_refused(report in spoilt(Hcl::good().bytes())) {
        let hcl = Hcl::good();
        let mut sample = hcl.quoted();
        // Of the zeros behind it, there may be more or fewer.
        let trimmed = |bytes: &[u8]| {
            let end = bytes.iter().rposition(|byte| *byte != 0);
            bytes[..end.map_or(0, |end| end + 1)].to_vec()
        };
        prop_assume!(trimmed(&report) != trimmed(&hcl.bytes()));
        sample.hcl_report = Some(report);
        let trust = AkTrust::Tee(TeeReport::Snp(&hcl.report));
        prop_assert!(!sample.judged(trust, &nonce(NONCE), &limits()).accepted());
    }

    #[test]
    fn quote_that_reads_is_read_to_its_end(quote in spoilt(Quote::good().bytes())) {
        if let Ok(read) = attestation_tpm::Quote::read(&quote) {
            let size = 4 + 2 + 2 + read.qualified_signer.len() + 2 + read.extra_data.len() + 17 + 8
                + 4 + 6 * read.selections.len() + 2 + read.pcr_digest.len();
            prop_assert_eq!(size, quote.len());
        }
    }
}
