//! Known ways in which vCPUs turn out otherwise.

use super::variant::{Change, Dimension, Registers, Variant};
use crate::vmsa::feature_names;
use crate::{Launch, Piece};
use measured_boot_snp_abi::{PageType, Vmsa};
use zerocopy::FromBytes;

/// The known ways in which the vCPUs of any launch on KVM, EC2 or GCE turn out otherwise.
pub fn vmsa_variants<'a>(launch: &Launch<'a>) -> Vec<Variant<'a>> {
    let is_vmsa = |piece: &&Piece<'_>| piece.page_type == PageType::Vmsa;
    let planned = launch
        .pieces
        .iter()
        .find(is_vmsa)
        .and_then(|piece| Vmsa::read_from_bytes(piece.bytes.as_deref()?).ok());
    let Some(planned) = planned else {
        return Vec::new();
    };
    let mut variants = fpu();
    variants.extend(features(planned.sev_features.get()));
    variants.extend(cpus());
    variants.push(Variant {
        dimension: Dimension::VmsaAddress,
        says: "VMSAs are measured at 0xffffffffff000: the CPU has 52 bits of addresses, and the VMM passes the highest page of these".to_owned(),
        advice: None,
        change: Change::VmsaAddress(0xF_FFFF_FFFF_F000),
    });
    variants
}

fn registers<'a>(
    dimension: Dimension,
    says: String,
    advice: &'static str,
    registers: Registers,
) -> Variant<'a> {
    Variant {
        dimension,
        says,
        advice: Some(advice),
        change: Change::Registers(registers),
    }
}

fn fpu<'a>() -> Vec<Variant<'a>> {
    let known = [
        (0, 0, "Linux before 6.10, EC2 or GCE"),
        (0x1F80, 0, "what sev-snp-measure has for an SVSM"),
        (0x1F80, 0x37F, "Linux 6.10 and later"),
    ];
    let variant = |(mxcsr, fcw, who)| {
        registers(
            Dimension::Fpu,
            format!("MXCSR is {mxcsr:#x} and FCW {fcw:#x} ({who})"),
            "measure for the kernel that launches, or update the host",
            Registers::Fpu(mxcsr, fcw),
        )
    };
    known.into_iter().map(variant).collect()
}

/// The usual values, and every bit alone set or cleared.
fn features<'a>(planned: u64) -> Vec<Variant<'a>> {
    let mut values = vec![0x1, 0x21];
    values.extend((0..17).map(|bit| planned ^ 1 << bit));
    let mut known: Vec<u64> = Vec::new();
    for value in values {
        if value != planned && !known.contains(&value) {
            known.push(value);
        }
    }
    let variant = |value| {
        let names = feature_names(value).join(", ");
        registers(
            Dimension::Features,
            format!("SEV_FEATURES is {value:#x} ({names})"),
            "pass what the host sets as --guest-features, or have it set less",
            Registers::Features(value),
        )
    };
    known.into_iter().map(variant).collect()
}

fn cpus<'a>() -> Vec<Variant<'a>> {
    let known = [
        (0x0080_0F12, "EPYC: Naples"),
        (0x0083_0F10, "EPYC-Rome"),
        (0x00A0_0F11, "EPYC-Milan"),
        (0x00A1_0F10, "EPYC-Genoa"),
        (0x00B0_0F00, "EPYC-Turin"),
        (0x600, "EC2 since 2026, GCE"),
        (0, "EC2 before 2026"),
    ];
    let variant = |(rdx, who): (u64, &str)| {
        registers(
            Dimension::Cpu,
            format!("RDX is {rdx:#x} ({who})"),
            "pass the CPU type that the guest has (-cpu of QEMU) as --vcpu-type",
            Registers::Rdx(rdx),
        )
    };
    known.into_iter().map(variant).collect()
}
