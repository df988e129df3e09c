//! The TD: its attributes, its values, its event log.

use super::{Asked, Tdx, asked, good, spoilt, spoilt_1_5};
use crate::{Case, Reason};
use attestation_tdx::test_support::{Scene, offset};
use attestation_tdx::{Bytes, TdAttribute, TdxLimits, TdxReference};
use attestation_verdict::ExpectedData;
use ring::digest::{SHA384, digest};

const DEBUG: Reason = ("debug", "debug_mode");
const PROFILING: Reason = ("debug", "profiling");
const RESERVED: Reason = ("td_attributes", "attributes_reserved");
const NOT_ALLOWED: Reason = ("td_attributes", "attribute_not_allowed");
const XFAM_RESERVED: Reason = ("xfam", "xfam_reserved");
const XFAM_MISSING: Reason = ("xfam", "xfam_missing");
const SERVICE: Reason = ("service_td", "service_td_not_accepted");
const UNKNOWN: Reason = ("service_td", "service_td_unknown");

pub(super) fn cases() -> Vec<Tdx> {
    vec![
        spoilt("TD in debug mode", DEBUG, |s| {
            s.body[offset::TDATTRIBUTES] = 1
        }),
        spoilt_1_5("TD of TDX 1.5 in debug mode", DEBUG, |s| {
            s.body[offset::TDATTRIBUTES] = 1
        }),
        spoilt("TD that can be profiled", PROFILING, |s| {
            s.body[offset::TDATTRIBUTES] = 2
        }),
        spoilt("TD with the last bit of what profiles it", PROFILING, |s| {
            s.body[offset::TDATTRIBUTES] = 0x80
        }),
        spoilt("TD with a reserved attribute", RESERVED, |s| {
            s.body[offset::TDATTRIBUTES + 1] = 1
        }),
        spoilt("TD with another reserved attribute", RESERVED, |s| {
            s.body[offset::TDATTRIBUTES + 5] = 1
        }),
        spoilt_1_5("TD that may be migrated", NOT_ALLOWED, |s| {
            s.body[offset::TDATTRIBUTES + 3] |= 0x20
        }),
        Case::new(
            "TD that may be migrated, without a word on who does",
            UNKNOWN,
            || migratable(Scene::of_tdx_1_5()),
            || migratable(Scene::new()),
        ),
        Case::new(
            "TD whose service TDs may do more, without a word on which there are",
            UNKNOWN,
            || extensible(Scene::of_tdx_1_5()),
            || extensible(Scene::new()),
        ),
        asked(
            "body of TDX 1.0 where one of TDX 1.5 is demanded",
            ("service_td", "body_1_5_required"),
            |a| a.limits.require_body_1_5 = true,
        ),
        spoilt("TD with performance counters", NOT_ALLOWED, |s| {
            s.body[offset::TDATTRIBUTES + 7] |= 0x80
        }),
        spoilt(
            "TD without a required attribute",
            ("td_attributes", "attribute_missing"),
            |s| {
                s.body[offset::TDATTRIBUTES + 3] = 0;
            },
        ),
        spoilt("XFAM without x87", XFAM_MISSING, |s| {
            s.body[offset::XFAM] = 0xE6
        }),
        spoilt("XFAM without SSE", XFAM_MISSING, |s| {
            s.body[offset::XFAM] = 0xE5
        }),
        spoilt("XFAM with a reserved bit", XFAM_RESERVED, |s| {
            s.body[offset::XFAM] |= 0x08
        }),
        spoilt("XFAM with its last bit", XFAM_RESERVED, |s| {
            s.body[offset::XFAM + 7] |= 0x80
        }),
        asked(
            "XFAM with a feature that is not allowed",
            ("xfam", "xfam_not_allowed"),
            |a| {
                a.limits.allowed_xfam = Bytes(0x0_DBE7_u64.to_be_bytes());
            },
        ),
        spoilt_1_5("TD with a service TD", SERVICE, |s| {
            s.body[offset::MRSERVICETD] = 1
        }),
        spoilt_1_5("TD with a service TD in its last byte", SERVICE, |s| {
            s.body[offset::MRSERVICETD + 47] = 1
        }),
        Case::new(
            "TD whose service TD came later",
            SERVICE,
            || extended(0),
            || extended(1),
        ),
    ]
}

fn migratable(mut scene: Scene) -> Asked {
    scene.body[offset::TDATTRIBUTES + 3] |= 0x20;
    Asked::of(&scene).with(|a| a.limits.allowed_attributes = vec![TdAttribute::Migratable])
}

fn extensible(mut scene: Scene) -> Asked {
    scene.body[offset::TDATTRIBUTES + 2] |= 0x02;
    Asked::of(&scene).with(|a| a.limits.allowed_attributes = vec![TdAttribute::ServtdExt])
}

/// An extended body, with something in the hash of the service TDs that are there now.
fn extended(now: u8) -> Asked {
    let mut scene = Scene::of_tdx_1_5();
    scene.body_type = 4;
    scene.body.resize(885, 0);
    scene.body[885 - 8 - 48] = now;
    Asked::of(&scene)
}

type Expect = fn(&mut TdxLimits, Vec<Bytes<48>>);

/// Each with the check about it, what it holds, and where the limits have it.
const VALUES: [(&str, &str, u8, Expect); 8] = [
    ("MRTD", "launch_digest", 0x32, |limits, values| {
        limits.mr_tds = Some(values)
    }),
    ("RTMR0", "rtmr0", 0x40, |limits, values| {
        limits.rtmr0 = Some(values)
    }),
    ("RTMR1", "rtmr1", 0x41, |limits, values| {
        limits.rtmr1 = Some(values)
    }),
    ("RTMR2", "rtmr2", 0x42, |limits, values| {
        limits.rtmr2 = Some(values)
    }),
    ("RTMR3", "rtmr3", 0, |limits, values| {
        limits.rtmr3 = Some(values)
    }),
    ("MRCONFIGID", "mr_config_id", 0, |limits, values| {
        limits.mr_config_ids = Some(values)
    }),
    ("MROWNER", "mr_owner", 0, |limits, values| {
        limits.mr_owners = Some(values)
    }),
    ("MROWNERCONFIG", "mr_owner_config", 0, |limits, values| {
        limits.mr_owner_configs = Some(values)
    }),
];

pub(super) fn values() -> Vec<Tdx> {
    let mut all = Vec::new();
    for (name, check, value, expect) in VALUES {
        let with =
            move |values: Vec<Bytes<48>>| good().with(|asked| expect(&mut asked.limits, values));
        let mut last = [value; 48];
        last[47] ^= 1;
        let mut case = |what: String, values: Vec<Bytes<48>>| {
            let right = move || with(vec![Bytes([value; 48])]);
            let wrong = move || with(values.clone());
            all.push(Case::new(what, (check, "value_not_accepted"), right, wrong));
        };
        case(
            format!("{name} that differs in its last byte"),
            vec![Bytes(last)],
        );
        case(format!("no {name} is accepted"), Vec::new());
    }
    for (number, check) in ["rtmr0", "rtmr1", "rtmr2", "rtmr3"].into_iter().enumerate() {
        let with = move |value: u8| {
            let mut reference = TdxReference::default();
            reference.rtmrs[number] = vec![Bytes([value; 48])];
            good().with(|asked| asked.reference = Some(reference))
        };
        let right = [0x40, 0x41, 0x42, 0][number];
        all.push(Case::new(
            format!("reference for another RTMR{number}"),
            (check, "value_not_accepted"),
            move || with(right),
            move || with(0xEE),
        ));
    }
    all.push(Case::new(
        "reference for another MRTD",
        ("launch_digest", "value_not_accepted"),
        || launch(0x32),
        || launch(1),
    ));
    all.push(asked(
        "REPORTDATA of something else",
        ("binding", "binding_mismatch"),
        |a| {
            a.expected = ExpectedData::Exactly([0; 64]);
        },
    ));
    all.push(asked(
        "REPORTDATA that differs in its last byte",
        ("binding", "binding_mismatch"),
        |a| {
            let mut data = [0x50; 64];
            data[63] = 0;
            a.expected = ExpectedData::Exactly(data);
        },
    ));
    all
}

fn launch(value: u8) -> Asked {
    let reference = TdxReference {
        mr_tds: vec![Bytes([value; 48])],
        ..TdxReference::default()
    };
    good().with(|asked| asked.reference = Some(reference))
}

pub(super) fn event_log() -> Vec<Tdx> {
    let of = |name: &str, code, edit: fn(&mut Vec<u8>)| {
        Case::new(
            name,
            ("event_log", code),
            || logged(|_| ()),
            move || logged(edit),
        )
    };
    vec![
        of("event log cut short", "event_log_unreadable", |log| {
            log.pop();
        }),
        of("empty event log", "event_log_unreadable", Vec::clear),
        of("event log with another digest", "event_log_replay", |log| {
            log[spec_id().len() + 14] ^= 1
        }),
        of("event log with one more event", "event_log_replay", |log| {
            log.extend(event(2, 0x8000_0007, b"more"))
        }),
        of(
            "event log without its last event",
            "event_log_replay",
            |log| {
                log.truncate(log.len() - event(3, 0x8000_0007, b"kernel").len());
            },
        ),
        of("event log of SHA-256", "event_log_kind", |log| {
            *log = legacy(0, 3, &header(&[(0x0B, 32)]));
        })
        .also(("event_log", "event_log_replay")),
        of(
            "event log with two separators",
            "event_log_ambiguous",
            |log| log.extend(event(1, 4, &[0; 4])),
        )
        .also(("event_log", "event_log_replay")),
    ]
}

const EVENTS: [(u32, u32, &[u8]); 4] = [
    (1, 0x8000_0007, b"firmware"),
    (1, 4, &[0; 4]),
    (2, 0x8000_0007, b"loader"),
    (3, 0x8000_0007, b"kernel"),
];

/// A TD whose RTMRs are what the log replays to, before it is changed.
fn logged(edit: fn(&mut Vec<u8>)) -> Asked {
    let mut log = spec_id();
    let mut rtmrs = [[0_u8; 48]; 4];
    for (register, kind, data) in EVENTS {
        log.extend(event(register, kind, data));
        let rtmr = &mut rtmrs[usize::try_from(register).expect("small") - 1];
        let extended = digest(
            &SHA384,
            &[rtmr.as_slice(), digest(&SHA384, data).as_ref()].concat(),
        );
        rtmr.copy_from_slice(extended.as_ref());
    }
    let mut scene = Scene::new();
    scene.body[offset::RTMR0..][..192].copy_from_slice(&rtmrs.concat());
    edit(&mut log);
    Asked::of(&scene).with(|asked| asked.event_log = Some(log))
}

fn event(register: u32, kind: u32, data: &[u8]) -> Vec<u8> {
    let mut event = [register, kind, 1].map(u32::to_le_bytes).concat();
    event.extend(0x0C_u16.to_le_bytes());
    event.extend(digest(&SHA384, data).as_ref());
    event.extend(u32::try_from(data.len()).expect("short").to_le_bytes());
    event.extend(data);
    event
}

fn spec_id() -> Vec<u8> {
    legacy(1, 3, &header(&[(0x0C, 48)]))
}

fn header(algorithms: &[(u16, u16)]) -> Vec<u8> {
    let mut data = b"Spec ID Event03\0\0\0\0\0\0\x02\0\x02".to_vec();
    data.extend(u32::try_from(algorithms.len()).expect("few").to_le_bytes());
    for (algorithm, size) in algorithms {
        data.extend([*algorithm, *size].map(u16::to_le_bytes).concat());
    }
    data.push(0);
    data
}

fn legacy(register: u32, kind: u32, data: &[u8]) -> Vec<u8> {
    let mut record = [register, kind].map(u32::to_le_bytes).concat();
    record.extend([0; 20]);
    record.extend(u32::try_from(data.len()).expect("short").to_le_bytes());
    record.extend(data);
    record
}
