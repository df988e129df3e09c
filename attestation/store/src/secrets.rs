//! Secrets, sealed.

use crate::connection::{Value, signed, unsigned};
use crate::{Reading, StoreError, Writing};

/// A version of a secret as it lies in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    /// Counts from 1; every one that is put adds one.
    pub version: u64,
    /// To whom it may go: the service's document, which is part of what is sealed.
    pub terms: Vec<u8>,
    /// What the keyring made of it; empty once it is destroyed.
    pub sealed: Vec<u8>,
}

impl SealedSecret {
    /// Whether only its row is left.
    pub fn is_destroyed(&self) -> bool {
        self.sealed.is_empty()
    }
}

impl Writing<'_> {
    /// Adds a version, which has to be a new one.
    pub fn put_secret(
        &self,
        tenant: &str,
        resource: &str,
        secret: &SealedSecret,
    ) -> Result<(), StoreError> {
        self.connection().execute(
            "INSERT INTO secret (tenant, resource, version, terms, sealed) VALUES (?1, ?2, ?3, ?4, ?5)",
            &[
                Value::Text(tenant),
                Value::Text(resource),
                Value::Number(signed(secret.version)),
                Value::Bytes(&secret.terms),
                Value::Bytes(&secret.sealed),
            ],
        )?;
        Ok(())
    }

    /// Seals a version anew: the same secret, under another key.
    pub fn reseal_secret(
        &self,
        tenant: &str,
        resource: &str,
        version: u64,
        sealed: &[u8],
    ) -> Result<bool, StoreError> {
        self.set_sealed(tenant, resource, version, sealed)
    }

    /// Overwrites a version's bytes; answers whether there was such a version.
    pub fn destroy_secret(
        &self,
        tenant: &str,
        resource: &str,
        version: u64,
    ) -> Result<bool, StoreError> {
        self.set_sealed(tenant, resource, version, &[])
    }

    fn set_sealed(
        &self,
        tenant: &str,
        resource: &str,
        version: u64,
        sealed: &[u8],
    ) -> Result<bool, StoreError> {
        let changed = self.connection().execute(
            "UPDATE secret SET sealed = ?4 WHERE tenant = ?1 AND resource = ?2 AND version = ?3",
            &[
                Value::Text(tenant),
                Value::Text(resource),
                Value::Number(signed(version)),
                Value::Bytes(sealed),
            ],
        )?;
        Ok(changed == 1)
    }
}

fn read(row: &dyn crate::connection::Row) -> Result<SealedSecret, StoreError> {
    Ok(SealedSecret {
        version: unsigned(row.number(0)?)?,
        terms: row.bytes(1)?,
        sealed: row.bytes(2)?,
    })
}

impl Reading<'_> {
    /// All versions of a secret, the newest last.
    pub fn secret_versions(
        &self,
        tenant: &str,
        resource: &str,
    ) -> Result<Vec<SealedSecret>, StoreError> {
        self.connection().all(
            "SELECT version, terms, sealed FROM secret
             WHERE tenant = ?1 AND resource = ?2 ORDER BY version",
            &[Value::Text(tenant), Value::Text(resource)],
            read,
        )
    }

    /// The newest version that is not destroyed.
    pub fn secret(&self, tenant: &str, resource: &str) -> Result<Option<SealedSecret>, StoreError> {
        self.connection().one(
            "SELECT version, terms, sealed FROM secret
             WHERE tenant = ?1 AND resource = ?2 AND length(sealed) > 0
             ORDER BY version DESC LIMIT 1",
            &[Value::Text(tenant), Value::Text(resource)],
            read,
        )
    }

    /// The number of a secret's newest version, destroyed or not; 0 if there is none.
    pub fn newest_version(&self, tenant: &str, resource: &str) -> Result<u64, StoreError> {
        let newest = self.connection().one(
            "SELECT coalesce(max(version), 0) FROM secret WHERE tenant = ?1 AND resource = ?2",
            &[Value::Text(tenant), Value::Text(resource)],
            |row| unsigned(row.number(0)?),
        )?;
        Ok(newest.unwrap_or(0))
    }

    /// The names of a tenant's secrets.
    pub fn secret_names(&self, tenant: &str) -> Result<Vec<String>, StoreError> {
        self.connection().all(
            "SELECT DISTINCT resource FROM secret WHERE tenant = ?1 ORDER BY resource",
            &[Value::Text(tenant)],
            |row| Ok(row.text(0)?),
        )
    }

    /// How many of a tenant's versions hold a secret, and the bytes of them all, with those of which only the row is left.
    pub fn secret_sizes(&self, tenant: &str) -> Result<(u64, u64), StoreError> {
        let found = self.connection().one(
            "SELECT CAST(coalesce(sum(CASE WHEN length(sealed) > 0 THEN 1 ELSE 0 END), 0) AS BIGINT),
                    CAST(coalesce(sum(length(terms) + length(sealed)), 0) AS BIGINT)
             FROM secret WHERE tenant = ?1",
            &[Value::Text(tenant)],
            |row| Ok((unsigned(row.number(0)?)?, unsigned(row.number(1)?)?)),
        )?;
        Ok(found.unwrap_or_default())
    }

    /// Every version of every secret: tenant, resource, version.
    pub fn each_secret(
        &self,
        mut each: impl FnMut(&str, &str, SealedSecret) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.connection().each(
            "SELECT version, terms, sealed, tenant, resource FROM secret
             ORDER BY tenant, resource, version",
            &[],
            &mut |row| each(&row.text(3)?, &row.text(4)?, read(row)?),
        )
    }
}
