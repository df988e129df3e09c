//! Judges vTPM quotes and the reports that bind their keys.

#![forbid(unsafe_code)]
