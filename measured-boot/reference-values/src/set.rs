//! What reference values say.

use ring::digest::{SHA384, digest};
use thiserror::Error;

/// What reports of a workload may show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceSet {
    /// What runs.
    pub workload: Workload,
    /// What measures it.
    pub tee: Tee,
    /// One launch for each count of vCPUs, in ascending order.
    pub alternatives: Vec<Alternative>,
    /// From when to when they hold.
    pub validity: Validity,
    /// The least GUEST_SVN of a report; a TD has none.
    pub min_svn: Option<u32>,
    /// What the workload was built from.
    pub sbom: Option<Sbom>,
}

/// Whose launches are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// 1 to 64 of ASCII letters, digits, `.`, `_`, `-`, `+` and `~`.
    pub name: String,
    /// The same.
    pub version: Option<String>,
}

/// Who measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tee {
    /// AMD SEV-SNP.
    Snp,
    /// Intel TDX.
    Tdx,
    /// The simulated TEE, which measures as SEV-SNP does and proves nothing about a host.
    Simulated,
}

impl Tee {
    /// As documents have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Snp => "snp",
            Self::Tdx => "tdx",
            Self::Simulated => "simulated",
        }
    }
}

/// One launch that is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// Of how many vCPUs.
    pub vcpus: u32,
    /// The launch digest; of a TD, MRTD. SHA-384.
    pub digest: [u8; 48],
    /// RTMR0 to RTMR3 as far as they are predicted; of TDX only.
    pub rtmrs: [Option<[u8; 48]>; 4],
}

/// In seconds since 1970-01-01 UTC, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second at which the values hold.
    pub not_before: u64,
    /// The last.
    pub not_after: u64,
}

/// A bill of materials, by its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sbom {
    /// The file's name, without folders.
    pub file: String,
    /// SHA-384 of the file.
    pub sha384: [u8; 48],
}

impl Sbom {
    /// Of a file with this name and these contents.
    pub fn of(file: &str, contents: &[u8]) -> Self {
        let digest = digest(&SHA384, contents);
        Self {
            file: file.to_owned(),
            sha384: *digest.as_ref().first_chunk().expect("SHA-384 has 48 bytes"),
        }
    }
}

/// Reference values that nobody could mean.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SetFault {
    /// It becomes part of the document's id.
    #[error(
        "{0:?} is no name or version of a workload: use 1 to 64 ASCII letters, digits and . _ - + ~"
    )]
    Workload(String),
    /// A signer's or file's name that a terminal would show as something else.
    #[error("{0:?} is no name: use 1 to 128 characters that can be seen")]
    Name(String),
    /// Values that allow nothing.
    #[error("there is no launch among the reference values")]
    NoAlternative,
    /// More than anybody reads.
    #[error(
        "there are {0} launches among the reference values; {most} are the most",
        most = ReferenceSet::MAX_ALTERNATIVES
    )]
    TooManyAlternatives(usize),
    /// A count that no launch has.
    #[error("{0} is no count of vCPUs: 1 to {most} are", most = ReferenceSet::MAX_VCPUS)]
    Vcpus(u32),
    /// Readers would differ in which they take.
    #[error("the launch with {0} vCPUs is there twice, or comes after one with more")]
    VcpusOrder(u32),
    /// Never good, or later than numbers of JSON go.
    #[error(
        "valid from {} to {}: the end comes before the beginning, or after 2^53 seconds",
        .0.not_before, .0.not_after
    )]
    Validity(Validity),
    /// A TD's report has no such field.
    #[error(
        "a minimum guest SVN cannot be asked of a TD: TDX reports have no guest SVN; retire old images by the end of their validity"
    )]
    SvnOfTdx,
    /// Only TDX has these registers.
    #[error("RTMRs are among the reference values, and {} has none", .0.name())]
    RtmrsWithoutTdx(Tee),
}

impl ReferenceSet {
    /// A set has so many launches at most.
    pub const MAX_ALTERNATIVES: usize = 256;
    /// A launch has so many vCPUs at most.
    pub const MAX_VCPUS: u32 = 4096;

    /// The document's id: of no other workload, version, TEE and beginning.
    pub fn id(&self) -> String {
        let Workload { name, version } = &self.workload;
        let version = version.as_ref().map(|version| format!("@{version}"));
        let version = version.unwrap_or_default();
        let (tee, from) = (self.tee.name(), self.validity.not_before);
        format!("{name}{version}/{tee}/{from}")
    }

    /// Whether somebody could mean this.
    ///
    /// # Errors
    /// The first thing for which nobody could.
    pub fn check(&self) -> Result<(), SetFault> {
        self.workload.check()?;
        self.validity.check()?;
        if let Some(sbom) = &self.sbom {
            check_name(&sbom.file)?;
        }
        if self.tee == Tee::Tdx && self.min_svn.is_some() {
            return Err(SetFault::SvnOfTdx);
        }
        self.check_alternatives()
    }

    fn check_alternatives(&self) -> Result<(), SetFault> {
        match self.alternatives.len() {
            0 => return Err(SetFault::NoAlternative),
            1..=Self::MAX_ALTERNATIVES => {}
            more => return Err(SetFault::TooManyAlternatives(more)),
        }
        let mut last = 0;
        for alternative in &self.alternatives {
            let vcpus = alternative.vcpus;
            if !(1..=Self::MAX_VCPUS).contains(&vcpus) {
                return Err(SetFault::Vcpus(vcpus));
            }
            if vcpus <= last {
                return Err(SetFault::VcpusOrder(vcpus));
            }
            if self.tee != Tee::Tdx && alternative.rtmrs != [None; 4] {
                return Err(SetFault::RtmrsWithoutTdx(self.tee));
            }
            last = vcpus;
        }
        Ok(())
    }
}

impl Workload {
    fn check(&self) -> Result<(), SetFault> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-+~".contains(c);
        [Some(&self.name), self.version.as_ref()]
            .into_iter()
            .flatten()
            .find(|text| text.is_empty() || text.len() > 64 || !text.chars().all(allowed))
            .map_or(Ok(()), |text| Err(SetFault::Workload(text.clone())))
    }
}

impl Validity {
    /// JSON numbers above 2^53 are rounded by many readers (RFC 8785).
    const LAST: u64 = 1 << 53;

    fn check(self) -> Result<(), SetFault> {
        let good = self.not_before <= self.not_after && self.not_after <= Self::LAST;
        good.then_some(()).ok_or(SetFault::Validity(self))
    }
}

/// Refuses what a terminal would not show as it is: control characters, and those that turn the direction
/// of the text around or cannot be seen.
pub(crate) fn check_name(name: &str) -> Result<(), SetFault> {
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
    };
    let good = !name.trim().is_empty() && name.chars().count() <= 128 && !name.chars().any(unseen);
    good.then_some(())
        .ok_or_else(|| SetFault::Name(name.to_owned()))
}
