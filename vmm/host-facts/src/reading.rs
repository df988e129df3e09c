//! What came of asking for one thing.

/// An answer, its absence, or the reason why nobody could look: three things that must not be mixed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading<T> {
    /// It was read.
    Told(T),
    /// It was looked for, and it is not there.
    Absent,
    /// It could not be looked at, for this reason.
    Unread(String),
}

impl<T> Reading<T> {
    /// The same, of another kind.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Reading<U> {
        self.and_then(|value| Reading::Told(change(value)))
    }

    /// What the value says in turn.
    pub fn and_then<U>(self, read: impl FnOnce(T) -> Reading<U>) -> Reading<U> {
        match self {
            Self::Told(value) => read(value),
            Self::Absent => Reading::Absent,
            Self::Unread(why) => Reading::Unread(why),
        }
    }

    /// The first of two that was told; else what the second says.
    pub fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Told(_) => self,
            Self::Absent => match other() {
                Self::Unread(_) => Self::Absent,
                other => other,
            },
            Self::Unread(why) => match other() {
                Self::Told(value) => Self::Told(value),
                _ => Self::Unread(why),
            },
        }
    }

    /// The value, where it was told.
    pub fn told(self) -> Option<T> {
        match self {
            Self::Told(value) => Some(value),
            Self::Absent | Self::Unread(_) => None,
        }
    }
}

impl<T, E: ToString> From<Result<T, E>> for Reading<T> {
    /// What cannot be understood was not read.
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::Told(value),
            Err(error) => Self::Unread(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_place_counts_only_where_it_tells_more() {
        let (told, absent) = (Reading::Told(1), Reading::Absent);
        let unread = || Reading::Unread("denied".to_owned());
        assert_eq!(told.clone().or(|| Reading::Told(2)), told);
        assert_eq!(absent.clone().or(|| Reading::Told(2)), Reading::Told(2));
        assert_eq!(unread().or(|| Reading::Told(2)), Reading::Told(2));
        assert_eq!(absent.clone().or(unread), absent);
        assert_eq!(unread().or(|| absent), unread());
    }
}
