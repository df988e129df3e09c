//! Says in words what differs between two launches, images or logs, and what a report's digest was made of.

#![forbid(unsafe_code)]
