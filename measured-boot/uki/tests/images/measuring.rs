//! Short ways of asking what is measured.

use crate::support::Parts;
use measured_boot_uki::{Boot, Measured, Pe, StubVersion, Uki, UkiFault, UkiRule};

/// The names that the stub of systemd 258 looks for.
pub const NAMES_258: &[u8] =
    b"\0.linux\0.osrel\0.cmdline\0.initrd\0.ucode\0.splash\0.dtb\0.uname\0.sbat\0.pcrsig\0\
.pcrpkey\0.profile\0.dtbauto\0.hwids\0.efifw\0";

/// The names and contents that are measured, in order.
pub fn measured_of(file: &[u8], given: Option<u16>, boot: &Boot) -> Result<Vec<String>, UkiFault> {
    with_measured(file, given, boot, |measured| {
        let sections = measured.sections().iter();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        sections
            .map(|one| format!("{}={}", one.kind, text(one.content.bytes())))
            .collect()
    })
}

pub fn with_measured<T>(
    file: &[u8],
    given: Option<u16>,
    boot: &Boot,
    then: impl FnOnce(&Measured) -> T,
) -> Result<T, UkiFault> {
    let pe = Pe::read(file).expect("a PE image");
    let uki = Uki::of(&pe)?;
    let rules = uki.stub().rules(given.map(StubVersion))?;
    uki.measured(&rules, boot).map(|measured| then(&measured))
}

pub fn measured(parts: &Parts) -> Vec<String> {
    measured_of(&parts.file(), None, &Boot::default()).expect("it can be predicted")
}

pub fn refused(parts: &Parts, boot: &Boot) -> (usize, UkiRule) {
    let fault = measured_of(&parts.file(), None, boot).expect_err("it cannot be predicted");
    (fault.offset, fault.rule)
}
