//! `cloister-blk` as it runs: confined, over vhost-user, with a driver that also misbehaves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use policies_jail::Exit;
use policies_jail::observe::Observed;
use policies_profiles::Program;
use tempfile::NamedTempFile;
use vmm_device::harness::{Buffer, Guest, HIGH, Process, can_confine};
use vmm_wire::{BlkRequest, DeviceReply};

const BLK: &str = env!("CARGO_BIN_EXE_cloister-blk");
const SECTORS: usize = 300;

const DONE: u8 = 0;
const FAILED: u8 = 1;
const UNSUPPORTED: u8 = 2;

const IN: u32 = 0;
const OUT: u32 = 1;
const FLUSH: u32 = 4;
const IDENTIFY: u32 = 8;

/// A disk whose every sector differs.
fn disk() -> (NamedTempFile, Vec<u8>) {
    let bytes: Vec<u8> = (0..SECTORS * 512)
        .map(|at| (at / 512 * 7 + at % 251).to_le_bytes()[0])
        .collect();
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(&bytes).unwrap();
    (file, bytes)
}

struct Bench {
    process: Process<BlkRequest>,
    guest: Guest,
    bytes: Vec<u8>,
    _file: NamedTempFile,
}

fn start() -> Bench {
    let process = Process::start(Path::new(BLK), Program::Blk);
    let (file, bytes) = disk();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let opened = File::open(file.path()).unwrap();
    let request = BlkRequest::Configure {
        read_only: true,
        serial: "disk0".to_owned(),
    };
    let reply = process.configure(&request, &[opened.as_fd(), theirs.as_fd()]);
    assert_eq!(reply, DeviceReply::Started);
    drop(theirs);
    Bench {
        process,
        guest: Guest::connect(ours, 256),
        bytes,
        _file: file,
    }
}

fn header(kind: u32, sector: u64) -> Buffer {
    let mut bytes = kind.to_le_bytes().to_vec();
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(sector.to_le_bytes());
    Buffer::Out(bytes)
}

impl Bench {
    /// One request; what came back, the status last.
    fn ask(&mut self, buffers: &[Buffer]) -> (Vec<u8>, u32) {
        let head = self.guest.offer(0, buffers);
        let (used, written) = self.guest.used(0);
        assert_eq!(used, head);
        let input = self.guest.queues[0].input(self.guest.memory(), head);
        (input, written)
    }

    fn read(&mut self, sector: u64, lengths: &[u32]) -> (Vec<u8>, u8) {
        let mut buffers = vec![header(IN, sector)];
        buffers.extend(lengths.iter().map(|length| Buffer::In(*length)));
        buffers.push(Buffer::In(1));
        let (mut input, _) = self.ask(&buffers);
        let status = input.pop().unwrap();
        (input, status)
    }

    /// The VMM ends; so must the device.
    fn finish(self) -> Observed {
        drop(self.guest);
        self.process.finish()
    }
}

#[test]
fn blk_whole_life_uses_every_rule_of_its_profile_and_no_other() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    assert_eq!(bench.read(0, &[512]).1, DONE);
    // A broken ring is worth a line on standard error; then the driver starts anew.
    bench.guest.offer(0, &[Buffer::Raw(u64::MAX, 16, 0)]);
    assert!(bench.guest.failed(0));
    bench.guest.stop(0);
    bench.guest.start(0);
    assert_eq!(bench.read(0, &[512]).1, DONE);

    let observed = bench.finish();

    let profile = Program::Blk.profile();
    let unused = observed.unused(&profile);
    assert_eq!(observed.exit, Exit::Code(0));
    assert!(unused.is_empty(), "{unused:#?}");
}

#[test]
fn blk_reads_return_the_files_bytes() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    let whole = u32::try_from(SECTORS * 512).unwrap();
    for (sector, lengths) in [
        (0, vec![512]),
        (299, vec![512]),
        (7, vec![4096, 512, 1024]),
        // Buffers need not end where sectors do.
        (1, vec![100, 924]),
        (0, vec![whole]),
    ] {
        let (data, status) = bench.read(sector, &lengths);
        let start = usize::try_from(sector).unwrap() * 512;
        assert_eq!(status, DONE, "{sector} {lengths:?}");
        assert_eq!(data, bench.bytes[start..start + data.len()]);
    }
}

#[test]
fn blk_configuration_space_tells_the_disks_size_and_segments() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    let config = bench.guest.config(60).unwrap();
    assert_eq!(config[..8], 300_u64.to_le_bytes(), "capacity");
    assert_eq!(config[12..16], 254_u32.to_le_bytes(), "seg_max");
    assert_eq!(config[20..24], 512_u32.to_le_bytes(), "blk_size");
}

#[test]
fn blk_features_say_modern_read_only_and_nothing_that_is_not_there() {
    if !can_confine() {
        return;
    }
    let bench = start();
    let protocol_features = 1 << 30;
    let expected = 1 << 32 | 1 << 2 | 1 << 5 | 1 << 6 | 1 << 9 | protocol_features;
    assert_eq!(bench.guest.features, expected);
}

#[test]
fn blk_read_past_the_end_is_an_io_error() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    for (sector, length) in [(300, 512), (299, 1024), (u64::MAX, 512), (1 << 55, 512)] {
        assert_eq!(bench.read(sector, &[length]).1, FAILED, "{sector}");
    }
}

#[test]
fn blk_read_of_part_of_a_sector_is_an_io_error() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    for length in [1, 511, 513] {
        assert_eq!(bench.read(0, &[length]).1, FAILED, "{length}");
    }
    assert_eq!(bench.read(0, &[]).1, FAILED, "nothing at all");
}

#[test]
fn blk_write_is_an_io_error_and_changes_nothing() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    let data = Buffer::Out(vec![0x55; 512]);
    let (input, written) = bench.ask(&[header(OUT, 0), data, Buffer::In(1)]);
    assert_eq!((input, written), (vec![FAILED], 1));
    assert_eq!(bench.read(0, &[512]).0, bench.bytes[..512]);
}

#[test]
fn blk_flush_identify_and_unknown_requests_are_answered() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    let (flushed, _) = bench.ask(&[header(FLUSH, 0), Buffer::In(1)]);
    assert_eq!(flushed, [DONE]);
    let (identified, _) = bench.ask(&[header(IDENTIFY, 0), Buffer::In(20), Buffer::In(1)]);
    assert_eq!(&identified[..20], b"disk0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(identified[20], DONE);
    let (short, _) = bench.ask(&[header(IDENTIFY, 0), Buffer::In(19), Buffer::In(1)]);
    assert_eq!(short[19], FAILED);
    let (unknown, _) = bench.ask(&[header(77, 0), Buffer::In(1)]);
    assert_eq!(unknown, [UNSUPPORTED]);
}

/// Every way in which a driver can break a chain; the device gives the ring up and nothing else.
#[test]
fn blk_broken_chain_fails_the_ring_until_it_is_started_anew() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    let indirect = 4;
    let write = 2;
    for (what, buffers) in [
        ("no room for a status", vec![header(IN, 0)]),
        (
            "half a header",
            vec![Buffer::Out(vec![0; 8]), Buffer::In(1)],
        ),
        (
            "outside memory",
            vec![
                header(IN, 0),
                Buffer::Raw(1 << 40, 512, write),
                Buffer::In(1),
            ],
        ),
        (
            "over the end of memory",
            vec![header(IN, 0), Buffer::Raw((16 << 20) - 1, 2, write)],
        ),
        (
            "from the hole into memory",
            vec![header(IN, 0), Buffer::Raw(HIGH - 1, 2, write)],
        ),
        (
            "wraps around",
            vec![
                header(IN, 0),
                Buffer::Raw(u64::MAX, 512, write),
                Buffer::In(1),
            ],
        ),
        ("indirect", vec![Buffer::Raw(0x1000, 16, indirect)]),
        (
            "readable after writable",
            vec![Buffer::In(512), header(IN, 0), Buffer::In(1)],
        ),
    ] {
        bench.guest.offer(0, &buffers);
        assert!(bench.guest.failed(0), "{what}");
        bench.guest.offer(0, &[header(FLUSH, 0), Buffer::In(1)]);
        assert!(!bench.guest.is_used_soon(0), "{what}: the ring goes on");
        bench.guest.stop(0);
        bench.guest.start(0);
        assert_eq!(bench.read(0, &[512]).1, DONE, "{what}: not healed");
    }
}

#[test]
fn blk_chain_that_is_a_loop_or_leaves_the_table_fails_the_ring() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    let next = 1;
    for (head, target) in [(0, 0), (0, 256), (0, u16::MAX), (256, 0)] {
        let memory = bench.guest.memory().clone();
        bench.guest.queues[0].describe(&memory, 0, 0x1000, 16, next, target);
        bench.guest.queues[0].publish(&memory, head);
        bench.guest.kick(0);
        assert!(bench.guest.failed(0), "head {head}, next {target}");
        bench.guest.stop(0);
        bench.guest.start(0);
    }
}

#[test]
fn blk_available_index_that_runs_ahead_fails_the_ring() {
    if !can_confine() {
        return;
    }
    let bench = start();
    bench.guest.queues[0].announce(bench.guest.memory(), 257);
    bench.guest.kick(0);
    assert!(bench.guest.failed(0));
}

#[test]
fn blk_ring_that_is_not_enabled_rests() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    bench.guest.enable(0, false);
    bench.guest.offer(0, &[header(FLUSH, 0), Buffer::In(1)]);
    assert!(!bench.guest.is_used_soon(0));
    bench.guest.enable(0, true);
    bench.guest.used(0);
}

/// Memory above the hole is a region of its own, elsewhere in the file.
#[test]
fn blk_reads_and_writes_buffers_above_the_hole() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    let Buffer::Out(asked) = header(IN, 1) else {
        panic!("a header is for the device to read");
    };
    bench.guest.write(HIGH, &asked);
    let write = 2;
    let (input, written) = bench.ask(&[
        Buffer::Raw(HIGH, 16, 0),
        Buffer::Raw(HIGH + 0x1000, 512, write),
        Buffer::In(1),
    ]);
    assert_eq!(written, 513);
    assert_eq!(input[..512], bench.bytes[512..1024]);
    assert_eq!(input[512], DONE);
    assert_eq!(
        bench.guest.read::<512>(HIGH + 0x1000),
        bench.bytes[512..1024]
    );
}

#[test]
fn blk_ring_above_the_hole_is_served() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    bench.guest.stop(0);
    bench.guest.start_with_used_ring_at(0, HIGH).unwrap();
    bench.guest.offer(0, &[header(FLUSH, 0), Buffer::In(1)]);
    assert!(bench.guest.called(0));
    let [_, _, index @ ..] = bench.guest.read::<4>(HIGH);
    assert_eq!(u16::from_le_bytes(index), 1);
}

#[test]
fn blk_ring_that_reaches_past_memory_is_refused() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    bench.guest.stop(0);
    let last = (16 << 20) - 4;
    assert!(bench.guest.start_with_used_ring_at(0, last).is_err());
    let last = HIGH + (1 << 20) - 4;
    assert!(bench.guest.start_with_used_ring_at(0, last).is_err());
}

#[test]
fn blk_features_that_were_not_offered_or_are_not_modern_are_refused() {
    if !can_confine() {
        return;
    }
    let modern = 1 << 32;
    for features in [0, 1 << 30, modern | 1 << 28, modern | 1 << 29] {
        let mut bench = start();
        assert!(bench.guest.acknowledge(features).is_err(), "{features:#x}");
    }
    assert!(start().guest.acknowledge(modern).is_ok());
}

#[test]
fn blk_configuration_that_is_not_one_is_refused_with_its_reason() {
    if !can_confine() {
        return;
    }
    let (file, _) = disk();
    let odd = NamedTempFile::new().unwrap();
    odd.as_file().set_len(1000).unwrap();
    let readable = |file: &NamedTempFile| File::open(file.path()).unwrap();
    let writable = File::options().read(true).write(true).open(file.path());
    for (disk, read_only, serial, complaint) in [
        (readable(&file), false, "a", "read_only"),
        (readable(&file), true, "twenty-one characters", "serial"),
        (readable(&odd), true, "a", "multiple of 512"),
        (readable(&NamedTempFile::new().unwrap()), true, "a", "empty"),
        (writable.unwrap(), true, "a", "open for writing"),
    ] {
        let process = Process::start(Path::new(BLK), Program::Blk);
        let request = BlkRequest::Configure {
            read_only,
            serial: serial.to_owned(),
        };
        let (_ours, theirs) = UnixStream::pair().unwrap();
        let DeviceReply::Failed { reason } =
            process.configure(&request, &[disk.as_fd(), theirs.as_fd()])
        else {
            panic!("{complaint}: accepted");
        };
        assert!(reason.contains(complaint), "{reason}");
        assert_eq!(process.finish().exit, Exit::Code(1));
    }
}

#[test]
fn blk_ends_when_nobody_configures_it() {
    if !can_confine() {
        return;
    }
    let process = Process::<BlkRequest>::start(Path::new(BLK), Program::Blk);
    assert_eq!(process.finish().exit, Exit::Code(1));
}
