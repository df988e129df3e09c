//! The right to write one thing, once.

use std::marker::PhantomData;

use crate::action::Deed;
use crate::{ContentDigest, Subject, TenantName};

/// The right to do `D` with exactly one content, once: what a method that writes takes.
///
/// It is made where four eyes were asked for: by [`crate::FourEyes::alone`] if the tenant needs none, or by
/// [`crate::Change::apply`] after a second person approved.
#[derive(Debug)]
#[must_use]
pub struct Mandate<D: Deed<Place = TenantName>> {
    tenant: TenantName,
    by: Subject,
    approved_by: Option<Subject>,
    digest: ContentDigest,
    deed: PhantomData<D>,
}

impl<D: Deed<Place = TenantName>> Mandate<D> {
    pub(crate) const fn new(
        tenant: TenantName,
        by: Subject,
        approved_by: Option<Subject>,
        digest: ContentDigest,
    ) -> Self {
        Self {
            tenant,
            by,
            approved_by,
            digest,
            deed: PhantomData,
        }
    }

    /// In which tenant.
    pub const fn tenant(&self) -> &TenantName {
        &self.tenant
    }

    /// Who wants it.
    pub const fn by(&self) -> &Subject {
        &self.by
    }

    /// Who approved it, where that was needed.
    pub const fn approved_by(&self) -> Option<&Subject> {
        self.approved_by.as_ref()
    }

    /// Whether it is for this content: whoever writes asks first.
    #[must_use]
    pub fn covers(&self, target: &str, content: &[u8]) -> bool {
        ContentDigest::of(&self.tenant, D::ACTION, target, content) == self.digest
    }
}
