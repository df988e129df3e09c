//! Turns a launch configuration into a launch plan: every page, vCPU state, ACPI table and CPUID leaf of a launch, as pure data.

#![forbid(unsafe_code)]
