//! What is predicted as the image has it, and yet may not be what was meant.

use measured_boot_uki::{Basis, Pe, Section, StubRules, UnifiedSection};

use super::Kernel;
use crate::text::count;

/// About the file as such.
pub fn of_file(pe: &Pe) -> Vec<String> {
    let gaps: usize = pe.gaps().iter().map(ExactSizeIterator::len).sum();
    let gaps = (gaps > 0).then(|| {
        format!(
            "{} between sections: firmware leaves out such bytes, and other tools may hash them",
            if gaps == 1 {
                "1 byte lies".to_owned()
            } else {
                format!("{gaps} bytes lie")
            }
        )
    });
    let end = pe.trailing().end;
    let symbols = pe.symbols().filter(|symbols| symbols.end > end);
    let symbols = symbols.map(|symbols| {
        format!("the symbol table is said to end at {:#x} and the image ends at {end:#x}: it may be cut off", symbols.end)
    });
    gaps.into_iter().chain(symbols).collect()
}

/// About a kernel and its stub.
pub fn of_kernel(kernel: &Kernel) -> Vec<String> {
    let mut warnings = of_stub(&kernel.rules);
    if kernel.authenticode.is_none() {
        warnings.push(".linux is no PE image that firmware could load by itself".to_owned());
    }
    let pe = kernel.uki.pe();
    let known = |section: &&Section| {
        UnifiedSection::named(section.name).is_some_and(|one| kernel.rules.measures(one))
    };
    for section in pe.sections().iter().filter(known) {
        warnings.extend(of_section(pe, section));
    }
    warnings
}

fn of_stub(rules: &StubRules) -> Vec<String> {
    let mut warnings = Vec::new();
    let names: Vec<_> = rules.differs.iter().map(|one| one.name()).collect();
    let names = names.join(" ");
    let version = rules.version;
    match rules.basis {
        Basis::Names => warnings.push(format!(
            "the stub says that it is {version}, but as to {names} it has the names of another version; it is these that count"
        )),
        Basis::Given if !names.is_empty() => warnings.push(format!(
            "the stub in this image does not measure as {version} does: as to {names} it has the names of another version"
        )),
        _ => {}
    }
    if version.is_newer_than_known() {
        warnings.push(format!(
            "systemd-stub {version} is newer than what is known here; sections that it added are left out"
        ));
    }
    warnings
}

fn of_section(pe: &Pe, section: &Section) -> Option<String> {
    let name = section.name;
    let slack = pe.file().get(section.slack()).unwrap_or_default();
    let zeros = section.virtual_size.saturating_sub(section.raw_size);
    if section.virtual_size == 0 && section.raw_size > 0 {
        Some(format!(
            "{name} has virtual size 0: stubs take it for absent"
        ))
    } else if zeros > 0 {
        Some(format!(
            "{name} is {} longer in memory than in the file: the stub measures these zeros, systemd-measure over the file that it was made of does not",
            count(zeros, "byte")
        ))
    } else if slack.iter().any(|byte| *byte != 0) {
        Some(format!(
            "{name} has bytes other than zero beyond its virtual size: PCR 11 does not show them"
        ))
    } else {
        None
    }
}
