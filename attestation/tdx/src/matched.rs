//! Which level of the TCB info and of the QE identity a platform meets.
//!
//! The rules are those of Intel's verification library (`TcbInfo`, `convergeTcbStatuses` and `checkForRelaunch` in
//! Intel's SGX-TDX-DCAP-QuoteVerificationLibrary); dcap-qvl says which components fall short of a level.

use crate::documents::{PlatformDocument, QeDocument};
use crate::{EnclaveReport, Platform, TdBody, TdxRejection, instant};
use dcap_qvl::tcb_info::TdxModuleIdentity;
use dcap_qvl::{TcbStatus, TcbStatusWithAdvisory};

/// The state of a platform as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MatchedTcb {
    /// The state of platform, TDX module and quoting enclave together.
    pub(crate) status: TcbStatus,
    /// All advisories that apply, each once, in order.
    pub(crate) advisories: Vec<String>,
    /// The date of the oldest of the levels that are out of date, or of all: as Intel writes it.
    pub(crate) date: String,
    /// The platform's own level.
    pub(crate) platform: TcbStatus,
    /// The TDX module's level, where its version has an identity.
    pub(crate) module: Option<TcbStatus>,
    /// The quoting enclave's level, as the QE identity has it.
    pub(crate) qe: TcbStatus,
    /// What the platform would be were nothing out of date, at the launch and now: what no time forgives.
    pub(crate) but_for_age: Vec<TcbStatus>,
}

/// A level that was met.
#[derive(Debug, Clone)]
struct Level {
    status: TcbStatus,
    advisories: Vec<String>,
    date: String,
}

impl MatchedTcb {
    /// Matches the levels.
    ///
    /// # Errors
    /// The platform, its module or its quoting enclave is below every level, or the module is not known.
    pub(crate) fn of(
        document: &PlatformDocument,
        qe_document: &QeDocument,
        platform: &Platform,
        qe: &EnclaveReport,
        body: &TdBody,
    ) -> Result<Self, TdxRejection> {
        let (qe_status, qe) = qe_level(qe_document, qe)?;
        let launch = Svns::new(document, platform, &body.tee_tcb_svn.0)?;
        // TDX 1.5: the module may have been updated under the running TD.
        let now = body
            .td15
            .map(|td15| Svns::new(document, platform, &td15.tee_tcb_svn_2.0));
        let now = now.transpose()?;
        let (mut status, mut advisories) = launch.with(&qe);
        if let Some(now) = &now {
            let (present, more) = now.with(&qe);
            status = relaunch(status, present);
            add(&mut advisories, more);
        }
        advisories.sort();
        let all = [&launch].into_iter().chain(&now);
        let qe_needs = Some(qe_status).filter(|status| needs_configuration(*status));
        let states = all.map(|svns| svns.platform.status).chain(qe_needs);
        let but_for_age = states.map(but_for_age).collect();
        let levels = launch.levels().chain(now.iter().flat_map(Svns::levels));
        let levels: Vec<_> = levels.chain([&qe]).collect();
        Ok(Self {
            status,
            advisories,
            date: oldest(&levels),
            platform: launch.platform.status,
            module: launch.module.as_ref().map(|module| module.status),
            qe: qe_status,
            but_for_age,
        })
    }
}

/// The levels that one set of security versions meets.
struct Svns {
    platform: Level,
    module: Option<Level>,
}

impl Svns {
    fn new(
        document: &PlatformDocument,
        platform: &Platform,
        svn: &[u8; 16],
    ) -> Result<Self, TdxRejection> {
        let met = document.info.tcb_levels.iter().find(|level| {
            let short = level.shortfalls(&platform.cpu_svn.0, platform.pce_svn, Some(svn));
            short.is_ok_and(|short| short.is_empty())
        });
        let level = met.ok_or(TdxRejection::TcbNoLevel)?;
        Ok(Self {
            platform: Level {
                status: level.tcb_status,
                advisories: level.advisory_ids.clone(),
                date: level.tcb_date.clone(),
            },
            module: module_level(document, svn)?,
        })
    }

    /// The state together with the module's and the quoting enclave's, and the advisories of all three.
    fn with(&self, qe: &Level) -> (TcbStatus, Vec<String>) {
        let of = |level: &Level| TcbStatusWithAdvisory::new(level.status, level.advisories.clone());
        let platform = of(&self.platform);
        let platform = match &self.module {
            Some(module) => platform.merge(&of(module)),
            None => platform,
        };
        let all = platform.merge(&of(qe));
        (all.status, all.advisory_ids)
    }

    fn levels(&self) -> impl Iterator<Item = &Level> {
        [&self.platform].into_iter().chain(&self.module)
    }
}

/// The identity of the TDX module of this version (TEE_TCB_SVN 1); version 0 has none of its own.
///
/// # Errors
/// The TCB info does not know the version.
pub(crate) fn module_identity<'a>(
    document: &'a PlatformDocument,
    svn: &[u8; 16],
) -> Result<Option<&'a TdxModuleIdentity>, TdxRejection> {
    let found = document.info.tdx_module_identity(svn);
    found.map_err(|_| TdxRejection::ModuleUnknown(svn[1]))
}

fn module_level(
    document: &PlatformDocument,
    svn: &[u8; 16],
) -> Result<Option<Level>, TdxRejection> {
    let Some(identity) = module_identity(document, svn)? else {
        return Ok(None);
    };
    let met = identity
        .tcb_levels
        .iter()
        .find(|level| level.shortfall(svn).is_none());
    let level = met.ok_or(TdxRejection::ModuleNoLevel(svn[0]))?;
    Ok(Some(Level {
        status: level.tcb_status,
        advisories: level.advisory_ids.clone(),
        date: level.tcb_date.clone(),
    }))
}

/// The quoting enclave's own state, and the level as it counts.
fn qe_level(document: &QeDocument, qe: &EnclaveReport) -> Result<(TcbStatus, Level), TdxRejection> {
    let met = document
        .identity
        .tcb_levels
        .iter()
        .find(|level| level.tcb.isvsvn <= qe.isv_svn);
    let level = met.ok_or(TdxRejection::QeNoLevel(qe.isv_svn))?;
    let counts = Level {
        status: as_quoting_enclave(level.tcb_status),
        advisories: level.advisory_ids.clone(),
        date: level.tcb_date.clone(),
    };
    Ok((level.tcb_status, counts))
}

/// A quoting enclave has nothing to configure: what is neither good nor revoked is out of date
/// (`EnclaveReportVerifier` of Intel's library).
const fn as_quoting_enclave(status: TcbStatus) -> TcbStatus {
    match status {
        TcbStatus::UpToDate | TcbStatus::Revoked => status,
        _ => TcbStatus::OutOfDate,
    }
}

/// What is left of a platform's state when its age is forgiven.
const fn but_for_age(status: TcbStatus) -> TcbStatus {
    match status {
        TcbStatus::OutOfDate => TcbStatus::UpToDate,
        TcbStatus::OutOfDateConfigurationNeeded => TcbStatus::ConfigurationNeeded,
        other => other,
    }
}

/// The oldest date of the levels that are out of date; of all, where none is.
fn oldest(levels: &[&Level]) -> String {
    let late = levels.iter().filter(|level| is_out_of_date(level.status));
    let of = |level: &&&Level| instant::seconds(&level.date).unwrap_or(0);
    let oldest = late.min_by_key(of).or_else(|| levels.iter().min_by_key(of));
    oldest.map(|level| level.date.clone()).unwrap_or_default()
}

/// A newer version exists that mends something.
pub(crate) const fn is_out_of_date(status: TcbStatus) -> bool {
    matches!(
        status,
        TcbStatus::OutOfDate | TcbStatus::OutOfDateConfigurationNeeded
    )
}

const fn needs_configuration(status: TcbStatus) -> bool {
    matches!(
        status,
        TcbStatus::ConfigurationNeeded
            | TcbStatus::ConfigurationAndSWHardeningNeeded
            | TcbStatus::OutOfDateConfigurationNeeded
    )
}

/// A TD that was launched out of date and is not any more has to be launched again. One that has become out of date
/// since is so, of which Intel's library says nothing.
fn relaunch(launch: TcbStatus, now: TcbStatus) -> TcbStatus {
    if launch == TcbStatus::Revoked || now == TcbStatus::Revoked {
        return TcbStatus::Revoked;
    }
    match (is_out_of_date(launch), is_out_of_date(now)) {
        (false, true) => now,
        (false, false) | (true, true) => launch,
        (true, false) if needs_configuration(launch) || needs_configuration(now) => {
            TcbStatus::TDRelaunchAdvisedConfigurationNeeded
        }
        (true, false) => TcbStatus::TDRelaunchAdvised,
    }
}

fn add(to: &mut Vec<String>, from: Vec<String>) {
    for one in from {
        if !to.contains(&one) {
            to.push(one);
        }
    }
}
