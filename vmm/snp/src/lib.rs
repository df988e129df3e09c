//! Launches SEV-SNP guests on the upstream kernel's interface.
