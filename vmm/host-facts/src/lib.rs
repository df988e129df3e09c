//! What a host needs for each TEE, as a table: reads what was found and says what is missing and what to change.

#![forbid(unsafe_code)]
