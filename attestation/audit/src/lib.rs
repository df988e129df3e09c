//! Replays an exported evidence bundle: log, verdicts and releases.

#![forbid(unsafe_code)]
