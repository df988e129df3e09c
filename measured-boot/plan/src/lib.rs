//! Turns a launch configuration into a launch plan: every page, vCPU state, ACPI table, CPUID leaf
//! and TEE parameter of a launch, as pure data.
//!
//! One [`LaunchPlan`] both launches a guest and predicts its launch digest, so that the two cannot
//! drift apart. Each of its fields wears the class that says what an attestation report shows of it:
//! [`Measured`], [`Reported`] or [`Unmeasured`].
//!
//! The steps: [`LaunchConfig::from_toml`] reads what a person wrote, [`plan`] lays the guest out. No
//! file is opened here; the caller hands over the bytes of kernel and initrd in [`Sources`].

#![forbid(unsafe_code)]

mod acpi;
mod boot_data;
mod config;
mod content;
mod cpu_model;
mod kernel;
mod launch_plan;
pub mod machine;
mod plan_error;
mod planning;
mod registers;

pub use config::{
    BootConfig, ConfigError, CpuConfig, DiskConfig, HostTarget, IdBlockFiles, LaunchConfig,
    MemoryConfig, NamedFile, TeeConfig, VsockConfig,
};
pub use content::{Component, Content, Region, Source, Sources, Staged};
pub use cpu_model::cpuid_feature_name;
pub use launch_plan::{
    BootProtocol, CpuidAudience, CpuidEntry, DeviceKind, DevicePlan, ENCRYPTED_MEMORY_LEAF, Gpa,
    IdFields, LaunchPlan, Measured, QuoteService, Reported, Segment, SignedIdBlock, TdParameters,
    TeeKind, Unmeasured, VcpuState,
};
pub use plan_error::PlanError;
pub use planning::{plan, plan_like};
