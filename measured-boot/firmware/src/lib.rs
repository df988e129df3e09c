//! Reads firmware images as launches find them.
//!
//! An image is untrusted: it may come from anywhere, and a digest over it is worth nothing if the VMM
//! reads the image otherwise. So whatever two readers could take differently is refused, with the
//! place and the rule, and nothing is allocated by what the image claims.
//!
//! Sources: EDK II `OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm` (the footer table) and
//! `OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm` (the SEV metadata, version 1); [`Tdvf`] for TDX has its own.

#![forbid(unsafe_code)]

mod fault;
mod footer;
mod guid;
mod ovmf;
mod sev_metadata;
mod svsm;
mod tdvf;

pub use fault::{FirmwareFault, Rule};
pub use footer::{FooterEntry, FooterTable};
pub use guid::Guid;
pub use ovmf::{MAX_IMAGE_BYTES, Ovmf};
pub use sev_metadata::{HashArea, Section, SectionKind, SevMetadata};
pub use svsm::Svsm;
pub use tdvf::{
    MAX_TDVF_BYTES, Tdvf, TdvfFault, TdvfMeasure, TdvfPlace, TdvfRule, TdvfSection, TdvfSectionKind,
};
