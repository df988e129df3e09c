//! Judges TDX quotes with their collateral.

#![forbid(unsafe_code)]
