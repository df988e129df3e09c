//! Judges what a guest asks of its pages: every number checked, and which pages are private.

#![forbid(unsafe_code)]
