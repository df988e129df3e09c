//! Differences for people, and for machines.

use measured_boot_difference::{Difference, Names, Shown};
use serde::Serialize;

/// A difference as JSON has it.
#[derive(Serialize)]
pub struct Row {
    #[serde(flatten)]
    difference: Difference,
    shown: Shown,
    says: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Row {
    /// With the sides called A and B.
    pub fn of(difference: &Difference) -> Self {
        Self::between(difference, &Names::AB)
    }

    /// The sentence.
    pub fn says(&self) -> &str {
        &self.says
    }

    /// With the sides called as given.
    pub fn between(difference: &Difference, names: &Names<'_>) -> Self {
        Self {
            shown: difference.shown(),
            says: difference.sentence(names),
            advice: difference.advice(),
            difference: difference.clone(),
        }
    }
}

/// The differences in three groups, measured ones first; what to do about several is said once.
pub fn sections(rows: &[Row]) -> String {
    let mut page = String::new();
    let groups = [
        (Shown::Measured, "measured: a digest shows it"),
        (Shown::Reported, "reported: in no digest, but in the report"),
        (Shown::Unmeasured, "unmeasured: nothing shows it"),
    ];
    for (shown, title) in groups {
        let rows: Vec<_> = rows.iter().filter(|row| row.shown == shown).collect();
        if rows.is_empty() {
            continue;
        }
        page.push_str(&format!("{title}\n"));
        for (index, row) in rows.iter().enumerate() {
            page.push_str(&format!("  - {}\n", row.says));
            let next = rows.get(index + 1).and_then(|next| next.advice.as_ref());
            if let Some(advice) = row.advice.as_ref().filter(|advice| next != Some(advice)) {
                page.push_str(&format!("    => {advice}\n"));
            }
        }
        page.push('\n');
    }
    page
}
