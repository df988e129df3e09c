//! What `explain` prints.

use measured_boot_difference::{Difference, Explanation, Names, ReportedField};
use measured_boot_digest::LaunchDigest;
use serde::Serialize;

use crate::diff::{Row, sections};
use crate::text::{Side, count, table};

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
    /// Of a manifest nothing is tried but its vCPUs.
    #[serde(skip)]
    is_of_manifest: bool,
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

    /// What was tried is then less than of a plan or an image.
    pub fn say_that_it_is_of_a_manifest(&mut self) {
        if let Some(tried) = &mut self.tried {
            tried.is_of_manifest = true;
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
            is_of_manifest: false,
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
                    .chain(fit.vcpus.map(|vcpus| Change {
                        says: format!("the guest has {}", count(vcpus, "vCPU")),
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
        let vcpus = self.up_to_vcpus.map_or(String::new(), |most| {
            format!(", with 1 to {}", count(most, "vCPU"))
        });
        let cut = match self.cut_short {
            true => "; the bound on the work ended it before all pairs were tried",
            false => "",
        };
        let end = match in_vain {
            true => {
                format!(
                    "Nothing that is known here fits: {}. Ask the host for the manifest of the launch.\n",
                    self.left()
                )
            }
            false => String::new(),
        };
        let of = match self.of.is_empty() {
            true => "no change but that of the number".to_owned(),
            false => format!("{} alone and in pairs", self.of.join(", ")),
        };
        let launches = match self.launches {
            1 => "1 launch".to_owned(),
            many => format!("{many} launches"),
        };
        format!("tried {launches}: {of}{vcpus}{cut}\n{end}\n")
    }

    /// What may be another one, after all that was tried.
    fn left(&self) -> &'static str {
        match self.is_of_manifest {
            true => {
                "of a manifest only the vCPUs are varied, their number and what they start with, so that pages may be other ones, such as those of firmware, kernel, initrd, command line or ACPI tables; give the vm.toml, or the image with the options of `snp`, as --against to have these tried"
            }
            false => "the firmware, kernel, initrd or command line is another one",
        }
    }
}
