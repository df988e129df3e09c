//! Nonces: handed out once, burned by any attempt, remembered over a restart.

use rusqlite::OptionalExtension;

use super::{StoreError, Writing, from_sql, to_sql};

/// How long a burned or expired nonce is remembered, so that a late attempt hears the true reason.
const REMEMBERED_SECONDS: u64 = 3600;

/// A session to open.
pub struct NewSession<'a> {
    /// The session's name, which is not its cookie.
    pub name: &'a str,
    /// The nonce that evidence must bind.
    pub nonce: &'a [u8; 32],
    /// The claimed TEE.
    pub tee: &'a str,
    /// From this second on the nonce is void.
    pub expires: u64,
}

/// What was known of a session at the moment when an attempt burned its nonce.
#[derive(Debug, PartialEq, Eq)]
pub struct OpenedSession {
    /// The nonce that evidence must bind.
    pub nonce: [u8; 32],
    /// The claimed TEE.
    pub tee: String,
    /// From this second on the nonce is void.
    pub expires: u64,
    /// Whether an earlier attempt had burned it.
    pub burned_before: bool,
}

impl Writing<'_> {
    /// Opens a session, unless `limit` of them are open.
    pub fn open_session(
        &self,
        session: &NewSession<'_>,
        limit: u64,
        now: u64,
    ) -> Result<(), StoreError> {
        self.forget_sessions(now.saturating_sub(REMEMBERED_SECONDS))?;
        if self.session_count()? >= limit {
            // Closed ones make room: to forget a nonce is as good as to have burned it.
            self.forget_sessions(now)?;
        }
        if self.session_count()? >= limit {
            return Err(StoreError::Full);
        }
        self.transaction.execute(
            "INSERT INTO session (name, nonce, tee, expires) VALUES (?1, ?2, ?3, ?4)",
            (
                session.name,
                session.nonce,
                session.tee,
                to_sql(session.expires),
            ),
        )?;
        Ok(())
    }

    /// Burns the session's nonce and says what it was before; `None` if there is no such session.
    pub fn burn(&self, name: &str) -> Result<Option<OpenedSession>, StoreError> {
        let found = self
            .transaction
            .query_row(
                "SELECT nonce, tee, expires, burned FROM session WHERE name = ?1",
                [name],
                |row| {
                    Ok((
                        row.get(0)?,
                        row.get(1)?,
                        row.get(2)?,
                        row.get::<_, bool>(3)?,
                    ))
                },
            )
            .optional()?;
        let Some((nonce, tee, expires, burned_before)) = found else {
            return Ok(None);
        };
        if !burned_before {
            self.transaction
                .execute("UPDATE session SET burned = 1 WHERE name = ?1", [name])?;
        }
        Ok(Some(OpenedSession {
            nonce,
            tee,
            expires: from_sql(expires)?,
            burned_before,
        }))
    }

    fn session_count(&self) -> Result<u64, StoreError> {
        let count = "SELECT count(*) FROM session";
        from_sql(self.transaction.query_row(count, [], |row| row.get(0))?)
    }

    fn forget_sessions(&self, expired_by: u64) -> Result<(), StoreError> {
        self.transaction.execute(
            "DELETE FROM session WHERE expires <= ?1",
            [to_sql(expired_by)],
        )?;
        Ok(())
    }
}
