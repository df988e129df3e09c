//! Bytes without JSON: raw, hexadecimal, base64.

use crate::builders::{ARK_GUID, REPORT, VCEK_GUID, base64, base64url, hcl, quote, report, table};
use attestation_shapes::{
    Evidence, LARGEST_EVIDENCE, Layer, SMALLEST_QUOTE, Shape, ShapeError, SnpEvidence, TdxEvidence,
    TpmEvidence,
};

#[test]
fn report_is_read_raw_and_in_every_spelling() {
    let report = report();
    let hexadecimal = hex::encode(&report);
    let wrapped: String = hexadecimal
        .as_bytes()
        .chunks(60)
        .map(|line| format!("{}\r\n", String::from_utf8_lossy(line)))
        .collect();
    for (text, layer) in [
        (hexadecimal.clone(), Layer::Hex),
        (hexadecimal.to_uppercase(), Layer::Hex),
        (format!("0x{hexadecimal}\n"), Layer::Hex),
        (wrapped, Layer::Hex),
        (base64(&report), Layer::Base64),
        (format!("{}\n", base64url(&report)), Layer::Base64),
        (base64(&report).replace('=', ""), Layer::Base64),
        (base64url(&report).replace('=', ""), Layer::Base64),
    ] {
        let read = SnpEvidence::read(text.as_bytes()).expect(&text);
        assert_eq!(read.report.as_slice(), report, "{text}");
        assert_eq!((read.shape, read.layers), (Shape::SnpReport, vec![layer]));
    }
    let read = SnpEvidence::read(&report).expect("raw");
    assert_eq!(read.report.as_slice(), report);
    assert_eq!((read.shape, read.layers), (Shape::SnpReport, vec![]));
}

#[test]
fn report_of_another_length_is_refused() {
    let report = report();
    let longer = |bytes: &[u8]| [&report[..], bytes].concat();
    for bytes in [&report[..1183], &longer(&[1]), &longer(&[0; 2816])] {
        for text in [bytes.to_vec(), hex::encode(bytes).into_bytes()] {
            let error = SnpEvidence::read(&text).expect_err("another length");
            let size = bytes.len();
            assert!(
                matches!(error, ShapeError::UnknownBytes { size: found, .. } if found == size),
                "{error}"
            );
        }
    }
}

#[test]
fn report_that_is_text_by_chance_is_still_a_report() {
    let report = [b'{'; 1184];
    let read = SnpEvidence::read(&report).expect("it has the size of a report");
    assert_eq!(read.report.as_slice(), report);
}

#[test]
fn nothing_and_too_much_are_refused() {
    assert_eq!(Evidence::read(&[]), Err(ShapeError::Empty));
    assert_eq!(Evidence::read(b"0x"), Err(ShapeError::Empty));
    let size = LARGEST_EVIDENCE + 1;
    let limit = LARGEST_EVIDENCE;
    let error = ShapeError::TooLarge { size, limit };
    assert_eq!(Evidence::read(&vec![0; size]), Err(error));
}

#[test]
fn text_in_no_form_is_refused_by_what_it_looks_like() {
    for (text, part) in [
        ("hello, world", "hexadecimal, base64 or a JSON object"),
        ("[1,2]", "hexadecimal, base64 or a JSON object"),
        ("0x123", "an odd number of hexadecimal digits"),
        ("ab+_", "of both alphabets"),
        ("-----BEGIN CERTIFICATE-----", "PEM"),
        ("{} x", "line 1"),
        ("\u{feff}{}", "hexadecimal, base64 or a JSON object"),
    ] {
        let error = Evidence::read(text.as_bytes()).expect_err(text).to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn quote_is_read_raw_and_in_every_spelling() {
    let quote = quote();
    for bytes in [
        quote.clone(),
        hex::encode(&quote).into_bytes(),
        base64(&quote).into_bytes(),
    ] {
        let read = TdxEvidence::read(&bytes).expect("a quote");
        assert_eq!((read.quote, read.shape), (quote.clone(), Shape::TdxQuote));
        assert!(matches!(Evidence::read(&bytes), Ok(Evidence::Tdx(_))));
        let error = SnpEvidence::read(&bytes).expect_err("no report in a quote");
        let shape = Shape::TdxQuote;
        let wanted = "SNP report";
        assert_eq!(error, ShapeError::NotInThere { shape, wanted });
    }
}

#[test]
fn quote_of_any_version_is_read_where_a_quote_is_wanted() {
    for version in [0, 3, 6, 0x7B] {
        let mut quote = quote();
        quote[0] = version;
        let read = TdxEvidence::read(&quote).expect("it has the size of a quote");
        assert_eq!(read.quote, quote);
        assert!(Evidence::read(&quote).is_err(), "version {version}");
    }
    let mut cut = quote();
    cut.resize(1184, 7);
    assert!(TdxEvidence::read(&cut).is_ok());
    assert!(SnpEvidence::read(&cut).is_ok());
}

#[test]
fn quote_without_a_whole_body_is_refused() {
    let quote = quote();
    assert!(TdxEvidence::read(&quote[..SMALLEST_QUOTE]).is_ok());
    let error = TdxEvidence::read(&quote[..SMALLEST_QUOTE - 1]).expect_err("too short");
    assert!(matches!(error, ShapeError::UnknownBytes { .. }), "{error}");
}

#[test]
fn report_is_no_quote() {
    let error = TdxEvidence::read(&report()).expect_err("a report");
    assert_eq!(
        error.to_string(),
        "this is snp-report, in which there is no TDX quote"
    );
    let error = TpmEvidence::read(&report()).expect_err("a report");
    assert!(error.to_string().contains("no quote of a TPM"), "{error}");
}

#[test]
fn report_in_an_hcl_report_is_found() {
    let report = report();
    let hcl_report = hcl(&report, 2);
    let read = SnpEvidence::read(&hcl_report).expect("an HCL report");
    assert_eq!(read.report.as_slice(), report);
    assert_eq!(read.shape, Shape::HclReportSnp);
    assert_eq!(read.hcl_report.as_deref(), Some(&hcl_report[..]));
    assert!(matches!(Evidence::read(&hcl_report), Ok(Evidence::Snp(_))));
    for (kind, shape) in [(4, "hcl-report-tdx"), (3, "UnknownBytes")] {
        let error = SnpEvidence::read(&hcl(&report, kind)).expect_err("no report");
        let text = format!("{error} {error:?}");
        assert!(text.contains(shape), "{text}");
    }
    assert!(SnpEvidence::read(&hcl_report[..32 + 1184 + 8]).is_err());
}

#[test]
fn report_with_a_certificate_table_brings_its_certificates() {
    let certificates: [(u128, &[u8]); 2] = [(ARK_GUID, b"ark"), (VCEK_GUID, b"vcek")];
    let mut bytes = report();
    bytes[0x48] = 0;
    let report = bytes.clone();
    bytes.extend(table(&certificates));
    let read = SnpEvidence::read(&bytes).expect("an extended report");
    assert_eq!(read.report.as_slice(), report);
    assert_eq!(read.shape, Shape::SnpExtendedReport);
    assert_eq!(read.vek.as_deref(), Some(&b"vcek"[..]));
    assert_eq!(read.chain, [b"ark"]);
    bytes[REPORT + 24 * 3] ^= 1;
    assert!(SnpEvidence::read(&bytes).is_ok(), "no one reads the ARK");
    let last = bytes.len() - 1;
    bytes[last] = 1;
    assert!(SnpEvidence::read(&bytes).is_err());
}
