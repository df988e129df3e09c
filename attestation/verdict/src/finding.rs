//! What one check found.

/// What one check found, `R` being the reasons to refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding<R> {
    /// As it should be; the text says what was seen.
    Pass(String),
    /// Not as it should be, for this reason and these more.
    Fail(R, Vec<R>),
    /// What it looks at is not there, for a reason that another check gives. Never accepted.
    NotMade(String),
    /// The relying party gave nothing to compare with. Accepted only for a check that may be left out.
    NotAsked(String),
}

impl<R> Finding<R> {
    /// Fails with the reasons, or passes where there is none.
    pub fn from_reasons(
        reasons: impl IntoIterator<Item = R>,
        pass: impl FnOnce() -> String,
    ) -> Self {
        let mut reasons = reasons.into_iter();
        match reasons.next() {
            Some(first) => Self::Fail(first, reasons.collect()),
            None => Self::Pass(pass()),
        }
    }

    /// Fails for one reason.
    pub fn fail(reason: R) -> Self {
        Self::Fail(reason, Vec::new())
    }
}

impl<R> From<Result<String, R>> for Finding<R> {
    fn from(result: Result<String, R>) -> Self {
        match result {
            Ok(seen) => Self::Pass(seen),
            Err(reason) => Self::fail(reason),
        }
    }
}
