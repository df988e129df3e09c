//! A manifest as bytes: `CLMF`, version, number of components, then the components.
//!
//! Numbers are little-endian. A component is a name (one byte of length, then 1 to 32 of `a-z0-9-`),
//! a page type (one byte), the address of its first page (8 bytes), its number of pages (4 bytes) and,
//! for types whose contents are measured, 48 bytes for each page.

use super::{CPUID, Manifest, PAGE_SIZE_64, PageRun, is_vcpu, vcpu_name};
use measured_boot_snp_abi::{PageType, VMSA_GPA};

const MAGIC: [u8; 4] = *b"CLMF";
const VERSION: u16 = 1;
const MAX_NAME: usize = 32;
/// More than any plan has, and soon compared by name.
const MAX_COMPONENTS: u16 = 256;

/// Why bytes are no manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The bytes do not begin like a manifest of this version.
    #[error("the bytes are no launch manifest of version {VERSION}")]
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
}

impl Manifest {
    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let count = u16::try_from(self.runs.len()).expect("a launch has fewer components");
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        for run in &self.runs {
            bytes.push(u8::try_from(run.name.len()).expect("names have at most 32 bytes"));
            bytes.extend(run.name.as_bytes());
            bytes.push(run.page_type.number());
            bytes.extend(run.start.to_le_bytes());
            bytes.extend(run.count.to_le_bytes());
            bytes.extend(run.contents.as_flattened());
        }
        bytes
    }

    /// Reads a manifest from untrusted bytes.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] for anything but exactly what [`Manifest::to_bytes`] can write.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ManifestError> {
        let mut reader = Reader(bytes);
        if reader.array() != Ok(MAGIC) || reader.array() != Ok(VERSION.to_le_bytes()) {
            return Err(ManifestError::NotAManifest);
        }
        let count = u16::from_le_bytes(reader.array()?);
        if count > MAX_COMPONENTS {
            return Err(ManifestError::TooManyComponents { found: count });
        }
        let runs = (0..count.into()).map(|position| run(&mut reader, position));
        let runs = runs.collect::<Result<Vec<_>, _>>()?;
        if !reader.0.is_empty() {
            return Err(ManifestError::TrailingBytes);
        }
        refuse_misnamed_vcpus(&runs)?;
        Ok(Self { runs })
    }
}

fn run(reader: &mut Reader<'_>, position: usize) -> Result<PageRun, ManifestError> {
    let [name_length] = reader.array()?;
    let name = name(reader.take(name_length.into())?).ok_or(ManifestError::BadName { position })?;
    let [page_type] = reader.array()?;
    let start = u64::from_le_bytes(reader.array()?);
    let count = u32::from_le_bytes(reader.array()?);
    let page_type = PageType::from_number(page_type)
        .filter(|page_type| possible(&name, *page_type, start, count))
        .ok_or_else(|| ManifestError::BadPages { name: name.clone() })?;
    let contents = if page_type.measures_contents() {
        reader.digests(count)?
    } else {
        Vec::new()
    };
    Ok(PageRun {
        name,
        page_type,
        start,
        count,
        contents,
    })
}

/// Names go into verdicts and logs: nothing but plain ones is let in.
fn name(bytes: &[u8]) -> Option<String> {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    let valid = (1..=MAX_NAME).contains(&bytes.len()) && bytes.iter().all(plain);
    valid.then(|| String::from_utf8_lossy(bytes).into_owned())
}

/// No component claims more pages than its bytes pay for: those whose contents are not measured have
/// one page, and 48 bytes follow for each page of the others.
fn possible(name: &str, page_type: PageType, start: u64, count: u32) -> bool {
    let expected_type = match name {
        CPUID => PageType::Cpuid,
        name if is_vcpu(name) => PageType::Vmsa,
        _ => PageType::Normal,
    };
    let place_fits = match page_type {
        PageType::Vmsa => (start, count) == (VMSA_GPA, 1),
        _ if !page_type.measures_contents() && count != 1 => false,
        _ => u64::from(count)
            .checked_mul(PAGE_SIZE_64)
            .and_then(|bytes| start.checked_add(bytes))
            .is_some_and(|_| start.is_multiple_of(PAGE_SIZE_64) && count > 0),
    };
    page_type == expected_type && place_fits
}

/// Two manifests are compared by vCPU number, so each has exactly the first ones.
fn refuse_misnamed_vcpus(runs: &[PageRun]) -> Result<(), ManifestError> {
    let vcpus = runs.iter().filter(|run| is_vcpu(&run.name));
    for (expected, run) in vcpus.enumerate() {
        if run.name != vcpu_name(expected) {
            return Err(ManifestError::BadVcpu {
                name: run.name.clone(),
                expected,
            });
        }
    }
    Ok(())
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], ManifestError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(ManifestError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ManifestError> {
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
