//! For any bytes: every form gives the same back, and nothing that is read makes a reader panic.

use crate::builders::*;
use attestation_shapes::{Evidence, HostCertificates, SnpEvidence, TdxEvidence, TpmEvidence};
use proptest::collection::vec;
use proptest::prelude::*;

fn reads(bytes: &[u8]) -> Vec<u8> {
    let read = SnpEvidence::read(bytes).expect("a report");
    read.report.to_vec()
}

proptest! {
    #[test]
    fn report_of_any_bytes_comes_back_from_every_form_that_holds_all_of_it(report in vec(any::<u8>(), REPORT)) {
        let json = snp_attester(sev_whole(&report)).to_string();
        let hcl_report = hcl(&report, 2);
        let table = table(&[(VCEK_GUID, b"vcek")]);
        for bytes in [
            report.clone(),
            hex::encode(&report).into_bytes(),
            base64(&report).into_bytes(),
            base64url(&report).into_bytes(),
            json.clone().into_bytes(),
            base64(json.as_bytes()).into_bytes(),
            az_snp_0(&hcl_report).to_string().into_bytes(),
            az_snp(1, &hcl_report).to_string().into_bytes(),
            kbs(&az_snp(2, &hcl_report)).to_string().into_bytes(),
            hcl_report,
        ] {
            prop_assert_eq!(reads(&bytes), report.clone());
        }
        // These bytes may say of themselves that they are a quote; then nobody can tell.
        let mut extended = report.clone();
        extended[0] = 2;
        let expected = extended.clone();
        extended.extend(table);
        prop_assert_eq!(reads(&extended), expected);
    }

    #[test]
    fn report_comes_back_from_the_named_structure(
        bytes in vec(any::<u8>(), REPORT),
        version in prop_oneof![Just(2_u8), Just(3), Just(5)],
        turin: bool,
    ) {
        let mut report = without_reserved(&bytes, turin);
        report[..4].copy_from_slice(&[version, 0, 0, 0]);
        if version == 2 {
            report[0x188..0x18B].fill(0);
        }
        if version < 5 {
            report[0x1F8..0x208].fill(0);
        }
        let json = snp_attester(sev_named(&report, turin, Vectors::ByVersion)).to_string();
        prop_assert_eq!(reads(json.as_bytes()), report);
    }

    #[test]
    fn quote_of_any_bytes_comes_back_from_every_form(rest in vec(any::<u8>(), 700..1500)) {
        let mut quote = quote();
        quote.extend(rest);
        let tdx_hcl = hcl(&[], 4);
        for bytes in [
            quote.clone(),
            hex::encode(&quote).into_bytes(),
            base64(&quote).into_bytes(),
            tdx_attester(&quote, b"").to_string().into_bytes(),
            dstack(&quote, &serde_json::json!([])).to_string().into_bytes(),
            az_tdx_0(&tdx_hcl, &quote).to_string().into_bytes(),
            az_tdx(1, &tdx_hcl, &quote).to_string().into_bytes(),
        ] {
            prop_assert_eq!(TdxEvidence::read(&bytes).expect("a quote").quote, quote.clone());
        }
    }

    #[test]
    fn reading_of_any_bytes_ends_with_an_answer(bytes in vec(any::<u8>(), 0..3000)) {
        let answers = [
            Evidence::read(&bytes).is_ok(),
            SnpEvidence::read(&bytes).is_ok(),
            TdxEvidence::read(&bytes).is_ok(),
            TpmEvidence::read(&bytes).is_ok(),
            HostCertificates::read(&bytes).is_ok(),
        ];
        // Bytes by chance hold no quote of a TPM and no certificates: those have names around them.
        prop_assert!(!answers[3] && !answers[4]);
    }

    #[test]
    fn document_with_one_byte_changed_is_read_as_the_same_form_or_refused(at: prop::sample::Index, to: u8) {
        let text = az_snp(1, &hcl(&report(), 2)).to_string();
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(read) = Evidence::read(&bytes) {
            prop_assert!(read.shape().name().starts_with("az-snp-vtpm-v"));
        }
    }
}
