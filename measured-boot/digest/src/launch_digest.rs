//! The launch digest: a hash chain over every page that the firmware adds.

use crate::Manifest;
use measured_boot_plan::{IdFields, LaunchPlan, SignedIdBlock, Sources};
use measured_boot_snp_abi::{AttestationReport, EcdsaPublicKey, PageInfo, PageType};
use ring::digest::{SHA384, digest};
use std::fmt;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromZeros, IntoBytes};

/// Predicts the launch digest of a plan: its regions in order page by page, the CPUID page, and the
/// VMSA of every vCPU, in the order in which a launch hands them to the firmware.
pub fn launch_digest(plan: &LaunchPlan, sources: &Sources<'_>) -> LaunchDigest {
    Manifest::from_plan(plan, sources).recompute()
}

/// The components of a plan, in measuring order.
pub fn components(plan: &LaunchPlan, sources: &Sources<'_>) -> Vec<ComponentDigest> {
    Manifest::from_plan(plan, sources).components()
}

/// What the report of a guest launched by this plan will say, as far as the plan determines it: the
/// launch digest and the reported fields. Everything else is zero, the signature too.
pub fn expected_report(plan: &LaunchPlan, sources: &Sources<'_>) -> AttestationReport {
    let IdFields {
        family_id,
        image_id,
        guest_svn,
    } = plan.id.0;
    let (id_key_digest, author_key_digest) = key_digests(plan.id_block.0.as_ref());
    AttestationReport {
        id_key_digest,
        author_key_digest,
        guest_svn: U32::new(guest_svn),
        policy: U64::new(plan.policy.0.bits()),
        family_id,
        image_id,
        measurement: launch_digest(plan, sources).0,
        host_data: plan.host_data.0,
        ..AttestationReport::new_zeroed()
    }
}

/// ID_KEY_DIGEST and AUTHOR_KEY_DIGEST; zero where there is no such key.
fn key_digests(signed: Option<&SignedIdBlock>) -> ([u8; 48], [u8; 48]) {
    let digest = |key: &EcdsaPublicKey| match key.curve.get() {
        0 => [0; 48],
        _ => sha384(key.as_bytes()),
    };
    signed.map_or(([0; 48], [0; 48]), |signed| {
        (digest(&signed.auth.id_key), digest(&signed.auth.author_key))
    })
}

/// A launch digest, as a report's MEASUREMENT carries it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LaunchDigest(pub [u8; 48]);

impl fmt::Display for LaunchDigest {
    /// As 96 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for LaunchDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LaunchDigest({self})")
    }
}

/// One component of a launch and the digest of its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentDigest {
    /// Its name: a region's component, `cpuid`, or `vcpuN`.
    pub name: String,
    /// Address of its first page.
    pub gpa: u64,
    /// Number of its pages.
    pub pages: u64,
    /// SHA-384 over the SHA-384 digests of its pages, in order; `None` where contents are not
    /// measured. Of what another component measures, SHA-384 of its bytes.
    pub sha384: Option<[u8; 48]>,
    /// The component whose measured bytes hold this digest, where these are not pages of the launch.
    pub through: Option<&'static str>,
}

/// The launch digest in the making: pages go in, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestChain([u8; 48]);

impl DigestChain {
    /// Before any page.
    pub fn new() -> Self {
        Self([0; 48])
    }

    /// After pages that gave this digest.
    pub fn after(digest: [u8; 48]) -> Self {
        Self(digest)
    }

    /// Adds a page by the SHA-384 of its contents, which counts only for types that measure them.
    pub fn add(&mut self, page_type: PageType, gpa: u64, contents: [u8; 48]) {
        self.0 = sha384(PageInfo::new(self.0, page_type, gpa, contents).as_bytes());
    }

    /// The digest of all pages so far.
    pub fn digest(&self) -> LaunchDigest {
        LaunchDigest(self.0)
    }
}

impl Default for DigestChain {
    fn default() -> Self {
        Self::new()
    }
}

/// SHA-384.
pub fn sha384(bytes: &[u8]) -> [u8; 48] {
    let digest = digest(&SHA384, bytes);
    *digest.as_ref().first_chunk().expect("SHA-384 has 48 bytes")
}
