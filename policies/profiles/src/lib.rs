//! Sandbox profiles as data: what each process may do, with a reason on every rule.

#![forbid(unsafe_code)]
