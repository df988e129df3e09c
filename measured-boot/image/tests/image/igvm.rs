//! IGVM files of launches through the boot shim, read back by who knows nothing of how they were made.

use measured_boot_digest::{DigestChain, LaunchDigest, OneByOne, sha384, vmsa};
use measured_boot_igvm::{DirectiveKind, Igvm, PageData, PageDataKind, PlatformKind};
use measured_boot_image::{IgvmError, IgvmPlatform, build_igvm};
use measured_boot_plan::{LaunchConfig, Sources, plan};
use measured_boot_shim_abi::{LoadTable, Loads, MemoryMap, PieceKind, layout};
use measured_boot_snp_abi::{PageType, VMSA_GPA};
use measured_boot_snp_launch::{SnpLaunch, ZeroPages};
use measured_boot_tdx_launch::{PageOrder, TdxLaunch};
use measured_boot_tiny_kernel::{Segment, elf};
use sha2::{Digest, Sha384};
use std::collections::BTreeMap;
use zerocopy::{FromBytes, IntoBytes};

const BOTH: [IgvmPlatform; 2] = [IgvmPlatform::Snp, IgvmPlatform::Tdx];

const CONFIG: &str = r#"
name = "test"
[tee]
kind = "snp"
[boot]
protocol = "shim"
kernel = "vmlinux"
initrd = "initrd"
cmdline = "console=ttyS0"
[cpu]
count = 1
model = "x86-64-v2"
[memory]
mib = 256
"#;

/// A kernel of one segment with memory beyond its bytes.
fn kernel() -> Vec<u8> {
    const START: u64 = 0x100_0000;
    let bytes = (0..0x2345_u32).map(|index| u8::try_from(index % 251).expect("small"));
    let segment = Segment::new(START, bytes.collect()).with_memory(0x9000);
    elf(START, &[segment])
}

struct Files {
    kernel: Vec<u8>,
    initrd: Vec<u8>,
    shim: Vec<u8>,
}

impl Files {
    fn new() -> Self {
        Self {
            kernel: kernel(),
            initrd: b"initrd".repeat(3000),
            shim: b"shim".repeat(2500),
        }
    }

    fn sources(&self) -> Sources<'_> {
        Sources {
            kernel: &self.kernel,
            initrd: &self.initrd,
            shim: &self.shim,
            ..Sources::default()
        }
    }

    fn igvm(&self, text: &str, platforms: &[IgvmPlatform]) -> Result<Vec<u8>, IgvmError> {
        let config = LaunchConfig::from_toml(text).expect("it is understood");
        build_igvm(&config, &self.sources(), platforms)
    }
}

/// The pages of a platform, by address.
fn pages<'a>(file: &Igvm<'a>, kind: PlatformKind) -> BTreeMap<u64, PageData<'a>> {
    let loading = file.loading(kind).unwrap();
    let pages = loading.directives().filter_map(|one| match &one.kind {
        DirectiveKind::Page(page) => Some((page.gpa, *page)),
        _ => None,
    });
    pages.collect()
}

/// What the shim would find in memory.
fn memory(pages: &BTreeMap<u64, PageData<'_>>, start: u64, length: u64) -> Vec<u8> {
    let starts = (start..start + length).step_by(4096);
    let mut bytes: Vec<u8> = starts
        .flat_map(|start| pages[&start].data.expect("it has contents").bytes.to_vec())
        .collect();
    bytes.truncate(usize::try_from(length).unwrap());
    bytes
}

fn with_loads<R>(pages: &BTreeMap<u64, PageData<'_>>, look: impl FnOnce(&Loads<'_>) -> R) -> R {
    let table = memory(pages, layout::LOAD_TABLE, 4096);
    let table = LoadTable::read_from_bytes(&table).unwrap();
    look(&table.judge().unwrap())
}

#[test]
fn file_is_for_both_platforms_and_only_these() {
    let files = Files::new();
    let file = files.igvm(CONFIG, &BOTH).unwrap();
    let igvm = Igvm::read(&file).unwrap();
    let kinds: Vec<_> = igvm.platforms().iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [PlatformKind::SevSnp, PlatformKind::Tdx]);
    assert_eq!(
        igvm.loading(PlatformKind::SevSnp).unwrap().policy(),
        Ok(0x3_0000)
    );
    for (platform, kind) in BOTH.into_iter().zip(kinds) {
        let file = files.igvm(CONFIG, &[platform]).unwrap();
        let igvm = Igvm::read(&file).unwrap();
        assert_eq!(igvm.platforms().len(), 1);
        assert_eq!(igvm.platforms()[0].kind, kind);
    }
}

#[test]
fn file_of_the_same_launch_is_the_same() {
    let files = Files::new();
    assert!(files.igvm(CONFIG, &BOTH).unwrap() == files.igvm(CONFIG, &BOTH).unwrap());
}

/// The shim's own judgement, with what it would find where.
#[test]
fn file_has_everything_in_place_with_the_hashes_of_its_load_table() {
    let files = Files::new();
    let file = files.igvm(CONFIG, &BOTH).unwrap();
    let igvm = Igvm::read(&file).unwrap();
    for kind in [PlatformKind::SevSnp, PlatformKind::Tdx] {
        let pages = pages(&igvm, kind);
        with_loads(&pages, |loads| {
            let kinds: Vec<_> = loads.pieces().map(|piece| piece.kind).collect();
            use PieceKind::{Acpi, Cmdline, Initrd, Kernel};
            assert_eq!(kinds, [Acpi, Kernel, Cmdline, Initrd]);
            for piece in loads.pieces() {
                assert!(piece.is_in_place());
                let (start, length) = (piece.destination.start(), piece.destination.length());
                let bytes = memory(&pages, start, length);
                assert!(Sha384::digest(&bytes)[..] == piece.sha384[..]);
                assert!(pages[&start].is_unmeasured);
            }
        });
        assert_eq!(memory(&pages, layout::CMDLINE, 13), b"console=ttyS0");
        assert_eq!(memory(&pages, layout::SHIM, 10_000), files.shim);
        assert!(!pages[&layout::SHIM].is_unmeasured);
    }
}

/// The shim validates what the launch did not place: a page missed or placed twice would be fatal.
#[test]
fn file_places_exactly_what_its_load_table_says() {
    let files = Files::new();
    let file = files.igvm(CONFIG, &BOTH).unwrap();
    let igvm = Igvm::read(&file).unwrap();
    for kind in [PlatformKind::SevSnp, PlatformKind::Tdx] {
        let pages = pages(&igvm, kind);
        let mut placed: Vec<u64> = pages.keys().copied().collect();
        placed.push(layout::MEMORY_MAP);
        placed.retain(|gpa| *gpa < layout::RAM_END);
        placed.sort_unstable();
        let listed = with_loads(&pages, |loads| {
            loads
                .require_in(&MemoryMap::of_ram(256 << 20).judge().unwrap())
                .unwrap();
            let ranges = loads.ranges().iter().filter(|range| range.is_placed());
            let spans = ranges.filter_map(|range| range.span());
            spans
                .flat_map(|span| (span.start()..span.end()).step_by(4096))
                .collect::<Vec<_>>()
        });
        assert_eq!(listed, placed);
    }
}

#[test]
fn file_leaves_memory_map_secrets_and_cpuid_to_the_vmm() {
    let files = Files::new();
    let file = files.igvm(CONFIG, &BOTH).unwrap();
    let igvm = Igvm::read(&file).unwrap();
    for kind in [PlatformKind::SevSnp, PlatformKind::Tdx] {
        let loading = igvm.loading(kind).unwrap();
        let parameters = loading
            .directives()
            .filter(|one| matches!(one.kind, DirectiveKind::Parameter(0)));
        assert_eq!(parameters.count(), 1);
        let inserted = loading.directives().find_map(|one| match &one.kind {
            DirectiveKind::Insert(insert) => Some((insert.gpa, insert.bytes)),
            _ => None,
        });
        assert_eq!(inserted, Some((layout::MEMORY_MAP, 4096)));
    }
    let snp = pages(&igvm, PlatformKind::SevSnp);
    for (gpa, kind) in [
        (layout::SECRETS, PageDataKind::Secrets),
        (layout::CPUID, PageDataKind::Cpuid),
    ] {
        assert_eq!((snp[&gpa].kind, snp[&gpa].data), (kind, None));
    }
    let tdx = pages(&igvm, PlatformKind::Tdx);
    assert!(tdx.values().all(|page| page.kind == PageDataKind::Normal));
    assert!(tdx.contains_key(&layout::TDX_RESET_PAGE));
}

/// The boot processor starts the shim in 32-bit flat mode, and the others wait in it; a TD's start where TDX
/// says.
#[test]
fn file_starts_every_vcpu_in_the_shim() {
    let files = Files::new();
    let file = files.igvm(&CONFIG.replace("count = 1", "count = 3"), &BOTH);
    let file = file.unwrap();
    let igvm = Igvm::read(&file).unwrap();
    let contexts = |kind| -> Vec<(u16, &[u8])> {
        let loading = igvm.loading(kind).unwrap();
        let contexts = loading.directives().filter_map(|one| match &one.kind {
            DirectiveKind::VpContext(context) => Some((context.vp_index, context.data?.bytes)),
            _ => None,
        });
        contexts.collect()
    };
    let starts = contexts(PlatformKind::SevSnp).into_iter();
    let starts = starts.map(|(index, bytes)| {
        let vmsa = measured_boot_snp_abi::Vmsa::read_from_bytes(bytes).unwrap();
        assert_eq!(vmsa.cr0.get() & (1 << 31 | 1), 1, "protected, not paged");
        (index, vmsa.rip.get())
    });
    let expected = [(0, layout::SHIM), (1, layout::PARKED), (2, layout::PARKED)];
    assert_eq!(starts.collect::<Vec<_>>(), expected);
    assert!(contexts(PlatformKind::Tdx).is_empty());
}

/// What the hardware would say of a launch of the file.
fn digest(text: &str, files: &Files, platform: IgvmPlatform) -> LaunchDigest {
    let file = files.igvm(text, &[platform]).unwrap();
    if platform == IgvmPlatform::Tdx {
        return TdxLaunch::of_igvm(&file)
            .unwrap()
            .mrtd(PageOrder::SinglePass);
    }
    let igvm = Igvm::read(&file).unwrap();
    let loading = igvm.loading(PlatformKind::SevSnp).unwrap();
    let launch = SnpLaunch::of_igvm(&loading, ZeroPages::Normal).unwrap();
    launch.measure(&OneByOne).digest()
}

/// Nothing that is unmeasured shows in the digest, and everything that the shim checks does.
#[test]
fn digest_of_the_file_is_that_of_the_shim_and_of_what_it_checks() {
    let files = Files::new();
    for platform in BOTH {
        let same = digest(CONFIG, &files, platform);
        let more = digest(&CONFIG.replace("256", "512"), &files, platform);
        assert_eq!(more, same, "memory size");
        let other = digest(&CONFIG.replace("ttyS0", "ttyS1"), &files, platform);
        assert_ne!(other, same, "command line");
        let changes: [fn(&mut Files); 3] = [
            |files| *files.kernel.last_mut().unwrap() ^= 1,
            |files| files.initrd[5] ^= 1,
            |files| files.shim[5] ^= 1,
        ];
        for change in changes {
            let mut other = Files::new();
            change(&mut other);
            assert_ne!(digest(CONFIG, &other, platform), same);
        }
    }
}

/// The number of vCPUs shows in SNP's VMSAs, which are the VMM's, and nowhere else.
#[test]
fn digest_of_a_td_does_not_depend_on_its_processors() {
    let files = Files::new();
    let two = CONFIG.replace("count = 1", "count = 2");
    let [one, two] = [CONFIG, &two].map(|text| digest(text, &files, IgvmPlatform::Tdx));
    assert_eq!(one, two);
}

/// Page by page from the plan, by the rules of SNP_LAUNCH_UPDATE: what the file's reader makes of it is
/// what its writer meant.
#[test]
fn digest_of_the_file_is_the_one_that_the_plan_predicts() {
    let files = Files::new();
    let (config, sources) = (LaunchConfig::from_toml(CONFIG).unwrap(), files.sources());
    let plan = plan(&config, &sources).unwrap();
    let file = files.igvm(CONFIG, &BOTH).unwrap();
    let table = pages(&Igvm::read(&file).unwrap(), PlatformKind::SevSnp)[&layout::LOAD_TABLE];
    let table = table.data.unwrap().bytes.to_vec();
    let mut measured = BTreeMap::new();
    for region in &plan.regions.0 {
        let page_type = match region.page_type {
            PageType::Zero => PageType::Normal,
            other => other,
        };
        let bytes = match region.start.get() {
            layout::LOAD_TABLE => table.clone(),
            _ => region.content.bytes(&sources).to_vec(),
        };
        let mut bytes = bytes.chunks(4096);
        for index in 0..region.pages() {
            let mut page = bytes.next().unwrap_or(&[]).to_vec();
            page.resize(4096, 0);
            measured.insert(
                region.start.get() + index * 4096,
                (page_type, sha384(&page)),
            );
        }
    }
    let loads = LoadTable::read_from_bytes(&table).unwrap();
    for piece in loads.judge().unwrap().pieces() {
        let pages = piece.destination.pages().unwrap();
        for page in (pages.start()..pages.end()).step_by(4096) {
            measured.insert(page, (PageType::Unmeasured, [0; 48]));
        }
    }
    let mut chain = DigestChain::new();
    for (gpa, (page_type, contents)) in measured {
        chain.add(page_type, gpa, contents);
    }
    let first = vmsa(&plan.vcpus.0[0], plan.sev_features.0);
    chain.add(PageType::Vmsa, VMSA_GPA, sha384(first.as_bytes()));
    assert_eq!(digest(CONFIG, &files, IgvmPlatform::Snp), chain.digest());
    let both = Igvm::read(&file).unwrap();
    let loading = both.loading(PlatformKind::SevSnp).unwrap();
    let launch = SnpLaunch::of_igvm(&loading, ZeroPages::Normal).unwrap();
    assert_eq!(launch.measure(&OneByOne).digest(), chain.digest());
}

#[test]
fn launch_that_is_none_of_the_shim_is_refused() {
    let direct = CONFIG
        .replace("\"shim\"", "\"simulated-direct\"")
        .replace("\"snp\"", "\"simulated\"");
    let refused = Files::new().igvm(&direct, &BOTH);
    assert!(matches!(
        refused,
        Err(IgvmError::NotShim("simulated-direct"))
    ));
}

#[test]
fn launch_that_cannot_be_planned_is_refused_with_its_platform() {
    let small = CONFIG
        .replace("256", "64")
        .replace("count = 1", "count = 65");
    let refused = Files::new().igvm(&small, &BOTH);
    assert!(matches!(
        refused,
        Err(IgvmError::Plan {
            platform: "snp",
            ..
        })
    ));
}
