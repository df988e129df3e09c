//! What a TD's own report and the quote made of it have in common.
//!
//! A TDREPORT is authenticated for its own machine alone, so that nobody else can check it: all that counts is the
//! quote. Guests send both, and evidence in which they differ says two things. Offsets: Intel *TDX Module ABI*
//! 348551-003, TDREPORT_STRUCT; *TDX DCAP Quoting Library API* 1.23, TD quote body.

use measured_boot_event_log::Algorithm;
use std::ops::Range;

/// REPORTTYPE.TYPE of a TD.
const TYPE_TDX: u8 = 0x81;
/// What has to be zero: REPORTTYPE.SUBTYPE, and reserved bytes.
const RESERVED: [Range<usize>; 4] = [1..2, 3..16, 192..224, 495..512];
/// One field: its name, where it is in a TDREPORT, where in a quote's body, and its bytes.
type Field = (&'static str, usize, usize, usize);

/// In REPORTMACSTRUCT (0), TEE_TCB_INFO (256) and TDINFO (512).
const FIELDS: &[Field] = &[
    ("TEE_TCB_SVN", 264, 0, 16),
    ("MRSEAM", 280, 16, 48),
    ("MRSIGNERSEAM", 328, 64, 48),
    ("SEAMATTRIBUTES", 376, 112, 8),
    ("TDATTRIBUTES", 512, 120, 8),
    ("XFAM", 520, 128, 8),
    ("MRTD", 528, 136, 48),
    ("MRCONFIGID", 576, 184, 48),
    ("MROWNER", 624, 232, 48),
    ("MROWNERCONFIG", 672, 280, 48),
    ("RTMR0", 720, 328, 48),
    ("RTMR1", 768, 376, 48),
    ("RTMR2", 816, 424, 48),
    ("RTMR3", 864, 472, 48),
    ("REPORTDATA", 128, 520, 64),
];
/// Where a quote's body has REPORTDATA.
const REPORT_DATA: usize = 520;
/// TD_QUOTE_BODY, that of TDX 1.5, and that with what service TDs did: each begins as the one before.
const BODIES: [usize; 3] = [584, 648, 885];

/// REPORTDATA of a quote's body; `None` if no body has such a length.
pub(crate) fn report_data(body: &[u8]) -> Option<[u8; 64]> {
    if !BODIES.contains(&body.len()) {
        return None;
    }
    body.get(REPORT_DATA..)
        .and_then(<[u8]>::first_chunk)
        .copied()
}

/// Whether a TDREPORT's first part is of a TD and has the digests of the two others, and reserved bytes are zero
/// (TDREPORT_STRUCT, REPORTMACSTRUCT). The version of its type, CPUSVN and the MAC are bound by nothing.
pub(crate) fn is_consistent(report: &[u8; 1024]) -> bool {
    let has_digest_of = |place: Range<usize>, part: Range<usize>| {
        let digest = report
            .get(part)
            .and_then(|part| Algorithm::SHA384.hash(&[part]));
        digest.is_some_and(|digest| report.get(place) == Some(digest.as_bytes()))
    };
    let is_zero = |place: &Range<usize>| {
        let bytes = report.get(place.clone());
        bytes.is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0))
    };
    report.first() == Some(&TYPE_TDX)
        && RESERVED.iter().all(is_zero)
        && has_digest_of(32..80, 256..495)
        && has_digest_of(80..128, 512..1024)
}

/// The first field in which they differ.
pub(crate) fn difference(report: &[u8; 1024], body: &[u8]) -> Option<&'static str> {
    let differs = |field: &&Field| {
        let (_, in_report, in_body, size) = **field;
        let of_report = report.get(in_report..in_report + size);
        of_report.is_none() || of_report != body.get(in_body..in_body + size)
    };
    FIELDS.iter().find(differs).map(|(name, ..)| *name)
}
