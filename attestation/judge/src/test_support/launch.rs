//! Launches that differ in one component, with the manifests that say so.

use measured_boot_digest::Manifest;

use super::{Scene, offset, reference};
use crate::ReferenceValue;

/// A component of one page: its name and what its page is filled with.
pub type Component = (&'static str, u8);

/// A launch that a reference value may be for.
pub const GENUINE: [Component; 4] = [("cmdline", 1), ("kernel", 2), ("initrd", 3), ("vcpu0", 4)];

const PAGE_NORMAL: u8 = 1;
const PAGE_VMSA: u8 = 2;
const VMSA_GPA: u64 = 0xFFFF_FFFF_F000;

/// The bytes of a manifest of these components.
///
/// # Panics
/// If there are more components, or longer names, than a test has.
#[must_use]
pub fn manifest(components: &[Component]) -> Vec<u8> {
    manifest_of_pages(components, 1)
}

/// The same where each component but the vCPUs has so many pages; after the format's description.
///
/// # Panics
/// Likewise.
#[must_use]
pub fn manifest_of_pages(components: &[Component], pages: u32) -> Vec<u8> {
    let count = u16::try_from(components.len()).expect("a few");
    let mut bytes = b"CLMF\x01\x00".to_vec();
    bytes.extend(count.to_le_bytes());
    for (place, (name, content)) in components.iter().enumerate() {
        let is_vcpu = name.starts_with("vcpu");
        let (start, pages) = if is_vcpu {
            (VMSA_GPA, 1)
        } else {
            let place = u64::try_from(place).expect("a few");
            (4096 * u64::from(pages) * place, pages)
        };
        bytes.push(u8::try_from(name.len()).expect("short"));
        bytes.extend(name.as_bytes());
        bytes.push(if is_vcpu { PAGE_VMSA } else { PAGE_NORMAL });
        bytes.extend(start.to_le_bytes());
        bytes.extend(pages.to_le_bytes());
        (0..pages).for_each(|_| bytes.extend([*content; 48]));
    }
    bytes
}

/// The launch digest that a manifest explains.
///
/// # Panics
/// If the bytes are no manifest.
#[must_use]
pub fn digest(manifest: &[u8]) -> [u8; 48] {
    Manifest::from_bytes(manifest)
        .expect("it is well-formed")
        .recompute()
        .0
}

/// The reference value of such a launch, with its manifest.
#[must_use]
pub fn reference_of(name: &str, components: &[Component]) -> ReferenceValue {
    let manifest = manifest(components);
    ReferenceValue {
        name: name.to_owned(),
        manifest: Some(manifest.clone()),
        ..reference(digest(&manifest))
    }
}

/// A launch of these components with its manifest, judged by these reference values.
#[must_use]
pub fn launch(components: &[Component], references: Vec<ReferenceValue>) -> Scene {
    let manifest = manifest(components);
    let digest = digest(&manifest);
    Scene::any()
        .with_report(|report| {
            report[offset::MEASUREMENT..offset::MEASUREMENT + 48].copy_from_slice(&digest);
        })
        .with_evidence(|evidence| evidence.manifest = Some(manifest))
        .with_input(|input| input.references = references)
}
