//! Writes, signs, reads and checks reference values as CoRIM.

#![forbid(unsafe_code)]
