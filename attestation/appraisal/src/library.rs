//! The policies that come with this crate.

use crate::canonical;
use crate::engine::Names;
use crate::references::{self, Rules};
use regorus::Engine;
use std::collections::BTreeSet;
use std::sync::OnceLock;

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
    "simulated", "simulated";
    "sample", "sample";
}

/// The line that every policy has, and that makes it the one that is evaluated.
const OWN_PACKAGE: &str = "package cloister.appraisal\n";

impl Shipped {
    /// Its Rego under the name that others import it by: the same lines but for that of the package.
    pub(crate) fn as_library(&self) -> String {
        let own = format!("package cloister.{}\n", self.package);
        self.source.replacen(OWN_PACKAGE, &own, 1)
    }
}

/// What is known of a shipped policy once it is parsed.
struct Known {
    rules: Rules,
    /// The packages that it names.
    names: BTreeSet<&'static str>,
}

impl Known {
    fn of(one: &Shipped) -> anyhow::Result<Self> {
        let mut engine = Engine::new();
        engine.add_policy(one.name.to_owned(), one.source.to_owned())?;
        let modules = engine.get_modules().first();
        let module = modules.ok_or_else(|| anyhow::anyhow!("no module"))?;
        Ok(Self {
            rules: references::rules_of(module),
            names: references::check(module, Names::Shipped)?.policies,
        })
    }
}

/// Each is parsed when it is first named: most policies name one or two.
static KNOWN: [OnceLock<Known>; SHIPPED.len()] = [const { OnceLock::new() }; SHIPPED.len()];

fn known(package: &str) -> Option<&'static Known> {
    let mut all = SHIPPED.iter().zip(&KNOWN);
    let (one, known) = all.find(|(one, _)| one.package == package)?;
    Some(known.get_or_init(|| Known::of(one).expect("the shipped policies are tested")))
}

/// The rules of a shipped policy.
pub(crate) fn rules(package: &str) -> Option<&'static Rules> {
    known(package).map(|known| &known.rules)
}

/// The packages of the shipped policies.
pub(crate) fn packages() -> impl Iterator<Item = &'static str> + Clone {
    SHIPPED.iter().map(|one| one.package)
}

/// The shipped policies of these packages, and those that these name.
pub(crate) fn with_theirs(packages: &BTreeSet<&'static str>) -> Vec<&'static Shipped> {
    let mut found = BTreeSet::new();
    let mut left: Vec<&str> = packages.iter().copied().collect();
    while let Some(package) = left.pop() {
        if found.insert(package) {
            left.extend(known(package).into_iter().flat_map(|known| &known.names));
        }
    }
    let named = SHIPPED.iter().filter(|one| found.contains(one.package));
    named.collect()
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
