//! A prediction against another one, a report, a quote or an event log: by digests, since it has no bytes.

use anyhow::{Context, Result, anyhow, bail};
use measured_boot_difference::{Difference, QuoteFields, Shown, Side};
use measured_boot_digest::{LaunchDigest, Manifest};
use measured_boot_event_log::{Log, ReadOptions};
use std::collections::{HashMap, VecDeque};

use super::comparison::{Comparison, UNSIGNED, explains};
use super::predicted::{Part, Predicted, Sha384, Text};
use super::predicted_events::events;
use super::{Kind, Subject};

/// Compares two files, one of which at least is a prediction.
///
/// # Errors
/// The other one has neither launch digest nor RTMRs, or is not what it was taken for.
pub fn between(a: &Subject, b: &Subject, manifest: Option<&Manifest>) -> Result<Comparison> {
    for (one, other) in [(a, b), (b, a)] {
        if let Subject::Prediction(path, predicted) = one {
            let place = || path.display().to_string();
            predicted.same_tee(other.kind()).with_context(place)?;
        }
    }
    let (view_a, view_b) = (view(a, manifest)?, view(b, manifest)?);
    let digests =
        [&view_a, &view_b].map(|one| one.launch_digest.map(|digest| LaunchDigest(digest.0)));
    let differences = predictions(&view_a, &view_b);
    let by_digests = (!differences.is_empty()).then(|| BY_DIGESTS.to_owned());
    let mut notes: Vec<_> = by_digests.into_iter().collect();
    let is_evidence = |one: &Subject| matches!(one.kind(), Kind::Report | Kind::Quote);
    if is_evidence(a) || is_evidence(b) {
        notes.push(UNSIGNED.to_owned());
    }
    Ok(Comparison {
        digests,
        differences,
        notes,
    })
}

/// What a comparison with a prediction cannot say.
const BY_DIGESTS: &str = "a prediction has digests and no bytes: compare the files that it was made of to see which bytes and registers differ";

fn view(subject: &Subject, manifest: Option<&Manifest>) -> Result<Predicted> {
    let place = || subject.path().display().to_string();
    match subject {
        Subject::Prediction(_, predicted) => Ok((**predicted).clone()),
        Subject::Plan(path, _) => Predicted::of_plan(path),
        Subject::Manifest(_, manifest) => Ok(Predicted::of_manifest(manifest)),
        Subject::Report(.., own) => {
            let report = subject.report().with_context(place)?;
            let mut predicted = match manifest.or(own.as_ref()) {
                Some(manifest) => {
                    explains(report, manifest)?;
                    Predicted::of_manifest(manifest)
                }
                None => Predicted::of_digest(LaunchDigest(report.measurement)),
            };
            predicted.policy = Some(Text(format!("{:#x}", report.policy.get())));
            Ok(predicted)
        }
        Subject::Bytes(_, Kind::Quote, bytes) => {
            let quote = QuoteFields::read(bytes).with_context(place)?;
            Ok(Predicted::of_quote(&quote))
        }
        Subject::Bytes(_, Kind::EventLog, bytes) => {
            let log = Log::read(bytes, &ReadOptions::default());
            let log = log.map_err(|error| anyhow!("{}: {error}", place()))?;
            let predicted = Predicted::of_log(&log);
            match predicted.rtmrs() {
                [None, None, None, None] => bail!(
                    "{}: a log without SHA-384 digests of RTMRs: a prediction has those",
                    place()
                ),
                _ => Ok(predicted),
            }
        }
        other => bail!(
            "{} is taken for {}: a prediction is compared with {}",
            place(),
            other.kind().one(),
            Kind::Prediction.peers()
        ),
    }
}

/// What differs in what both say: digest, inputs, components, registers, events.
pub fn predictions(a: &Predicted, b: &Predicted) -> Vec<Difference> {
    let mut differences = Vec::new();
    differences.extend(digest(
        "launch digest".to_owned(),
        a.launch_digest,
        b.launch_digest,
    ));
    differences.extend(inputs(a, b));
    if let (Some(a), Some(b)) = (&a.components, &b.components) {
        differences.extend(components(a, b));
    }
    for (number, (one, other)) in a.rtmrs().into_iter().zip(b.rtmrs()).enumerate() {
        let is_equal = one.is_some() && one == other;
        differences.extend(digest(format!("value of RTMR{number}"), one, other));
        if let (Some(a), Some(b), false) = (&a.events, &b.events, is_equal) {
            differences.extend(events(number, a, b));
        }
    }
    differences
}

fn digest(register: String, a: Option<Sha384>, b: Option<Sha384>) -> Option<Difference> {
    let (a, b) = (a?, b?);
    (a != b).then(|| Difference::Digest {
        register,
        a: a.to_string(),
        b: b.to_string(),
    })
}

fn inputs(a: &Predicted, b: &Predicted) -> Vec<Difference> {
    let number = |value: Option<u64>| value.map(|value| Text(value.to_string()));
    let is = |field: &Option<Text>, word: &str| field.as_ref().is_some_and(|text| text.0 == word);
    let are_tds = is(&a.tee, "tdx") && is(&b.tee, "tdx");
    let (vcpus, vcpus_advice) = match are_tds {
        true => (
            Shown::Unmeasured,
            "no register of a TD has it: the TDX module tells the guest",
        ),
        false => (
            Shown::Measured,
            "launch with the number that was planned, or register a reference value for each number",
        ),
    };
    let (memory, memory_advice) = match is(&a.boot_protocol, "shim") && is(&b.boot_protocol, "shim")
    {
        true => (
            Shown::Unmeasured,
            "no digest has it: the boot shim takes what the host's memory map lists",
        ),
        false => (Shown::Measured, "launch with the memory that was planned"),
    };
    #[rustfmt::skip] // a table
    let rows = [
        ("the TEE", a.tee.clone(), b.tee.clone(), Shown::Reported, "their reports lead to different roots: measure for the TEE that launches"),
        ("the VMM (--vmm-type)", a.vmm_type.clone(), b.vmm_type.clone(), Shown::Measured, "measure for the VMM that launches"),
        ("the boot protocol", a.boot_protocol.clone(), b.boot_protocol.clone(), Shown::Measured, "use the same boot.protocol"),
        ("the number of vCPUs", number(a.vcpus), number(b.vcpus), vcpus, vcpus_advice),
        ("the vCPUs' signature (RDX)", a.cpu_signature.clone(), b.cpu_signature.clone(), Shown::Measured, "pass the same CPU type (-cpu, --vcpu-type) on both sides"),
        ("SEV_FEATURES", a.guest_features.clone(), b.guest_features.clone(), Shown::Measured, "pass what the host sets as --guest-features, or have it set less"),
        ("the order of pages", a.page_order.clone(), b.page_order.clone(), Shown::Measured, "the host's kernel decides it: see --two-pass"),
        ("the firmware's profile", a.profile.clone(), b.profile.clone(), Shown::Measured, "see --profile"),
        ("the memory in bytes", number(a.memory_bytes), number(b.memory_bytes), memory, memory_advice),
        ("POLICY", a.policy.clone(), b.policy.clone(), Shown::Reported, "in no digest: a verifier has to look at it"),
    ];
    let differing = rows.into_iter().filter_map(|(field, a, b, shown, advice)| {
        let (a, b) = (a?, b?);
        (a != b).then_some((field, a, b, shown, advice))
    });
    let difference = |(field, a, b, shown, advice): (_, Text, Text, _, _)| Difference::Field {
        field,
        shown,
        a: a.0,
        b: b.0,
        advice: Some(advice),
    };
    differing.map(difference).collect()
}

/// Components by name, the first of a name with the first.
fn components(a: &[Part], b: &[Part]) -> Vec<Difference> {
    let mut places: HashMap<&str, VecDeque<usize>> = HashMap::new();
    for (place, part) in b.iter().enumerate() {
        places.entry(&part.name.0).or_default().push_back(place);
    }
    let mut left: Vec<Option<&Part>> = b.iter().map(Some).collect();
    let mut differences = Vec::new();
    for part in a {
        let place = places.get_mut(part.name.0.as_str());
        match place
            .and_then(VecDeque::pop_front)
            .and_then(|place| left[place].take())
        {
            Some(other) => differences.extend(component(part, other)),
            None => differences.push(only_in(Side::A, part)),
        }
    }
    differences.extend(
        left.into_iter()
            .flatten()
            .map(|part| only_in(Side::B, part)),
    );
    // Their number is told already.
    differences.retain(
        |one| !matches!(one, Difference::OnlyIn { component, .. } if component.starts_with("vcpu")),
    );
    differences
}

fn only_in(side: Side, part: &Part) -> Difference {
    Difference::OnlyIn {
        side,
        component: part.name.0.clone(),
        gpa: part.gpa.0,
        pages: part.pages,
    }
}

fn component(a: &Part, b: &Part) -> Vec<Difference> {
    let mut differences = Vec::new();
    let component = a.name.0.clone();
    if a.gpa != b.gpa {
        differences.push(Difference::Moved {
            component: component.clone(),
            a: a.gpa.0,
            b: b.gpa.0,
        });
    }
    if a.pages != b.pages {
        differences.push(Difference::Size {
            component: component.clone(),
            a: a.pages,
            b: b.pages,
            unit: "pages",
        });
    } else if a.sha384 != b.sha384 {
        let words = |digest: Option<Sha384>| match digest {
            Some(digest) => short(digest),
            None => "measured by its place only".to_owned(),
        };
        differences.push(Difference::Named {
            place: format!("{component} at {:#x}", a.gpa.0),
            says: format!(
                "SHA-384 of what is measured is {} in A, {} in B",
                words(a.sha384),
                words(b.sha384)
            ),
            shown: Shown::Measured,
            advice: advice(&component).map(str::to_owned),
        });
    }
    differences
}

/// The first bytes, which tell digests apart.
pub fn short(digest: Sha384) -> String {
    format!("{}…", hex::encode(&digest.0[..8]))
}

/// What to do about contents that differ.
fn advice(component: &str) -> Option<&'static str> {
    Some(match component {
        "firmware" | "svsm" | "BFV" | "CFV" => {
            "another build of the firmware: `diff` of the two images says where"
        }
        "SNP_KERNEL_HASHES" => {
            "the table of the kernel's hashes: another kernel, initrd or command line was passed"
        }
        "kernel" | "initrd" => "another file: compare their origin",
        "cmdline" => "every byte of the command line is measured: write the same",
        "acpi" => "the tables list vCPUs and devices: another number of them",
        name if name.starts_with("vcpu") => {
            "initial registers: another CPU type, SEV_FEATURES, VMM or host kernel; `diff` of the configurations or manifests names the register"
        }
        _ => return None,
    })
}
