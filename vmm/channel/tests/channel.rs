//! What goes through a channel, and what does not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::{FdFlags, fcntl_getfd};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tempfile::tempfile;
use vmm_channel::{Channel, ReceiveError, SendError};
use vmm_wire::{BlkRequest, DeviceReply, MESSAGE_LIMIT, Message};

type Vmm = Channel<BlkRequest, DeviceReply>;
type Device = Channel<DeviceReply, BlkRequest>;

fn pair() -> (Vmm, Device) {
    Channel::pair().unwrap()
}

fn configure() -> BlkRequest {
    BlkRequest::Configure {
        read_only: true,
        serial: "disk0".to_owned(),
    }
}

/// Sends what no channel would.
fn send_raw(channel: &Vmm, packet: &[u8], descriptors: &[BorrowedFd<'_>]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(32))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(descriptors)));
    }
    let packet = [IoSlice::new(packet)];
    sendmsg(channel, &packet, &mut ancillary, SendFlags::empty()).unwrap();
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn message_arrives_with_its_descriptors_in_order_and_close_on_exec() {
    let (vmm, device) = pair();
    let (mut first, second) = (tempfile().unwrap(), tempfile().unwrap());
    first.write_all(b"first").unwrap();
    vmm.send(&configure(), &[first.as_fd(), second.as_fd()])
        .unwrap();

    let received = device.receive().unwrap();

    assert_eq!(received.message, configure());
    for descriptor in &received.descriptors {
        assert_eq!(fcntl_getfd(descriptor).unwrap(), FdFlags::CLOEXEC);
    }
    let mut descriptors = received.descriptors.into_iter().map(File::from);
    let mut text = String::new();
    let mut first = descriptors.next().unwrap();
    std::io::Seek::rewind(&mut first).unwrap();
    first.read_to_string(&mut text).unwrap();
    assert_eq!(text, "first");
    assert!(descriptors.next().is_some() && descriptors.next().is_none());
}

#[test]
fn send_with_a_wrong_number_of_descriptors_is_refused() {
    let (vmm, _device) = pair();
    let file = tempfile().unwrap();
    for descriptors in [vec![], vec![file.as_fd()], vec![file.as_fd(); 3]] {
        assert!(matches!(
            vmm.send(&configure(), &descriptors),
            Err(SendError::Descriptors { expected: 2, .. })
        ));
    }
}

#[test]
fn receive_with_a_wrong_number_of_descriptors_is_refused_and_closes_them() {
    let (vmm, device) = pair();
    let file = tempfile().unwrap();
    let packet = configure().encode().unwrap();
    let before = open_descriptors();
    for count in [0, 1, 3, 8] {
        send_raw(&vmm, &packet, &vec![file.as_fd(); count]);
        assert!(matches!(
            device.receive(),
            Err(ReceiveError::Descriptors { expected: 2, came, .. }) if came == count
        ));
    }
    assert_eq!(open_descriptors(), before);
}

#[test]
fn receive_of_more_descriptors_than_any_message_has_is_refused_and_closes_them() {
    let (vmm, device) = pair();
    let file = tempfile().unwrap();
    let before = open_descriptors();
    send_raw(&vmm, &configure().encode().unwrap(), &[file.as_fd(); 32]);
    assert!(matches!(
        device.receive(),
        Err(ReceiveError::Truncated { .. })
    ));
    assert_eq!(open_descriptors(), before);
}

#[test]
fn receive_of_a_packet_longer_than_any_message_is_refused() {
    let (vmm, device) = pair();
    send_raw(&vmm, &vec![b' '; MESSAGE_LIMIT + 1], &[]);
    assert!(matches!(
        device.receive(),
        Err(ReceiveError::Truncated { .. })
    ));
}

#[test]
fn receive_of_another_vocabulary_is_refused_and_the_channel_goes_on() {
    let (vmm, device) = pair();
    let file = tempfile().unwrap();
    send_raw(&vmm, br#"{"Configure":{"cid":3}}"#, &[]);
    assert!(matches!(device.receive(), Err(ReceiveError::Decode(_))));
    vmm.send(&configure(), &[file.as_fd(), file.as_fd()])
        .unwrap();
    assert_eq!(device.receive().unwrap().message, configure());
}

#[test]
fn other_side_gone_is_an_error_of_its_own() {
    let (vmm, device) = pair();
    vmm.send(&configure(), &[vmm.as_fd(), vmm.as_fd()]).unwrap();
    drop(vmm);
    // What was sent before still arrives.
    assert!(device.receive().is_ok());
    assert!(matches!(device.receive(), Err(ReceiveError::Closed { .. })));
    assert!(matches!(
        device.send(&DeviceReply::Started, &[]),
        Err(SendError::Closed { .. })
    ));
}
