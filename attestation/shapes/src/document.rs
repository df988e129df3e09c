//! Which JSON object is which form: by its members alone.

use crate::json::Json;
use crate::{ShapeError, members::Members};

/// The forms that are JSON objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Document {
    SnpAttester,
    TdxAttester,
    Dstack,
    AzSnpVtpm0,
    AzSnpVtpm,
    AzTdxVtpm0,
    AzTdxVtpm,
    TpmAttester,
    KbsEvidence,
    Simulated,
}

/// What a form's objects have: no other members.
struct Form {
    document: Document,
    name: &'static str,
    /// Each is there.
    needed: &'static [&'static str],
    /// Each may be there.
    spare: &'static [&'static str],
}

const fn form(
    document: Document,
    name: &'static str,
    needed: &'static [&'static str],
    spare: &'static [&'static str],
) -> Form {
    Form {
        document,
        name,
        needed,
        spare,
    }
}

/// No object has the members of two of them: what one needs, another does not allow.
const FORMS: [Form; 10] = [
    form(
        Document::SnpAttester,
        "snp-attester",
        &["attestation_report"],
        &["cert_chain"],
    ),
    form(
        Document::TdxAttester,
        "tdx-attester",
        &["quote"],
        &["cc_eventlog", "aa_eventlog"],
    ),
    form(
        Document::Dstack,
        "dstack",
        &["quote", "event_log"],
        &[
            "report_data",
            "vm_config",
            "hash_algorithm",
            "prefix",
            "attestation",
        ],
    ),
    form(
        Document::AzSnpVtpm0,
        "az-snp-vtpm-v0",
        &["quote", "report", "vcek"],
        &[],
    ),
    form(
        Document::AzSnpVtpm,
        "az-snp-vtpm",
        &["version", "tpm_quote", "hcl_report", "vcek"],
        &[],
    ),
    form(
        Document::AzTdxVtpm0,
        "az-tdx-vtpm-v0",
        &["tpm_quote", "hcl_report", "td_quote"],
        &[],
    ),
    form(
        Document::AzTdxVtpm,
        "az-tdx-vtpm",
        &["version", "tpm_quote", "hcl_report", "td_quote"],
        &[],
    ),
    form(
        Document::TpmAttester,
        "tpm-attester",
        &["tpm_quote", "ak_public"],
        &[],
    ),
    form(
        Document::KbsEvidence,
        "kbs-evidence",
        &["primary_evidence", "additional_evidence"],
        &[],
    ),
    form(
        Document::Simulated,
        "simulated",
        &["attestation_report", "cert_chain", "manifest"],
        &[],
    ),
];

/// The names of the forms that are read, for people.
pub(crate) fn known() -> String {
    let read = FORMS
        .iter()
        .filter(|form| form.document != Document::Simulated);
    let names: Vec<&str> = read.map(|form| form.name).collect();
    names.join(", ")
}

impl Form {
    fn missing(&self, object: &[(String, Json)]) -> Vec<&'static str> {
        let there = |name: &str| object.iter().any(|(member, _)| member == name);
        let missing = self.needed.iter().filter(|name| !there(name));
        missing.copied().collect()
    }

    fn unknown(&self, object: &[(String, Json)]) -> usize {
        let known = |name: &str| self.needed.contains(&name) || self.spare.contains(&name);
        object.iter().filter(|(name, _)| !known(name)).count()
    }
}

/// Which form an object has.
pub(crate) fn recognise(object: &[(String, Json)]) -> Result<(Document, Members<'_>), ShapeError> {
    let differences = FORMS.iter().map(|form| {
        let (missing, unknown) = (form.missing(object), form.unknown(object));
        (missing.len() + unknown, form, missing, unknown)
    });
    // The first of those that differ least, so that the answer is always the same.
    let closest = differences.min_by_key(|(difference, ..)| *difference);
    match closest {
        Some((0, form, ..)) => Ok((form.document, Members::new(form.name, object))),
        Some((_, form, missing, unknown)) => Err(ShapeError::UnknownObject {
            closest: form.name,
            missing,
            unknown,
        }),
        None => Err(ShapeError::UnknownText("neither of them")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(members: &[&str]) -> Vec<(String, Json)> {
        let member = |name: &&str| ((*name).to_owned(), Json::Null);
        members.iter().map(member).collect()
    }

    #[test]
    fn form_is_recognised_with_and_without_its_spare_members() {
        for form in &FORMS {
            let all = [form.needed, form.spare].concat();
            for members in [form.needed, &all[..]] {
                let object = object(members);
                let (document, _) = recognise(&object).expect(form.name);
                assert_eq!(document, form.document);
            }
        }
    }

    #[test]
    fn no_object_has_two_forms() {
        for one in &FORMS {
            for other in FORMS.iter().filter(|other| other.document != one.document) {
                let all = [one.needed, one.spare].concat();
                let allowed = other.needed.iter().all(|name| all.contains(name));
                let fits = one
                    .needed
                    .iter()
                    .all(|name| other.needed.contains(name) || other.spare.contains(name));
                assert!(!(allowed && fits), "{} and {}", one.name, other.name);
            }
        }
    }

    #[test]
    fn object_of_no_form_is_refused_with_the_closest() {
        let error = |members: &[&str]| match recognise(&object(members)) {
            Err(ShapeError::UnknownObject {
                closest,
                missing,
                unknown,
            }) => (closest, missing, unknown),
            other => panic!("{members:?}: {other:?}"),
        };
        assert_eq!(
            error(&["tpm_quote", "hcl_report", "vcek"]),
            ("az-snp-vtpm", vec!["version"], 0)
        );
        assert_eq!(
            error(&["quote", "cc_eventlog", "x"]),
            ("tdx-attester", vec![], 1)
        );
        let key = object(&["ak_public"]);
        let text = recognise(&key).map_err(|error| error.to_string());
        let text = text.expect_err("a key alone is no form");
        assert!(
            text.contains("tpm-attester, which needs tpm_quote;"),
            "{text}"
        );
        assert!(text.contains("az-snp-vtpm-v0"), "{text}");
    }
}
