//! Certificates, their dates, the product, keys and chips.

use super::{Snp, both, chip, chip_of, extension, field, milan, scene, scene_of_turin};
use crate::{Case, Reason};
use attestation_snp::test_support::{Certificates, NOT_AFTER, NOT_BEFORE, Scene};
use attestation_snp::{Anchors, ChipId, Product, VekKind};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, KeyUsagePurpose,
    date_time_ymd,
};

/// What needs a chain that is proven.
const OF_THE_CHAIN: [&str; 3] = ["dates", "revocation", "product"];
/// What needs a certificate at all, beside these.
const OF_THE_VEK: [&str; 4] = ["signing_key", "signature", "chip_id", "tcb_certificate"];
const VLEK: (Product, VekKind) = (Product::Milan, VekKind::Vlek);
const TURIN: (Product, VekKind) = (Product::Turin, VekKind::Vcek);

const CERTIFICATE: Reason = ("chain", "certificate");
const ROOT: Reason = ("chain", "root_not_trusted");

fn rename(params: &mut CertificateParams, name: &str) {
    params.distinguished_name.push(DnType::CommonName, name);
}

pub(super) fn cases() -> Vec<Snp> {
    let all = by_certificate().into_iter().chain(by_file());
    all.map(|case| case.silencing(&OF_THE_CHAIN)).collect()
}

fn by_certificate() -> Vec<Snp> {
    vec![
        chip("VEK named VCEK", ("chain", "vek_name"), |c| {
            rename(&mut c.vek, "VCEK")
        })
        .silencing(&["signing_key", "chip_id"]),
        chip("VEK named like its issuer", ("chain", "vek_name"), |c| {
            rename(&mut c.vek, "SEV-Milan")
        })
        .silencing(&["signing_key", "chip_id"]),
        chip("VEK on P-256", ("chain", "vek_key"), |c| {
            c.vek_on_p256 = true
        })
        .silencing(&["signature"]),
        chip("VCEK by an ASVK", ("chain", "issuer_name"), |c| {
            rename(&mut c.issuer, "SEV-VLEK-Milan");
            rename(&mut c.issuer_as_issuer, "SEV-VLEK-Milan");
        }),
        chip_of("VLEK by an ASK", ("chain", "issuer_name"), VLEK, |c| {
            rename(&mut c.issuer, "SEV-Milan");
            rename(&mut c.issuer_as_issuer, "SEV-Milan");
        }),
        chip(
            "VCEK by the ASK of another product",
            ("chain", "issuer_name"),
            |c| {
                rename(&mut c.issuer, "SEV-Genoa");
                rename(&mut c.issuer_as_issuer, "SEV-Genoa");
            },
        ),
        chip(
            "VEK that names another issuer",
            ("chain", "issuer_missing"),
            |c| {
                rename(&mut c.issuer_as_issuer, "SEV-Other");
            },
        ),
        chip("ASK that names another issuer", ROOT, |c| {
            rename(&mut c.ark_as_issuer, "ARK-Other")
        }),
        chip("VEK that is an authority", CERTIFICATE, |c| {
            c.vek.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }),
        chip("ASK that is no authority", CERTIFICATE, |c| {
            c.issuer.is_ca = IsCa::ExplicitNoCa
        }),
        chip(
            "ASK that says nothing of being an authority",
            CERTIFICATE,
            |c| c.issuer.is_ca = IsCa::NoCa,
        ),
        chip("ASK that may only sign lists", CERTIFICATE, |c| {
            c.issuer.key_usages = vec![KeyUsagePurpose::CrlSign];
        }),
        chip("ARK that allows no authority below it", CERTIFICATE, |c| {
            c.ark.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        }),
        chip(
            "VEK with a critical extension that nobody knows",
            CERTIFICATE,
            |c| unknown(&mut c.vek),
        ),
        chip(
            "ASK with a critical extension that nobody knows",
            CERTIFICATE,
            |c| unknown(&mut c.issuer),
        ),
        chip(
            "ARK with a critical extension that nobody knows",
            CERTIFICATE,
            |c| unknown(&mut c.ark),
        ),
    ]
}

fn unknown(params: &mut CertificateParams) {
    let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 1], vec![5, 0]);
    extension.set_criticality(true);
    params.custom_extensions.push(extension);
}

fn by_file() -> Vec<Snp> {
    vec![
        scene("no VEK", ("chain", "vek_missing"), |s| {
            s.with(|s| s.vek = None)
        })
        .silencing(&OF_THE_VEK),
        scene("no ASK", ("chain", "issuer_missing"), |s| {
            s.with(|s| drop(s.chain.remove(0)))
        }),
        scene("nothing above the VEK", ("chain", "issuer_missing"), |s| {
            s.with(|s| s.chain.clear())
        }),
        scene("ASK of another key", CERTIFICATE, |s| {
            s.with(|s| s.chain[0] = milan().chip.issuer)
        }),
        scene("VEK with another signature", CERTIFICATE, |s| {
            s.with(|s| *s.vek.iter_mut().flatten().last().expect("it has bytes") ^= 1)
        }),
        scene("ASK with another signature", CERTIFICATE, |s| {
            s.with(|s| *s.chain[0].last_mut().expect("it has bytes") ^= 1)
        }),
        scene("AMD's own roots", ROOT, |s| {
            s.with(|s| s.anchors = Anchors::builtin())
        }),
        scene("root of another product", ROOT, |s| {
            s.with(|s| s.anchors = Scene::new(Product::Genoa).anchors)
        }),
        scene("another root beside the chain", ROOT, |s| {
            s.with(|s| s.chain.push(milan().chip.ark))
        }),
        scene(
            "another ASK beside the chain",
            ("chain", "chain_unrelated"),
            |s| s.with(|s| s.chain.push(milan().chip.issuer)),
        ),
        scene(
            "another VEK beside the chain",
            ("chain", "chain_unrelated"),
            |s| s.with(|s| s.chain.push(milan().chip.vek)),
        ),
    ]
}

pub(super) fn dates() -> Vec<Snp> {
    const EARLY: Reason = ("dates", "certificate_not_yet_valid");
    const LATE: Reason = ("dates", "certificate_expired");
    vec![
        chip("VEK of tomorrow", EARLY, |c| {
            c.vek.not_before = date_time_ymd(2026, 11, 23)
        }),
        chip("ASK of tomorrow", EARLY, |c| {
            c.issuer.not_before = date_time_ymd(2026, 11, 23)
        }),
        chip("ARK of tomorrow", EARLY, |c| {
            c.ark.not_before = date_time_ymd(2026, 11, 23)
        }),
        chip("VEK that expired", LATE, |c| {
            c.vek.not_after = date_time_ymd(2026, 11, 22)
        }),
        chip("ASK that expired", LATE, |c| {
            c.issuer.not_after = date_time_ymd(2026, 11, 22)
        }),
        chip("ARK that expired", LATE, |c| {
            c.ark.not_after = date_time_ymd(2026, 11, 22)
        }),
        chip_of("VLEK that expired", LATE, VLEK, |c| {
            c.vek.not_after = date_time_ymd(2026, 11, 22)
        }),
        chip_of("ASVK that expired", LATE, VLEK, |c| {
            c.issuer.not_after = date_time_ymd(2026, 11, 22)
        }),
        chip_of("Turin's VCEK that expired", LATE, TURIN, |c| {
            c.vek.not_after = date_time_ymd(2026, 11, 22);
        }),
        both("the second before", EARLY, without_references, |s| {
            s.with(|s| s.now = NOT_BEFORE - 1)
        }),
        both("the second after", LATE, without_references, |s| {
            s.with(|s| s.now = NOT_AFTER + 1)
        }),
        both("the beginning of time", EARLY, without_references, |s| {
            s.with(|s| s.now = 0)
        }),
        both("the end of time", LATE, without_references, |s| {
            s.with(|s| s.now = u64::MAX)
        }),
    ]
}

fn without_references(scene: Scene) -> Scene {
    scene.with(|scene| scene.references = None)
}

pub(super) fn product() -> Vec<Snp> {
    const UNKNOWN: Reason = ("product", "cpu_unknown");
    const OTHER: Reason = ("product", "cpu_of_other_product");
    const NAME: Reason = ("product", "product_name");
    vec![
        scene(
            "product that is not accepted",
            ("product", "product_not_accepted"),
            |s| s.with_limits(|l| l.products = vec![Product::Genoa, Product::Turin]),
        ),
        scene(
            "no product is accepted",
            ("product", "product_not_accepted"),
            |s| s.with_limits(|l| l.products.clear()),
        ),
        field("CPU of an unknown family", UNKNOWN, 0x188, &[0x1B, 0x01]),
        field("CPU of an unknown model", UNKNOWN, 0x188, &[0x19, 0xFF]),
        field("CPU of family 0", UNKNOWN, 0x188, &[0, 0]),
        field(
            "Genoa's CPU under Milan's chain",
            OTHER,
            0x188,
            &[0x19, 0x11],
        ),
        field(
            "Genoa's other CPU under Milan's chain",
            OTHER,
            0x188,
            &[0x19, 0xA0],
        ),
        field(
            "Turin's CPU under Milan's chain",
            OTHER,
            0x188,
            &[0x1A, 0x02],
        ),
        scene_of_turin("Milan's CPU under Turin's chain", OTHER, |s| {
            s.with_field(0x188, &[0x19, 0x01])
        }),
        chip("VEK without a product name", NAME, |c| {
            extension(c, &[2], None)
        }),
        chip("VEK with another product's name", NAME, |c| {
            extension(c, &[2], Some(b"\x16\x05Genoa"))
        }),
        chip("VEK with a product name in UTF-8", NAME, |c| {
            extension(c, &[2], Some(b"\x0C\x05Milan"))
        }),
        chip("VEK with a product name and more", NAME, |c| {
            extension(c, &[2], Some(b"\x16\x05Milan\0"))
        }),
        chip("VEK with an empty product name", NAME, |c| {
            extension(c, &[2], Some(b"\x16\x00"))
        }),
    ]
}

pub(super) fn keys_and_chips() -> Vec<Snp> {
    const UNKNOWN: Reason = ("signing_key", "signing_key_unknown");
    const OTHER: Reason = ("signing_key", "signing_key_of_other_kind");
    const HARDWARE: Reason = ("chip_id", "hardware_id");
    const MISMATCH: Reason = ("chip_id", "chip_id_mismatch");
    vec![
        field("signing key 2", UNKNOWN, 0x48, &[2 << 2]),
        field("signing key 6", UNKNOWN, 0x48, &[6 << 2]),
        field("no signing key", UNKNOWN, 0x48, &[7 << 2]),
        field(
            "signature by a VCEK where VCEKs are masked",
            ("signing_key", "chip_key_masked"),
            0x48,
            &[1 << 1],
        ),
        field(
            "report of a VLEK under a VCEK's certificate",
            OTHER,
            0x48,
            &[1 << 2],
        ),
        Case::new(
            "report of a VCEK under a VLEK's certificate",
            OTHER,
            vlek,
            || vlek().with_field(0x48, &[0]),
        ),
        scene(
            "VCEK where VLEKs are accepted",
            ("signing_key", "signing_key_not_accepted"),
            |s| s.with_limits(|l| l.signing_keys = vec![VekKind::Vlek]),
        ),
        Case::new(
            "VLEK where VCEKs are accepted",
            ("signing_key", "signing_key_not_accepted"),
            vlek,
            || vlek().with_limits(|l| l.signing_keys = vec![VekKind::Vcek]),
        ),
        chip("VCEK without a hardware id", HARDWARE, |c| {
            extension(c, &[4], None)
        }),
        chip("VCEK with a hardware id of 8 bytes", HARDWARE, |c| {
            extension(c, &[4], Some(&[0x10; 8]))
        }),
        chip("VCEK with a hardware id of 63 bytes", HARDWARE, |c| {
            extension(c, &[4], Some(&[0x10; 63]))
        }),
        chip_of(
            "Turin's VCEK with a hardware id of 64 bytes",
            HARDWARE,
            TURIN,
            |c| {
                extension(c, &[4], Some(&[0x10; 64]));
            },
        ),
        chip_of(
            "VLEK with a hardware id",
            ("chip_id", "hardware_id_of_vlek"),
            VLEK,
            |c| {
                extension(c, &[4], Some(&[0x10; 64]));
            },
        ),
        field("report of another chip", MISMATCH, 0x1A0, &[0x99]),
        field(
            "report of a chip that differs in its last byte",
            MISMATCH,
            0x1DF,
            &[0x99],
        ),
        scene_of_turin("Turin's chip id with a ninth byte", MISMATCH, |s| {
            s.with_field(0x1A8, &[1])
        }),
        chip("VCEK of another chip", MISMATCH, |c| {
            extension(c, &[4], Some(&[0x77; 64]))
        }),
        field(
            "masked chip id",
            ("chip_id", "chip_id_masked"),
            0x1A0,
            &[0; 64],
        ),
        scene_of_turin(
            "Turin's masked chip id",
            ("chip_id", "chip_id_masked"),
            |s| s.with_field(0x1A0, &[0; 8]),
        ),
        both(
            "chip that is not on the list",
            ("chip_list", "chip_not_allowed"),
            listed,
            |s| s.with_limits(|l| l.chip_allow = Some(vec![ChipId([9; 64])])),
        ),
        both(
            "empty list of chips",
            ("chip_list", "chip_not_allowed"),
            listed,
            |s| s.with_limits(|l| l.chip_allow = Some(Vec::new())),
        ),
        scene("chip that is denied", ("chip_list", "chip_denied"), |s| {
            s.with(|s| s.limits.chip_deny = vec![chip_id(s)])
        }),
        both(
            "chip that is allowed and denied",
            ("chip_list", "chip_denied"),
            listed,
            |s| s.with(|s| s.limits.chip_deny = vec![chip_id(s)]),
        ),
        Case::new(
            "VLEK's masked chip where chips are listed",
            ("chip_list", "chip_unknown"),
            masked_vlek,
            || masked_vlek().with_limits(|l| l.chip_deny = vec![ChipId([9; 64])]),
        ),
    ]
}

fn vlek() -> Scene {
    Scene::of(Certificates::of(VLEK.0, VLEK.1))
}

fn masked_vlek() -> Scene {
    vlek().with_field(0x1A0, &[0; 64])
}

fn chip_id(scene: &Scene) -> ChipId {
    ChipId::of(&scene.report[0x1A0..0x1E0]).expect("64 bytes")
}

fn listed(scene: Scene) -> Scene {
    scene.with(|scene| scene.limits.chip_allow = Some(vec![chip_id(scene)]))
}
