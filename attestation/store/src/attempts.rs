//! Nonces that are used up.

use crate::connection::{Value, signed, unsigned};
use crate::{Reading, StoreError, Writing};

/// An attempt to attest, which used up its session's nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The index of its verdict's entry; none as long as there is no verdict.
    pub verdict: Option<u64>,
}

impl Writing<'_> {
    /// Uses up the nonce of `session`, and says whether it was unused. It is remembered until the second `forget_at`, after
    /// which the challenge itself says that it is too late.
    pub fn burn(&self, session: &str, forget_at: u64) -> Result<bool, StoreError> {
        let burned = self.connection().execute(
            "INSERT INTO attempt (session, forget_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            &[Value::Text(session), Value::Number(signed(forget_at))],
        )?;
        Ok(burned == 1)
    }

    /// Says which entry has the verdict on an attempt that was burned before.
    pub fn set_verdict(&self, session: &str, index: u64) -> Result<(), StoreError> {
        self.connection().execute(
            "UPDATE attempt SET verdict = ?2 WHERE session = ?1",
            &[Value::Text(session), Value::Number(signed(index))],
        )?;
        Ok(())
    }

    /// Forgets the attempts whose challenges are over.
    pub fn forget_attempts(&self, now: u64) -> Result<u64, StoreError> {
        let forgotten = self.connection().execute(
            "DELETE FROM attempt WHERE forget_at <= ?1",
            &[Value::Number(signed(now))],
        )?;
        Ok(forgotten)
    }
}

impl Reading<'_> {
    /// The attempt in this session, if there was one that is not forgotten.
    pub fn attempt(&self, session: &str) -> Result<Option<Attempt>, StoreError> {
        self.connection().one(
            "SELECT verdict FROM attempt WHERE session = ?1",
            &[Value::Text(session)],
            |row| {
                let verdict = row.number_or_null(0)?.map(unsigned).transpose()?;
                Ok(Attempt { verdict })
            },
        )
    }
}
