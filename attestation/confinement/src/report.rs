//! Which layers hold.

use policies_profiles::Profile;
use serde::Serialize;

use crate::{ConfinementError, Layer, Strictness};

/// Which layers of a confinement hold, and which do not. Of the second step's, nothing is said before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    profile: String,
    landlock: u8,
    holds: Vec<Layer>,
    lacks: Vec<Lack>,
}

/// A layer that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lack {
    layer: Layer,
    why: String,
}

impl Report {
    pub(crate) fn new(profile: &Profile) -> Self {
        Self {
            profile: profile.name().to_owned(),
            landlock: 0,
            holds: Vec::new(),
            lacks: Vec::new(),
        }
    }

    /// Whether a layer holds.
    #[must_use]
    pub fn has(&self, layer: Layer) -> bool {
        self.holds.contains(&layer)
    }

    /// Whether all do.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.lacks.is_empty()
    }

    /// The kernel's Landlock, as far as it is known here; 0 for none.
    #[must_use]
    pub fn landlock(&self) -> u8 {
        self.landlock
    }

    pub(crate) fn set_landlock(&mut self, version: u8) {
        self.landlock = version;
    }

    pub(crate) fn holds(&mut self, layers: &[Layer]) {
        for layer in layers {
            if !self.has(*layer) {
                self.holds.push(*layer);
            }
        }
    }

    pub(crate) fn lacks(&mut self, layer: Layer, why: String) {
        self.lacks.push(Lack { layer, why });
    }

    /// Refuses to go on without what is required.
    pub(crate) fn check(&self, strictness: Strictness) -> Result<(), ConfinementError> {
        let required = |lack: &&Lack| lack.layer.is_required();
        match self.lacks.iter().find(required) {
            Some(lack) if strictness == Strictness::Required => Err(ConfinementError::NotOffered {
                layer: lack.layer,
                why: lack.why.clone(),
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use policies_profiles::{Program, Reach};

    use super::*;

    fn without(layer: Layer) -> Report {
        let mut report = Report::new(&Program::Verifier(Reach::default()).profile());
        report.lacks(layer, "no such thing".to_owned());
        report
    }

    #[test]
    fn layer_that_is_required_and_missing_ends_it_unless_best_effort_is_enough() {
        for layer in Layer::ALL {
            let report = without(layer);
            let checked = report.check(Strictness::Required);
            assert_eq!(checked.is_err(), layer.is_required(), "{layer}");
            assert!(report.check(Strictness::BestEffort).is_ok());
            assert!(!report.has(layer) && !report.is_whole());
        }
        let refused = without(Layer::Files).check(Strictness::Required);
        let text = refused.unwrap_err().to_string();
        assert!(
            text.contains("files: no such thing") && text.contains("best-effort"),
            "{text}"
        );
    }
}
