//! What is kept of an issuer's keys, and when they are asked for again. Time comes in: a clock that does not go back.

use std::sync::Arc;
use std::time::Duration;

use attestation_access::KeySet;

use crate::{KeysError, Patience};

#[derive(Debug, Default)]
pub(crate) struct Cache {
    keys: Option<Kept>,
    last_try: Option<Duration>,
    failure: Option<Arc<KeysError>>,
}

#[derive(Debug)]
struct Kept {
    set: Arc<KeySet>,
    since: Duration,
}

impl Cache {
    /// The keys, unless they are too old.
    pub(crate) fn keys(&self, patience: &Patience, now: Duration) -> Option<Arc<KeySet>> {
        let kept = self.keys.as_ref()?;
        let age = now.saturating_sub(kept.since);
        (age < patience.keep).then(|| Arc::clone(&kept.set))
    }

    /// Whether they are so old that newer ones are asked for.
    pub(crate) fn is_stale(&self, patience: &Patience, now: Duration) -> bool {
        let age = |kept: &Kept| now.saturating_sub(kept.since);
        self.keys
            .as_ref()
            .is_none_or(|kept| age(kept) >= patience.refresh)
    }

    /// Whether the issuer may be asked again.
    pub(crate) fn may_try(&self, patience: &Patience, now: Duration) -> bool {
        self.last_try
            .is_none_or(|last| now.saturating_sub(last) >= patience.between)
    }

    /// The issuer is asked now. What it answers is as old as the question.
    pub(crate) const fn tries(&mut self, now: Duration) {
        self.last_try = Some(now);
    }

    /// What came of it. A failure leaves the keys that there were.
    pub(crate) fn learns(&mut self, answer: Result<KeySet, KeysError>, asked: Duration) {
        match answer {
            Ok(set) => {
                let set = Arc::new(set);
                self.keys = Some(Kept { set, since: asked });
                self.failure = None;
            }
            Err(error) => self.failure = Some(Arc::new(error)),
        }
    }

    pub(crate) fn failure(&self) -> Option<Arc<KeysError>> {
        self.failure.clone()
    }

    pub(crate) fn age(&self, now: Duration) -> Option<Duration> {
        self.keys
            .as_ref()
            .map(|kept| now.saturating_sub(kept.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        fetch: Duration::from_secs(1),
        between: Duration::from_secs(30),
        refresh: Duration::from_secs(900),
        keep: Duration::from_secs(3600),
    };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn set() -> KeySet {
        let key = r#"{"kty":"OKP","crv":"Ed25519","kid":"a","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#;
        KeySet::read(format!(r#"{{"keys":[{key}]}}"#).as_bytes()).unwrap()
    }

    fn failure() -> KeysError {
        KeysError::TooLong {
            address: String::new(),
        }
    }

    #[test]
    fn keys_are_stale_before_they_are_forgotten() {
        let mut cache = Cache::default();
        assert!(cache.is_stale(&PATIENCE, at(0)));
        cache.learns(Ok(set()), at(100));
        assert!(!cache.is_stale(&PATIENCE, at(999)));
        assert!(cache.is_stale(&PATIENCE, at(1000)));
        assert!(cache.keys(&PATIENCE, at(3699)).is_some());
        assert!(cache.keys(&PATIENCE, at(3700)).is_none());
    }

    #[test]
    fn failure_keeps_the_last_good_keys_and_does_not_make_them_younger() {
        let mut cache = Cache::default();
        cache.learns(Ok(set()), at(0));
        for now in [1000, 2000, 3000] {
            cache.learns(Err(failure()), at(now));
            assert!(cache.keys(&PATIENCE, at(now)).is_some());
        }
        assert!(cache.failure().is_some());
        assert!(cache.keys(&PATIENCE, at(3600)).is_none());
        cache.learns(Ok(set()), at(4000));
        assert!(cache.failure().is_none());
        assert!(cache.keys(&PATIENCE, at(4000)).is_some());
    }

    #[test]
    fn issuer_is_asked_no_more_often_than_allowed() {
        let mut cache = Cache::default();
        assert!(cache.may_try(&PATIENCE, at(5)));
        cache.tries(at(5));
        assert!(!cache.may_try(&PATIENCE, at(34)));
        assert!(cache.may_try(&PATIENCE, at(35)));
    }
}
