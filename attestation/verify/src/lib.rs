//! Appraises evidence into a verdict of named checks.

#![forbid(unsafe_code)]
