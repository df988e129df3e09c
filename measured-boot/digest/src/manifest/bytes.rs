//! A manifest as bytes: `CLMF`, version, number of components, then the components.
//!
//! Numbers are little-endian. A component is a name (one byte of length, then 1 to 32 of `a-z0-9-`),
//! a page type (one byte), the address of its first page (8 bytes), its number of pages (4 bytes) and,
//! for types whose contents are measured, in version 1 48 bytes for each page. In version 2 a byte goes
//! before these: 0 and the digests follow, 1 and the contents follow, packed. And there vCPUs that start
//! alike are one component with the name of the first, their number in place of that of pages, and one
//! page.
//!
//! Every manifest has one form: version 1 where it holds no contents and at most 256 components.

use super::{CPUID, Manifest, PAGE_SIZE_64, PageRun, is_vcpu, packed, push, vcpu_index, vcpu_name};
use crate::{HashPages, OneByOne};
use measured_boot_snp_abi::{PageType, VMSA_GPA};

const MAGIC: [u8; 4] = *b"CLMF";
const MAX_NAME: usize = 32;
/// More than any plan has, and soon compared by name.
const MAX_COMPONENTS: u16 = 256;
/// Most pages of a component whose contents are not measured: each costs a hash, and no bytes.
pub(super) const MAX_FREE_PAGES: u32 = 16;
/// And of all components together, 128 MiB: to hash their addresses takes some milliseconds. Files that name
/// pages one by one have so many.
const MAX_FREE_PAGES_IN_ALL: u32 = 1 << 15;
/// As many as KVM allows.
const MAX_VCPUS: u32 = 4096;

/// A version of the format.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

const DIGESTS: u8 = 0;
const CONTENTS: u8 = 1;

/// Why bytes are no manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The bytes do not begin like a manifest of a known version.
    #[error("the bytes are no launch manifest of version 1 or 2")]
    NotAManifest,
    /// The bytes end too early.
    #[error("the manifest ends before its contents do")]
    Truncated,
    /// Bytes follow the contents.
    #[error("the manifest goes on after its contents")]
    TrailingBytes,
    /// More components than any launch has.
    #[error("the manifest has {found} components, more than {MAX_COMPONENTS}")]
    TooManyComponents {
        /// How many it says that it has.
        found: u16,
    },
    /// A component's name is empty, too long or has other characters.
    #[error("component {position} of the manifest has no valid name")]
    BadName {
        /// Position of the component, from 0.
        position: usize,
    },
    /// A component cannot be as it is described.
    #[error(
        "component {name} of the manifest has an impossible page type, address or number of pages"
    )]
    BadPages {
        /// The component.
        name: String,
    },
    /// The vCPUs are not named in order.
    #[error("component {name} of the manifest stands where vcpu{expected} belongs")]
    BadVcpu {
        /// The component.
        name: String,
        /// How many vCPUs stand before it.
        expected: usize,
    },
    /// Contents lie outside of their pages, or are of more pages than a manifest holds contents of.
    #[error("contents in the manifest do not lie in the pages that they are said to be of")]
    BadContents,
    /// The same could be written in another way, so that two manifests would say the same.
    #[error("the manifest is not written in the one form that its contents have")]
    NotCanonical,
}

impl Version {
    const fn number(self) -> u16 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }

    fn from_number(number: u16) -> Option<Self> {
        [Self::One, Self::Two]
            .into_iter()
            .find(|version| version.number() == number)
    }
}

impl Manifest {
    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let version = self.version();
        let runs = match version {
            Version::One => self.runs.iter().flat_map(PageRun::single).collect(),
            Version::Two => self.runs.clone(),
        };
        let count = u16::try_from(runs.len()).expect("a launch has fewer components");
        let mut bytes = MAGIC.to_vec();
        bytes.extend(version.number().to_le_bytes());
        bytes.extend(count.to_le_bytes());
        for run in &runs {
            run.write(version, &mut bytes);
        }
        bytes
    }

    /// The lowest version that can say it.
    fn version(&self) -> Version {
        let components: u32 = self.runs.iter().map(|run| run.components_in_one()).sum();
        let has_contents = self.runs.iter().any(|run| run.bytes.is_some());
        if has_contents || components > u32::from(MAX_COMPONENTS) {
            Version::Two
        } else {
            Version::One
        }
    }

    /// Reads a manifest from untrusted bytes.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] for anything but exactly what [`Manifest::to_bytes`] can write.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ManifestError> {
        let mut reader = Reader(bytes);
        if reader.array() != Ok(MAGIC) {
            return Err(ManifestError::NotAManifest);
        }
        let version = reader.array().map(u16::from_le_bytes);
        let version = version.ok().and_then(Version::from_number);
        let version = version.ok_or(ManifestError::NotAManifest)?;
        let count = u16::from_le_bytes(reader.array()?);
        if count > MAX_COMPONENTS {
            return Err(ManifestError::TooManyComponents { found: count });
        }
        let mut manifest = Self { runs: Vec::new() };
        let (mut vcpus, mut told, mut free) = (0, 0, 0);
        for position in 0..count.into() {
            let run = run(&mut reader, version, position)?;
            told += run.told_pages();
            if told > packed::MAX_PAGES_IN_ALL {
                return Err(ManifestError::BadContents);
            }
            free += run.free_pages();
            if free > MAX_FREE_PAGES_IN_ALL {
                return Err(ManifestError::BadPages { name: run.name });
            }
            refuse_misnamed_vcpu(&run, &mut vcpus)?;
            push(&mut manifest.runs, run);
        }
        if !reader.0.is_empty() {
            return Err(ManifestError::TrailingBytes);
        }
        // Of version 1 there is no second form to be in.
        if version == Version::Two && manifest.to_bytes() != bytes {
            return Err(ManifestError::NotCanonical);
        }
        Ok(manifest)
    }
}

impl PageRun {
    /// How many components version 1 makes of it.
    fn components_in_one(&self) -> u32 {
        if is_vcpu(&self.name) { self.count } else { 1 }
    }

    /// As version 1 has it: each vCPU by itself.
    fn single(&self) -> Vec<Self> {
        let Some(first) = vcpu_index(&self.name) else {
            return vec![self.clone()];
        };
        (first..)
            .zip(0..self.count)
            .map(|(index, _)| Self {
                name: vcpu_name(index),
                count: 1,
                ..self.clone()
            })
            .collect()
    }

    fn write(&self, version: Version, to: &mut Vec<u8>) {
        to.push(u8::try_from(self.name.len()).expect("names have at most 32 bytes"));
        to.extend(self.name.as_bytes());
        to.push(self.page_type.number());
        to.extend(self.start.to_le_bytes());
        to.extend(self.count.to_le_bytes());
        let measured = self.page_type.measures_contents();
        match (version, &self.bytes) {
            (Version::Two, Some(bytes)) if measured => {
                to.push(CONTENTS);
                packed::pack(bytes, to);
            }
            (Version::Two, None) if measured => {
                to.push(DIGESTS);
                to.extend(self.contents.as_flattened());
            }
            _ => to.extend(self.contents.as_flattened()),
        }
    }
}

fn run(
    reader: &mut Reader<'_>,
    version: Version,
    position: usize,
) -> Result<PageRun, ManifestError> {
    let [name_length] = reader.array()?;
    let name = name(reader.take(name_length.into())?).ok_or(ManifestError::BadName { position })?;
    let [page_type] = reader.array()?;
    let start = u64::from_le_bytes(reader.array()?);
    let count = u32::from_le_bytes(reader.array()?);
    let page_type = PageType::from_number(page_type)
        .filter(|page_type| possible(version, &name, *page_type, start, count))
        .ok_or_else(|| ManifestError::BadPages { name: name.clone() })?;
    let pages = if page_type == PageType::Vmsa {
        1
    } else {
        count
    };
    let (contents, bytes) = if page_type.measures_contents() {
        contents(reader, version, pages)?
    } else {
        (Vec::new(), None)
    };
    Ok(PageRun {
        name,
        page_type,
        start,
        count,
        contents,
        bytes,
    })
}

/// The digests of so many pages, and the pages where they are there.
type Contents = (Vec<[u8; 48]>, Option<Vec<u8>>);

fn contents(
    reader: &mut Reader<'_>,
    version: Version,
    pages: u32,
) -> Result<Contents, ManifestError> {
    let form = match version {
        Version::One => DIGESTS,
        Version::Two => {
            let [form] = reader.array()?;
            form
        }
    };
    match form {
        DIGESTS => Ok((reader.digests(pages)?, None)),
        CONTENTS => {
            let bytes = packed::unpack(reader, pages)?;
            Ok((OneByOne.hash_pages(&bytes), Some(bytes)))
        }
        _ => Err(ManifestError::BadContents),
    }
}

/// Names go into verdicts and logs: nothing but plain ones is let in.
fn name(bytes: &[u8]) -> Option<String> {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    let valid = (1..=MAX_NAME).contains(&bytes.len()) && bytes.iter().all(plain);
    valid.then(|| String::from_utf8_lossy(bytes).into_owned())
}

/// No component claims more pages than its bytes pay for: those whose contents are not measured have
/// few, and 48 bytes or packed contents follow for each page of the others.
fn possible(version: Version, name: &str, page_type: PageType, start: u64, count: u32) -> bool {
    let is_expected = match page_type {
        PageType::Cpuid => name == CPUID,
        PageType::Vmsa => is_vcpu(name),
        PageType::Secrets => name == "secrets",
        PageType::Zero => ["page-tables", "stack", "mailbox", "igvm"].contains(&name),
        PageType::Unmeasured => ["memory-map", "parameters", "igvm"].contains(&name),
        PageType::Normal => name != CPUID && name != "secrets" && !is_vcpu(name),
    };
    let most_vcpus = match version {
        Version::One => 1,
        Version::Two => MAX_VCPUS,
    };
    let place_fits = match page_type {
        PageType::Vmsa => start == VMSA_GPA && (1..=most_vcpus).contains(&count),
        PageType::Cpuid | PageType::Secrets if count != 1 => false,
        _ if !page_type.measures_contents() && count > most_free_pages(name) => false,
        _ => u64::from(count)
            .checked_mul(PAGE_SIZE_64)
            .and_then(|bytes| start.checked_add(bytes))
            .is_some_and(|_| start.is_multiple_of(PAGE_SIZE_64) && count > 0),
    };
    is_expected && place_fits
}

/// Pages whose contents are not measured, of one component.
fn most_free_pages(name: &str) -> u32 {
    match name {
        "igvm" | "parameters" => MAX_FREE_PAGES_IN_ALL,
        _ => MAX_FREE_PAGES,
    }
}

/// Two manifests are compared by vCPU number, so each has exactly the first ones, of which `before` have
/// been read.
fn refuse_misnamed_vcpu(run: &PageRun, before: &mut u32) -> Result<(), ManifestError> {
    if !is_vcpu(&run.name) {
        return Ok(());
    }
    let expected = usize::try_from(*before).unwrap_or(usize::MAX);
    *before += run.count;
    if run.name != vcpu_name(expected) || *before > MAX_VCPUS {
        return Err(ManifestError::BadVcpu {
            name: run.name.clone(),
            expected,
        });
    }
    Ok(())
}

pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], ManifestError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(ManifestError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ManifestError> {
        let taken = self.take(N)?;
        Ok(*taken.first_chunk().expect("as many bytes were taken"))
    }

    /// Nothing is allocated before the bytes are there.
    fn digests(&mut self, count: u32) -> Result<Vec<[u8; 48]>, ManifestError> {
        let length = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(48));
        let (digests, _) = self
            .take(length.ok_or(ManifestError::Truncated)?)?
            .as_chunks();
        Ok(digests.to_vec())
    }
}
