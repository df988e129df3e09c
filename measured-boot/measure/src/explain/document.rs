//! What `explain` prints.

use measured_boot_difference::{Difference, Explanation, Names, ReportedField};
use measured_boot_digest::LaunchDigest;
use serde::Serialize;

use crate::diff::{Row, sections};
use crate::text::{Side, table};

/// What the sides are called.
pub const NAMES: Names<'_> = Names {
    a: "the plan",
    b: "the report",
};

/// What comparing and trying gave.
pub struct Outcome {
    pub planned: LaunchDigest,
    pub matches: bool,
    /// What differs from what the report's manifest says.
    pub differences: Vec<Difference>,
    pub fits: Vec<Fit>,
    pub tried: Option<Tried>,
    /// The policy that the plan asks for, where it says one.
    pub planned_policy: Option<u64>,
}

/// What the digest would be that of.
#[derive(Serialize)]
pub struct Fit {
    would_match_if: Vec<Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vcpus: Option<u64>,
    differences: Vec<Row>,
}

/// One of the changes that it takes.
#[derive(Serialize)]
struct Change {
    says: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// What was tried.
#[derive(Serialize)]
pub struct Tried {
    launches: u64,
    of: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    up_to_vcpus: Option<u64>,
    cut_short: bool,
}

impl Outcome {
    /// Nothing tried yet.
    pub fn new(planned: LaunchDigest, reported: LaunchDigest) -> Self {
        Self {
            planned,

            matches: planned == reported,
            differences: Vec::new(),
            fits: Vec::new(),
            tried: None,
            planned_policy: None,
        }
    }

    /// Takes up what a search found.
    pub fn take(&mut self, explanation: &Explanation<'_, '_>) {
        let tried = &explanation.tried;
        self.tried = Some(Tried {
            launches: tried.launches,
            of: tried.dimensions.iter().map(ToString::to_string).collect(),
            up_to_vcpus: tried.vcpus,
            cut_short: tried.is_cut_short,
        });
        self.fits = explanation
            .fits
            .iter()
            .map(|fit| Fit {
                would_match_if: fit
                    .variants
                    .iter()
                    .map(|variant| Change {
                        says: variant.says.clone(),
                        advice: variant.advice.map(str::to_owned),
                    })
                    .chain(fit.vcpus.map(|count| Change {
                        says: format!("the guest has {count} vCPU{}", if count == 1 { "" } else { "s" }),
                        advice: Some(
                            "launch with the planned number, or register a reference value for each number"
                                .to_owned(),
                        ),
                    }))
                    .collect(),
                vcpus: fit.vcpus,
                differences: rows(&fit.differences),
            })
            .collect();
    }
}

/// With the sides' names.
pub fn rows(differences: &[Difference]) -> Vec<Row> {
    let row = |difference| Row::between(difference, &NAMES);
    differences.iter().map(row).collect()
}

/// What `--output json` prints.
#[derive(Serialize)]
pub struct Document {
    pub report: Described,
    pub plan: Described,
    pub matches: bool,
    pub differences: Vec<Row>,
    pub fits: Vec<Fit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tried: Option<Tried>,
    pub reported: Vec<ReportedField>,
    pub signature_checked: bool,
    pub notes: Vec<String>,
}

/// A file and what it was taken for.
#[derive(Serialize)]
pub struct Described {
    pub path: String,
    pub kind: &'static str,
    pub launch_digest: String,
}

impl Document {
    /// For people.
    pub fn page(&self) -> String {
        let mut page = String::new();
        for (name, one) in [("report", &self.report), ("plan", &self.plan)] {
            page.push_str(&format!("{name:<8}{}, {}\n", one.path, one.kind));
        }
        page.push_str("\nlaunch digest\n");
        page.push_str(&format!("reported  {}\n", self.report.launch_digest));
        page.push_str(&format!("planned   {}\n\n", self.plan.launch_digest));
        page.push_str(match self.matches {
            true => "The launch digest is the planned one.\n\n",
            false => "The launch digest is NOT the planned one.\n\n",
        });
        page.push_str(&sections(&self.differences));
        for fit in &self.fits {
            page.push_str(&fit.page());
        }
        if let Some(tried) = &self.tried {
            page.push_str(&tried.page(self.fits.is_empty()));
        }
        page.push_str("what the report shows beside the digest\n");
        let reported = self.reported.iter();
        let cells: Vec<_> = reported
            .map(|field| [field.field.to_owned(), field.value.clone()])
            .collect();
        page.push_str(&table(&[Side::Left, Side::Left], &cells));
        page.push('\n');
        for note in &self.notes {
            page.push_str(&format!("note: {note}\n"));
        }
        page
    }
}

impl Fit {
    fn page(&self) -> String {
        let mut page = "It would match if\n".to_owned();
        for change in &self.would_match_if {
            page.push_str(&format!("  - {}\n", change.says));
            if let Some(advice) = &change.advice {
                page.push_str(&format!("    => {advice}\n"));
            }
        }
        page.push_str("\nwhat differs from the plan then\n");
        for row in &self.differences {
            page.push_str(&format!("  - {}\n", row.says()));
        }
        page.push('\n');
        page
    }
}

impl Tried {
    fn page(&self, in_vain: bool) -> String {
        let vcpus = self
            .up_to_vcpus
            .map_or(String::new(), |count| format!(", with 1 to {count} vCPUs"));
        let cut = match self.cut_short {
            true => "; the bound on the work ended it before all pairs were tried",
            false => "",
        };
        let end = match in_vain {
            true => {
                "Nothing that is known here fits: the firmware, kernel, initrd or command line is another one. Ask the host for the manifest of the launch.\n"
            }
            false => "",
        };
        format!(
            "tried {} launches: {} alone and in pairs{vcpus}{cut}\n{end}\n",
            self.launches,
            self.of.join(", ")
        )
    }
}
