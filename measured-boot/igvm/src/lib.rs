//! Reads IGVM files: the pages, parameters and vCPU states that a launch hands over.

#![forbid(unsafe_code)]
