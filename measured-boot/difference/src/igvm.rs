//! What differs between two IGVM files.

use crate::bytes::{excerpt, stretches};
use crate::sentence::differ;
use crate::{Difference, Launch, Shown, launches};
use measured_boot_digest::HashPages;
use measured_boot_igvm::{Igvm, IgvmFault, PlatformKind};
use measured_boot_snp_launch::{SnpLaunch, ZeroPages};

/// What differs between two files: the launch under SEV-SNP, its policy and ID block, the platforms. Empty
/// exactly if they are the same bytes.
///
/// # Errors
/// One is no IGVM file.
pub fn igvm_files(
    a: &[u8],
    b: &[u8],
    hasher: &impl HashPages,
) -> Result<Vec<Difference>, IgvmFault> {
    let (one, other) = (Igvm::read(a)?, Igvm::read(b)?);
    let mut differences = Vec::new();
    if let (Some(one), Some(other)) = (launch(&one, hasher), launch(&other, hasher)) {
        differences.extend(launches(&one, &other));
    }
    differences.extend(fields(&one, &other));
    if differences.is_empty() && a != b {
        differences.extend(rest(a, b));
    }
    Ok(differences)
}

fn launch<'a>(igvm: &Igvm<'a>, hasher: &impl HashPages) -> Option<Launch<'a>> {
    let loading = igvm.loading(PlatformKind::SevSnp).ok()?;
    let launch = SnpLaunch::of_igvm(&loading, ZeroPages::Normal).ok()?;
    Some(Launch::of_snp(&launch, hasher))
}

fn fields(a: &Igvm<'_>, b: &Igvm<'_>) -> Vec<Difference> {
    let platforms = |igvm: &Igvm<'_>| {
        let platforms = igvm.platforms().iter();
        let names: Vec<_> = platforms.map(|one| one.kind.to_string()).collect();
        names.join(", ")
    };
    let policy = |igvm: &Igvm<'_>| {
        let loading = igvm.loading(PlatformKind::SevSnp).ok();
        let policy = loading.and_then(|loading| loading.policy().ok());
        policy.map_or_else(
            || "absent".to_owned(),
            |bits| crate::policy::words(measured_boot_snp_abi::GuestPolicy::from_bits(bits)),
        )
    };
    let id_block = |igvm: &Igvm<'_>| {
        let loading = igvm.loading(PlatformKind::SevSnp).ok();
        let block = loading.and_then(|loading| {
            loading
                .snp_id_block()
                .map(|block| block.for_firmware(0).block)
        });
        block.map_or_else(
            || "absent".to_owned(),
            |block| {
                format!(
                    "for launch digest {}…, GUEST_SVN {}",
                    hex::encode(&block.launch_digest[..8]),
                    block.guest_svn
                )
            },
        )
    };
    let fields = [
        (
            "format version",
            Shown::Unmeasured,
            a.version().to_string(),
            b.version().to_string(),
        ),
        ("platforms", Shown::Unmeasured, platforms(a), platforms(b)),
        ("POLICY", Shown::Reported, policy(a), policy(b)),
        ("ID block", Shown::Reported, id_block(a), id_block(b)),
    ];
    let differing = fields.into_iter().filter(|(.., a, b)| a != b);
    differing
        .map(|(field, shown, a, b)| Difference::Field {
            field,
            shown,
            a,
            b,
            advice: None,
        })
        .collect()
}

/// What a launch under SEV-SNP does not measure: other platforms, parameters, memory that is not measured.
fn rest(a: &[u8], b: &[u8]) -> Option<Difference> {
    let (start, end, differing) = stretches(a, b, usize::MAX).first().copied()?;
    let shown = |bytes: &[u8]| excerpt(bytes, start, end - start);
    Some(Difference::Named {
        place: "file".to_owned(),
        says: format!(
            "{} from offset {start:#x} on ({} in A, {} in B), and no launch under SEV-SNP measures that",
            differ(differing),
            shown(a),
            shown(b)
        ),
        shown: Shown::Unmeasured,
        advice: Some("other platforms, parameters, or pages that are not measured".to_owned()),
    })
}
