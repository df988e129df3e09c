//! What administrators registered: policies, reference values, secrets.

use rusqlite::OptionalExtension;

use super::{Reading, StoreError, Writing, from_sql, to_sql};

/// A secret as it lies in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// To whom it may go.
    pub terms: Terms,
    /// Nonce, ciphertext and tag.
    pub sealed: Vec<u8>,
}

/// To whom a version of a secret may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Counts from 1; every PUT adds one.
    pub version: u64,
    /// The policy under which the verdict must have been given.
    pub policy: String,
    /// The reference values of which one must allow the launch. Names hold no comma.
    pub references: Vec<String>,
}

impl Writing<'_> {
    /// Registers or replaces a policy.
    pub fn put_policy(&self, name: &str, document: &[u8]) -> Result<(), StoreError> {
        self.transaction.execute(
            "INSERT INTO policy (name, document) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET document = excluded.document",
            (name, document),
        )?;
        Ok(())
    }

    /// Registers or replaces a reference value.
    pub fn put_reference(&self, name: &str, document: &[u8]) -> Result<(), StoreError> {
        self.transaction.execute(
            "INSERT INTO reference_value (name, document) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET document = excluded.document",
            (name, document),
        )?;
        Ok(())
    }

    /// Registers a secret or its next version.
    pub fn put_secret(&self, resource: &str, secret: &SealedSecret) -> Result<(), StoreError> {
        self.transaction.execute(
            "INSERT INTO secret (resource, version, policy, reference_values, sealed)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (resource) DO UPDATE SET
                 version = excluded.version, policy = excluded.policy,
                 reference_values = excluded.reference_values, sealed = excluded.sealed",
            (
                resource,
                to_sql(secret.terms.version),
                &secret.terms.policy,
                secret.terms.references.join(","),
                &secret.sealed,
            ),
        )?;
        Ok(())
    }
}

impl Reading<'_> {
    /// The policy's document, as it was put.
    pub fn policy(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let document = self.transaction.query_row(
            "SELECT document FROM policy WHERE name = ?1",
            [name],
            |row| row.get(0),
        );
        Ok(document.optional()?)
    }

    /// A reference value's document.
    pub fn reference(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let document = self.transaction.query_row(
            "SELECT document FROM reference_value WHERE name = ?1",
            [name],
            |row| row.get(0),
        );
        Ok(document.optional()?)
    }

    /// The names of all policies.
    pub fn policy_names(&self) -> Result<Vec<String>, StoreError> {
        self.texts("SELECT name FROM policy ORDER BY name")
    }

    /// The names of all reference values.
    pub fn reference_names(&self) -> Result<Vec<String>, StoreError> {
        self.texts("SELECT name FROM reference_value ORDER BY name")
    }

    /// The resources of all secrets.
    pub fn secret_names(&self) -> Result<Vec<String>, StoreError> {
        self.texts("SELECT resource FROM secret ORDER BY resource")
    }

    fn texts(&self, sql: &str) -> Result<Vec<String>, StoreError> {
        let mut statement = self.transaction.prepare(sql)?;
        let texts = statement
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        Ok(texts)
    }

    /// The documents of all reference values, by name.
    pub fn references(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut statement = self
            .transaction
            .prepare("SELECT document FROM reference_value ORDER BY name")?;
        let documents = statement
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        Ok(documents)
    }

    /// A secret, still sealed.
    pub fn secret(&self, resource: &str) -> Result<Option<SealedSecret>, StoreError> {
        let found = self
            .transaction
            .query_row(
                "SELECT version, policy, reference_values, sealed FROM secret WHERE resource = ?1",
                [resource],
                |row| {
                    Ok((
                        row.get(0)?,
                        row.get(1)?,
                        row.get::<_, String>(2)?,
                        row.get(3)?,
                    ))
                },
            )
            .optional()?;
        let Some((version, policy, references, sealed)) = found else {
            return Ok(None);
        };
        let references = references.split(',').map(str::to_owned).collect();
        let terms = Terms {
            version: from_sql(version)?,
            policy,
            references,
        };
        Ok(Some(SealedSecret { terms, sealed }))
    }

    /// Whether a reference value of this name is registered.
    pub fn has_reference(&self, name: &str) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM reference_value WHERE name = ?1)";
        Ok(self.transaction.query_row(sql, [name], |row| row.get(0))?)
    }

    /// How many reference values are registered.
    pub fn reference_count(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM reference_value";
        from_sql(self.transaction.query_row(sql, [], |row| row.get(0))?)
    }

    /// How many bytes the documents of all reference values have.
    pub fn reference_bytes(&self) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(sum(length(document)), 0) FROM reference_value";
        from_sql(self.transaction.query_row(sql, [], |row| row.get(0))?)
    }

    /// Whether the session of this name was opened and is not yet forgotten.
    pub fn has_session(&self, name: &str) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM session WHERE name = ?1)";
        Ok(self.transaction.query_row(sql, [name], |row| row.get(0))?)
    }
}
