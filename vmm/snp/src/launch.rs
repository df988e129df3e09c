//! The steps of a launch, in the order that the kernel demands.
//!
//! INIT2 and ENABLE_REQ_CERTS go before any vCPU, LAUNCH_START once, pages are private before
//! LAUNCH_UPDATE, and after LAUNCH_FINISH nothing changes any more (Linux 6.12, arch/x86/kvm/svm/sev.c).

use measured_boot_snp_abi::PageType;
use vmm_conversion::{PageRange, RamLayout};
use vmm_kvm::{PageBuffer, SnpFinish, SnpUpdate};
use vmm_launch::PageRun;

use crate::calls::Calls;
use crate::{Offer, SnpError, corrections};

const PAGE: u64 = 4096;

/// How often the kernel is asked again although nothing was done the last time.
pub(crate) const MOST_IDLE: u32 = 1000;

/// What a launch begins with.
pub(crate) struct Beginning {
    /// SEV_FEATURES of every VMSA, as the plan has them: with SNP_ACTIVE.
    pub(crate) sev_features: u64,
    pub(crate) policy: u64,
    pub(crate) ram: RamLayout,
    /// Whether the guest's requests for certificates are to come here.
    pub(crate) wants_certificates: bool,
}

/// Begins a guest that has no vCPU yet, and makes all its memory private.
pub(crate) fn begin(
    calls: &mut impl Calls,
    offer: &Offer,
    beginning: &Beginning,
) -> Result<(), SnpError> {
    calls.init(offer.check_features(beginning.sev_features)?)?;
    if beginning.wants_certificates && offer.certificates {
        calls.enable_certificates()?;
    }
    calls.start(beginning.policy)?;
    beginning.ram.pieces().try_for_each(|pages| {
        let pages = pages.map_err(|_| SnpError::Pages {
            component: "memory",
            gpa: 0,
        })?;
        calls.make_private(pages).map_err(SnpError::Private)
    })
}

/// Has pages encrypted and measured.
pub(crate) fn load(calls: &mut impl Calls, run: &PageRun<'_>) -> Result<(), SnpError> {
    let component = run.component;
    let malformed = || SnpError::Pages {
        component,
        gpa: run.gpa,
    };
    if run.page_type == PageType::Vmsa {
        let number = run.page_type.number();
        return Err(SnpError::PageType { component, number });
    }
    PageRange::new(run.gpa, run.count).map_err(|_| malformed())?;
    if run.page_type == PageType::Zero {
        // The firmware writes the zeros: there is nothing to copy.
        return load_piece(calls, run, 0);
    }
    run.pieces().try_for_each(|piece| {
        let pages = usize::try_from(piece.count).map_err(|_| malformed())?;
        load_piece(calls, &piece, pages)
    })
}

/// With a source of so many pages.
fn load_piece(
    calls: &mut impl Calls,
    run: &PageRun<'_>,
    source_pages: usize,
) -> Result<(), SnpError> {
    let component = run.component;
    let gpa = run.gpa;
    let mut source =
        PageBuffer::new(run.bytes, source_pages).ok_or(SnpError::Pages { component, gpa })?;
    let update = SnpUpdate {
        first_frame: gpa / PAGE,
        left: run.count,
        page_type: run.page_type,
    };
    encrypt(calls, component, update, &mut source).map_err(|error| explain(error, run, &source))
}

/// The kernel does as many pages at a time as it likes, and tells a failure after the first page only at
/// the next call (Linux 6.12, `kvm_gmem_populate`).
fn encrypt(
    calls: &mut impl Calls,
    component: &'static str,
    mut update: SnpUpdate,
    source: &mut PageBuffer,
) -> Result<(), SnpError> {
    let mut idle = 0;
    while update.left > 0 {
        let before = update;
        match calls.update(&mut update, source) {
            Err(error) if !error.is_try_again() => return Err(error.into()),
            _ => {}
        }
        check_count(component, before, update)?;
        idle = if update.left < before.left {
            0
        } else {
            idle + 1
        };
        if idle > MOST_IDLE {
            let tries = idle;
            return Err(SnpError::NoProgress { component, tries });
        }
    }
    Ok(())
}

/// What is done and what is left must be what there was.
fn check_count(
    component: &'static str,
    before: SnpUpdate,
    after: SnpUpdate,
) -> Result<(), SnpError> {
    let SnpUpdate {
        first_frame, left, ..
    } = after;
    let done = before.left.checked_sub(left);
    match done.and_then(|done| before.first_frame.checked_add(done)) {
        Some(expected) if expected == first_frame => Ok(()),
        _ => Err(SnpError::LostCount {
            component,
            first_frame,
            left,
        }),
    }
}

/// A CPUID page that was refused may have come back with corrections. They are told, and never loaded.
fn explain(error: SnpError, run: &PageRun<'_>, returned: &PageBuffer) -> SnpError {
    match error {
        SnpError::Command(source)
            if run.page_type == PageType::Cpuid && source.is_invalid_parameter() =>
        {
            SnpError::Cpuid {
                corrections: corrections(run.bytes, returned.bytes()).unwrap_or_default(),
                source,
            }
        }
        other => other,
    }
}

/// Ends the launch.
pub(crate) fn finish(calls: &mut impl Calls, finish: &SnpFinish<'_>) -> Result<(), SnpError> {
    Ok(calls.finish(finish)?)
}

#[cfg(test)]
#[path = "launch_tests.rs"]
mod tests;
