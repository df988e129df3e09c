//! What of ours is timed.

/// A report whose chain was proven before.
pub const SNP_PROVEN: &str = "SNP report, chain proven before";
/// A report with its chain, from bytes.
pub const SNP_CHAIN: &str = "SNP report and whole chain";
/// A quote whose collateral was proven before.
pub const TDX_PROVEN: &str = "TDX quote, collateral proven before";
