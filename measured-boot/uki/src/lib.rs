//! Reads unified kernel images: PE sections, PCR 11 by stub version, and the Authenticode digest.
//!
//! An image is untrusted, and a digest over it is worth nothing if firmware or the stub reads it
//! otherwise. So whatever two readers could take differently is refused, with the place and the rule.
//!
//! Sources: Microsoft *PE Format* (2024) and *Windows Authenticode Portable Executable Signature Format*
//! 1.0; EDK II `BasePeCoffLib` (what is loaded) and `DxeTpm2MeasureBootLib` (what is hashed); systemd 252 to
//! 258, `src/fundamental/uki.h`, `src/boot/stub.c` and `src/boot/pe.c` (what a stub measures).

#![forbid(unsafe_code)]

mod algorithm;
mod certificates;
mod content;
mod coverage;
mod fault;
mod header;
mod layout;
mod measured;
mod pe;
mod profile;
mod relocations;
mod section;
mod stub;
mod uki;
mod unified;

pub use algorithm::{Algorithm, Digest};
pub use certificates::CertificateTable;
pub use content::Content;
pub use coverage::{Coverage, coverage};
pub use fault::{PeFault, PeRule, UkiFault, UkiRule};
pub use measured::{Measured, MeasuredSection, Pcr11, Phase};
pub use pe::Pe;
pub use profile::{Boot, Pick};
pub use section::{Section, SectionName};
pub use stub::{Basis, Stub, StubRules, StubVersion};
pub use uki::Uki;
pub use unified::UnifiedSection;
