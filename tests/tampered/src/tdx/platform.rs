//! The platform and its TDX module.

use super::{Asked, Tdx, asked, spoilt, spoilt_1_5};
use crate::{Case, Reason};
use attestation_tdx::test_support::{Scene, offset};
use attestation_tdx::{Bytes, MAX_GRACE_DAYS, TcbStatus};
use serde_json::json;

const STATUS: Reason = ("tcb_status", "tcb_status");
const REVOKED: Reason = ("tcb_status", "tcb_revoked");
const ADVISORY: Reason = ("advisories", "advisory");
const MODULE_OLD: Reason = ("tcb_status", "module_below_every_level");
const SIGNER: Reason = ("module_identity", "module_signer");
const ATTRIBUTES: Reason = ("module_identity", "module_attributes");
const PLATFORM: Reason = ("platform", "platform_not_accepted");

pub(super) fn cases() -> Vec<Tdx> {
    [states(), modules(), platforms()]
        .into_iter()
        .flatten()
        .collect()
}

fn states() -> Vec<Tdx> {
    vec![
        Case::new("platform out of date", STATUS, outdated, || {
            outdated().with(|asked| asked.limits.accepted_tcb_statuses = vec![TcbStatus::UpToDate])
        }),
        Case::new("advisory that is not accepted", ADVISORY, outdated, || {
            outdated().with(|asked| {
                asked.limits.accepted_advisories = Some(vec!["INTEL-SA-00002".to_owned()])
            })
        }),
        Case::new(
            "grace that is over",
            ("tcb_status", "grace_over"),
            || grace(22),
            || grace(21),
        ),
        Case::new(
            "grace for a platform that is not out of date",
            STATUS,
            unconfigured,
            || {
                unconfigured().with(|asked| {
                    asked.limits.accepted_tcb_statuses = vec![TcbStatus::UpToDate];
                    asked.limits.grace_days = MAX_GRACE_DAYS;
                })
            },
        ),
        Case::new(
            "grace for the configuration of a platform that is out of date",
            STATUS,
            || aged("OutOfDate"),
            || aged("OutOfDateConfigurationNeeded"),
        ),
        Case::new(
            "grace for the configuration of a platform whose TDX module is out of date",
            STATUS,
            || module_aged("UpToDate"),
            || module_aged("ConfigurationNeeded"),
        ),
        Case::new(
            "grace for software of a platform whose TDX module is out of date",
            STATUS,
            || module_aged("UpToDate"),
            || module_aged("SWHardeningNeeded"),
        ),
        Case::new(
            "revoked platform where that is accepted",
            ("tcb_status", "tcb_revoked"),
            outdated,
            || {
                let mut scene = Scene::new();
                scene.sgx.cpu_svn = [0; 16];
                Asked::of(&scene).with(|asked| {
                    asked.limits.accepted_tcb_statuses = vec![TcbStatus::Revoked];
                    asked.limits.accepted_advisories = None;
                })
            },
        ),
        spoilt(
            "platform below every level",
            ("tcb_status", "tcb_below_every_level"),
            |s| s.sgx.pce_svn = 4,
        )
        .silencing(&["advisories"]),
        spoilt("one component of the CPU out of date", STATUS, |s| {
            s.sgx.cpu_svn[15] = 1
        })
        .also(ADVISORY),
        spoilt(
            "provisioning enclave of a level that is revoked",
            REVOKED,
            |s| s.sgx.pce_svn = 10,
        )
        .also(ADVISORY),
        spoilt(
            "one component of TDX of a level that is revoked",
            REVOKED,
            |s| s.body[offset::TEE_TCB_SVN + 2] = 1,
        )
        .also(ADVISORY),
        spoilt("TDX module out of date", STATUS, |s| {
            s.body[offset::TEE_TCB_SVN] = 2
        })
        .also(ADVISORY),
        spoilt("quoting enclave out of date", STATUS, |s| {
            s.qe[offset::QE_ISVSVN] = 3
        })
        .also(ADVISORY),
        spoilt(
            "quoting enclave that needs another configuration",
            STATUS,
            |s| {
                s.qe_identity["tcbLevels"][0]["tcbStatus"] = "ConfigurationNeeded".into();
            },
        ),
        spoilt(
            "quoting enclave out of date that needs another configuration",
            STATUS,
            |s| {
                s.qe_identity["tcbLevels"][0]["tcbStatus"] = "OutOfDateConfigurationNeeded".into();
            },
        ),
        spoilt("level that needs another configuration", STATUS, |s| {
            s.tcb_info["tcbLevels"][0]["tcbStatus"] = "ConfigurationNeeded".into();
        }),
        spoilt("level that needs hardened software", STATUS, |s| {
            s.tcb_info["tcbLevels"][0]["tcbStatus"] = "SWHardeningNeeded".into();
        }),
        spoilt("newest level with an advisory", ADVISORY, |s| {
            s.tcb_info["tcbLevels"][0]["advisoryIDs"] = json!(["INTEL-SA-00837"]);
        }),
        spoilt_1_5("TD that was launched out of date", STATUS, |s| {
            s.body[offset::TEE_TCB_SVN] = 2
        })
        .also(ADVISORY),
    ]
}

fn outdated() -> Asked {
    let mut scene = Scene::new();
    scene.sgx.cpu_svn = [1; 16];
    Asked::of(&scene).with(|asked| {
        asked.limits.accepted_tcb_statuses = vec![TcbStatus::OutOfDate];
        asked.limits.accepted_advisories = Some(vec!["INTEL-SA-00001".to_owned()]);
    })
}

fn grace(days: u32) -> Asked {
    outdated().with(|asked| {
        asked.limits.accepted_tcb_statuses = vec![TcbStatus::UpToDate];
        asked.limits.grace_days = days;
    })
}

/// A newest level of this state, in its days of grace.
fn aged(status: &str) -> Asked {
    let mut scene = Scene::new();
    scene.tcb_info["tcbLevels"][0]["tcbStatus"] = status.into();
    Asked::of(&scene).with(|asked| asked.limits.grace_days = MAX_GRACE_DAYS)
}

/// A platform of this state with a TDX module in its days of grace.
fn module_aged(platform: &str) -> Asked {
    let mut scene = Scene::new();
    scene.body[offset::TEE_TCB_SVN] = 2;
    scene.tcb_info["tcbLevels"][0]["tcbStatus"] = platform.into();
    Asked::of(&scene).with(|asked| {
        asked.limits.grace_days = MAX_GRACE_DAYS;
        asked.limits.accepted_advisories = None;
    })
}

fn unconfigured() -> Asked {
    let mut scene = Scene::new();
    scene.tcb_info["tcbLevels"][0]["tcbStatus"] = "ConfigurationNeeded".into();
    Asked::of(&scene)
        .with(|asked| asked.limits.accepted_tcb_statuses = vec![TcbStatus::ConfigurationNeeded])
}

fn modules() -> Vec<Tdx> {
    const SILENT: [&str; 1] = ["advisories"];
    vec![
        spoilt("TDX module below every level", MODULE_OLD, |s| {
            s.body[offset::TEE_TCB_SVN] = 1
        })
        .silencing(&SILENT),
        spoilt_1_5("running TDX module below every level", MODULE_OLD, |s| {
            s.body[offset::TEE_TCB_SVN_2] = 1
        })
        .silencing(&SILENT),
        spoilt(
            "TDX module of an unknown version",
            ("module_identity", "module_unknown"),
            |s| {
                s.body[offset::TEE_TCB_SVN + 1] = 4;
            },
        )
        .silencing(&["tcb_status", "advisories"]),
        spoilt_1_5(
            "running TDX module of an unknown version",
            ("module_identity", "module_unknown"),
            |s| {
                s.body[offset::TEE_TCB_SVN_2 + 1] = 4;
            },
        )
        .silencing(&["tcb_status", "advisories"]),
        spoilt("TDX module by another signer", SIGNER, |s| {
            s.body[offset::MRSIGNERSEAM] = 1
        }),
        spoilt(
            "TDX module by a signer that differs in its last byte",
            SIGNER,
            |s| s.body[offset::MRSIGNERSEAM + 47] = 1,
        ),
        spoilt("TDX module of version 0 by another signer", SIGNER, |s| {
            s.body[offset::TEE_TCB_SVN + 1] = 0;
            s.body[offset::MRSIGNERSEAM] = 1;
        }),
        spoilt("TDX module with other attributes", ATTRIBUTES, |s| {
            s.body[offset::SEAMATTRIBUTES] = 1
        }),
        spoilt(
            "TDX module with an attribute outside of the mask",
            ATTRIBUTES,
            |s| {
                s.body[offset::SEAMATTRIBUTES + 7] = 1;
                s.tcb_info["tdxModuleIdentities"][0]["attributesMask"] = "FFFFFFFFFFFFFF00".into();
            },
        ),
    ]
}

fn platforms() -> Vec<Tdx> {
    vec![
        spoilt(
            "TCB info of another model",
            ("pck_match", "fmspc_differs"),
            |s| s.sgx.fmspc[5] = 1,
        ),
        spoilt(
            "TCB info of another provisioning enclave",
            ("pck_match", "pceid_differs"),
            |s| s.sgx.pce_id[1] = 1,
        ),
        spoilt(
            "PCK certificate whose CPUSVN is newer than its components",
            ("pck_match", "pck_svns_differ"),
            |s| s.sgx.component_svns = Some([1; 16]),
        ),
        asked(
            "model that is not accepted",
            ("platform", "fmspc_not_accepted"),
            |a| {
                a.limits.fmspcs = Some(vec![Bytes([0; 6])]);
            },
        ),
        asked(
            "no model is accepted",
            ("platform", "fmspc_not_accepted"),
            |a| a.limits.fmspcs = Some(Vec::new()),
        ),
        asked("platform to which packages may be added", PLATFORM, |a| {
            a.limits.allow_dynamic_platform = false
        }),
        asked("platform whose root keys Intel may keep", PLATFORM, |a| {
            a.limits.allow_cached_keys = false
        }),
        asked("platform with SMT", PLATFORM, |a| {
            a.limits.allow_smt = false
        }),
    ]
}
