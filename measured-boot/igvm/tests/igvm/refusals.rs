//! Every rule, broken.

use crate::support::{Builder, MASK, mend_checksum};
use measured_boot_igvm::{Igvm, IgvmFault, PlatformKind, Rule};
use proptest::prelude::*;

/// Where the first variable header is in version 1.
const HEADERS: usize = 24;
/// Where the first directive of [`Builder::snp`] is: behind platform and policy.
const DIRECTIVE: usize = HEADERS + 24 + 24;

fn refused(file: &[u8]) -> IgvmFault {
    let read = Igvm::read(file).and_then(|igvm| igvm.loading(PlatformKind::SevSnp).map(drop));
    read.expect_err("it is refused")
}

/// The fault of a file in which these bytes are written over and the checksum is right.
fn refused_with(builder: &Builder, at: usize, bytes: &[u8]) -> IgvmFault {
    let mut file = builder.build();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    mend_checksum(&mut file);
    refused(&file)
}

fn fault(offset: usize, rule: Rule) -> IgvmFault {
    IgvmFault { offset, rule }
}

fn one_page() -> Builder {
    Builder::snp().page(0x1000, 0, &[7; 4096])
}

#[test]
fn fixed_header_that_contradicts_itself_is_refused() {
    let file = one_page().build();
    let length = file.len();
    let written = |at: usize, bytes: &[u8]| {
        let mut file = file.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        refused(&file)
    };
    assert_eq!(written(0, b"X"), fault(0, Rule::Magic));
    assert_eq!(written(4, &[3]), fault(4, Rule::Version(3)));
    assert_eq!(written(8, &[16]), fault(8, Rule::HeaderOffset(16)));
    assert_eq!(written(8, &[28]), fault(8, Rule::HeaderOffset(28)));
    assert_eq!(
        written(8, &[0, 0, 1]),
        fault(8, Rule::HeaderOffset(0x1_0000))
    );
    assert_eq!(written(12, &[1]), fault(12, Rule::HeaderSize(1)));
    assert_eq!(
        written(12, &[0xF8, 0xFF, 0xFF, 0xFF]),
        fault(12, Rule::HeaderSize(0xFFFF_FFF8))
    );
    let cut = refused(&file[..length - 1]);
    let said = u32::try_from(length).expect("short");
    let found = length - 1;
    assert_eq!(cut, fault(16, Rule::TotalSize { said, found }));
    assert!(matches!(written(20, &[0; 4]).rule, Rule::Checksum { .. }));
    assert!(matches!(
        written(DIRECTIVE + 8, &[1]).rule,
        Rule::Checksum { .. }
    ));
    let short = refused(&file[..22]);
    assert_eq!(short, fault(20, Rule::CutShort { wanted: 4, left: 2 }));
}

#[test]
fn version_2_for_another_processor_is_refused() {
    let file = one_page().build_v2();
    let written = |at: usize, byte: u8| {
        let mut file = file.clone();
        file[at] = byte;
        mend_checksum(&mut file);
        refused(&file)
    };
    assert_eq!(written(24, 1), fault(24, Rule::Architecture(1)));
    assert_eq!(written(28, 1), fault(28, Rule::PageSize(0x1001)));
}

#[test]
fn structures_that_loaders_could_take_differently_are_refused() {
    let unknown = Builder::snp().header(0x306, &[]);
    assert_eq!(
        refused(&unknown.build()),
        fault(DIRECTIVE, Rule::TypeUnknown(0x306))
    );
    let short = Builder::snp().header(0x302, &[0; 16]);
    let length = Rule::HeaderLength {
        kind: 0x302,
        found: 16,
        expected: 24,
    };
    assert_eq!(refused(&short.build()), fault(DIRECTIVE + 4, length));
    let long = refused_with(&one_page(), DIRECTIVE + 4, &[25]);
    assert_eq!(
        long,
        fault(
            DIRECTIVE + 8,
            Rule::CutShort {
                wanted: 25,
                left: 24
            }
        )
    );
    let late = one_page().policy(2, 0);
    assert_eq!(
        refused(&late.build()),
        fault(DIRECTIVE + 32, Rule::StageOrder(0x101))
    );
    let cut = refused_with(&one_page().header(0x307, &[]), DIRECTIVE + 32 + 4, &[8]);
    assert_eq!(cut.rule, Rule::CutShort { wanted: 8, left: 0 });
}

#[test]
fn platforms_that_are_not_one_each_are_refused() {
    let platforms = |mask, kind| {
        let first = Builder::default().platform(MASK, 2);
        refused(&first.platform(mask, kind).build())
    };
    let body_of_second = HEADERS + 24 + 8;
    assert_eq!(
        platforms(3, 3),
        fault(body_of_second, Rule::MaskNotOneBit(3))
    );
    assert_eq!(
        platforms(0, 3),
        fault(body_of_second, Rule::MaskNotOneBit(0))
    );
    assert_eq!(
        platforms(MASK, 3),
        fault(body_of_second, Rule::MaskTwice(MASK))
    );
    assert_eq!(
        platforms(2, 2),
        fault(
            body_of_second + 5,
            Rule::PlatformTwice(PlatformKind::SevSnp)
        )
    );
    assert_eq!(
        platforms(2, 9),
        fault(body_of_second + 5, Rule::PlatformUnknown(9))
    );
    let late = refused(&Builder::snp().platform(2, 3).build());
    assert_eq!(late, fault(DIRECTIVE, Rule::StageOrder(1)));
    let version = refused_with(&Builder::snp(), HEADERS + 8 + 6, &[2]);
    assert_eq!(version, fault(HEADERS + 14, Rule::PlatformVersion(2)));
    let none = Builder::default().build();
    // Nothing follows the fixed header, so there is no place for variable headers.
    assert_eq!(refused(&none), fault(8, Rule::HeaderOffset(24)));
    let none = Builder::default().policy(1, 0).build();
    assert_eq!(refused(&none), fault(HEADERS, Rule::NoPlatform));
    let other = Builder::default().platform(1, 3).platform(2, 0).build();
    let missing = Rule::PlatformMissing {
        wanted: PlatformKind::SevSnp,
        there: "TDX, native".to_owned(),
    };
    assert_eq!(refused(&other), fault(HEADERS, missing));
}

#[test]
fn policy_that_is_there_twice_or_not_at_all_is_refused() {
    let twice = Builder::snp().policy(3, 0);
    assert_eq!(refused(&twice.build()), fault(DIRECTIVE, Rule::PolicyTwice));
    let reserved = refused_with(&Builder::snp(), DIRECTIVE - 4, &[1]);
    assert_eq!(reserved, fault(DIRECTIVE - 4, Rule::Reserved));
    let file = Builder::default().platform(MASK, 2).build();
    let igvm = Igvm::read(&file).expect("a file without anything");
    let policy = igvm
        .loading(PlatformKind::SevSnp)
        .expect("it is for it")
        .policy();
    let missing = Rule::PolicyMissing(PlatformKind::SevSnp);
    assert_eq!(policy, Err(fault(HEADERS, missing)));
}

#[test]
fn pages_that_cannot_be_are_refused() {
    let body = DIRECTIVE + 8;
    let page =
        |gpa, flags, kind| refused(&Builder::snp().page_of_kind(gpa, flags, kind, &[]).build());
    assert_eq!(page(0x1000, 8, 0), fault(body + 16, Rule::Flags(8)));
    assert_eq!(page(0x1000, 0, 4), fault(body + 20, Rule::PageDataType(4)));
    assert_eq!(page(0x1001, 0, 0), fault(body, Rule::GpaUnaligned(0x1001)));
    assert_eq!(page(0x1000, 1, 0), fault(body, Rule::GpaUnaligned(0x1000)));
    let high = |gpa, bytes| fault(body, Rule::GpaTooHigh { gpa, bytes });
    assert_eq!(page(1 << 52, 0, 0), high(1 << 52, 4096));
    let top = 0xFFFF_FFFF_FFFF_F000;
    assert_eq!(page(top, 0, 0), high(top, 4096));
    let reserved = refused_with(&one_page(), body + 22, &[1]);
    assert_eq!(reserved, fault(body + 22, Rule::Reserved));
    let inside = refused_with(&one_page(), body + 12, &[1, 0, 0, 0]);
    assert_eq!(inside, fault(body + 12, Rule::DataInsideHeaders(1)));
    let outside = refused_with(&one_page(), body + 12, &[0xFF; 4]);
    let rule = Rule::DataOutsideFile {
        at: u32::MAX,
        bytes: 4096,
    };
    assert_eq!(outside, fault(body + 12, rule));
    // A page flagged as large needs that much data.
    let large = Builder::snp().page(0x20_0000, 1, &[7; 4096]).build();
    assert!(matches!(
        refused(&large).rule,
        Rule::DataOutsideFile {
            bytes: 0x20_0000,
            ..
        }
    ));
}

#[test]
fn pages_added_twice_are_refused_whatever_their_size() {
    let twice = one_page().page(0x1000, 2, &[]);
    assert_eq!(
        refused(&twice.build()),
        fault(DIRECTIVE + 32, Rule::PageTwice(0x1000))
    );
    let inside_large = Builder::snp()
        .page(0x20_0000, 1, &[])
        .page(0x20_1000, 0, &[]);
    assert_eq!(
        refused(&inside_large.build()).rule,
        Rule::PageTwice(0x20_1000)
    );
    let inserted = one_page().area(0, 0x2000, &[]).insert(0, 0);
    assert_eq!(refused(&inserted.build()).rule, Rule::PageTwice(0x1000));
    // Each platform has a memory of its own.
    let file = Builder::default()
        .platform(MASK, 2)
        .platform(2, 3)
        .page(0x1000, 0, &[]);
    let mut file = file.page(0x1000, 0, &[]).build();
    file[HEADERS + 48 + 32 + 16] = 2;
    mend_checksum(&mut file);
    let igvm = Igvm::read(&file).expect("two pages");
    assert_eq!(
        igvm.loading(PlatformKind::Tdx)
            .expect("one of them")
            .directives()
            .count(),
        1
    );
}

#[test]
fn more_pages_than_any_launch_has_are_refused_before_they_are_made() {
    let builder = Builder::snp().area(0, 0x1_0000_0000, &[]).insert(0, 0);
    let file = builder.clone().build();
    assert!(
        Igvm::read(&file)
            .and_then(|igvm| igvm.loading(PlatformKind::SevSnp).map(drop))
            .is_ok()
    );
    let more = builder.page(0x2_0000_0000, 0, &[]).build();
    assert_eq!(refused(&more), fault(DIRECTIVE + 48, Rule::TooManyPages));
    let all = Builder::snp().area(0, 1 << 52, &[]).insert(0, 0).build();
    assert_eq!(refused(&all), fault(DIRECTIVE + 24, Rule::TooManyPages));
}

#[test]
fn areas_used_out_of_turn_are_refused() {
    let second = DIRECTIVE + 24;
    let area = || Builder::snp().area(5, 0x1000, &[]);
    assert_eq!(
        refused(&area().area(5, 0, &[]).build()),
        fault(second + 16, Rule::AreaTwice(5))
    );
    let unaligned = Builder::snp().area(5, 0x800, &[]);
    assert_eq!(
        refused(&unaligned.build()),
        fault(DIRECTIVE + 8, Rule::SizeUnaligned(0x800))
    );
    let large = Builder::snp().area(5, 0x2000, &[7; 4096]);
    assert!(matches!(
        refused(&large.build()).rule,
        Rule::DataOutsideFile { .. }
    ));
    assert_eq!(
        refused(&area().insert(0, 6).build()),
        fault(second + 20, Rule::AreaUnknown(6))
    );
    let parameter = |at| refused(&area().parameter(0x30C, 5, at).build());
    let rule = Rule::ParameterOutsideArea {
        at: 0x1000,
        bytes: 0x1000,
    };
    assert_eq!(parameter(0x1000), fault(second + 12, rule));
    let unknown = area().parameter(0x307, 7, 0);
    assert_eq!(
        refused(&unknown.build()),
        fault(second + 8, Rule::AreaUnknown(7))
    );
    let twice = area().insert(0, 5).insert(0x8000, 5);
    assert_eq!(
        refused(&twice.build()),
        fault(second + 24, Rule::AreaGone(5))
    );
    let late = area().insert(0, 5).parameter(0x313, 5, 0);
    assert_eq!(
        refused(&late.build()),
        fault(second + 24, Rule::AreaGone(5))
    );
}

#[test]
fn vcpu_states_that_are_missing_or_twice_are_refused() {
    let state = [0; 4096];
    let none = Builder::snp().vp_context(0x1000, 0, &[]);
    assert_eq!(
        refused(&none.build()),
        fault(DIRECTIVE, Rule::VpContextMissing)
    );
    let short = Builder::snp().vp_context(0x1000, 0, &state[..4095]);
    assert_eq!(
        refused(&short.build()),
        fault(DIRECTIVE, Rule::VpContextMissing)
    );
    let twice = Builder::snp()
        .vp_context(0x1000, 1, &state)
        .vp_context(0x2000, 1, &state);
    assert_eq!(
        refused(&twice.build()),
        fault(DIRECTIVE + 32, Rule::VpContextTwice(1))
    );
    let unaligned = Builder::snp().vp_context(0x1008, 0, &state);
    assert_eq!(
        refused(&unaligned.build()),
        fault(DIRECTIVE + 8, Rule::GpaUnaligned(0x1008))
    );
    let reserved = refused_with(
        &Builder::snp().vp_context(0, 0, &state),
        DIRECTIVE + 8 + 18,
        &[1],
    );
    assert_eq!(reserved, fault(DIRECTIVE + 26, Rule::Reserved));
}

#[test]
fn ranges_and_reserved_fields_that_cannot_be_are_refused() {
    let of = |kind, contents: &[u8], at: usize, byte: u8| {
        let mut contents = contents.to_vec();
        contents[at] = byte;
        let fault = refused(&Builder::snp().header(kind, &contents).build());
        (fault.offset - DIRECTIVE - 8, fault.rule)
    };
    assert_eq!(of(0x305, &[0; 24], 0, 1), (0, Rule::GpaUnaligned(1)));
    assert_eq!(of(0x305, &[0; 24], 12, 1), (0, Rule::SizeUnaligned(1)));
    assert_eq!(of(0x305, &[0; 24], 16, 2), (16, Rule::Flags(2)));
    assert_eq!(of(0x305, &[0; 24], 20, 1), (20, Rule::Reserved));
    assert_eq!(of(0x30D, &[0; 16], 12, 1), (0, Rule::SizeUnaligned(1)));
    assert_eq!(of(0x104, &[0; 16], 12, 1), (12, Rule::Reserved));
    assert_eq!(of(0x105, &[0; 16], 4, 1), (4, Rule::DataInsideHeaders(1)));
    assert_eq!(of(0x30B, &[0; 696], 4, 2), (4, Rule::Reserved));
    assert_eq!(of(0x30B, &[0; 696], 7, 1), (4, Rule::Reserved));
    assert_eq!(of(0x30B, &[0; 696], 252, 1), (252, Rule::Reserved));
    assert_eq!(of(0x30B, &[0; 696], 548, 1), (548, Rule::Reserved));
    // Without an author key there is nothing of an author.
    assert_eq!(of(0x30B, &[0; 696], 400, 1), (400, Rule::Reserved));
}

#[test]
fn second_id_block_of_one_platform_is_refused() {
    let mut block = [0; 696];
    block[0] = 1;
    let builder = Builder::snp().header(0x30B, &block).header(0x30B, &block);
    assert_eq!(
        refused(&builder.build()),
        fault(DIRECTIVE + 704, Rule::IdBlockTwice)
    );
}

proptest! {
    /// Whatever stands in the headers, reading ends, and in an error that names a place in the file.
    #[test]
    fn no_file_makes_the_reader_panic(
        changes in proptest::collection::vec((0_usize..400, any::<u8>()), 1..12)
    ) {
        let builder = one_page()
            .area(1, 0x2000, &[])
            .parameter(0x30C, 1, 8)
            .insert(0x8000, 1)
            .vp_context(0x9000, 0, &[0; 4096])
            .page(0x20_0000, 1, &[]);
        let mut file = builder.build();
        for (at, byte) in changes {
            let at = at % file.len();
            if !(8..20).contains(&at) {
                file[at] = byte;
            }
        }
        mend_checksum(&mut file);
        if let Err(fault) = Igvm::read(&file).and_then(|igvm| igvm.loading(PlatformKind::SevSnp).map(drop)) {
            prop_assert!(fault.offset < file.len());
        }
    }
}
