use super::*;

/// `kvm_run` with this exit reason, and every byte of the union another value.
fn run(reason: u32) -> [u8; RUN_BYTES] {
    let mut run = std::array::from_fn(|index| u8::try_from(index).expect("168 bytes"));
    run[EXIT_REASON..EXIT_REASON + 4].copy_from_slice(&reason.to_le_bytes());
    run
}

fn put(run: &mut [u8; RUN_BYTES], at: usize, value: u64) {
    run[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

/// The 64 bits at `at` of what [`run`] makes.
fn at(at: u8) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|index| {
        at + u8::try_from(index).expect("eight")
    }))
}

#[test]
fn hypercall_is_read_at_its_offsets() {
    let expected = Hypercall {
        nr: at(32),
        args: [at(40), at(48), at(56), at(64), at(72), at(80)],
        flags: at(96),
    };
    assert_eq!(Exit::decode(&run(3)), Exit::Hypercall(expected));
}

#[test]
fn memory_fault_is_read_at_its_offsets() {
    let expected = MemoryFault {
        flags: at(32),
        gpa: at(40),
        size: at(48),
    };
    assert_eq!(Exit::decode(&run(39)), Exit::MemoryFault(expected));
}

#[test]
fn request_for_certificates_is_read_at_its_offsets() {
    let expected = ReqCerts {
        gpa: at(32),
        npages: at(40),
    };
    assert_eq!(Exit::decode(&run(43)), Exit::SnpReqCerts(expected));
}

#[test]
fn system_event_is_read_at_its_offsets() {
    let Exit::SystemEvent(event) = Exit::decode(&run(24)) else {
        panic!("another exit")
    };
    assert_eq!(event.kind, 0x2322_2120);
    assert_eq!(event.ndata, 0x2726_2524);
    assert_eq!((event.words[0], event.words[15]), (at(40), at(160)));
}

#[test]
fn system_event_with_more_data_than_room_has_none() {
    let event = |ndata| SystemEvent {
        kind: 7,
        ndata,
        words: [1; 16],
    };
    assert_eq!(event(16).data().map(<[u64]>::len), Some(16));
    assert_eq!(event(17).data(), None);
    assert_eq!(event(u32::MAX).data(), None);
}

#[test]
fn every_tdx_call_is_told_by_its_number() {
    let first = at(56);
    let cases = [
        (
            0x10002,
            TdxCall::GetQuote {
                gpa: first,
                size: at(64),
            },
        ),
        (0x10000, TdxCall::GetTdVmCallInfo { leaf: first }),
        (0x10004, TdxCall::SetupEventNotify { vector: first }),
        (0x10003, TdxCall::Unknown { nr: 0x10003 }),
        (u64::MAX, TdxCall::Unknown { nr: u64::MAX }),
    ];
    for (nr, expected) in cases {
        let mut run = run(40);
        put(&mut run, 40, nr);
        assert_eq!(Exit::decode(&run), Exit::Tdx(expected));
    }
}

#[test]
fn other_exits_keep_their_number() {
    assert_eq!(Exit::decode(&run(2)), Exit::Other(2));
    assert_eq!(Exit::decode(&run(u32::MAX)), Exit::Other(u32::MAX));
}
