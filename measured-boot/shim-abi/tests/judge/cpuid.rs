use measured_boot_shim_abi::{CpuidFunction, CpuidPage, Refusal};
use proptest::collection::vec;
use proptest::prelude::*;
use zerocopy::{FromZeros, IntoBytes};

fn function(leaf: u32, registers: [u32; 4]) -> CpuidFunction {
    let [eax, ebx, ecx, edx] = registers.map(Into::into);
    CpuidFunction {
        leaf: leaf.into(),
        eax,
        ebx,
        ecx,
        edx,
        ..CpuidFunction::new_zeroed()
    }
}

fn word(text: &[u8; 4]) -> u32 {
    u32::from_le_bytes(*text)
}

fn functions() -> Vec<CpuidFunction> {
    vec![
        function(0, [0xD, word(b"Auth"), word(b"cAMD"), word(b"enti")]),
        function(1, [0x80_0F12, 0, 1 << 30, 0]),
        function(7, [0; 4]),
        function(0xD, [7, 0x240, 0x340, 0]),
        function(0x8000_0000, [0x8000_001F, 0, 0, 0]),
        function(0x8000_0001, [0, 0, 0, 1 << 29 | 1 << 20]),
        function(0x8000_0008, [0x3030, 0, 0, 0]),
        function(0x8000_001F, [0b1_1010, 51, 0, 0]),
    ]
}

fn page(functions: &[CpuidFunction]) -> CpuidPage {
    let mut page = CpuidPage::new_zeroed();
    page.count = u32::try_from(functions.len()).expect("a few").into();
    page.functions[..functions.len()].copy_from_slice(functions);
    page
}

/// What is said of the page with this leaf's registers changed.
fn with(leaf: u32, change: impl FnOnce(&mut CpuidFunction)) -> Option<Refusal> {
    let mut functions = functions();
    let mut all = functions.iter_mut();
    change(
        all.find(|one| one.leaf.get() == leaf)
            .expect("a leaf above"),
    );
    page(&functions).judge().err()
}

#[test]
fn page_of_a_guest_is_taken() {
    assert_eq!(page(&functions()).judge(), Ok(()));
}

#[test]
fn page_has_the_layout_of_the_snp_abi() {
    use measured_boot_snp_abi::CpuidFunction as Abi;
    let abi = |one: &CpuidFunction| Abi {
        eax_in: one.leaf,
        ecx_in: one.subleaf,
        xcr0_in: one.xcr0,
        xss_in: one.xss,
        eax: one.eax,
        ebx: one.ebx,
        ecx: one.ecx,
        edx: one.edx,
        reserved: one.reserved,
    };
    let functions = functions();
    let theirs: Vec<_> = functions.iter().map(abi).collect();
    let theirs = measured_boot_snp_abi::CpuidPage::new(&theirs).unwrap();
    assert_eq!(theirs.as_bytes(), page(&functions).as_bytes());
}

#[test]
fn page_with_no_functions_or_too_many_is_refused() {
    for count in [0, 65, u32::MAX] {
        let mut page = page(&functions());
        page.count = count.into();
        assert_eq!(page.judge(), Err(Refusal::CpuidCount));
    }
}

#[test]
fn page_with_something_reserved_is_refused() {
    let mut header = page(&functions());
    header.reserved[11] = 1;
    assert_eq!(header.judge(), Err(Refusal::CpuidReserved));
    let found = with(7, |function| function.reserved = 1.into());
    assert_eq!(found, Some(Refusal::CpuidReserved));
    let mut padding = page(&functions());
    padding.padding[1007] = 1;
    assert_eq!(padding.judge(), Err(Refusal::CpuidReserved));
    let mut unused = page(&functions());
    unused.functions[63].ecx = 1.into();
    assert_eq!(unused.judge(), Err(Refusal::CpuidReserved));
}

#[test]
fn page_with_a_function_twice_is_refused() {
    let mut functions = functions();
    functions.push(function(0x8000_001F, [0, 0, 0, 0]));
    assert_eq!(page(&functions).judge(), Err(Refusal::CpuidDuplicate));
}

/// A kernel takes the first entry of such a leaf, whatever its subleaf.
#[test]
fn page_with_a_lie_as_a_subleaf_that_no_kernel_looks_at_is_refused() {
    for leaf in [0, 1, 0x8000_0001, 0x8000_0008, 0x8000_001F, 0x4000_0000] {
        let mut lie = function(leaf, [0; 4]);
        lie.subleaf = 1.into();
        let functions = [&[lie][..], &functions()].concat();
        assert_eq!(
            page(&functions).judge(),
            Err(Refusal::CpuidDuplicate),
            "{leaf:#x}"
        );
    }
    for leaf in [4, 7, 0xB, 0xD, 0x8000_001D] {
        let mut second = function(leaf, [1; 4]);
        second.subleaf = 2.into();
        let functions = [&[second][..], &functions()].concat();
        assert_eq!(page(&functions).judge(), Ok(()), "{leaf:#x}");
    }
}

/// Of leaf 0xD's areas a kernel takes the first two by XCR0 as well, the others by subleaf alone.
#[test]
fn page_with_an_area_of_leaf_d_twice_is_refused() {
    for (subleaf, expected) in [(0, None), (1, None), (2, Some(Refusal::CpuidDuplicate))] {
        let entry = |xcr0: u64| CpuidFunction {
            subleaf: subleaf.into(),
            xcr0: xcr0.into(),
            ..function(0xD, [1; 4])
        };
        let functions = [&functions()[..], &[entry(1), entry(3)]].concat();
        assert_eq!(page(&functions).judge().err(), expected, "{subleaf}");
    }
}

#[test]
fn page_with_xcr0_or_xss_is_taken_for_leaf_d_alone() {
    let changes: [fn(&mut CpuidFunction); 2] = [
        |function| function.xcr0 = 1.into(),
        |function| function.xss = 1.into(),
    ];
    for change in changes {
        assert_eq!(with(1, change), Some(Refusal::CpuidXsave));
        assert_eq!(with(0xD, change), None);
    }
}

#[test]
fn page_without_a_leaf_is_refused() {
    for leaf in [0, 1, 7, 0x8000_0000, 0x8000_0001, 0x8000_0008, 0x8000_001F] {
        let found = with(leaf, |function| function.leaf = 0x77.into());
        assert_eq!(found, Some(Refusal::CpuidLeafMissing), "{leaf:#x}");
    }
    let found = with(7, |function| function.subleaf = 1.into());
    assert_eq!(found, Some(Refusal::CpuidLeafMissing));
    for leaf in [0, 1, 0x8000_0000, 0x8000_0001, 0x8000_0008, 0x8000_001F] {
        let found = with(leaf, |function| function.subleaf = 1.into());
        assert_eq!(found, Some(Refusal::CpuidDuplicate), "{leaf:#x}");
    }
}

#[test]
fn page_that_lies_is_refused_for_the_lie() {
    type Lie = fn(&mut CpuidFunction);
    let lies: [(u32, Lie, Refusal); 10] = [
        (
            0,
            |vendor| vendor.ecx = word(b"ntel").into(),
            Refusal::CpuidVendor,
        ),
        (1, |features| features.ecx = 0.into(), Refusal::CpuidRdrand),
        (
            0x8000_0001,
            |features| features.edx = (1 << 20).into(),
            Refusal::CpuidLongMode,
        ),
        (
            0x8000_0001,
            |features| features.edx = (1 << 29).into(),
            Refusal::CpuidLongMode,
        ),
        (
            0x8000_0008,
            |sizes| sizes.eax = 38.into(),
            Refusal::CpuidWidth,
        ),
        (
            0x8000_0008,
            |sizes| sizes.eax = 53.into(),
            Refusal::CpuidWidth,
        ),
        (
            0x8000_001F,
            |sev| sev.eax = 0b1_1000.into(),
            Refusal::CpuidSnp,
        ),
        (
            0x8000_001F,
            |sev| sev.eax = 0b1_0010.into(),
            Refusal::CpuidSnp,
        ),
        (
            0x8000_001F,
            |sev| sev.eax = 0b0_1010.into(),
            Refusal::CpuidSnp,
        ),
        (0x8000_001F, |sev| sev.ebx = 47.into(), Refusal::CpuidCBit),
    ];
    for (leaf, lie, refusal) in lies {
        assert_eq!(with(leaf, lie), Some(refusal));
    }
}

#[test]
fn page_with_a_hypervisors_leaves_is_taken_for_kvm_alone() {
    let kvm = [0x4000_0001, word(b"KVMK"), word(b"VMKV"), word(b"M\0\0\0")];
    let xen = [0x4000_0001, word(b"XenV"), word(b"MMXe"), word(b"nVMM")];
    let of = |added: &[CpuidFunction]| page(&[&functions()[..], added].concat()).judge();
    let (name, features) = (function(0x4000_0000, kvm), function(0x4000_0001, [1; 4]));
    assert_eq!(of(&[name, features]), Ok(()));
    let refused = Err(Refusal::CpuidHypervisor);
    assert_eq!(of(&[function(0x4000_0000, xen)]), refused);
    assert_eq!(of(&[features]), refused);
    assert_eq!(of(&[name, function(0x4000_0003, [1; 4])]), refused);
    assert_eq!(of(&[name, function(0x4FFF_FFFF, [1; 4])]), refused);
}

proptest! {
    #[test]
    fn page_of_any_bytes_does_not_panic(bytes in vec(any::<u8>(), 4096), count in 0..70_u32) {
        let mut page = CpuidPage::new_zeroed();
        page.as_mut_bytes().copy_from_slice(&bytes);
        page.count = count.into();
        prop_assert!(page.judge().is_err());
    }
}
