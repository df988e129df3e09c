//! The register file against virtio 1.2, section 4.2.2 and 3.1.1.

use proptest::prelude::*;

use super::register::*;
use super::*;

const READ_ONLY: u64 = 1 << 5;

fn block() -> Transport {
    Transport::new(DeviceKind::Block, READ_ONLY, vec![1, 2, 3, 4, 5, 6, 7, 8])
}

fn read(transport: &Transport, offset: u64) -> u32 {
    let mut data = [0; 4];
    transport.read(offset, &mut data);
    u32::from_le_bytes(data)
}

fn write(transport: &mut Transport, offset: u64, value: u32) -> Effect {
    transport.write(offset, &value.to_le_bytes())
}

fn negotiate(transport: &mut Transport, features: u64) {
    write(transport, STATUS, status::ACKNOWLEDGE);
    write(transport, STATUS, status::ACKNOWLEDGE | status::DRIVER);
    for select in 0..2 {
        write(transport, DRIVER_FEATURES_SEL, select);
        write(transport, DRIVER_FEATURES, half(features, select));
    }
    write(
        transport,
        STATUS,
        status::ACKNOWLEDGE | status::DRIVER | status::FEATURES_OK,
    );
}

fn lay_queue(transport: &mut Transport, size: u32) {
    write(transport, QUEUE_SEL, 0);
    write(transport, QUEUE_SIZE, size);
    write(transport, QUEUE_DESC_LOW, 0x1000);
    write(transport, QUEUE_DRIVER_LOW, 0x2000);
    write(transport, QUEUE_DEVICE_LOW, 0x3000);
    write(transport, QUEUE_DEVICE_HIGH, 1);
    write(transport, QUEUE_READY, 1);
}

fn driver_ok(transport: &mut Transport) -> Effect {
    let present = read(transport, STATUS);
    write(transport, STATUS, present | status::DRIVER_OK)
}

#[test]
fn identity_of_a_block_device_is_modern_virtio() {
    let transport = block();
    assert_eq!(read(&transport, MAGIC_VALUE).to_le_bytes(), *b"virt");
    assert_eq!(read(&transport, VERSION), 2);
    assert_eq!(read(&transport, DEVICE_ID), 2);
}

#[test]
fn features_are_read_by_halves_and_hold_version_1() {
    let mut transport = block();
    assert_eq!(u64::from(read(&transport, DEVICE_FEATURES)), READ_ONLY);
    write(&mut transport, DEVICE_FEATURES_SEL, 1);
    assert_eq!(read(&transport, DEVICE_FEATURES), 1);
    write(&mut transport, DEVICE_FEATURES_SEL, 2);
    assert_eq!(read(&transport, DEVICE_FEATURES), 0);
}

#[test]
fn driver_that_follows_the_steps_activates_its_queue() {
    let mut transport = block();
    negotiate(&mut transport, VERSION_1 | READ_ONLY);
    lay_queue(&mut transport, 64);
    let expected = QueueSettings {
        size: 64,
        descriptors: 0x1000,
        available: 0x2000,
        used: 0x1_0000_3000,
        ready: true,
    };
    assert_eq!(
        driver_ok(&mut transport),
        Effect::Activate {
            features: VERSION_1 | READ_ONLY,
            queues: vec![Some(expected)]
        }
    );
}

#[test]
fn features_never_offered_are_refused() {
    let mut transport = block();
    negotiate(&mut transport, VERSION_1 | 1);
    assert_eq!(read(&transport, STATUS) & status::FEATURES_OK, 0);
    assert_eq!(driver_ok(&mut transport), Effect::None);
    assert_eq!(read(&transport, STATUS) & status::DRIVER_OK, 0);
}

#[test]
fn driver_without_version_1_is_refused() {
    let mut transport = block();
    negotiate(&mut transport, READ_ONLY);
    assert_eq!(read(&transport, STATUS) & status::FEATURES_OK, 0);
}

#[test]
fn platform_access_is_offered_only_where_memory_is_private() {
    for (mut transport, high) in [(block(), 0b01), (block().where_memory_is_private(), 0b11)] {
        write(&mut transport, DEVICE_FEATURES_SEL, 1);
        assert_eq!(read(&transport, DEVICE_FEATURES), high);
    }
}

#[test]
fn driver_that_does_not_know_of_private_memory_is_refused_where_it_is() {
    for (features, is_taken) in [
        (VERSION_1, false),
        (ACCESS_PLATFORM, false),
        (VERSION_1 | ACCESS_PLATFORM, true),
    ] {
        let mut transport = block().where_memory_is_private();
        negotiate(&mut transport, features);
        let status = read(&transport, STATUS);
        assert_eq!(status & status::FEATURES_OK != 0, is_taken, "{features:#x}");
    }
}

#[test]
fn driver_that_wants_platform_access_where_all_memory_is_shared_is_refused() {
    let mut transport = block();
    negotiate(&mut transport, VERSION_1 | ACCESS_PLATFORM);
    assert_eq!(read(&transport, STATUS) & status::FEATURES_OK, 0);
}

#[test]
fn features_written_after_features_ok_change_nothing() {
    let mut transport = block();
    negotiate(&mut transport, VERSION_1);
    write(&mut transport, DRIVER_FEATURES_SEL, 0);
    write(&mut transport, DRIVER_FEATURES, 1 << 5);
    lay_queue(&mut transport, 64);
    assert!(matches!(
        driver_ok(&mut transport),
        Effect::Activate {
            features: VERSION_1,
            ..
        }
    ));
}

#[test]
fn queue_of_an_impossible_size_never_becomes_ready() {
    for size in [0, 3, 512, 0x1_0000] {
        let mut transport = block();
        negotiate(&mut transport, VERSION_1);
        lay_queue(&mut transport, size);
        assert_eq!(read(&transport, QUEUE_READY), 0, "size {size}");
    }
}

#[test]
fn queue_laid_out_crookedly_never_becomes_ready() {
    for (part, address) in [
        (QUEUE_DESC_LOW, 8),
        (QUEUE_DRIVER_LOW, 1),
        (QUEUE_DEVICE_LOW, 2),
    ] {
        let mut transport = block();
        negotiate(&mut transport, VERSION_1);
        write(&mut transport, part, address);
        write(&mut transport, QUEUE_READY, 1);
        assert_eq!(read(&transport, QUEUE_READY), 0, "register {part:#x}");
    }
}

#[test]
fn queue_moved_while_ready_stays_where_it_was() {
    let mut transport = block();
    negotiate(&mut transport, VERSION_1);
    lay_queue(&mut transport, 64);
    write(&mut transport, QUEUE_DESC_LOW, 0x9000);
    let Effect::Activate { queues, .. } = driver_ok(&mut transport) else {
        panic!("not active")
    };
    assert_eq!(queues[0].unwrap().descriptors, 0x1000);
}

#[test]
fn queue_that_the_device_lacks_reads_no_size() {
    let mut transport = block();
    write(&mut transport, QUEUE_SEL, 1);
    assert_eq!(read(&transport, QUEUE_SIZE_MAX), 0);
}

#[test]
fn status_bits_cannot_be_taken_back_one_by_one() {
    let mut transport = block();
    negotiate(&mut transport, VERSION_1);
    write(&mut transport, STATUS, status::ACKNOWLEDGE);
    assert_ne!(read(&transport, STATUS) & status::FEATURES_OK, 0);
}

#[test]
fn status_zero_forgets_everything() {
    let mut transport = block();
    negotiate(&mut transport, VERSION_1);
    lay_queue(&mut transport, 64);
    driver_ok(&mut transport);
    assert_eq!(write(&mut transport, STATUS, 0), Effect::Reset);
    assert_eq!(read(&transport, STATUS), 0);
    assert_eq!(read(&transport, QUEUE_READY), 0);
}

#[test]
fn broken_device_asks_for_a_reset() {
    let mut transport = block();
    transport.mark_broken();
    assert_eq!(read(&transport, STATUS), status::NEEDS_RESET);
}

#[test]
fn notification_before_driver_ok_is_ignored() {
    let mut transport = block();
    assert_eq!(write(&mut transport, QUEUE_NOTIFY, 0), Effect::None);
    negotiate(&mut transport, VERSION_1);
    lay_queue(&mut transport, 64);
    driver_ok(&mut transport);
    assert_eq!(write(&mut transport, QUEUE_NOTIFY, 0), Effect::Notify(0));
    assert_eq!(write(&mut transport, QUEUE_NOTIFY, 1), Effect::None);
}

#[test]
fn configuration_is_read_in_any_width_and_zero_beyond_its_end() {
    let transport = block();
    let mut wide = [0; 8];
    transport.read(CONFIG, &mut wide);
    assert_eq!(wide, [1, 2, 3, 4, 5, 6, 7, 8]);
    let mut beyond = [0xff; 4];
    transport.read(CONFIG + 6, &mut beyond);
    assert_eq!(beyond, [0; 4]);
}

#[test]
fn shared_memory_regions_read_as_absent() {
    assert_eq!(read(&block(), SHM_LEN_LOW), u32::MAX);
}

proptest! {
    /// Whatever a guest writes, only features that were offered and queues that are well placed
    /// ever reach a device.
    #[test]
    fn activation_after_any_writes_is_well_formed(
        writes in proptest::collection::vec((0u64..0x110, any::<u32>()), 0..200)
    ) {
        let mut transport = block();
        for (offset, value) in writes {
            // Small values make the interesting states likely.
            let value = if offset % 2 == 0 { value % 16 } else { value };
            if let Effect::Activate { features, queues } = write(&mut transport, offset & !3, value) {
                prop_assert_eq!(features & !(VERSION_1 | READ_ONLY), 0);
                prop_assert_eq!(features & VERSION_1, VERSION_1);
                for queue in queues.into_iter().flatten() {
                    prop_assert!(queue.size.is_power_of_two() && queue.descriptors % 16 == 0);
                }
            }
        }
    }
}
