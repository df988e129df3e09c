//! Reads evidence in the shapes in which others send it.

#![forbid(unsafe_code)]
