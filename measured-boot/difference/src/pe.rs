//! What differs between two PE images: UKIs, boot loaders, kernels with an EFI stub.

use crate::bytes::{excerpt, plain, stretches};
use crate::sentence::{count, differ, short};
use crate::{Difference, Shown, Side, cmdline};
use measured_boot_uki::{Algorithm, Boot, Pe, PeFault, Section, StubRules, Uki};

/// More lines of a text are not listed.
const MOST_LINES: usize = 16;

/// What differs between two images, section by section. Empty exactly if they are the same bytes.
///
/// # Errors
/// One is no PE image that firmware and tools read alike.
pub fn pe_images(a: &[u8], b: &[u8]) -> Result<Vec<Difference>, PeFault> {
    let (one, other) = (Pe::read(a)?, Pe::read(b)?);
    if a == b {
        return Ok(Vec::new());
    }
    let mut differences = digests(&one, &other);
    let is_loaded_alike = !differences.iter().any(|found| matches!(found, Difference::Digest { register, .. } if register.starts_with("Auth")));
    differences.extend(stubs(&one, &other));
    let before = differences.len();
    differences.extend(sections(&one, &other));
    differences.extend(filled_up(&one, &other));
    differences.extend(signatures(&one, &other));
    if differences.len() == before && !is_loaded_alike {
        differences.extend(elsewhere(a, b, &one));
    }
    if differences.is_empty() {
        differences.push(named(
            "file",
            "A and B differ in bytes that neither the Authenticode digest nor PCR 11 covers",
            Shown::Unmeasured,
        ));
    }
    Ok(differences)
}

fn named(place: &str, says: &str, shown: Shown) -> Difference {
    Difference::Named {
        place: place.to_owned(),
        says: says.to_owned(),
        shown,
        advice: None,
    }
}

/// What firmware and stub measure of the whole.
fn digests(a: &Pe<'_>, b: &Pe<'_>) -> Vec<Difference> {
    let authenticode = |pe: &Pe<'_>| pe.authenticode(Algorithm::Sha256).to_string();
    let mut values = vec![(
        "Authenticode digest (SHA-256, what firmware measures)".to_owned(),
        Some(authenticode(a)),
        Some(authenticode(b)),
    )];
    values.push((
        "PCR 11 (SHA-256, what the stub measures)".to_owned(),
        pcr11(a),
        pcr11(b),
    ));
    let differing = values.into_iter().filter(|(_, a, b)| a != b);
    differing
        .map(|(register, a, b)| Difference::Digest {
            register,
            a: a.unwrap_or_else(|| "undefined".to_owned()),
            b: b.unwrap_or_else(|| "undefined".to_owned()),
        })
        .collect()
}

/// How a UKI's stub is read; `None` where the image is none, or which sections are measured is not known.
fn rules(pe: &Pe<'_>) -> Option<StubRules> {
    Uki::of(pe).ok()?.stub().rules(None).ok()
}

fn pcr11(pe: &Pe<'_>) -> Option<String> {
    let uki = Uki::of(pe).ok()?;
    let measured = uki.measured(&rules(pe)?, &Boot::default()).ok()?;
    let phase = measured_boot_uki::Phase::new("");
    Some(measured.pcr11(Algorithm::Sha256).at(&phase).to_string())
}

/// Which sections a stub measures depends on its version.
fn stubs(a: &Pe<'_>, b: &Pe<'_>) -> Vec<Difference> {
    let (Some(a), Some(b)) = (rules(a), rules(b)) else {
        return Vec::new();
    };
    let known = |rules: &StubRules| {
        let names = rules.known().iter().map(ToString::to_string);
        names.collect::<Vec<_>>().join(" ")
    };
    let (one, other) = (known(&a), known(&b));
    let mut differences = Vec::new();
    if a.version != b.version {
        differences.push(named(
            "stub",
            &format!(
                "that of A is systemd {}, that of B is systemd {}",
                a.version, b.version
            ),
            Shown::Measured,
        ));
    }
    if one != other {
        differences.push(named(
            "stub",
            &format!("that of A measures {one} where these are there, that of B {other}"),
            Shown::Measured,
        ));
    }
    differences
}

fn sections(a: &Pe<'_>, b: &Pe<'_>) -> Vec<Difference> {
    let (keys_a, keys_b) = (keyed(a), keyed(b));
    let mut differences = Vec::new();
    for (name, section) in &keys_a {
        match keys_b.iter().find(|(other, _)| other == name) {
            Some((_, other)) => differences.extend(section_of(name, (a, section), (b, other))),
            None => differences.push(only(Side::A, name, section)),
        }
    }
    let missing = keys_b
        .iter()
        .filter(|(name, _)| !keys_a.iter().any(|(other, _)| other == name));
    differences.extend(missing.map(|(name, section)| only(Side::B, name, section)));
    differences
}

/// Sections by name, a second of a name as `.dtbauto#2`.
fn keyed(pe: &Pe<'_>) -> Vec<(String, Section)> {
    let sections = pe.sections();
    let name = |index: usize| {
        let name = sections[index].name.as_str();
        let before = sections[..index]
            .iter()
            .filter(|other| other.name.as_str() == name);
        match before.count() {
            0 => name.to_owned(),
            before => format!("{name}#{}", before + 1),
        }
    };
    (0..sections.len())
        .map(|index| (name(index), sections[index]))
        .collect()
}

fn only(side: Side, name: &str, section: &Section) -> Difference {
    let side = match side {
        Side::A => "A",
        Side::B => "B",
    };
    let says = format!("{}, only in {side}", count(section.virtual_size, "byte"));
    named(&format!("section {name}"), &says, Shown::Measured)
}

fn section_of(
    name: &str,
    (pe_a, a): (&Pe<'_>, &Section),
    (pe_b, b): (&Pe<'_>, &Section),
) -> Vec<Difference> {
    let place = format!("section {name}");
    let (content_a, content_b) = (pe_a.content(a), pe_b.content(b));
    let digests =
        [content_a, content_b].map(|content| content.digest(Algorithm::Sha256).to_string());
    if digests[0] == digests[1] {
        let slack = |pe: &Pe<'_>, section: &Section| {
            pe.file().get(section.slack()).unwrap_or_default().to_vec()
        };
        let (slack_a, slack_b) = (slack(pe_a, a), slack(pe_b, b));
        let first = stretches(&slack_a, &slack_b, usize::MAX).first().copied();
        return first
            .map(|(start, ..)| {
                let at = a.slack().start + start;
                named(
                    &place,
                    &format!("only its slack differs, from file offset {at:#x} of A on: the Authenticode digest covers it, PCR 11 does not"),
                    Shown::Measured,
                )
            })
            .into_iter()
            .collect();
    }
    let (bytes_a, bytes_b) = (content_a.to_bytes(), content_b.to_bytes());
    let mut differences = vec![named(
        &place,
        &format!(
            "{} (SHA-256 {}) in A, {} (SHA-256 {}) in B",
            count(content_a.len(), "byte"),
            short(&digests[0]),
            count(content_b.len(), "byte"),
            short(&digests[1])
        ),
        Shown::Measured,
    )];
    if let Difference::Named { advice, .. } = &mut differences[0] {
        *advice = section_advice(name).map(str::to_owned);
    }
    match name {
        ".cmdline" => differences.extend(cmdline(&bytes_a, &bytes_b)),
        ".osrel" | ".uname" | ".sbat" | ".profile" => {
            differences.extend(lines(&place, &bytes_a, &bytes_b));
        }
        _ => differences.extend(first_bytes(&place, &bytes_a, &bytes_b)),
    }
    differences
}

/// What a person does about a section of a UKI that differs.
fn section_advice(name: &str) -> Option<&'static str> {
    Some(match name.split('#').next().unwrap_or_default() {
        ".initrd" => {
            "another initrd: take it out (objcopy --dump-section .initrd=FILE), compare what lsinitramfs or lsinitrd lists, and build both from the same files"
        }
        ".ucode" => "other microcode: compare the versions of the microcode package",
        ".linux" => {
            "another kernel: compare .uname, and the kernel package that the UKI was built from"
        }
        ".text" | ".rodata" | ".data" | ".reloc" | ".sdmagic" => {
            "other code: compare the versions of systemd-boot's stub (of ukify) that the images were built with"
        }
        ".dtb" | ".dtbauto" | ".hwids" => {
            "another devicetree, or another list of machines: compare what ukify was given"
        }
        ".pcrsig" => "another signature of PCR 11, which PCR 11 itself does not cover",
        ".pcrpkey" => "another key for signatures of PCR 11: compare what ukify was given",
        ".splash" => "another picture: compare what ukify was given",
        _ => return None,
    })
}

/// Lines that only one text has.
fn lines(place: &str, a: &[u8], b: &[u8]) -> Vec<Difference> {
    let only = |these: &[u8], those: &[u8], side: &str| {
        let those: Vec<&[u8]> = those.split(|byte| *byte == b'\n').collect();
        let these = these.split(|byte| *byte == b'\n');
        these
            .filter(|line| !those.contains(line))
            .take(MOST_LINES)
            .map(|line| format!("the line `{}` is only in {side}", plain(line)))
            .collect::<Vec<_>>()
    };
    let sentences = [only(a, b, "A"), only(b, a, "B")].concat();
    let named = |says: String| named(place, &says, Shown::Measured);
    sentences.into_iter().map(named).collect()
}

fn first_bytes(place: &str, a: &[u8], b: &[u8]) -> Option<Difference> {
    let (start, end, differing) = stretches(a, b, usize::MAX).first().copied()?;
    let shown = |bytes: &[u8]| excerpt(bytes, start, end - start);
    let says = format!(
        "{} from offset {start:#x} on: {} in A, {} in B",
        differ(differing),
        shown(a),
        shown(b)
    );
    Some(named(place, &says, Shown::Measured))
}

fn signatures(a: &Pe<'_>, b: &Pe<'_>) -> Option<Difference> {
    let words = |pe: &Pe<'_>| match pe.certificates() {
        None => "unsigned".to_owned(),
        Some(_) => "signed".to_owned(),
    };
    let (one, other) = (words(a), words(b));
    (one != other).then_some(Difference::Field {
        field: "the signature",
        shown: Shown::Unmeasured,
        a: one,
        b: other,
        advice: Some("the Authenticode digest leaves the signature out: it is the same image if nothing else differs"),
    })
}

/// Tools fill an image up to a multiple of 8 bytes before they sign it, and these bytes are in the digest.
fn filled_up(a: &Pe<'_>, b: &Pe<'_>) -> Option<Difference> {
    let is_of = |unsigned: &Pe<'_>, signed: &Pe<'_>| {
        let filled = unsigned.authenticode_when_signed(Algorithm::Sha256);
        signed.certificates().is_some() && filled == Some(signed.authenticode(Algorithm::Sha256))
    };
    let says = if is_of(a, b) {
        "B is A, filled up with zeros to a multiple of 8 bytes and signed: the Authenticode digest covers these zeros"
    } else if is_of(b, a) {
        "A is B, filled up with zeros to a multiple of 8 bytes and signed: the Authenticode digest covers these zeros"
    } else {
        return None;
    };
    Some(named("file", says, Shown::Measured))
}

/// Headers, or what follows the last section.
fn elsewhere(a: &[u8], b: &[u8], pe: &Pe<'_>) -> Option<Difference> {
    let (start, end, differing) = stretches(a, b, usize::MAX).first().copied()?;
    let region = if start < pe.headers_size() {
        "headers"
    } else if pe.trailing().contains(&start) || start >= a.len().min(b.len()) {
        "what follows the last section"
    } else {
        "between the sections"
    };
    Some(Difference::FileRange {
        region: region.to_owned(),
        offset: u64::try_from(start).ok()?,
        differing: u64::try_from(differing).ok()?,
        span: u64::try_from(end - start).ok()?,
        gpa: None,
        a: excerpt(a, start, end - start),
        b: excerpt(b, start, end - start),
    })
}
