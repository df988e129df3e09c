//! A host's answers, read.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::cpuinfo::Cpuinfo;
use crate::kernel::Release;
use crate::misc;
use crate::platform_status::PlatformStatus;
use crate::questions::{self, Section, msr};
use crate::reading::Reading;
use crate::recording::Recording;

/// Who made the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    Amd,
    Intel,
}

/// Everything that a recording says, read strictly. What cannot be understood counts as not read.
pub struct Facts {
    recording: Recording,
    pub(crate) cpu: Reading<Cpuinfo>,
    pub(crate) config: Reading<Config>,
    pub(crate) release: Reading<Release>,
    pub(crate) capacity: Reading<BTreeMap<String, u64>>,
    pub(crate) status: Reading<PlatformStatus>,
}

impl Facts {
    /// Reads a recording.
    #[must_use]
    pub fn read(recording: Recording) -> Self {
        let file = |path| recording.get(Section::Files, path);
        let status = recording.get(Section::Sev, questions::SNP_PLATFORM_STATUS);
        let status =
            status.and_then(|text| bytes(text).and_then(|b| PlatformStatus::read(&b).into()));
        Self {
            cpu: file(questions::CPUINFO).and_then(|text| Cpuinfo::read(text).into()),
            config: file(questions::CONFIG).and_then(|text| Config::read(text).into()),
            release: file(questions::RELEASE).and_then(|text| Release::read(text).into()),
            capacity: file(questions::MISC_CAPACITY).and_then(|text| misc::capacity(text).into()),
            status,
            recording,
        }
    }

    /// Where the answers come from, escaped.
    #[must_use]
    pub fn origin(&self) -> String {
        crate::shown(&self.recording.origin)
    }

    /// Whether nothing at all was told, so that no judgement would mean anything.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        let cpu = matches!(self.cpu, Reading::Told(_));
        let cpuid = matches!(self.cpuid(0, 0), Reading::Told(_));
        !cpu && !cpuid
    }

    pub(crate) fn file(&self, path: &str) -> Reading<&str> {
        self.recording.get(Section::Files, path).map(str::trim)
    }

    /// CPUID's word of the vendor, or the kernel's.
    pub(crate) fn vendor(&self) -> Option<Vendor> {
        let told = self.cpuid(0, 0).map(|[_, ebx, ecx, edx]| {
            let bytes = [ebx, edx, ecx].map(u32::to_le_bytes).concat();
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let kernels = self.cpu.clone().map(|cpu| cpu.vendor);
        match told.or(|| kernels).told().as_deref() {
            Some("AuthenticAMD") => Some(Vendor::Amd),
            Some("GenuineIntel") => Some(Vendor::Intel),
            _ => None,
        }
    }

    pub(crate) fn flag(&self, flag: &str) -> Reading<bool> {
        self.cpu.clone().map(|cpu| cpu.has(flag))
    }

    /// Whether this processor is told that it runs under a hypervisor.
    pub(crate) fn is_guest(&self) -> bool {
        self.flag("hypervisor") == Reading::Told(true)
    }

    /// EAX, EBX, ECX, EDX.
    pub(crate) fn cpuid(&self, leaf: u32, subleaf: u32) -> Reading<[u32; 4]> {
        let key = questions::cpuid_key(leaf, subleaf);
        self.recording.get(Section::Cpuid, &key).and_then(words)
    }

    pub(crate) fn msr(&self, register: u32) -> Reading<u64> {
        let key = questions::msr_key(register);
        self.recording.get(Section::Msr, &key).and_then(number)
    }

    /// First and last byte of the RMP; none where the BIOS reserved none.
    pub(crate) fn rmp(&self) -> Reading<Option<(u64, u64)>> {
        self.msr(msr::RMP_BASE).and_then(|base| {
            let end = self.msr(msr::RMP_END);
            end.map(|end| (base != 0 && end > base).then_some((base, end)))
        })
    }

    pub(crate) fn kvm_api(&self) -> Reading<u64> {
        let api = self.recording.get(Section::Kvm, questions::KVM_API);
        api.and_then(number)
    }

    pub(crate) fn capability(&self, capability: u32) -> Reading<u64> {
        let key = questions::capability_key(capability);
        self.recording.get(Section::Kvm, &key).and_then(number)
    }

    /// An attribute of /dev/kvm; absent where this KVM does not know it.
    pub(crate) fn attribute(&self, group: u32, attribute: u64) -> Reading<u64> {
        let key = questions::attribute_key(group, attribute);
        self.recording.get(Section::Kvm, &key).and_then(number)
    }

    /// A module's parameter by `module.name`; absent too where the module is not loaded.
    pub(crate) fn parameter(&self, name: &str) -> Reading<&str> {
        match name.split_once('.') {
            Some((module, name)) => self.file(&format!("/sys/module/{module}/parameters/{name}")),
            None => Reading::Unread(format!("{name} is no parameter of a module")),
        }
    }

    /// Whether a module is there, loaded or built in.
    pub(crate) fn has_module(&self, module: &str) -> bool {
        matches!(
            self.file(&format!("/sys/module/{module}")),
            Reading::Told(_)
        )
    }
}

/// A number in decimal, or in hexadecimal behind 0x.
fn number(text: &str) -> Reading<u64> {
    let text = text.trim();
    let read = match text.strip_prefix("0x") {
        Some(digits) if !digits.starts_with('+') => u64::from_str_radix(digits, 16),
        Some(_) => return Reading::Unread("it is no number".to_owned()),
        None => text.parse(),
    };
    read.map_err(|_| "it is no number").into()
}

/// Four words in hexadecimal.
fn words(text: &str) -> Reading<[u32; 4]> {
    let words = text.split_whitespace().map(|word| match word.len() {
        8 => u32::from_str_radix(word, 16).ok(),
        _ => None,
    });
    let words: Option<Vec<u32>> = words.collect();
    let words = words.and_then(|words| <[u32; 4]>::try_from(words).ok());
    words.ok_or("it is not four words in hexadecimal").into()
}

/// Bytes in hexadecimal, blanks between them or not.
fn bytes(text: &str) -> Reading<Vec<u8>> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let byte = |pair: &[char]| match pair {
        [high, low] => u8::try_from(high.to_digit(16)? * 16 + low.to_digit(16)?).ok(),
        _ => None,
    };
    let read: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    read.ok_or("it is not bytes in hexadecimal").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_or_hexadecimal_and_nothing_else() {
        assert_eq!(number(" 12\n"), Reading::Told(12));
        assert_eq!(number("0x10"), Reading::Told(16));
        assert_eq!(number("0xffffffffffffffff"), Reading::Told(u64::MAX));
        for text in ["", "0x", "-1", "1.0", "0x10000000000000000", "0x+1", "Y"] {
            assert!(matches!(number(text), Reading::Unread(_)), "{text}");
        }
    }

    #[test]
    fn leaf_is_four_whole_words() {
        let leaf = words("00000001 00000002 00000003 ffffffff");
        assert_eq!(leaf, Reading::Told([1, 2, 3, u32::MAX]));
        let too_few = words("00000001 00000002 00000003");
        let too_short = words("1 2 3 4");
        for leaf in [too_few, too_short] {
            assert!(matches!(leaf, Reading::Unread(_)));
        }
    }

    #[test]
    fn bytes_are_pairs_of_digits() {
        assert_eq!(bytes("0137 ff"), Reading::Told(vec![1, 0x37, 0xff]));
        for text in ["1", "0g", "+1"] {
            assert!(matches!(bytes(text), Reading::Unread(_)), "{text}");
        }
    }
}
