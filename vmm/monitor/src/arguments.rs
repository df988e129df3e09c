//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The virtual machine monitor: launches one measured virtual machine and runs it.
#[derive(Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 the guest stopped, 1 failed or interrupted, 2 usage."
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Commands.
#[derive(Subcommand)]
pub enum Command {
    /// Launches the VM that a configuration file describes and waits until it stops.
    ///
    /// The launch digest is predicted from the configuration first. A guest that is known to be measured
    /// otherwise never runs. Needs root, to confine itself and the device processes.
    Run(RunArguments),
}

/// Of `run`.
#[derive(Args)]
#[command(after_help = "\
Example vm.toml:
  name = \"demo\"
  [tee]
  kind = \"simulated\"            # a software stand-in: protects nothing
  keys = \"simulated-tee/\"       # made by: cloister-simulated-tee init --dir simulated-tee
  [boot]
  protocol = \"shim\"             # a measured boot shim; or simulated-direct, or igvm
  kernel = \"vmlinux\"            # paths are relative to this file
  initrd = \"initramfs.cpio\"
  cmdline = \"console=ttyS0 quiet\"
  [cpu]
  count = 2
  model = \"x86-64-v2\"
  [memory]
  mib = 512

The same on hardware takes another [tee], and a host that has it (`cloister host check`):
  [tee]
  kind = \"snp\"                  # AMD SEV-SNP: /dev/sev, Linux 6.11 or newer; or \"tdx\", Linux 6.16
  init_data = \"init-data.toml\"  # its SHA-256 is reported as HOST_DATA (TDX: SHA-384 as MRCONFIGID)
  id_block = \"id-block.bin\"     # signed by `cloister measure id-block`: the firmware then refuses any
  id_auth = \"id-auth.bin\"       # other launch (SNP only)
  certificates = \"certs.bin\"    # a GHCB certificate table for the guest, from Linux 7.0 on (SNP only)

`measured` says who compared the launch digest with the prediction: the TEE reported it (simulated), the
firmware held it against the ID block, or nobody yet, since neither kernel nor firmware tells it to a host:
the guest's own report then shows it to whoever verifies it. No hardware back end has run on hardware yet.

What happened is told on standard error, or with `-o json` as JSON lines on standard output:
  {\"event\":\"planned\",..} {\"event\":\"certificates-left-out\"} {\"event\":\"cpuid-adopted\",..}
  {\"event\":\"took-over\",..} {\"event\":\"spawned\",..} {\"event\":\"measured\",..}
  {\"event\":\"running\",..} {\"event\":\"no-quote\",..} {\"event\":\"stopped\",\"reason\":..}

or at any point {\"event\":\"failed\",\"error\":..}, exit code 1. docs/hardware-launch.md says what each means.

A stop has one of the reasons guest-poweroff and guest-reset (exit code 0), interrupted (by Ctrl-C or
SIGTERM), guest-terminated (it, or its boot shim, refused to go on and said why), device-exited,
supervisor-exited, vcpu-failed (exit code 1). A second Ctrl-C ends the VMM at
once, and its supervisor cleans up.
Exit codes: 0 the guest stopped, 1 failed or interrupted, 2 usage.")]
pub struct RunArguments {
    /// The VM's configuration.
    #[arg(value_name = "VM.TOML")]
    pub config: PathBuf,

    /// Directory for the VM's sockets: it must not exist, the folder that it lies in must; it is removed
    /// at the end. One that a killed VM left behind is taken over [default: a new one under /run].
    #[arg(long, value_name = "DIR")]
    pub runtime_dir: Option<PathBuf>,

    /// Where the guest's serial console goes; `-` is standard output, or standard error with
    /// `-o json`. A file is cut after 64 MiB. A terminal is shown text and colours; everything else that
    /// it would obey is written out.
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub console: PathBuf,

    /// Give the guest the CPUID that this host's KVM answers, where it differs from the planned one.
    ///
    /// For a KVM without hardware virtualisation, which cannot hide the host's features. CPUID is not
    /// in the launch digest: a host that does this chooses it freely. Every leaf that differs is told.
    #[arg(long)]
    pub adopt_cpuid: bool,

    /// Make the simulated TEE's guest one with private memory, which nothing encrypts: for tests of
    /// conversions, on a KVM with CONFIG_KVM_SW_PROTECTED_VM.
    #[arg(long, hide = true)]
    pub software_protected: bool,

    /// Leave it to the firmware to refuse an ID block of another digest: for tests of the firmware.
    #[arg(long, hide = true)]
    pub any_id_block: bool,

    /// How to tell what happens.
    #[arg(short, long, value_enum, default_value = "text")]
    pub output: Output,
}

/// Forms of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people, on standard error.
    Text,
    /// JSON lines on standard output.
    Json,
}
