//! Reads TPM and CC event logs strictly, replays them into every bank, and says what no digest covers.

#![forbid(unsafe_code)]
