//! The report: what is written into a file, sent, and read again.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use vmm_host_facts::Tee;

use crate::judge;
use crate::trial::Trial;

const FORMAT: &str = "cloister-self-test";
/// Raised when a member comes, goes or changes what it means: a report is read strictly.
const VERSION: u32 = 1;
/// A report has some ten launches, each of some ten kilobytes.
pub const MOST_BYTES: u64 = 4 << 20;

/// Everything.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    format: String,
    version: u32,
    /// Programs that took part.
    pub programs: Vec<ProgramFile>,
    /// What `cloister host record` says of the host, as TOML.
    pub host: String,
    /// How much of it there is.
    pub summary: Summary,
    /// Results, in order.
    pub steps: Vec<Step>,
    /// Launches, in order.
    pub launches: Vec<Launch>,
}

/// A program.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramFile {
    /// Its file's name.
    pub name: String,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

/// How many steps ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// They showed what they had to.
    pub passed: usize,
    /// They did not.
    pub failed: usize,
    /// They were not tried.
    pub skipped: usize,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It showed what it had to.
    Passed,
    /// It did not.
    Failed,
    /// It was not tried.
    Skipped,
}

/// One thing that is shown, or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What.
    pub step: String,
    /// How it ended.
    pub result: Outcome,
    /// Why.
    pub found: String,
    /// Which launch shows it: its place in the list, from 0.
    pub launch: Option<usize>,
}

/// What came of a launch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    /// What was tried.
    pub trial: Trial,
    /// The VM's configuration, as `cloister vm run` took it.
    pub configuration: String,
    /// The digest that the plan predicts, in lower-case hexadecimal.
    pub predicted: String,
    /// With an ID block: the digest in it.
    pub id_block: Option<String>,
    /// Of a TD: RTMR0 to RTMR2 as predicted.
    pub rtmrs: Vec<String>,
    /// What `cloister vm run -o json` told, an event each.
    pub events: Vec<Value>,
    /// Standard error.
    pub said: String,
    /// COM1.
    pub console: String,
    /// None if it was killed.
    pub exit_code: Option<i32>,
    /// It was killed since it did not end within so many seconds.
    pub no_answer_after_seconds: Option<u64>,
    /// From its start to its end.
    pub milliseconds: u64,
}

/// Why a file is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Another form.
    #[error("it is no report of a self-test")]
    Form(#[from] serde_json::Error),
    /// Another version.
    #[error("it is of format {format:?}, version {version}; {FORMAT}, version {VERSION} is known")]
    Version {
        /// What it says it is.
        format: String,
        /// Its version.
        version: u32,
    },
    /// Its result is not what its launch shows.
    #[error("step {0:?} is not what the launch shows that it names")]
    Contradiction(String),
    /// Steps are missing, or there are too many.
    #[error("it has not the steps of its launches")]
    Number,
    /// Its counts are not those of its steps.
    #[error("its summary does not count its steps")]
    Summary,
}

impl Report {
    /// Of a host, before anything is tried.
    pub fn new(host: String, programs: Vec<ProgramFile>) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            programs,
            host,
            summary: Summary::default(),
            steps: Vec::new(),
            launches: Vec::new(),
        }
    }

    /// Adds a result that no launch shows.
    pub fn add(&mut self, step: Step) {
        self.summary.count(step.result);
        self.steps.push(step);
    }

    /// Adds a launch with its results.
    pub fn add_launch(&mut self, launch: Launch) {
        let index = self.launches.len();
        for step in judge::steps(&launch, index) {
            self.add(step);
        }
        self.launches.push(launch);
    }

    /// Reads one, and judges its launches again.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn read(bytes: &[u8]) -> Result<Self, ReportError> {
        let report: Self = serde_json::from_slice(bytes)?;
        if report.format != FORMAT || report.version != VERSION {
            return Err(ReportError::Version {
                format: report.format,
                version: report.version,
            });
        }
        report.check_steps()?;
        Ok(report)
    }

    /// Whatever a step says, its launch or the recording has to say it too.
    fn check_steps(&self) -> Result<(), ReportError> {
        let launches = self.launches.iter().enumerate();
        let mut shown = vec![judge::host(&self.host)];
        shown.extend(launches.flat_map(|(index, launch)| judge::steps(launch, index)));
        let claims = |step: &&Step| step.result == Outcome::Passed || step.launch.is_some();
        let claimed: Vec<&Step> = self.steps.iter().filter(claims).collect();
        let differs = |(one, other): &(&&Step, &Step)| **one != *other;
        if let Some((step, _)) = claimed.iter().zip(&shown).find(differs) {
            return Err(ReportError::Contradiction(step.step.clone()));
        }
        if claimed.len() != shown.len() {
            return Err(ReportError::Number);
        }
        let mut counted = Summary::default();
        self.steps
            .iter()
            .for_each(|step| counted.count(step.result));
        match counted == self.summary {
            true => Ok(()),
            false => Err(ReportError::Summary),
        }
    }
}

impl Summary {
    fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Skipped => self.skipped += 1,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

impl Outcome {
    /// As documents have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl Step {
    /// Nothing is launched on this TEE.
    pub fn skipped(tee: Tee, why: String) -> Self {
        Self {
            step: tee.name().to_owned(),
            result: Outcome::Skipped,
            found: why,
            launch: None,
        }
    }
}

impl Launch {
    /// The last event of this name.
    pub fn event(&self, name: &str) -> Option<&Value> {
        let mut events = self.events.iter().rev();
        events.find(|event| event["event"] == name)
    }

    /// A text in the last event of this name; empty where there is none.
    pub fn told(&self, event: &str, member: &str) -> &str {
        let text = self.event(event).and_then(|event| event[member].as_str());
        text.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::judge::tests::good;
    use crate::trial::Case;

    const HOST: &str = "version = 1\norigin = 'nobody'\n";

    fn report() -> Report {
        let mut report = Report::new(HOST.to_owned(), Vec::new());
        report.add(judge::host(HOST));
        report.add(Step::skipped(
            Tee::Simulated,
            "it was not asked for".to_owned(),
        ));
        report.add_launch(good(Tee::Snp, Case::OneVcpu));
        report.add(Step {
            step: "snp 2-vcpus".to_owned(),
            result: Outcome::Failed,
            found: "no room".to_owned(),
            launch: None,
        });
        report
    }

    /// What reading says of the report after a change to its JSON.
    fn changed(change: impl FnOnce(&mut Value)) -> Result<Report, ReportError> {
        let mut document = serde_json::to_value(report()).unwrap();
        change(&mut document);
        Report::read(document.to_string().as_bytes())
    }

    #[test]
    fn report_written_and_read_again_is_the_same() {
        let again = changed(|_| ()).unwrap();
        assert_eq!(again, report());
        assert_eq!(again.summary.to_string(), "3 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn report_that_contradicts_its_launches_is_refused() {
        let steps = [
            ("/steps/2/result", json!("failed")),
            ("/steps/2/found", json!("all is well")),
            ("/steps/2/step", json!("snp 2-vcpus measured")),
            ("/steps/2/launch", json!(null)),
            ("/steps/0/found", json!("another host")),
            ("/steps/1/result", json!("passed")),
            ("/steps/4/result", json!("passed")),
            ("/launches/0/predicted", json!("00")),
            ("/launches/0/console", json!("")),
            ("/launches/0/trial", json!("tdx 1-vcpu")),
            ("/host", json!("nonsense")),
        ];
        for (place, value) in steps {
            let refused = changed(|document| *document.pointer_mut(place).unwrap() = value);
            let refused = refused.unwrap_err();
            assert!(
                matches!(refused, ReportError::Contradiction(_) | ReportError::Number),
                "{place}: {refused}"
            );
        }
        for drop in [2, 0] {
            let fewer = changed(|document| {
                document["steps"].as_array_mut().unwrap().remove(drop);
            });
            assert!(fewer.is_err());
        }
        let none = changed(|document| document["steps"] = json!([]));
        assert!(matches!(none, Err(ReportError::Number)));
        let unlaunched = changed(|document| document["launches"] = json!([]));
        assert!(unlaunched.is_err());
    }

    #[test]
    fn summary_that_does_not_count_is_refused() {
        for of in ["passed", "failed", "skipped"] {
            let refused = changed(|document| document["summary"][of] = json!(9));
            assert!(matches!(refused, Err(ReportError::Summary)), "{of}");
        }
    }

    #[test]
    fn report_of_another_form_or_version_is_refused() {
        let version = changed(|document| document["version"] = json!(2));
        assert!(version.unwrap_err().to_string().contains("version 2"));
        let format = changed(|document| document["format"] = json!("other"));
        assert!(matches!(format, Err(ReportError::Version { .. })));
        let forms: [(&str, Value); 5] = [
            ("more", json!(1)),
            ("steps", json!(1)),
            ("steps", json!([{"step": ""}])),
            ("launches", json!([{}])),
            ("programs", json!([{"name": "x", "sha256": "", "more": 1}])),
        ];
        for (member, value) in forms {
            let refused = changed(|document| document[member] = value);
            assert!(matches!(refused, Err(ReportError::Form(_))), "{member}");
        }
        let trial =
            changed(|document| document["launches"][0]["trial"] = json!("tdx other-digest"));
        assert!(matches!(trial, Err(ReportError::Form(_))));
        assert!(Report::read(b"").is_err() && Report::read(b"[]").is_err());
    }
}
