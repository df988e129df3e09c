//! Finds what a digest was made of that is not the planned one: by known ways in which launches turn out
//! otherwise.
//!
//! A digest cannot be taken apart. But the usual reasons are few, and most of them are in the vCPUs, which
//! are measured last: so all of them are tried, alone, in pairs and with every number of vCPUs, in the time
//! of one measuring. What fits is a finding and no proof: "would match if".

mod igvm;
mod ovmf;
mod own;
mod search;
mod tdx;
mod variant;
mod vcpus;

pub use igvm::igvm_variants;
pub use ovmf::{KernelFiles, ovmf_variants, svsm_variants};
pub use own::{OwnPlans, own_variants};
pub use search::{Explanation, Fit, Tried, search};
pub use tdx::{RegisterFinding, explain_mrtd, explain_rtmr0};
pub use variant::{Dimension, Variant};
pub use vcpus::vmsa_variants;
