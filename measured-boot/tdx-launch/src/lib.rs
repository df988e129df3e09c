//! Predicts MRTD and the RTMRs of a TDX launch: firmware pages, TD HOB, ACPI tables, boot events.

#![forbid(unsafe_code)]
