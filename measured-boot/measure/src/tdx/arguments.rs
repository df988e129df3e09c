//! The options.

use clap::ValueEnum;
use measured_boot_tdx_launch::{BootProfile, Register, VariableName};
use measured_boot_uki::StubVersion;
use std::path::PathBuf;

use crate::Output;

#[derive(clap::Args)]
pub struct TdxArguments {
    /// The firmware: a TDVF image, such as OVMF.fd.
    #[arg(long, value_name = "FILE", required_unless_present = "igvm")]
    pub(super) firmware: Option<PathBuf>,
    /// The firmware's variables, where these are a file of their own (OVMF_VARS.fd): they lie in front of it.
    #[arg(long, value_name = "FILE", requires = "firmware")]
    pub(super) firmware_vars: Option<PathBuf>,
    /// An IGVM file instead of firmware.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["firmware", "two_pass", "payload"])]
    pub(super) igvm: Option<PathBuf>,
    /// The VMM adds all pages of a section before it extends them, as kernels did before TDX came to Linux.
    #[arg(long)]
    pub(super) two_pass: bool,
    /// What the VMM puts into a Payload section that the firmware leaves empty.
    #[arg(long, value_name = "FILE")]
    pub(super) payload: Option<PathBuf>,
    /// The guest's memory, such as 2G or 2048M, for the TD HOB as QEMU writes it (RTMR0).
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(super) memory: Option<u64>,
    /// The TD HOB of another VMM (RTMR0).
    #[arg(long, value_name = "FILE")]
    pub(super) td_hob: Option<PathBuf>,
    /// SHA-384 of the TD HOB instead (RTMR0).
    #[arg(long, value_name = "HEX", value_parser = digest, conflicts_with = "td_hob")]
    pub(super) td_hob_digest: Option<[u8; 48]>,
    /// QEMU's etc/acpi/tables (RTMR0).
    #[arg(long, value_name = "FILE")]
    pub(super) acpi_tables: Option<PathBuf>,
    /// QEMU's etc/acpi/rsdp; derived from the tables unless given (RTMR0).
    #[arg(long, value_name = "FILE")]
    pub(super) acpi_rsdp: Option<PathBuf>,
    /// QEMU's etc/table-loader; derived from the tables unless given (RTMR0).
    #[arg(long, value_name = "FILE")]
    pub(super) table_loader: Option<PathBuf>,
    /// A UEFI variable of Secure Boot: SecureBoot, PK, KEK, db or dbx, and its contents; none of them is
    /// there unless given (RTMR0).
    #[arg(long, value_name = "NAME=FILE", value_parser = variable)]
    pub(super) efi_variable: Vec<(VariableName, PathBuf)>,
    /// The contents of the variable BootOrder (RTMR0).
    #[arg(long, value_name = "FILE", requires = "boot_entry")]
    pub(super) boot_order: Option<PathBuf>,
    /// The contents of a Boot#### variable, in the order in which BootOrder lists them (RTMR0).
    #[arg(long, value_name = "NUMBER=FILE", value_parser = boot_entry, requires = "boot_order")]
    pub(super) boot_entry: Vec<(u16, PathBuf)>,
    /// The Linux kernel that QEMU hands to the firmware (RTMR1, RTMR2).
    #[arg(long, value_name = "FILE", conflicts_with = "uki")]
    pub(super) kernel: Option<PathBuf>,
    /// Its initrd (RTMR2).
    #[arg(long, value_name = "FILE", requires = "kernel")]
    pub(super) initrd: Option<PathBuf>,
    /// Its command line (RTMR2).
    #[arg(long, value_name = "TEXT", requires = "kernel")]
    pub(super) append: Option<String>,
    /// Whether the firmware measures the kernel as the file is, or with the header that QEMU fills in
    /// (RTMR1).
    #[arg(long, value_name = "HOW", default_value = "as-is", requires = "kernel")]
    pub(super) kernel_header: KernelHeader,
    /// The unified kernel image that the firmware starts from a disk (RTMR1, RTMR2).
    #[arg(long, value_name = "FILE")]
    pub(super) uki: Option<PathBuf>,
    /// Measure as systemd-stub of this version does, such as 252, whatever the UKI says (RTMR2).
    #[arg(long, value_name = "VERSION", value_parser = stub_version, requires = "uki")]
    pub(super) stub: Option<StubVersion>,
    /// An image that is started before the UKI, such as a boot loader; in order (RTMR1).
    #[arg(long, value_name = "FILE", requires = "uki")]
    pub(super) boot_image: Vec<PathBuf>,
    /// What the firmware measures of the disk's partition table: the data of the event EV_EFI_GPT_EVENT
    /// (RTMR1).
    #[arg(long, value_name = "FILE", requires = "uki")]
    pub(super) gpt: Option<PathBuf>,
    /// Which firmware's habits.
    #[arg(long, value_name = "PROFILE", default_value = "edk2")]
    pub(super) profile: Profile,
    /// A further event, which comes after all others of its register: its digest, or the file that it
    /// hashes.
    #[arg(long, value_name = "RTMRn=HEX|FILE", value_parser = event)]
    pub(super) event: Vec<(Register, String)>,
    /// Show what MRTD, RTMRs and the rest of a report cover, too (JSON always does).
    #[arg(long)]
    pub(super) coverage: bool,
    /// How to print the result.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(super) output: Output,
}

/// What the firmware measures of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KernelHeader {
    /// The file: OVMF from edk2-stable202505 on.
    AsIs,
    /// The file with its header as QEMU fills it in: OVMF before that.
    Patched,
}

/// In what builds of firmware differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// One separator each in RTMR0 and RTMR1.
    Edk2,
    /// Two in RTMR0 and none in RTMR1, as older OVMF does.
    Edk2DuplicateSeparator,
}

impl Profile {
    pub(super) fn of_boot(self) -> BootProfile {
        match self {
            Self::Edk2 => BootProfile::Edk2,
            Self::Edk2DuplicateSeparator => BootProfile::Edk2DuplicateSeparator,
        }
    }
}

/// As QEMU reads it: without a letter, MiB.
fn size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'M' | b'm') => (&text[..text.len() - 1], 20),
        Some(b'G' | b'g') => (&text[..text.len() - 1], 30),
        Some(b'T' | b't') => (&text[..text.len() - 1], 40),
        _ => (text, 20),
    };
    let wrong = || "give a size such as 2G or 2048M".to_owned();
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).ok_or_else(wrong)
}

/// SHA-384 in hexadecimal digits.
pub(super) fn digest(text: &str) -> Result<[u8; 48], String> {
    let mut digest = [0; 48];
    let wrong = |_| "give a SHA-384: 96 hexadecimal digits".to_owned();
    hex::decode_to_slice(text, &mut digest).map_err(wrong)?;
    Ok(digest)
}

fn variable(text: &str) -> Result<(VariableName, PathBuf), String> {
    let (name, path) = pair(text)?;
    let mut known = VariableName::ALL.into_iter();
    let known = known.find(|variable| variable.name() == name);
    let variable = known.ok_or("SecureBoot, PK, KEK, db and dbx are known")?;
    Ok((variable, path.into()))
}

fn boot_entry(text: &str) -> Result<(u16, PathBuf), String> {
    let (number, path) = pair(text)?;
    let wrong = |_| "give the four digits of Boot####, such as 0001".to_owned();
    let number = u16::from_str_radix(number, 16).map_err(wrong)?;
    Ok((number, path.into()))
}

fn event(text: &str) -> Result<(Register, String), String> {
    let (name, value) = pair(text)?;
    let mut known = Register::ALL.into_iter();
    let register = known.find(|register| register.name().eq_ignore_ascii_case(name));
    let register = register.ok_or("rtmr0 to rtmr3 can be extended")?;
    Ok((register, value.to_owned()))
}

fn pair(text: &str) -> Result<(&str, &str), String> {
    text.split_once('=')
        .ok_or_else(|| "an = is missing".to_owned())
}

fn stub_version(text: &str) -> Result<StubVersion, String> {
    StubVersion::parse(text).ok_or_else(|| "give a version such as 252".to_owned())
}
