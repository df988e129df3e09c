//! SNP reports, by chips with keys of their own under roots that are named.

mod chain;
mod format;
mod launch;
mod platform;
mod revocation;
mod signed;
mod tcb;

use crate::{Case, Reason};
use attestation_snp::test_support::{Certificates, Scene};
use attestation_snp::{Product, VekKind};
use attestation_verdict::Record;

type Snp = Case<Scene>;

impl crate::Scene for Scene {
    const KIND: &'static str = "snp";

    fn record(&self) -> Record {
        self.judge().record()
    }
}

/// Every case.
pub fn cases() -> Vec<Snp> {
    let all = [
        format::cases(),
        chain::cases(),
        chain::dates(),
        revocation::cases(),
        chain::product(),
        chain::keys_and_chips(),
        signed::cases(),
        tcb::cases(),
        launch::policy(),
        platform::cases(),
        launch::identity(),
        launch::launch(),
    ];
    all.into_iter().flatten().collect()
}

fn milan() -> Scene {
    Scene::new(Product::Milan)
}

fn turin() -> Scene {
    Scene::new(Product::Turin)
}

/// Something of a Milan's attestation changed.
fn scene(name: &str, reason: Reason, change: fn(Scene) -> Scene) -> Snp {
    Case::new(name, reason, milan, move || change(milan()))
}

/// Something of a Turin's.
fn scene_of_turin(name: &str, reason: Reason, change: fn(Scene) -> Scene) -> Snp {
    Case::new(name, reason, turin, move || change(turin()))
}

/// Something changed in both, and then more in one.
fn both(name: &str, reason: Reason, first: fn(Scene) -> Scene, then: fn(Scene) -> Scene) -> Snp {
    Case::new(
        name,
        reason,
        move || first(milan()),
        move || then(first(milan())),
    )
}

/// Some bytes of a Milan's report changed, and the report signed again.
fn field(name: &str, reason: Reason, at: usize, bytes: &'static [u8]) -> Snp {
    Case::new(name, reason, milan, move || milan().with_field(at, bytes))
}

/// Something of a Milan's certificates changed.
fn chip(name: &str, reason: Reason, change: fn(&mut Certificates)) -> Snp {
    chip_of(name, reason, (Product::Milan, VekKind::Vcek), change)
}

/// The same of another product, or of a provider's key.
fn chip_of(
    name: &str,
    reason: Reason,
    (product, kind): (Product, VekKind),
    change: fn(&mut Certificates),
) -> Snp {
    let of = move || Certificates::of(product, kind);
    Case::new(
        name,
        reason,
        move || Scene::of(of()),
        move || {
            let mut certificates = of();
            change(&mut certificates);
            Scene::of(certificates)
        },
    )
}

/// Another content of one of AMD's extensions, or none.
fn extension(certificates: &mut Certificates, arc: &[u64], content: Option<&[u8]>) {
    let (product, kind) = (certificates.product, certificates.kind);
    let all = std::mem::replace(certificates, Certificates::of(product, kind));
    *certificates = all.with_extension(arc, content.map(<[u8]>::to_vec));
}
