//! Messages as packets: what is one, and what is not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fmt::Debug;

use vmm_wire::*;

fn survives<M: Message + PartialEq + Debug>(message: &M) {
    let packet = message.encode().unwrap();
    assert!(packet.len() <= MESSAGE_LIMIT);
    assert_eq!(M::decode(&packet).unwrap(), *message);
}

#[test]
fn message_every_kind_survives_its_packet() {
    survives(&SupervisorRequest::Begin {
        runtime_dir: "/run/cloister/vm".into(),
    });
    let ports = BTreeMap::from([
        (8443, Target::Tcp("127.0.0.1:8443".parse().unwrap())),
        (9000, Target::Tee),
        (9001, Target::Unix("/run/service.sock".into())),
        (9002, Target::Vsock { cid: 2, port: 4050 }),
    ]);
    for spawn in [Spawn::Blk, Spawn::Vsock { ports }, Spawn::SimulatedTee] {
        survives(&SupervisorRequest::Spawn(spawn));
    }
    survives(&SupervisorRequest::Broker {
        ports: BTreeMap::from([(4050, Target::Vsock { cid: 2, port: 4050 })]),
    });
    survives(&SupervisorReply::Ready);
    survives(&SupervisorReply::Broker);
    survives(&SupervisorReply::Spawned {
        child: ChildId(1),
        kind: DeviceKind::Vsock,
        pid: 7,
        landlock: Landlock::Missing,
    });
    survives(&SupervisorReply::Exited {
        child: ChildId(1),
        kind: DeviceKind::Blk,
        status: ExitStatus::Signal(31),
    });
    survives(&BlkRequest::Configure {
        read_only: true,
        serial: "disk0".to_owned(),
    });
    survives(&VsockRequest::Configure { cid: 3 });
    survives(&DeviceReply::Started);
    survives(&BrokerRequest::Connect {
        ticket: 1,
        port: 8443,
    });
    survives(&BrokerReply::Connected { ticket: 1 });
}

#[test]
fn message_of_the_simulated_tee_survives_its_packet() {
    survives(&TeeRequest::Configure {});
    survives(&TeeRequest::Begin {
        policy: 0x30000,
        host_data: [7; 32],
        id: IdFields::default(),
        memory: vec![
            MemoryRange {
                gpa: 0,
                bytes: 3 << 30,
            },
            MemoryRange {
                gpa: 1 << 32,
                bytes: u64::MAX,
            },
        ],
    });
    survives(&TeeRequest::Pages(vec![
        Pages {
            gpa: u64::MAX - 4095,
            count: 1,
            page_type: 6,
        };
        100
    ]));
    survives(&TeeRequest::Cpuid {
        vcpu: 63,
        entries: vec![
            CpuidEntry {
                function: u32::MAX,
                index: u32::MAX,
                flags: u32::MAX,
                eax: u32::MAX,
                ebx: u32::MAX,
                ecx: u32::MAX,
                edx: u32::MAX,
            };
            // KVM_MAX_CPUID_ENTRIES.
            256
        ],
    });
    survives(&TeeRequest::Vcpu {
        index: 0,
        registers: Box::default(),
    });
    survives(&TeeReply::Measured {
        launch_digest: [0xab; 48],
    });
}

#[test]
fn decode_of_what_is_not_exactly_a_message_is_refused() {
    for packet in [
        r#""#,
        r#"{}"#,
        r#"{"Configure":{"cid":3,"port":1}}"#,
        r#"{"Configure":{}}"#,
        r#"{"Configure":{"cid":-1}}"#,
        r#"{"Configure":{"cid":18446744073709551616}}"#,
        r#"{"Configure":{"cid":3}} "x""#,
        r#"{"Configure":{"cid":3},"Configure":{"cid":4}}"#,
        r#"{"Reconfigure":{"cid":3}}"#,
        r#"{"Configure":{"cid":3,"cid":4}}"#,
    ] {
        assert!(VsockRequest::decode(packet.as_bytes()).is_err(), "{packet}");
    }
}

#[test]
fn digest_of_another_length_is_refused() {
    for length in [0, 47, 49] {
        let packet = format!(
            r#"{{"Measured":{{"launch_digest":{:?}}}}}"#,
            vec![1; length]
        );
        assert!(TeeReply::decode(packet.as_bytes()).is_err(), "{length}");
    }
}

#[test]
fn message_over_the_limit_is_neither_sent_nor_read() {
    let reason = "x".repeat(MESSAGE_LIMIT);
    let message = DeviceReply::Failed { reason };
    assert!(matches!(message.encode(), Err(EncodeError::TooLong { .. })));
    let packet = vec![b' '; MESSAGE_LIMIT + 1];
    assert!(matches!(
        DeviceReply::decode(&packet),
        Err(DecodeError::TooLong { .. })
    ));
}
