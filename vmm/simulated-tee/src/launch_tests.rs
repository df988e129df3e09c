//! What is measured, and what is refused so that no report exists.

use measured_boot_snp_abi::{CpuidFunction, CpuidPage};
use zerocopy::little_endian::U32;

use super::*;
use crate::memory::tests::{memory, memory_with_a_hole};

const PAGES: u64 = 32;
const DATA: u64 = 0x2000;
const CPUID: u64 = 0x5000;

fn parameters() -> Parameters {
    Parameters {
        policy: GuestPolicy::STRICT,
        host_data: [0; 32],
        id: IdFields::default(),
    }
}

fn cpuid_page() -> Vec<u8> {
    let function = CpuidFunction {
        eax_in: U32::new(7),
        eax: U32::new(1),
        ..CpuidFunction::default()
    };
    CpuidPage::new(&[function]).unwrap().as_bytes().to_vec()
}

fn entries(eax: u32) -> Vec<CpuidEntry> {
    vec![CpuidEntry {
        function: 7,
        index: 0,
        flags: 1,
        eax,
        ebx: 0,
        ecx: 0,
        edx: 0,
    }]
}

fn run(gpa: u64, count: u64, page_type: PageType) -> Pages {
    Pages {
        gpa,
        count,
        page_type: page_type.number(),
    }
}

/// As after a reset, where no digest would show it.
fn registers(vcpu: u32) -> Registers {
    let mut registers = Registers::default();
    registers.control.apic_base = if vcpu == 0 { 0xfee0_0900 } else { 0xfee0_0800 };
    registers
}

/// A small honest launch up to its end, with `change` in the middle.
fn launch(content: &[(u64, &[u8])], change: impl Fn(&mut Registers)) -> Result<Launch, Refusal> {
    let page = cpuid_page();
    let mut written = vec![(CPUID, &page[..])];
    written.extend_from_slice(content);
    let mut launch = Launch::begin(memory(PAGES, &written), parameters())?;
    launch.add_pages(&run(DATA, 2, PageType::Normal))?;
    launch.add_pages(&run(CPUID, 1, PageType::Cpuid))?;
    launch.add_cpuid(0, entries(1))?;
    let mut registers = registers(0);
    change(&mut registers);
    launch.add_vcpu(0, registers)?;
    Ok(launch)
}

fn digest(content: &[(u64, &[u8])]) -> [u8; 48] {
    launch(content, |_| {})
        .unwrap()
        .finish()
        .unwrap()
        .launch_digest
}

#[test]
fn digest_follows_the_rule_of_the_specification() {
    let mut expected = [0; 48];
    let mut add = |page_type: u8, gpa: u64, contents: [u8; 48]| {
        let mut info = Vec::new();
        info.extend_from_slice(&expected);
        info.extend_from_slice(&contents);
        info.extend_from_slice(&[0x70, 0, page_type, 0, 0, 0, 0, 0]);
        info.extend_from_slice(&gpa.to_le_bytes());
        expected = sha384(&info);
    };
    let mut first = [0; 4096];
    first[7] = 9;
    add(1, DATA, sha384(&first));
    add(1, DATA + 0x1000, sha384(&[0; 4096]));
    add(6, CPUID, [0; 48]);
    add(
        2,
        0xffff_ffff_f000,
        sha384(vmsa(&Registers::default()).as_bytes()),
    );
    assert_eq!(digest(&[(DATA + 7, &[9])]), expected);
}

#[test]
fn byte_changed_in_memory_changes_the_digest() {
    assert_ne!(digest(&[(DATA, &[1])]), digest(&[(DATA, &[2])]));
    assert_ne!(digest(&[(DATA, &[1])]), digest(&[(DATA + 1, &[1])]));
}

#[test]
fn register_changed_changes_the_digest() {
    let changed = launch(&[], |registers| registers.general.rsi = 1)
        .unwrap()
        .finish()
        .unwrap();
    assert_ne!(changed.launch_digest, digest(&[]));
}

#[test]
fn planted_system_call_entry_changes_the_digest() {
    let planted = launch(&[], |registers| registers.system_calls.lstar = 0x1234)
        .unwrap()
        .finish()
        .unwrap();
    assert_ne!(planted.launch_digest, digest(&[]));
}

#[test]
fn register_that_no_digest_covers_is_refused_unless_reset() {
    let changes: [fn(&mut Registers); 4] = [
        |registers| registers.debug.db[3] = 1,
        |registers| registers.control.cr8 = 1,
        |registers| registers.control.apic_base = 0xfed0_0900,
        |registers| registers.control.apic_base = 0xfee0_0800,
    ];
    for change in changes {
        let refused = launch(&[], change);
        assert!(
            matches!(refused, Err(Refusal::Unmeasured { vcpu: 0, .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn page_that_nobody_handed_over_is_refused() {
    let refused = launch(&[(0x9004, &[1])], |_| {}).unwrap().finish();
    assert!(
        matches!(refused, Err(Refusal::Stray { gpa: 0x9000 })),
        "{refused:?}"
    );
}

#[test]
fn leaf_that_kvm_answers_otherwise_is_refused() {
    let page = cpuid_page();
    let mut launch = Launch::begin(memory(PAGES, &[(CPUID, &page)]), parameters()).unwrap();
    launch.add_pages(&run(CPUID, 1, PageType::Cpuid)).unwrap();
    launch.add_cpuid(0, entries(2)).unwrap();
    launch.add_vcpu(0, registers(0)).unwrap();
    assert!(matches!(
        launch.finish(),
        Err(Refusal::Cpuid(CpuidMismatch::Leaf { .. }))
    ));
}

#[test]
fn launch_without_a_cpuid_page_is_refused() {
    let mut launch = Launch::begin(memory(PAGES, &[]), parameters()).unwrap();
    launch.add_cpuid(0, entries(1)).unwrap();
    launch.add_vcpu(0, registers(0)).unwrap();
    assert!(matches!(launch.finish(), Err(Refusal::Order(_))));
}

#[test]
fn vcpu_without_its_cpuid_table_is_refused() {
    let mut launch = launch(&[], |_| {}).unwrap();
    launch.add_vcpu(1, registers(1)).unwrap();
    assert!(matches!(launch.finish(), Err(Refusal::Order(_))));
}

#[test]
fn vcpu_out_of_order_is_refused() {
    let mut launch = launch(&[], |_| {}).unwrap();
    assert!(matches!(
        launch.add_vcpu(2, registers(2)),
        Err(Refusal::Order(_))
    ));
    assert!(matches!(
        launch.add_vcpu(0, registers(0)),
        Err(Refusal::Order(_))
    ));
}

#[test]
fn page_twice_crooked_outside_or_of_another_type_is_refused() {
    for pages in [
        run(DATA, 1, PageType::Normal),
        run(0x8001, 1, PageType::Normal),
        run(PAGES * PAGE, 1, PageType::Normal),
        run(0x8000, u64::MAX, PageType::Normal),
        run(0x8000, 1, PageType::Vmsa),
        run(0x8000, 1, PageType::Cpuid),
        Pages {
            gpa: 0x8000,
            count: 1,
            page_type: 9,
        },
    ] {
        let mut launch = launch(&[], |_| {}).unwrap();
        assert!(
            matches!(launch.add_pages(&pages), Err(Refusal::Page { .. })),
            "{pages:?}"
        );
    }
}

#[test]
fn zero_page_that_is_not_zero_is_refused() {
    let mut launch = launch(&[(0x8000, &[1])], |_| {}).unwrap();
    assert!(launch.add_pages(&run(0x8000, 1, PageType::Zero)).is_err());
    assert!(launch.add_pages(&run(0x9000, 1, PageType::Zero)).is_ok());
}

#[test]
fn secrets_page_that_is_not_zero_or_the_second_is_refused() {
    let mut launch = launch(&[(0x8000, &[1])], |_| {}).unwrap();
    let mut add = |gpa, count| launch.add_pages(&run(gpa, count, PageType::Secrets));
    assert!(add(0x8000, 1).is_err());
    assert!(add(0x9000, 1).is_ok());
    assert!(add(0xa000, 1).is_err());
}

/// Type and place of these are measured, contents are not; and what was handed over so is no stray page.
#[test]
fn unmeasured_zero_and_secrets_pages_are_measured_without_contents() {
    let digest = |page_type, gpa, content: &[u8]| {
        let mut launch = launch(&[(0x8000, content)], |_| {}).unwrap();
        launch.add_pages(&run(gpa, 1, page_type)).unwrap();
        launch.finish().unwrap().launch_digest
    };
    let unmeasured = digest(PageType::Unmeasured, 0x8000, &[1]);
    assert_eq!(digest(PageType::Unmeasured, 0x8000, &[2]), unmeasured);
    let mut digests = vec![unmeasured, digest(PageType::Unmeasured, 0x9000, &[])];
    for page_type in [PageType::Normal, PageType::Zero, PageType::Secrets] {
        digests.push(digest(page_type, 0x8000, &[]));
    }
    let count = digests.len();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), count);
    let mut expected = launch(&[], |_| {}).unwrap();
    for (page_type, gpa) in [(4, 0x8000), (3, 0x9000), (5, 0xa000)] {
        let before = expected.digest;
        let pages = Pages {
            gpa,
            count: 1,
            page_type,
        };
        expected.add_pages(&pages).unwrap();
        let zeros = [0; 48];
        let mut info = [&before[..], &zeros, &[0x70, 0, page_type, 0, 0, 0, 0, 0]].concat();
        info.extend_from_slice(&gpa.to_le_bytes());
        assert_eq!(expected.digest, sha384(&info));
    }
}

#[test]
fn policy_with_reserved_bits_wrong_is_refused() {
    let mut wrong = parameters();
    wrong.policy = GuestPolicy::from_bits(0);
    assert!(matches!(
        Launch::begin(memory(PAGES, &[]), wrong),
        Err(Refusal::Policy(_))
    ));
}

/// By their own addresses, wherever the file has them.
#[test]
fn pages_above_the_hole_are_measured_and_those_over_it_refused() {
    const HIGH: u64 = 1 << 32;
    let begin = || Launch::begin(memory_with_a_hole(&[(5 * PAGE, &[9])]), parameters()).unwrap();
    let mut launch = begin();
    let high = run(HIGH + PAGE, 1, PageType::Normal);
    launch.add_pages(&high).unwrap();
    let mut page = [0; 4096];
    page[0] = 9;
    let mut info = [[0; 48], sha384(&page)].concat();
    info.extend_from_slice(&[0x70, 0, 1, 0, 0, 0, 0, 0]);
    info.extend_from_slice(&(HIGH + PAGE).to_le_bytes());
    assert_eq!(launch.digest, sha384(&info));
    for (gpa, count) in [(3 * PAGE, 2), (4 * PAGE, 1), (HIGH - PAGE, 2)] {
        let refused = begin().add_pages(&run(gpa, count, PageType::Normal));
        assert!(matches!(refused, Err(Refusal::Page { .. })), "{refused:?}");
    }
}
