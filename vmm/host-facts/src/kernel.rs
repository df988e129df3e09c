//! The kernel's release, and what kernels learned when.

use std::fmt;

use crate::remedy::{SNP_KERNEL, TDX_KERNEL};
use crate::tee::{Tee, Tees};

/// Major and minor number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u16,
    pub minor: u16,
}

impl Version {
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// It does not begin with two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the kernel's release does not begin with two numbers")]
pub struct ReleaseError;

/// A kernel's release, as `uname -r` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    pub text: String,
    pub version: Version,
}

impl Release {
    pub fn read(text: &str) -> Result<Self, ReleaseError> {
        let text = text.trim();
        let mut numbers = text.split(|c: char| !c.is_ascii_digit());
        let mut number = || numbers.next()?.parse().ok();
        let (major, minor) = (number(), number());
        let dotted = text.trim_start_matches(|c: char| c.is_ascii_digit());
        match (major, minor) {
            (Some(major), Some(minor)) if dotted.starts_with('.') => Ok(Self {
                text: text.to_owned(),
                version: Version::new(major, minor),
            }),
            _ => Err(ReleaseError),
        }
    }

    /// The kernel of this name, if it is known for something.
    pub fn known(&self) -> Option<&'static Known> {
        KNOWN.iter().find(|known| {
            (known.from..=known.to).contains(&self.version) && self.text.contains(known.part)
        })
    }
}

/// Something that kernels can do from a version on.
pub struct Feature {
    /// A name that does not change between versions.
    pub item: &'static str,
    pub name: &'static str,
    pub since: Version,
    /// Which TEEs it is about.
    pub tees: Tees,
    /// Whether they cannot be launched without it.
    pub is_needed: bool,
    /// What is so before that version.
    pub without: &'static str,
    /// What to change; empty where nothing is needed.
    pub remedy: &'static str,
}

const fn feature(
    item: &'static str,
    name: &'static str,
    since: (u16, u16),
    tees: Tees,
    is_needed: bool,
    without: &'static str,
) -> Feature {
    Feature {
        item,
        name,
        since: Version::new(since.0, since.1),
        tees,
        is_needed,
        without,
        remedy: match since.1 {
            16 => TDX_KERNEL,
            _ => SNP_KERNEL,
        },
    }
}

/// By the versions of Linux; a distribution may have brought some of it to an older kernel, so KVM's own answers count
/// more. Read in Linux 6.12 and in the pulls and documents of those that came later.
pub const FEATURES: [Feature; 9] = [
    feature(
        "kernel-snp",
        "SEV-SNP guests",
        (6, 11),
        &[Tee::Snp],
        true,
        "KVM launches no SEV-SNP guests",
    ),
    feature(
        "kernel-tdx",
        "TDX guests",
        (6, 16),
        &[Tee::Tdx],
        true,
        "KVM launches no TDX guests, whatever the host's TDX module does",
    ),
    feature(
        "kernel-snp-policies",
        "SNP policies without SMT, or for one socket",
        (6, 17),
        &[Tee::Snp],
        false,
        "KVM refuses an SNP policy that forbids SMT or asks for one socket (EINVAL)",
    ),
    feature(
        "kernel-snp-secure-tsc",
        "secure TSC for SNP",
        (6, 18),
        &[Tee::Snp],
        false,
        "an SNP guest's TSC is the host's to scale",
    ),
    feature(
        "kernel-snp-ciphertext-hiding",
        "ciphertext hiding for SNP",
        (6, 18),
        &[Tee::Snp],
        false,
        "the host reads an SNP guest's ciphertext",
    ),
    feature(
        "kernel-guest-memfd-flags",
        "guest_memfd that the host maps",
        (6, 18),
        &[Tee::Snp, Tee::Tdx],
        false,
        "guest_memfd takes no flags, and shared memory needs a backing of its own",
    ),
    feature(
        "kernel-snp-policy-mask",
        "the mask of SNP policy bits",
        (6, 19),
        &[Tee::Snp],
        false,
        "KVM does not tell which SNP policy bits it takes; CXL, AES-XTS, RAPL and ciphertext bits are EINVAL",
    ),
    feature(
        "kernel-tdx-locks",
        "launch of a TD under all locks",
        (6, 19),
        &[Tee::Tdx],
        false,
        "calls of a TD's launch may race with its vCPUs; we make them from one thread",
    ),
    feature(
        "kernel-snp-certificates",
        "SNP certificates through the VMM",
        (7, 0),
        &[Tee::Snp],
        false,
        "guests get no certificates with their reports: the verifier fetches them",
    ),
];

/// A kernel that is known by its name.
pub struct Known {
    part: &'static str,
    from: Version,
    to: Version,
    pub name: &'static str,
    pub lacks: &'static str,
    /// What it hosts none of.
    pub hosts_no: Tees,
}

const V6_1: Version = Version::new(6, 1);
const V6_12: Version = Version::new(6, 12);

/// Debian 6.12's cloud configuration was read (`linux-source-6.12` 6.12.117-1~deb12u1); the others follow from their
/// version alone.
pub const KNOWN: [Known; 4] = [
    Known {
        part: "cloud-amd64",
        from: V6_12,
        to: V6_12,
        name: "Debian's 6.12 cloud kernel",
        lacks: "it is built without CRYPTO_DEV_CCP, KVM_AMD_SEV and AMD_IOMMU, and with KEXEC_CORE, which shuts \
                INTEL_TDX_HOST out; it is a good guest, and no host for SNP or TDX whatever the hardware",
        hosts_no: &[Tee::Snp, Tee::Tdx],
    },
    Known {
        part: "deb1",
        from: V6_12,
        to: V6_12,
        name: "Debian's 6.12 kernel",
        lacks: "6.12 has no TDX guests in KVM",
        hosts_no: &[Tee::Tdx],
    },
    Known {
        part: "amd64",
        from: V6_1,
        to: V6_1,
        name: "Debian 12's 6.1 kernel",
        lacks: "6.1 has neither SEV-SNP nor TDX guests in KVM",
        hosts_no: &[Tee::Snp, Tee::Tdx],
    },
    Known {
        part: "-generic",
        from: Version::new(6, 8),
        to: Version::new(6, 8),
        name: "Ubuntu 24.04's 6.8 kernel",
        lacks: "6.8 has neither SEV-SNP nor TDX guests in KVM",
        hosts_no: &[Tee::Snp, Tee::Tdx],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn known(text: &str) -> Option<&'static str> {
        Release::read(text).unwrap().known().map(|known| known.name)
    }

    #[test]
    fn release_begins_with_two_numbers_or_is_refused() {
        let release = Release::read("6.18.44-fc-v669\n").unwrap();
        assert_eq!(release.version, Version::new(6, 18));
        assert_eq!(release.version.to_string(), "6.18");
        for text in ["", "6", "6-18", "x6.18", ".6", "70000.1", "6.x"] {
            assert_eq!(Release::read(text), Err(ReleaseError), "{text}");
        }
    }

    #[test]
    fn kernels_that_cannot_host_are_known_by_name() {
        let cloud = Some("Debian's 6.12 cloud kernel");
        assert_eq!(known("6.12.117+deb12-cloud-amd64"), cloud);
        assert_eq!(known("6.12.48+deb13-amd64"), Some("Debian's 6.12 kernel"));
        assert_eq!(known("6.1.0-40-amd64"), Some("Debian 12's 6.1 kernel"));
        assert_eq!(known("6.8.0-31-generic"), Some("Ubuntu 24.04's 6.8 kernel"));
        assert_eq!(known("6.17.0-cloud-amd64"), None);
    }
}
