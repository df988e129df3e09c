//! What tenants registered, as they put it.

use crate::connection::{Value, unsigned};
use crate::{Reading, StoreError, Writing};

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What a tenant is: quotas, who may do what.
    Tenant,
    /// An appraisal policy.
    Policy,
    /// A reference value.
    Reference,
    /// A key that signs reference values.
    ReferenceKey,
    /// A change that waits for a second pair of eyes.
    Change,
    /// A key of the verifier's own, sealed.
    Key,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Tenant,
        Self::Policy,
        Self::Reference,
        Self::ReferenceKey,
        Self::Change,
        Self::Key,
    ];

    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Policy => "policy",
            Self::Reference => "reference",
            Self::ReferenceKey => "reference-key",
            Self::Change => "change",
            Self::Key => "key",
        }
    }
}

/// A document and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its name among the tenant's documents of its kind.
    pub name: String,
    /// As it was put.
    pub bytes: Vec<u8>,
}

impl Writing<'_> {
    /// Puts a document, in the place of one of the same name.
    pub fn put_document(
        &self,
        tenant: &str,
        kind: Kind,
        name: &str,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.connection().execute(
            "INSERT INTO document (tenant, kind, name, bytes) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (tenant, kind, name) DO UPDATE SET bytes = excluded.bytes",
            &[
                Value::Text(tenant),
                Value::Text(kind.as_str()),
                Value::Text(name),
                Value::Bytes(bytes),
            ],
        )?;
        self.count_change(tenant)
    }

    /// Removes a document, and says whether there was one.
    pub fn remove_document(
        &self,
        tenant: &str,
        kind: Kind,
        name: &str,
    ) -> Result<bool, StoreError> {
        let removed = self.connection().execute(
            "DELETE FROM document WHERE tenant = ?1 AND kind = ?2 AND name = ?3",
            &[
                Value::Text(tenant),
                Value::Text(kind.as_str()),
                Value::Text(name),
            ],
        )?;
        self.count_change(tenant)?;
        Ok(removed == 1)
    }

    fn count_change(&self, tenant: &str) -> Result<(), StoreError> {
        self.connection().execute(
            "INSERT INTO revision (tenant, number) VALUES (?1, 1)
             ON CONFLICT (tenant) DO UPDATE SET number = revision.number + 1",
            &[Value::Text(tenant)],
        )?;
        Ok(())
    }
}

impl Reading<'_> {
    /// How often the tenant's documents were changed: whoever keeps some of them knows by this whether they are still so. It
    /// says so only of what is committed.
    pub fn revision(&self, tenant: &str) -> Result<u64, StoreError> {
        let number = self.connection().one(
            "SELECT number FROM revision WHERE tenant = ?1",
            &[Value::Text(tenant)],
            |row| unsigned(row.number(0)?),
        )?;
        Ok(number.unwrap_or(0))
    }

    /// A document's bytes.
    pub fn document(
        &self,
        tenant: &str,
        kind: Kind,
        name: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.connection().one(
            "SELECT bytes FROM document WHERE tenant = ?1 AND kind = ?2 AND name = ?3",
            &[
                Value::Text(tenant),
                Value::Text(kind.as_str()),
                Value::Text(name),
            ],
            |row| Ok(row.bytes(0)?),
        )
    }

    /// All of a tenant's documents of one kind, by name.
    pub fn documents(&self, tenant: &str, kind: Kind) -> Result<Vec<Document>, StoreError> {
        self.connection().all(
            "SELECT name, bytes FROM document WHERE tenant = ?1 AND kind = ?2 ORDER BY name",
            &[Value::Text(tenant), Value::Text(kind.as_str())],
            |row| {
                Ok(Document {
                    name: row.text(0)?,
                    bytes: row.bytes(1)?,
                })
            },
        )
    }

    /// How many documents of one kind a tenant has, and their bytes together.
    pub fn document_sizes(&self, tenant: &str, kind: Kind) -> Result<(u64, u64), StoreError> {
        let found = self.connection().one(
            "SELECT count(*), CAST(coalesce(sum(length(bytes)), 0) AS BIGINT)
             FROM document WHERE tenant = ?1 AND kind = ?2",
            &[Value::Text(tenant), Value::Text(kind.as_str())],
            |row| Ok((unsigned(row.number(0)?)?, unsigned(row.number(1)?)?)),
        )?;
        Ok(found.unwrap_or_default())
    }

    /// Every document's tenant, kind and name, and its bytes, one after the other.
    pub fn each_document(
        &self,
        mut each: impl FnMut(&str, &str, Document) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.connection().each(
            "SELECT tenant, kind, name, bytes FROM document ORDER BY tenant, kind, name",
            &[],
            &mut |row| {
                let document = Document {
                    name: row.text(2)?,
                    bytes: row.bytes(3)?,
                };
                each(&row.text(0)?, &row.text(1)?, document)
            },
        )
    }

    /// The store's generation, which a restored store has a new one of.
    pub fn generation(&self) -> Result<String, StoreError> {
        self.connection()
            .one("SELECT generation FROM store", &[], |row| Ok(row.text(0)?))?
            .ok_or_else(|| self.torn("it says nothing of itself"))
    }
}

impl Writing<'_> {
    /// Begins a new generation: whatever was handed out under an older one is void.
    pub fn set_generation(&self, generation: &str) -> Result<(), StoreError> {
        self.connection().execute(
            "UPDATE store SET generation = ?1",
            &[Value::Text(generation)],
        )?;
        Ok(())
    }
}
