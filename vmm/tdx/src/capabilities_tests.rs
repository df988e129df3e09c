use super::*;

const SEPT: u64 = 1 << 28;

pub(crate) fn leaf(function: u32, index: Option<u32>, values: [u32; 4]) -> CpuidEntry {
    let [eax, ebx, ecx, edx] = values;
    CpuidEntry {
        function,
        index,
        eax,
        ebx,
        ecx,
        edx,
    }
}

pub(crate) fn host() -> TdxCapabilities {
    TdxCapabilities {
        attributes: SEPT,
        xfam: 0xe7,
        kernel_calls: [0; 2],
        user_calls: [2, 0],
        cpuid: vec![
            leaf(0x1, None, [0, 0x00ff_0000, 0x0100_0000, 0]),
            leaf(0x7, Some(0), [0, 0xf0, 0, 0]),
            leaf(0x8000_0008, None, [0x00ff_00ff, 0x200, 0, 0]),
        ],
    }
}

pub(crate) fn wanted() -> TdParameters {
    TdParameters {
        attributes: SEPT,
        xfam: 3,
        mr_config_id: [0xc1; 48],
        mr_owner: [0xc2; 48],
        mr_owner_config: [0xc3; 48],
    }
}

fn judge_cpuid(cpuid: &[CpuidEntry]) -> Vec<CpuidEntry> {
    judge(&host(), &wanted(), false, cpuid).unwrap().cpuid
}

#[test]
fn parameters_are_the_plans_own_and_nothing_that_the_host_has_beside() {
    let parameters = judge(&host(), &wanted(), false, &[]).unwrap();
    assert_eq!((parameters.attributes, parameters.xfam), (SEPT, 3));
    assert_eq!(parameters.mrconfigid, [0xc1; 48]);
    assert_eq!(parameters.mrowner, [0xc2; 48]);
    assert_eq!(parameters.mrownerconfig, [0xc3; 48]);
}

#[test]
fn attributes_and_features_that_may_not_be_or_are_not_there_are_refused() {
    let all = u64::MAX;
    #[rustfmt::skip] // a table: attributes, xfam, debug allowed, host's attributes and xfam
    let cases = [
        (SEPT,           3,    false, SEPT, 0xe7, None),
        (SEPT,           0xe7, false, SEPT, 0xe7, None),
        (SEPT | 1,       3,    true,  all,  all,  None),
        (SEPT | 1,       3,    false, all,  all,  Some(Refusal::Debug)),
        (SEPT | 1,       3,    true,  SEPT, all,  Some(Refusal::Attributes { bits: 1 })),
        (0,              3,    false, all,  all,  Some(Refusal::SeptVe)),
        (SEPT,           3,    false, 0,    all,  Some(Refusal::Attributes { bits: SEPT })),
        (SEPT | 1 << 29, 3,    true,  all,  all,  Some(Refusal::UnknownAttributes { bits: 1 << 29 })),
        (SEPT | 1 << 63, 3,    true,  all,  all,  Some(Refusal::UnknownAttributes { bits: 1 << 63 })),
        (SEPT,           2,    false, all,  all,  Some(Refusal::NoSse { xfam: 2 })),
        (SEPT,           0x7,  false, SEPT, 3,    Some(Refusal::Features { bits: 4 })),
    ];
    for (attributes, xfam, may_debug, host_attributes, host_xfam, refusal) in cases {
        let wanted = TdParameters {
            attributes,
            xfam,
            ..wanted()
        };
        let host = TdxCapabilities {
            attributes: host_attributes,
            xfam: host_xfam,
            ..host()
        };
        let judged = judge(&host, &wanted, may_debug, &[]).err();
        assert_eq!(
            judged, refusal,
            "{attributes:#x} {xfam:#x} of {host_attributes:#x}"
        );
    }
}

#[test]
fn lacking_attribute_is_named() {
    let said = Refusal::Attributes { bits: 1 | SEPT }.to_string();
    assert!(
        said.contains("the attribute DEBUG and the attribute SEPT_VE_DISABLE"),
        "{said}"
    );
}

#[test]
fn cpuid_has_the_configurable_bits_of_configurable_leaves_alone() {
    let configured = judge_cpuid(&[
        leaf(
            0x1,
            None,
            [0x00a2_0f10, 0x0102_0800, 0x8120_0001, 0x1fc9_fbff],
        ),
        leaf(0x2, None, [1, 2, 3, 4]),
        leaf(0x7, Some(1), [0xff, 0x0f, 0xff, 0xff]),
        leaf(0x7, Some(0), [1, 0xff, 1, 1]),
        leaf(0x8000_0008, None, [0x3030, 0xffff, 7, 7]),
    ]);
    assert_eq!(
        configured,
        [
            leaf(0x1, None, [0, 0x0002_0000, 0x0100_0000, 0]),
            leaf(0x7, Some(0), [0, 0xf0, 0, 0]),
            leaf(0x8000_0008, None, [0x0030_0030, 0x200, 0, 0]),
        ]
    );
}

#[test]
fn guest_addresses_have_48_bits_whatever_is_planned() {
    for planned in [&[][..], &[leaf(0x8000_0008, None, [0x0034_3030, 0, 0, 0])]] {
        let configured = judge_cpuid(planned);
        let [width] = configured.as_slice() else {
            panic!("{configured:?}")
        };
        assert_eq!((width.function, width.eax >> 16), (0x8000_0008, 0x30));
    }
}

#[test]
fn host_that_does_not_let_the_width_be_chosen_is_refused() {
    let mut host = host();
    host.cpuid.pop();
    let judged = judge(
        &host,
        &wanted(),
        false,
        &[leaf(0x8000_0008, None, [0x3030, 0, 0, 0])],
    );
    assert_eq!(judged, Err(Refusal::AddressWidth));
}
