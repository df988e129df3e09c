//! What `snp` is given.

use clap::error::ErrorKind;
use clap::{CommandFactory, ValueEnum};
use measured_boot_snp_launch::{CpuSignature, SnpInputs, VmmType, ZeroPages};
use std::path::PathBuf;

use crate::id_block::{Bytes, bytes};
use crate::{Cli, Output};

/// What goes with OVMF alone: an IGVM file says the rest itself.
const OVMF_ONLY: [&str; 7] = [
    "vcpu_type",
    "vcpu_sig",
    "guest_features",
    "kernel",
    "svsm",
    "firmware_digest",
    "vars_size",
];

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("image").required(true).args(["ovmf", "igvm"]))]
pub struct SnpArguments {
    /// The firmware: an OVMF image built for SEV-SNP.
    #[arg(long, value_name = "FILE", requires = "vcpus")]
    pub ovmf: Option<PathBuf>,
    /// An IGVM file, which holds all that is launched.
    #[arg(long, value_name = "FILE", conflicts_with_all = OVMF_ONLY)]
    pub igvm: Option<PathBuf>,
    /// How many vCPUs; an IGVM file has their states, and is refused if it has others than these.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(SnpInputs::MAX_VCPUS)))]
    pub vcpus: Option<u32>,
    /// QEMU's name of the vCPUs' model, such as EPYC-Milan-v2; not needed for ec2 and gce.
    #[arg(long, value_name = "TYPE")]
    pub vcpu_type: Option<CpuSignature>,
    /// The vCPUs' signature instead: CPUID Fn0000_0001_EAX.
    #[arg(long, value_name = "HEX", value_parser = signature, conflicts_with = "vcpu_type")]
    pub vcpu_sig: Option<CpuSignature>,
    /// SEV_FEATURES of the vCPUs; 0x1, SNP alone, when not given.
    #[arg(long, value_name = "HEX", value_parser = hexadecimal)]
    pub guest_features: Option<u64>,
    /// Who launches: qemu, ec2, gce or cloister.
    #[arg(long, value_name = "VMM", default_value = "qemu")]
    pub vmm_type: VmmType,
    /// The kernel that the VMM hands to the firmware, which has to check it.
    #[arg(long, value_name = "FILE", conflicts_with = "svsm")]
    pub kernel: Option<PathBuf>,
    /// Its initrd.
    #[arg(long, value_name = "FILE", requires = "kernel")]
    pub initrd: Option<PathBuf>,
    /// Its command line.
    #[arg(long, value_name = "TEXT", requires = "kernel")]
    pub append: Option<String>,
    /// A Coconut SVSM image, under which the firmware runs (before SVSMs came as IGVM files).
    #[arg(long, value_name = "FILE")]
    pub svsm: Option<PathBuf>,
    /// The size in bytes of the variable store between firmware and SVSM; what fills up a flash of the next
    /// power of two when not given.
    #[arg(long, value_name = "N", requires = "svsm")]
    pub vars_size: Option<u32>,
    /// The launch digest after the pages of another build of the firmware, which takes the image's place;
    /// sections and reset address are the image's.
    #[arg(long, value_name = "HEX", value_parser = bytes::<48>, conflicts_with = "svsm")]
    pub firmware_digest: Option<Bytes<48>>,
    /// What an IGVM page without data is launched as; zero for gce and normal for others when not given.
    #[arg(long, value_enum, value_name = "TYPE", conflicts_with = "ovmf")]
    pub zero_pages: Option<ZeroPagesName>,
    /// Show which parts of the launch a report covers, too (JSON always does).
    #[arg(long)]
    pub coverage: bool,
    /// How to print the result.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum ZeroPagesName {
    /// A NORMAL page of zeros, as the format's documentation says.
    Normal,
    /// A page that the secure processor zeroes.
    Zero,
}

impl SnpArguments {
    /// SEV_FEATURES as asked for.
    pub fn features(&self) -> u64 {
        self.guest_features.unwrap_or(1)
    }

    /// The vCPUs' signature; the clouds show none to their guests.
    pub fn cpu(&self) -> Option<CpuSignature> {
        match self.vmm_type {
            VmmType::Ec2 | VmmType::Gce => None,
            VmmType::Qemu | VmmType::Cloister => {
                let given = self.vcpu_type.or(self.vcpu_sig);
                Some(given.unwrap_or_else(|| self.missing_cpu()))
            }
        }
    }

    fn missing_cpu(&self) -> ! {
        let what = format!(
            "--vcpu-type or --vcpu-sig is needed with --vmm-type {}: the signature is in every vCPU's RDX, which is measured",
            self.vmm_type.name()
        );
        wrong_usage(ErrorKind::MissingRequiredArgument, what)
    }

    /// What pages without data are launched as.
    pub fn zero_pages(&self) -> ZeroPages {
        match (self.zero_pages, self.vmm_type) {
            (Some(ZeroPagesName::Zero), _) | (None, VmmType::Gce) => ZeroPages::Zero,
            _ => ZeroPages::Normal,
        }
    }
}

/// Ends the program as clap does.
pub fn wrong_usage(kind: ErrorKind, what: String) -> ! {
    Cli::command().error(kind, what).exit()
}

fn signature(text: &str) -> Result<CpuSignature, String> {
    let number = hexadecimal(text)?;
    u32::try_from(number)
        .map(CpuSignature)
        .map_err(|_| "a signature has 32 bits".to_owned())
}

/// A number in hexadecimal; `0x` may be left out where it is the same or no number in decimal.
pub fn hexadecimal(text: &str) -> Result<u64, String> {
    let bare = !text.starts_with("0x");
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let is_hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = u64::from_str_radix(digits, 16)
        .ok()
        .filter(|_| is_hexadecimal);
    let number = number.ok_or_else(|| "give hexadecimal digits, such as 0x21".to_owned())?;
    match digits.parse::<u64>() {
        // Other tools read such a number as decimal, and another digest would come of it.
        Ok(decimal) if bare && decimal != number => Err(format!(
            "with 0x in front, please: {text} could be {number:#x}, or {decimal:#x} if it is decimal"
        )),
        _ => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::hexadecimal;

    #[test]
    fn numbers_that_could_be_decimal_need_their_prefix() {
        for (text, number) in [
            ("0x21", 0x21),
            ("1", 1),
            ("a00f11", 0xa0_0f11),
            ("0x30000", 0x3_0000),
        ] {
            assert_eq!(hexadecimal(text), Ok(number), "{text}");
        }
        let refused = hexadecimal("33").expect_err("it is ambiguous");
        assert!(
            refused.contains("0x33, or 0x21 if it is decimal"),
            "{refused}"
        );
        for text in ["", "0x", "0x+1", "+1", "0x1ffffffffffffffff", "zz"] {
            assert!(hexadecimal(text).is_err(), "{text}");
        }
    }
}
