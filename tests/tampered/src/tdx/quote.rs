//! The quote's frame, its signatures and its quoting enclave.

use super::{Asked, Tdx, after, spoilt, spoilt_1_5};
use crate::{Case, Reason};
use attestation_tdx::test_support::{Made, Scene, offset};

const MALFORMED: Reason = ("quote_format", "quote_malformed");
const TRAILING: Reason = ("quote_format", "quote_trailing_bytes");
const SGX: Reason = ("quote_format", "quote_of_an_sgx_enclave");
/// Checks that look into a quote.
const OF_THE_QUOTE: [&str; 19] = [
    "signature",
    "qe_identity",
    "tcb_status",
    "module_identity",
    "advisories",
    "debug",
    "td_attributes",
    "xfam",
    "service_td",
    "launch_digest",
    "rtmr0",
    "rtmr1",
    "rtmr2",
    "rtmr3",
    "event_log",
    "mr_config_id",
    "mr_owner",
    "mr_owner_config",
    "binding",
];

/// Where the lengths of a version 4 quote lie.
const AUTHENTICATION: usize = 48 + 584;
const OUTER: usize = AUTHENTICATION + 4 + 128;
const QE_SIGNATURE: usize = OUTER + 6 + 384;
const QE_AUTH: usize = QE_SIGNATURE + 64;
const INNER: usize = QE_AUTH + 2 + 32;

pub(super) fn cases() -> Vec<Tdx> {
    let frames = frame()
        .into_iter()
        .map(|case| case.silencing(&OF_THE_QUOTE));
    let mut all: Vec<_> = frames.collect();
    all.extend(signatures());
    all.extend(signed_fields());
    all.extend(enclave());
    all
}

fn frame() -> Vec<Tdx> {
    vec![
        spoilt("quote of version 6", MALFORMED, |s| {
            s.header[offset::VERSION] = 6
        }),
        spoilt("quote of version 0", MALFORMED, |s| {
            s.header[offset::VERSION] = 0
        }),
        spoilt("quote of version 3 of an SGX enclave", SGX, |s| {
            s.header[offset::VERSION] = 3;
            s.header[offset::TEE_TYPE] = 0;
        }),
        spoilt("quote of an SGX enclave", SGX, |s| {
            s.header[offset::TEE_TYPE] = 0
        }),
        spoilt("quote of another TEE", MALFORMED, |s| {
            s.header[offset::TEE_TYPE] = 0x82
        }),
        spoilt("quote by a key on P-384", MALFORMED, |s| {
            s.header[offset::KEY_TYPE] = 3
        }),
        spoilt_1_5("body of an SGX enclave", MALFORMED, |s| s.body_type = 1),
        spoilt_1_5("body of an unknown type", MALFORMED, |s| s.body_type = 5),
        spoilt_1_5("body with a byte more", MALFORMED, |s| s.body.push(0)),
        spoilt_1_5("body with a byte less", MALFORMED, |s| {
            s.body.pop();
        }),
        spoilt_1_5("body of TDX 1.5 said to be of 1.0", MALFORMED, |s| {
            s.body_type = 2
        }),
        spoilt_1_5("body of TDX 1.5 said to be extended", MALFORMED, |s| {
            s.body_type = 4
        }),
        after("empty quote", MALFORMED, |made| made.quote.clear()),
        after("quote of one byte", MALFORMED, |made| {
            made.quote.truncate(1)
        }),
        after("quote without its body", MALFORMED, |made| {
            made.quote.truncate(48)
        }),
        after("quote without its signature", MALFORMED, |made| {
            made.quote.truncate(AUTHENTICATION)
        }),
        after("quote without its chain", MALFORMED, |made| {
            made.quote.truncate(INNER)
        }),
        after("quote without its last byte", MALFORMED, |made| {
            made.quote.pop();
        }),
        after("quote with a byte after it", TRAILING, |made| {
            made.quote.push(1)
        }),
        after("quote with a byte after zeros after it", TRAILING, |made| {
            made.quote.extend([0, 0, 0x20])
        }),
        after("quote with another quote after it", TRAILING, |made| {
            made.quote.extend(made.quote.clone())
        }),
        after(
            "quote with more than a mebibyte of zeros after it",
            MALFORMED,
            |made| made.quote.resize((1 << 20) + 1, 0),
        ),
        after("authentication longer than it is", MALFORMED, |made| {
            longer(made, AUTHENTICATION)
        }),
        after("certification data longer than it is", MALFORMED, |made| {
            longer(made, OUTER + 2)
        }),
        after(
            "QE authentication data longer than it is",
            MALFORMED,
            |made| longer(made, QE_AUTH),
        ),
        after("chain longer than it is", MALFORMED, |made| {
            longer(made, INNER + 2)
        }),
        after("authentication shorter than it is", MALFORMED, |made| {
            made.quote[AUTHENTICATION] -= 1
        }),
        after("certification data of a chain outside", MALFORMED, |made| {
            made.quote[OUTER] = 5
        }),
        after("certification data of type 0", MALFORMED, |made| {
            made.quote[INNER] = 0
        }),
        after(
            "certification data of another quoting enclave inside",
            MALFORMED,
            |made| made.quote[INNER] = 6,
        ),
        after(
            "chain that is said to be an identifier",
            MALFORMED,
            |made| made.quote[INNER] = 3,
        ),
    ]
}

/// A length is one more than it was, and there are bytes enough.
fn longer(made: &mut Made, at: usize) {
    made.quote[at] = made.quote[at].wrapping_add(1);
    made.quote.extend([0; 512]);
}

fn signatures() -> Vec<Tdx> {
    const KEY: Reason = ("signature", "attestation_key_not_bound");
    vec![
        after(
            "quote with another signature",
            ("signature", "quote_signature_invalid"),
            |made| {
                made.quote[AUTHENTICATION + 4] ^= 1;
            },
        ),
        after(
            "quote with a signature of zeros",
            ("signature", "quote_signature_invalid"),
            |made| {
                made.quote[AUTHENTICATION + 4..][..64].fill(0);
            },
        ),
        after("quote by a key that is no point", KEY, |made| {
            made.quote[AUTHENTICATION + 4 + 64] ^= 1
        })
        .also(("signature", "quote_signature_invalid")),
        after(
            "quoting enclave's report with another signature",
            ("signature", "qe_report_signature_invalid"),
            |made| {
                made.quote[QE_SIGNATURE] ^= 1;
            },
        ),
        after(
            "quoting enclave's report changed",
            ("signature", "qe_report_signature_invalid"),
            |made| {
                made.quote[OUTER + 6 + 64] ^= 1;
            },
        ),
        after(
            "quoting enclave's authentication data changed",
            KEY,
            |made| made.quote[QE_AUTH + 2] ^= 1,
        ),
        spoilt("attestation key that nobody binds", KEY, |s| s.bind = false),
        spoilt("bytes behind what binds the attestation key", KEY, |s| {
            s.qe[offset::QE_REPORTDATA + 63] = 1
        }),
        Case::new(
            "quote that dcap-qvl refuses",
            ("second_opinion", "second_opinion"),
            odd,
            || odd().with(|asked| asked.second_opinion = true),
        ),
    ]
}

/// dcap-qvl takes 32 bytes of authentication data only.
fn odd() -> Asked {
    let mut scene = Scene::new();
    scene.qe_auth_data.push(0);
    Asked::of(&scene)
}

/// Fields that nothing else looks at: what the host makes of them is refused by the signature alone.
fn signed_fields() -> Vec<Tdx> {
    const FIELDS: [(&str, usize); 14] = [
        ("header's reserved bytes", 8),
        ("header's user data", 28),
        ("header's last byte", 47),
        ("MRSEAM", 48 + offset::MRSEAM),
        ("MRTD", 48 + offset::MRTD),
        ("MRCONFIGID", 48 + offset::MRCONFIGID),
        ("MROWNER", 48 + offset::MROWNER),
        ("MROWNERCONFIG", 48 + offset::MROWNERCONFIG),
        ("RTMR0", 48 + offset::RTMR0),
        ("RTMR1", 48 + offset::RTMR1),
        ("RTMR2", 48 + offset::RTMR2),
        ("RTMR3", 48 + offset::RTMR3),
        ("RTMR3's last byte", 48 + offset::RTMR3 + 47),
        ("TEE_TCB_SVN's last byte", 48 + offset::TEE_TCB_SVN + 15),
    ];
    let of = |(name, at): (&str, usize)| {
        Case::new(
            format!("{name} changed after signing"),
            ("signature", "quote_signature_invalid"),
            super::good,
            move || super::good().with(|asked| asked.made.quote[at] ^= 1),
        )
    };
    FIELDS.into_iter().map(of).collect()
}

fn enclave() -> Vec<Tdx> {
    const DIFFERS: Reason = ("qe_identity", "qe_identity_differs");
    vec![
        spoilt(
            "quoting enclave of another vendor",
            ("qe_identity", "qe_vendor"),
            |s| s.header[offset::QE_VENDOR] ^= 1,
        ),
        spoilt(
            "quoting enclave of a vendor that differs in its last byte",
            ("qe_identity", "qe_vendor"),
            |s| {
                s.header[offset::QE_VENDOR + 15] ^= 1;
            },
        ),
        spoilt(
            "quoting enclave in debug mode",
            ("qe_identity", "qe_debug"),
            |s| {
                s.qe[offset::QE_ATTRIBUTES] |= 2;
                s.qe_identity["attributesMask"] = "F9FFFFFFFFFFFFFF0000000000000000".into();
            },
        ),
        spoilt("quoting enclave by another signer", DIFFERS, |s| {
            s.qe[offset::QE_MRSIGNER] ^= 1
        }),
        spoilt(
            "quoting enclave's signer that differs in its last byte",
            DIFFERS,
            |s| s.qe[offset::QE_MRSIGNER + 31] ^= 1,
        ),
        spoilt("another enclave of the signer's", DIFFERS, |s| {
            s.qe[offset::QE_ISVPRODID] ^= 1
        }),
        spoilt(
            "another enclave of the signer's, by the high byte",
            DIFFERS,
            |s| s.qe[offset::QE_ISVPRODID + 1] ^= 1,
        ),
        spoilt("quoting enclave with another MISCSELECT", DIFFERS, |s| {
            s.qe[offset::QE_MISCSELECT] ^= 1
        }),
        spoilt("quoting enclave with other attributes", DIFFERS, |s| {
            s.qe[offset::QE_ATTRIBUTES] ^= 1
        }),
        spoilt(
            "quoting enclave below every level",
            ("qe_identity", "qe_below_every_level"),
            |s| s.qe[offset::QE_ISVSVN] = 2,
        )
        .silencing(&["tcb_status", "advisories"]),
    ]
}
