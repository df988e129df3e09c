use super::*;

fn entry(function: u32, index: Option<u32>, eax: u32) -> CpuidEntry {
    CpuidEntry {
        function,
        index,
        eax,
        ebx: 2,
        ecx: 3,
        edx: 4,
    }
}

#[test]
fn parameters_lie_where_the_kernel_reads_them() {
    let words = init_vm_words(&TdxParameters {
        attributes: 1 << 28,
        xfam: 0xe7,
        mrconfigid: [0xc1; 48],
        mrowner: [0xc2; 48],
        mrownerconfig: [0xc3; 48],
        cpuid: vec![entry(0x8000_0008, None, 0x30), entry(7, Some(1), 5)],
    });
    let bytes = words.as_bytes();
    assert_eq!(bytes.len(), 264 + 2 * 40);
    assert_eq!(words[..2], [1 << 28, 0xe7]);
    for (offset, value) in [(16, 0xc1), (64, 0xc2), (112, 0xc3), (160, 0)] {
        assert!(
            bytes[offset..offset + 48].iter().all(|byte| *byte == value),
            "at {offset}"
        );
    }
    assert_eq!(bytes[256..264], [2, 0, 0, 0, 0, 0, 0, 0]);
    let second = <[u32; 10]>::read_from_bytes(&bytes[304..344]).unwrap();
    assert_eq!(second, [7, 1, 1, 5, 2, 3, 4, 0, 0, 0]);
}

#[test]
fn entries_are_read_back_as_far_as_the_kernel_says_that_it_wrote() {
    let written = [
        entry(1, None, 1),
        entry(7, Some(0), 1),
        entry(7, Some(1), 1),
    ];
    let words = with_entries(&[0u32; 2], 4, &written);
    assert_eq!(words.as_bytes().len(), 8 + 4 * 40);
    let (_, rest) = split::<[u32; 2]>(&words);
    assert_eq!(entries_of(rest, 3, 4).unwrap(), written);
    assert_eq!(entries_of(rest, 0, 4).unwrap(), []);
    let lie = entries_of(rest, 5, 4);
    assert!(matches!(lie, Err(TdxError::Entries { count: 5, room: 4 })));
}

#[test]
fn source_is_the_end_of_the_buffer_that_is_left() {
    let source = PageBuffer::new(&[1; 4096], 3).unwrap();
    let base = source.bytes().as_ptr().addr() as u64;
    let at = |left| source_of(&TdxRegion { gpa: 0, left }, &source);
    assert_eq!(at(3), Some(base));
    assert_eq!(at(1), Some(base + 2 * 4096));
    for left in [4, 1 << 52, u64::MAX] {
        assert_eq!(at(left), None, "{left} pages");
    }
}

#[test]
fn frequency_becomes_the_next_lower_one_that_a_td_can_have() {
    assert_eq!(tsc_to_set(2_100_000), None);
    assert_eq!(tsc_to_set(2_112_001), Some(2_100_000));
    assert_eq!(tsc_to_set(2_099_999), Some(2_075_000));
}
