//! Carries wire messages and file descriptors over a Unix socket.

