//! The policies that come with this crate.

use crate::canonical;

/// One of the policies that come with this crate: a whole policy, that others may build on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    /// Its name, which is its file's in `policies/appraisal`.
    pub name: &'static str,
    /// The package under which other policies import it: `data.cloister.PACKAGE`.
    pub package: &'static str,
    /// Its Rego.
    pub source: &'static str,
}

macro_rules! shipped {
    ($($name:literal, $package:literal;)*) => {
        /// Every policy that comes with this crate, the strict default first.
        pub const SHIPPED: &[Shipped] = &[$(Shipped {
            name: $name,
            package: $package,
            source: include_str!(concat!("../../../policies/appraisal/", $name, ".rego")),
        }),*];
    };
}

shipped! {
    "strict", "strict";
    "badram", "badram";
    "no-smt", "no_smt";
    "milan-vcek-seed", "milan_vcek_seed";
    "entrysign", "entrysign";
    "ciphertext-hiding", "ciphertext_hiding";
    "chip-allow-list", "chip_allow_list";
    "tpm-alone", "tpm_alone";
    "production", "production";
}

/// The line that every policy has, and that makes it the one that is evaluated.
const OWN_PACKAGE: &str = "package cloister.appraisal\n";

impl Shipped {
    /// Its Rego under the name that others import it by: the same lines but for that of the package.
    pub(crate) fn as_library(&self) -> String {
        let own = format!("package cloister.{}\n", self.package);
        self.source.replacen(OWN_PACKAGE, &own, 1)
    }

    fn is_named_in(&self, source: &str) -> bool {
        source.contains(&format!("data.cloister.{}", self.package))
    }
}

/// The shipped policies that a policy names, and those that these name.
pub(crate) fn named_in(source: &str) -> Vec<&'static Shipped> {
    let mut named: Vec<&Shipped> = Vec::new();
    loop {
        let next = SHIPPED.iter().find(|one| {
            let sources = std::iter::once(source).chain(named.iter().map(|named| named.source));
            !named.contains(one) && sources.into_iter().any(|text| one.is_named_in(text))
        });
        match next {
            Some(one) => named.push(one),
            None => return named,
        }
    }
}

/// The digest of all shipped policies: what a policy says may rest on them.
pub(crate) fn digest() -> String {
    let mut bytes = Vec::new();
    for one in SHIPPED {
        for part in [one.name, one.source] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
    }
    canonical::digest(&bytes)
}
