//! The kernel's command line, of which only parameters that matter here are ever kept: others may be secret.

/// A parameter is kept when its name is one of these, or is of one of the modules below.
const NAMES: [&str; 12] = [
    "amd_iommu",
    "clearcpuid",
    "intel_iommu",
    "iommu",
    "iommu.passthrough",
    "mem_encrypt",
    "mitigations",
    "nohibernate",
    "nomodule",
    "nosmt",
    "tdx_host",
    "tsx",
];
const MODULES: [&str; 4] = ["ccp.", "kvm.", "kvm_amd.", "kvm_intel."];

/// Of a whole command line, what matters here. The kernel takes `-` in names for `_`.
#[must_use]
pub fn kept(line: &str) -> String {
    let kept = line.split_whitespace().filter(|word| {
        let name = word.split('=').next().unwrap_or(word).replace('-', "_");
        NAMES.contains(&name.as_str()) || MODULES.iter().any(|module| name.starts_with(module))
    });
    kept.collect::<Vec<_>>().join(" ")
}

/// The parameter's value; empty if it has none. The last one counts, as for the kernel.
pub fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let words = line.split_whitespace().rev();
    words
        .map(|word| word.split_once('=').unwrap_or((word, "")))
        .find(|(key, _)| key.replace('-', "_") == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_others_are_never_kept() {
        let line = "root=UUID=1 token=secret iommu=pt kvm-amd.sev=1 nosmt debug";
        assert_eq!(kept(line), "iommu=pt kvm-amd.sev=1 nosmt");
    }

    #[test]
    fn last_of_a_parameter_counts() {
        let line = "iommu=pt nosmt iommu=nopt kvm-intel.tdx=1";
        assert_eq!(value(line, "iommu"), Some("nopt"));
        assert_eq!(value(line, "nosmt"), Some(""));
        assert_eq!(value(line, "kvm_intel.tdx"), Some("1"));
        assert_eq!(value(line, "amd_iommu"), None);
    }
}
