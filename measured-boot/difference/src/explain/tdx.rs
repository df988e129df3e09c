//! What a TDX quote's registers were made of that are not the planned ones.

use crate::QuoteFields;
use measured_boot_event_log::{Algorithm, EventType, Log, Register};
use measured_boot_firmware::{Tdvf, TdvfSectionKind};
use measured_boot_tdx_launch::{PageOrder, TdHob, TdxLaunch};
use serde::Serialize;

/// Something that was found of a register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RegisterFinding {
    /// `MRTD`, `RTMR0`.
    pub register: &'static str,
    /// Whether it is as planned.
    pub as_planned: bool,
    /// What it is, in words.
    pub says: String,
}

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

/// Whether MRTD is that of a launch, in either order of its pages.
pub fn explain_mrtd(quote: &QuoteFields<'_>, launch: &TdxLaunch<'_>) -> RegisterFinding {
    let is = |order| launch.mrtd(order).0 == quote.mrtd();
    let (as_planned, says) = if is(PageOrder::SinglePass) {
        (true, "the image's, each page extended as it is added")
    } else if is(PageOrder::TwoPass) {
        (
            false,
            "this image's in two-pass order: the host's kernel adds all pages of a section before it extends them; plan with --two-pass of `tdx`, and give what it prints with -o json as --against",
        )
    } else {
        (
            false,
            "of another image, or of this one with another payload: neither order of its pages gives it",
        )
    };
    RegisterFinding {
        register: "MRTD",
        as_planned,
        says: says.to_owned(),
    }
}

/// What of RTMR0 can be told from the log that the quote's registers vouch for: the list of memory and the
/// variable store.
pub fn explain_rtmr0(log: &Log<'_>, tdvf: &Tdvf<'_>, memory: Option<u64>) -> Vec<RegisterFinding> {
    let events = log
        .events
        .iter()
        .filter(|event| event.register == Register::Rtmr(0));
    let mut findings = Vec::new();
    let of_hob = events
        .clone()
        .find(|event| event.kind == EventType::EFI_HANDOFF_TABLES2);
    if let Some(digest) = of_hob.and_then(|event| event.digest(Algorithm::SHA384)) {
        findings.push(memory_of(digest, tdvf, memory));
    }
    let of_store = events
        .filter(|event| event.kind == EventType::EFI_PLATFORM_FIRMWARE_BLOB2)
        .find_map(|event| event.digest(Algorithm::SHA384));
    if let (Some(digest), Some(section)) = (of_store, tdvf.section(TdvfSectionKind::Cfv)) {
        let planned = measured_boot_digest::sha384(tdvf.contents(&section));
        findings.push(RegisterFinding {
            register: "RTMR0",
            as_planned: planned == *digest,
            says: match planned == *digest {
                true => "the variable store is the image's",
                false => "the variable store is not the image's: other keys, or a store that was written to before the launch",
            }
            .to_owned(),
        });
    }
    findings
}

/// Sizes of memory that machines have.
fn sizes() -> impl Iterator<Item = u64> {
    let small = (1..=16u64).map(|step| step * 256 * MIB);
    let large = (1..=512).map(|gib| gib * GIB);
    small.chain(large)
}

fn memory_of(digest: &[u8], tdvf: &Tdvf<'_>, planned: Option<u64>) -> RegisterFinding {
    let is = |bytes: &u64| TdHob::qemu(*bytes, tdvf).is_ok_and(|hob| hob.digest() == digest);
    let found = planned.into_iter().chain(sizes()).find(is);
    let words = |bytes: u64| match bytes % GIB {
        0 => format!("{} GiB", bytes / GIB),
        _ => format!("{} MiB", bytes / MIB),
    };
    let says = match (found, planned) {
        (Some(found), Some(planned)) if found == planned => {
            format!("the TD HOB is QEMU's for {}", words(found))
        }
        (Some(found), Some(planned)) => format!(
            "the TD HOB is QEMU's for {}, and {} are planned",
            words(found),
            words(planned)
        ),
        (Some(found), None) => format!("the TD HOB is QEMU's for {} of memory", words(found)),
        (None, _) => "the TD HOB is not QEMU's for any usual size of memory and this firmware's sections: another VMM, or another build".to_owned(),
    };
    RegisterFinding {
        register: "RTMR0",
        as_planned: found.is_some() && planned.is_none_or(|planned| Some(planned) == found),
        says,
    }
}
