//! What `cloister measure plan`, `snp` and `tdx` print with `-o json`: a launch without dates.

use super::members::Members;
use super::{Launch, digest, tee};
use anyhow::{Context, Result, ensure};
use measured_boot_reference_values::{Tee, Validity};
use serde::Deserialize;
use std::path::Path;

/// A document that one of the commands prints.
pub struct Form {
    /// The members that it has, always.
    always: &'static [&'static str],
    /// Those that it may have.
    sometimes: &'static [&'static str],
}

/// A document is a prediction if it has what one of them has and nothing else: a prediction is good at any time, so
/// nothing that was to be in force for a time may pass for one because its dates are missing or misspelt.
const FORMS: [Form; 3] = [
    // `cloister measure plan`.
    Form {
        always: &[
            "name",
            "tee",
            "simulated",
            "boot_protocol",
            "vcpus",
            "memory_bytes",
            "policy",
            "launch_digest",
            "components",
            "coverage",
        ],
        sometimes: &["rtmr0", "rtmr1", "rtmr2", "rtmr3"],
    },
    // `cloister measure snp`.
    Form {
        always: &[
            "tee",
            "vmm_type",
            "vcpus",
            "cpu_signature",
            "guest_features",
            "launch_digest",
            "components",
            "coverage",
            "warnings",
        ],
        sometimes: &["policy", "firmware_digest", "id_block"],
    },
    // `cloister measure tdx`.
    Form {
        always: &[
            "tee",
            "launch_digest",
            "mrtd",
            "rtmr0",
            "rtmr1",
            "rtmr2",
            "rtmr3",
            "missing",
            "page_order",
            "profile",
            "components",
            "events",
            "coverage",
            "warnings",
        ],
        sometimes: &[],
    },
];

/// Whether a document with these members is a prediction.
pub fn is_one(members: &Members) -> bool {
    FORMS.iter().any(|form| {
        members.have(form.always) && !members.have_more_than(&[form.always, form.sometimes])
    })
}

/// What is read of it.
#[derive(Deserialize)]
struct Predicted {
    tee: String,
    launch_digest: String,
    mrtd: Option<String>,
    rtmr0: Option<String>,
    rtmr1: Option<String>,
    rtmr2: Option<String>,
    rtmr3: Option<String>,
}

/// The launch of a prediction, named after its file.
///
/// # Errors
/// A member does not hold what it has to.
pub fn read(path: &Path, bytes: &[u8]) -> Result<(Tee, Launch)> {
    let predicted: Predicted = serde_json::from_slice(bytes)
        .context("not what `cloister measure plan`, `snp` or `tdx` prints with -o json")?;
    let mrtd = predicted.mrtd.as_ref();
    ensure!(
        mrtd.is_none_or(|mrtd| *mrtd == predicted.launch_digest),
        "mrtd is not the launch digest"
    );
    let given = [
        predicted.rtmr0,
        predicted.rtmr1,
        predicted.rtmr2,
        predicted.rtmr3,
    ];
    let mut rtmrs = [None; 4];
    for (rtmr, given) in rtmrs.iter_mut().zip(given) {
        *rtmr = given.as_deref().map(digest).transpose()?;
    }
    let file = path.file_name().unwrap_or(path.as_os_str());
    let launch = Launch {
        name: file.display().to_string(),
        digest: digest(&predicted.launch_digest)?,
        rtmrs,
        min_svn: None,
        // Who names a prediction means it now.
        validity: Validity {
            not_before: 0,
            not_after: u64::MAX,
        },
    };
    Ok((tee(&predicted.tee)?, launch))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What prints the documents is another crate, which nothing here links.
    const SOURCES: [&str; 3] = ["prediction.rs", "snp/document.rs", "tdx/document.rs"];

    #[test]
    fn forms_have_the_members_that_are_printed() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../measured-boot/measure/src");
        for (form, source) in FORMS.iter().zip(SOURCES) {
            let text = std::fs::read_to_string(folder.join(source)).expect("it is there");
            let document = text
                .split_once("pub struct Document")
                .expect("the document")
                .1;
            let fields = document.split_once("\n}").expect("it ends").0;
            let (mut always, mut sometimes, mut may_lack) = (Vec::new(), Vec::new(), false);
            for line in fields.lines().map(str::trim) {
                match line.split_once(": ") {
                    _ if line.starts_with("//") => (),
                    _ if line.contains("skip_serializing_if") => may_lack = true,
                    Some((field, _)) if may_lack => sometimes.push(field),
                    Some((field, _)) => always.push(field),
                    None => (),
                }
                may_lack &= line.starts_with("#[") || line.starts_with("//");
            }
            assert_eq!(form.always, always, "{source}");
            assert_eq!(form.sometimes, sometimes, "{source}");
        }
    }
}
