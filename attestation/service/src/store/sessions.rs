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
    /// Opens a session. Beyond `limit` of them another one is forgotten for it: one that is over, or
    /// else the oldest.
    ///
    /// Not the newcomer is turned away: sessions cost a stranger nothing, and whoever held all places
    /// would keep every guest out for as long as sessions last. As it is he has to open `limit` of
    /// them between a guest's question and its answer, each with a synced write of ours; and the guest
    /// that he gets ahead of hears that its session is unknown, and asks again.
    pub fn open_session(
        &self,
        session: &NewSession<'_>,
        limit: u64,
        now: u64,
    ) -> Result<(), StoreError> {
        self.forget_sessions(now.saturating_sub(REMEMBERED_SECONDS))?;
        let open = self.session_count()?;
        if open >= limit {
            self.forget_least_needed(open.saturating_sub(limit).saturating_add(1), now)?;
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

    /// To forget a nonce is as good as to have burned it.
    fn forget_least_needed(&self, count: u64, now: u64) -> Result<(), StoreError> {
        self.transaction.execute(
            "DELETE FROM session WHERE name IN (
                 SELECT name FROM session
                 ORDER BY (burned = 0 AND expires > ?1), expires, rowid LIMIT ?2)",
            [to_sql(now), to_sql(count)],
        )?;
        Ok(())
    }

    fn forget_sessions(&self, expired_by: u64) -> Result<(), StoreError> {
        self.transaction.execute(
            "DELETE FROM session WHERE expires <= ?1",
            [to_sql(expired_by)],
        )?;
        Ok(())
    }
}
