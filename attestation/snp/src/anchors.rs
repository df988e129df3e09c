//! Which roots are trusted: AMD's, which are built in, or one that is named.

use crate::CertificateName;
use crate::names::root_name;
use attestation_certificates::{Certificate, FormatError, Number};
use measured_boot_snp_abi::Product;
use thiserror::Error;

/// AMD's certificates of one product.
struct BuiltIn {
    product: Product,
    ark: &'static [u8],
    /// ASK and ASVK.
    intermediates: [&'static [u8]; 2],
    /// Serial numbers that its list revokes. Turin's is not among those kept, and has none here.
    ///
    /// As of 2025-05-06: the lists in `attestation/certificates/tests/amd-lists`, Milan's of 2025-05-06 and Genoa's of
    /// 2024-10-23; a test holds these numbers to them. A newer list is still to be given: this one cannot grow.
    revoked: &'static [u64],
}

const BUILT_IN: [BuiltIn; 3] = [
    BuiltIn {
        product: Product::Milan,
        ark: include_bytes!("../roots/milan-ark.der"),
        intermediates: [
            include_bytes!("../roots/milan-ask.der"),
            include_bytes!("../roots/milan-asvk.der"),
        ],
        revoked: &[],
    },
    BuiltIn {
        product: Product::Genoa,
        ark: include_bytes!("../roots/genoa-ark.der"),
        intermediates: [
            include_bytes!("../roots/genoa-ask.der"),
            include_bytes!("../roots/genoa-asvk.der"),
        ],
        // An ASK before the one of today, revoked on 2022-10-31.
        revoked: &[0x02_0001],
    },
    BuiltIn {
        product: Product::Turin,
        ark: include_bytes!("../roots/turin-ark.der"),
        intermediates: [
            include_bytes!("../roots/turin-ask.der"),
            include_bytes!("../roots/turin-asvk.der"),
        ],
        revoked: &[],
    },
];

/// The roots that a chain may end in. Made once and kept: nothing in it depends on a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchors {
    roots: Vec<Root>,
    intermediates: Vec<Certificate>,
    built_in: bool,
}

/// A root and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) product: Product,
    pub(crate) certificate: Certificate,
    /// Serial numbers of certificates that it revoked before this was built.
    revoked: Vec<Number>,
}

/// A named root cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AnchorsError {
    /// Not exactly one certificate.
    #[error("the root cannot be read: {0}")]
    Format(#[from] FormatError),
    /// It is for no product.
    #[error(
        "the root's name is none of ARK-Milan, ARK-Genoa and ARK-Turin: the root decides the product"
    )]
    Name,
    /// Others could stand in for it.
    #[error("the root does not sign itself: {0}")]
    NotSelfSigned(attestation_certificates::IssueProblem),
}

impl Anchors {
    /// AMD's ARK, ASK and ASVK of every known product.
    ///
    /// # Panics
    /// Never: a test reads them.
    #[must_use]
    pub fn builtin() -> Self {
        let read = |der| Certificate::from_der(der).expect("the built-in certificates can be read");
        let roots = BUILT_IN.iter().map(|built_in| Root {
            product: built_in.product,
            certificate: read(built_in.ark),
            revoked: built_in.revoked.iter().copied().map(Number::from).collect(),
        });
        let intermediates = BUILT_IN.iter().flat_map(|built_in| built_in.intermediates);
        Self {
            roots: roots.collect(),
            intermediates: intermediates.map(read).collect(),
            built_in: true,
        }
    }

    /// This root alone, PEM or DER, in AMD's place: for evidence that no hardware made. A verdict says so.
    ///
    /// # Errors
    /// It is not exactly one certificate that signs itself, or its name is of no product.
    pub fn explicit(root: &[u8]) -> Result<Self, AnchorsError> {
        let certificate = Certificate::read(root)?;
        let name = certificate.subject_common_name();
        let is_root_of = |product: &Product| name == Some(root_name(*product).as_str());
        let product = Product::ALL.into_iter().find(is_root_of);
        let product = product.ok_or(AnchorsError::Name)?;
        certificate
            .verify_issued_by(&certificate)
            .map_err(AnchorsError::NotSelfSigned)?;
        Ok(Self {
            roots: vec![Root {
                product,
                certificate,
                revoked: Vec::new(),
            }],
            intermediates: Vec::new(),
            built_in: false,
        })
    }

    /// With these others, and as if every root had revoked these before this was built.
    #[cfg(feature = "test-support")]
    #[must_use]
    pub fn and(mut self, others: Self, revoked: &[u64]) -> Self {
        self.roots.extend(others.roots);
        for root in &mut self.roots {
            root.revoked = revoked.iter().copied().map(Number::from).collect();
        }
        self
    }

    /// Whether these are AMD's.
    pub const fn are_built_in(&self) -> bool {
        self.built_in
    }

    /// The root of a product, if it is one of these.
    pub fn root_of(&self, product: Product) -> Option<&Certificate> {
        let found = self.roots.iter().find(|root| root.product == product);
        found.map(|root| &root.certificate)
    }

    /// The ASK and ASVK that come with the roots.
    pub(crate) fn intermediates(&self) -> &[Certificate] {
        &self.intermediates
    }

    /// The root with this name.
    pub(crate) fn root(&self, subject: &[u8]) -> Option<&Root> {
        self.roots
            .iter()
            .find(|root| root.certificate.subject() == subject)
    }

    /// Whether this is one of the roots, byte for byte.
    pub(crate) fn contain(&self, certificate: &Certificate) -> bool {
        self.roots
            .iter()
            .any(|root| root.certificate.der() == certificate.der())
    }

    /// The exact bytes of every root.
    pub(crate) fn ders(&self) -> impl Iterator<Item = &[u8]> {
        self.roots.iter().map(|root| root.certificate.der())
    }
}

impl Root {
    /// Whether it revoked this certificate, which is of its issuing, before this was built.
    pub(crate) fn has_revoked(&self, certificate: &Certificate) -> bool {
        self.revoked.contains(&certificate.serial())
    }
}

impl CertificateName {
    /// The place of who certifies a key of this kind.
    pub(crate) const fn issuer_of(kind: crate::VekKind) -> Self {
        match kind {
            crate::VekKind::Vcek => Self::Ask,
            crate::VekKind::Vlek => Self::Asvk,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use attestation_certificates::Crl;

    /// AMD's own lists, which another crate's tests keep; none of Turin's.
    const LISTS: [(Product, &[u8]); 2] = [
        (
            Product::Milan,
            include_bytes!("../../certificates/tests/amd-lists/milan.der"),
        ),
        (
            Product::Genoa,
            include_bytes!("../../certificates/tests/amd-lists/genoa.der"),
        ),
    ];

    #[test]
    fn serial_numbers_that_are_known_to_be_revoked_are_those_of_amds_lists() {
        let anchors = Anchors::builtin();
        for root in &anchors.roots {
            let of_product = |(product, _): &&(Product, _)| *product == root.product;
            let Some((_, list)) = LISTS.iter().find(of_product) else {
                assert_eq!(root.revoked, [], "nothing says so");
                continue;
            };
            let list = Crl::from_der(list).expect("it is AMD's");
            let proven = list.prove(&root.certificate, list.this_update());
            assert!(proven.is_ok(), "{:?}: {proven:?}", root.product);
            assert_eq!(list.revoked_count(), root.revoked.len());
            assert!(root.revoked.iter().all(|serial| list.lists(*serial)));
        }
        let all: Vec<_> = anchors
            .roots
            .iter()
            .flat_map(|root| &root.revoked)
            .collect();
        assert_eq!(all, [&Number::from(0x02_0001)]);
    }

    #[test]
    fn authorities_that_are_built_in_are_not_known_to_be_revoked() {
        let anchors = Anchors::builtin();
        for one in anchors.intermediates() {
            let root = anchors.root(one.issuer()).expect("it is built in");
            assert!(!root.has_revoked(one), "{:?}", one.subject_common_name());
        }
    }
}
