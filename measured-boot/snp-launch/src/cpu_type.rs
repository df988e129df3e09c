//! QEMU's CPU types and the signatures that they give a vCPU.

use std::fmt;
use std::str::FromStr;

/// CPUID Fn0000_0001_EAX: what RDX holds when an AMD processor comes out of reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuSignature(pub u32);

/// There is no such CPU type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "vCPU type `{name}` is not known: {known} are, with or without a version (EPYC-Milan-v2); of another, give the signature"
)]
pub struct UnknownCpuType {
    name: String,
    known: String,
}

/// Family, model and stepping of QEMU's AMD CPU models (QEMU 10, `target/i386/cpu.c`), and the suffixes
/// that a name may have. A version changes features and caches, never these.
const TYPES: [(&str, CpuSignature, &[&str]); 5] = [
    (
        "EPYC",
        CpuSignature::of(0x17, 1, 2),
        &["", "-v1", "-v2", "-v3", "-v4", "-v5", "-IBPB"],
    ),
    (
        "EPYC-Rome",
        CpuSignature::of(0x17, 49, 0),
        &["", "-v1", "-v2", "-v3", "-v4", "-v5"],
    ),
    (
        "EPYC-Milan",
        CpuSignature::of(0x19, 1, 1),
        &["", "-v1", "-v2", "-v3"],
    ),
    (
        "EPYC-Genoa",
        CpuSignature::of(0x19, 17, 0),
        &["", "-v1", "-v2", "-v3"],
    ),
    (
        "EPYC-Turin",
        CpuSignature::of(0x1A, 0, 0),
        &["", "-v1", "-v2"],
    ),
];

impl CpuSignature {
    /// From family, model and stepping (APM volume 3, CPUID Fn0000_0001_EAX): a family above 15 goes on
    /// in the extended family, a model's high half is the extended model.
    const fn of(family: u32, model: u32, stepping: u32) -> Self {
        let (base, extended) = if family > 0xF {
            (0xF, family - 0xF)
        } else {
            (family, 0)
        };
        Self(extended << 20 | (model >> 4) << 16 | base << 8 | (model & 0xF) << 4 | stepping)
    }
}

impl fmt::Display for CpuSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

impl FromStr for CpuSignature {
    type Err = UnknownCpuType;

    /// From the name of a CPU type, without regard to case.
    fn from_str(name: &str) -> Result<Self, UnknownCpuType> {
        let is_it = |start: &str, suffixes: &[&str]| {
            let mut names = suffixes.iter().map(|suffix| format!("{start}{suffix}"));
            names.any(|one| one.eq_ignore_ascii_case(name))
        };
        TYPES
            .iter()
            .find(|(start, _, suffixes)| is_it(start, suffixes))
            .map(|(_, signature, _)| *signature)
            .ok_or_else(|| UnknownCpuType {
                name: name.to_owned(),
                known: TYPES.map(|(start, ..)| start).join(", "),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_signatures_of_their_processors() {
        for (name, signature) in [
            ("EPYC", 0x0080_0F12),
            ("epyc-ibpb", 0x0080_0F12),
            ("EPYC-v4", 0x0080_0F12),
            ("EPYC-Rome-v2", 0x0083_0F10),
            ("EPYC-Milan", 0x00A0_0F11),
            ("EPYC-Genoa-v1", 0x00A1_0F10),
            ("EPYC-Turin", 0x00B0_0F00),
        ] {
            assert_eq!(name.parse(), Ok(CpuSignature(signature)), "{name}");
        }
    }

    #[test]
    fn type_of_no_certain_signature_is_refused_with_those_that_are_known() {
        for name in ["host", "max", "EPYC-v99", "EPYC-Milan-v", ""] {
            let error = name.parse::<CpuSignature>().unwrap_err().to_string();
            assert!(error.contains("EPYC, EPYC-Rome, EPYC-Milan"), "{error}");
        }
    }
}
