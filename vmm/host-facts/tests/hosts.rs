//! Hosts as documentation describes them, judged. None was recorded on a machine.

use std::fs;
use std::path::Path;

use vmm_host_facts::{
    Facts, Finding, Judgement, Recording, State, Tee, TeeVerdict, Verdict, judge,
};

fn recording(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts");
    let path = path.join(format!("{name}.toml"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn judged(text: &str) -> Judgement {
    let recording = Recording::from_toml(text).expect("it is a recording");
    judge(&Facts::read(recording))
}

fn host(name: &str) -> Judgement {
    judged(&recording(name))
}

fn of(judgement: &Judgement, tee: Tee) -> &TeeVerdict {
    let found = judgement.verdicts.iter().find(|one| one.tee == tee);
    found.expect("there is a verdict on every TEE")
}

fn finding<'a>(judgement: &'a Judgement, item: &str) -> &'a Finding {
    let found = judgement.findings.iter().find(|one| one.item == item);
    found.unwrap_or_else(|| panic!("nothing is said of {item}"))
}

/// Simulated, SNP, TDX.
fn verdicts(judgement: &Judgement) -> [Verdict; 3] {
    Tee::ALL.map(|tee| of(judgement, tee).verdict)
}

fn remedies(judgement: &Judgement, tee: Tee) -> Vec<&'static str> {
    let changes = of(judgement, tee).changes.iter();
    changes.map(|change| change.remedy).collect()
}

use Verdict::{Can, Cannot, Unclear};

#[test]
fn milan_with_snp_on_can_run_snp() {
    let host = host("milan-snp");
    assert_eq!(verdicts(&host), [Can, Can, Cannot]);
    assert_eq!(finding(&host, "snp-api").found, "1.55 build 21");
    let lacking: Vec<&str> = host
        .findings
        .iter()
        .filter(|f| f.needed_for.contains(&Tee::Snp) && f.remedy.is_some())
        .map(|f| f.item)
        .collect();
    assert_eq!(lacking, [""; 0]);
    assert!(of(&host, Tee::Tdx).fixed[0].contains("not Intel's"));
}

/// KVM would launch a guest there, and our shim would not know which addresses are private.
#[test]
fn host_whose_c_bit_is_not_the_shims_cannot_run_snp_whatever_kvm_says() {
    let text = recording("milan-snp");
    let c_bit_at_47 = "\"8000001f.0\" = \"0101fd3f 0000416f";
    let host = judged(&text.replace("\"8000001f.0\" = \"0101fd3f 00004173", c_bit_at_47));
    assert_eq!(verdicts(&host), [Can, Cannot, Cannot]);
    assert_eq!(finding(&host, "vm-type-snp").state, State::Has);
    assert!(finding(&host, "c-bit").found.starts_with("bit 47"));
    let remedies = remedies(&host, Tee::Snp);
    assert_eq!(remedies, ["none yet: our shim knows the C-bit at 51 only"]);
}

#[test]
fn smee_off_is_the_one_thing_to_change() {
    let host = host("milan-smee-off");
    assert_eq!(verdicts(&host), [Can, Cannot, Cannot]);
    let remedies = remedies(&host, Tee::Snp);
    assert!(
        remedies.iter().any(|r| r.contains("BIOS: enable SMEE")),
        "{remedies:?}"
    );
    assert_eq!(remedies.len(), 1, "{remedies:?}");
}

/// The register says it best, and is not always there.
#[test]
fn smee_off_is_seen_without_the_register_too() {
    let text = recording("milan-smee-off").replace("\"c0010010\" = \"0x740000\"\n", "");
    let text = text.replace("SEV: memory encryption not enabled by BIOS\n", "");
    let host = judged(&text);
    let seen = finding(&host, "bios-smee");
    assert_eq!(seen.state, State::Lacks);
    assert!(seen.found.contains("the kernel hides it"), "{}", seen.found);
}

#[test]
fn passthrough_is_the_one_thing_to_change() {
    let host = host("genoa-iommu-passthrough");
    assert_eq!(verdicts(&host), [Can, Cannot, Cannot]);
    let remedies = remedies(&host, Tee::Snp);
    assert!(
        remedies.iter().all(|r| r.contains("remove iommu=pt")),
        "{remedies:?}"
    );
    let seen = finding(&host, "iommu-parameters");
    assert_eq!(seen.found, "the kernel was started with iommu=pt");
}

#[test]
fn emerald_rapids_with_tdx_on_can_run_tdx() {
    let host = host("emerald-rapids-tdx");
    assert_eq!(verdicts(&host), [Can, Cannot, Can]);
    assert!(of(&host, Tee::Snp).fixed[0].contains("not AMD's"));
    assert_eq!(finding(&host, "quote-service").state, State::Has);
    let bad: Vec<_> = host
        .findings
        .iter()
        .filter(|f| f.needed_for.contains(&Tee::Tdx) && f.remedy.is_some())
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn module_parameter_is_the_one_thing_to_change() {
    let host = host("emerald-rapids-parameter-off");
    assert_eq!(verdicts(&host), [Can, Cannot, Cannot]);
    let remedies = remedies(&host, Tee::Tdx);
    assert_eq!(
        remedies,
        ["kernel command line: kvm_intel.tdx=1 (it is off by default)"]
    );
}

/// Asking once more for what was asked for already would lead nobody on.
#[test]
fn parameter_that_kvm_refused_is_not_asked_for_again() {
    let text = recording("emerald-rapids-parameter-off");
    let text = text.replace("= \"nohibernate\"", "= \"nohibernate kvm_intel.tdx=1\"");
    let text = text.replace(
        "virt/tdx: BIOS enabled",
        "kvm_intel: APICv is required for TDX\\nx",
    );
    let remedies = remedies(&judged(&text), Tee::Tdx);
    assert_eq!(remedies.len(), 1, "{remedies:?}");
    assert!(
        remedies[0].contains("kvm_intel.enable_apicv=1"),
        "{remedies:?}"
    );
}

#[test]
fn debians_cloud_kernel_is_named_and_hosts_neither() {
    let host = host("debian-cloud-kernel");
    assert_eq!(verdicts(&host), [Can, Cannot, Cannot]);
    let seen = finding(&host, "known-kernel-snp");
    assert!(
        seen.found.contains("Debian's 6.12 cloud kernel"),
        "{}",
        seen.found
    );
    let remedies = remedies(&host, Tee::Snp);
    assert_eq!(remedies.len(), 1, "{remedies:?}");
    assert!(
        remedies[0].contains("built with KVM_AMD_SEV"),
        "{remedies:?}"
    );
}

/// By the name alone, where the configuration cannot be read.
#[test]
fn debians_cloud_kernel_is_named_on_intel_too() {
    let text = recording("emerald-rapids-tdx").replace("6.17.2-tdx", "6.12.117+deb12-cloud-amd64");
    let host = judged(&text);
    for item in ["known-kernel-snp", "known-kernel-tdx", "kernel-tdx"] {
        assert_eq!(finding(&host, item).state, State::Lacks, "{item}");
    }
}

#[test]
fn guest_without_nesting_has_to_change_what_is_below() {
    let host = host("guest-without-nesting");
    assert_eq!(verdicts(&host), [Cannot; 3]);
    let remedies = remedies(&host, Tee::Simulated);
    assert!(remedies[0].contains("on the machine below"), "{remedies:?}");
    assert!(!of(&host, Tee::Snp).fixed.is_empty());
    assert!(of(&host, Tee::Snp).changes.is_empty());
}

/// What a hypervisor shows as a register is no BIOS that somebody could set.
#[test]
fn bios_of_a_guest_is_not_asked_for() {
    let text = recording("guest-without-nesting") + "\n[msr]\n\"c0010114\" = \"0x10\"\n";
    let host = judged(&text);
    assert_eq!(finding(&host, "bios-svm").state, State::Unknown);
    let bare = judged(&text.replace(" hypervisor", ""));
    assert_eq!(finding(&bare, "bios-svm").state, State::Lacks);
}

#[test]
fn container_is_told_which_devices_to_pass_in() {
    let host = host("container-without-kvm");
    assert_eq!(verdicts(&host), [Cannot; 3]);
    let simulated = remedies(&host, Tee::Simulated);
    assert_eq!(
        simulated,
        ["pass the device into this container: --device /dev/kvm"]
    );
    let snp = remedies(&host, Tee::Snp);
    assert_eq!(snp.len(), 2, "{snp:?}");
    assert!(snp[1].ends_with("--device /dev/sev"), "{snp:?}");
}

#[test]
fn what_a_user_may_not_read_is_unknown_and_never_absent() {
    let host = host("milan-without-root");
    assert_eq!(verdicts(&host), [Unclear, Unclear, Cannot]);
    for item in [
        "kvm-device",
        "sev-device",
        "guest-memfd",
        "vm-type-snp",
        "bios-rmp",
        "log-snp",
    ] {
        let seen = finding(&host, item);
        assert_eq!(seen.state, State::Unknown, "{item}");
        assert!(
            seen.found.contains("permission denied"),
            "{item}: {}",
            seen.found
        );
        assert!(of(&host, Tee::Snp).unread.contains(&item), "{item}");
    }
}

#[test]
fn nothing_read_is_blank() {
    let text = "version = 1\norigin = 'nothing'\n";
    assert!(Facts::read(Recording::from_toml(text).unwrap()).is_blank());
    let milan = Recording::from_toml(&recording("milan-snp")).unwrap();
    assert!(!Facts::read(milan).is_blank());
}

/// A recording may come from anywhere.
#[test]
fn text_of_a_recording_is_escaped() {
    let text = recording("milan-snp").replace("AMD EPYC 7543", "\\u001b[2JEPYC\\u202e");
    let seen = finding(&judged(&text), "processor").found.clone();
    assert!(seen.contains("\\u{1b}[2JEPYC\\u{202e}"), "{seen}");
}

/// Every fixture says that it is made up.
#[test]
fn no_host_here_claims_to_be_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts");
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(text.starts_with("# A host that was made up from documentation"));
        assert!(text.contains("(made up from documentation)\"\n"));
    }
}
