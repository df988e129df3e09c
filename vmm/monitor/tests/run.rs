//! `cloister-vmm run` on `/dev/kvm`, with every part of it real: supervisor, TEE, devices, jail.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    clippy::cast_possible_truncation,
    dead_code,
    reason = "a test and its helpers"
)]

mod payload;
mod support;

use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::{Folder, family, is_alive, kill, wait_until};

use crate::payload::{LINE, Then};

#[test]
fn guest_that_powers_off_ends_the_run_in_order() {
    let Some(folder) = Folder::new(Then::PowerOff) else {
        return;
    };
    let output = folder.run();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let events: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    // Whether something is adopted depends on this machine's KVM.
    let events: Vec<_> = events
        .into_iter()
        .filter(|event| event["event"] != "cpuid-adopted")
        .collect();
    let names: Vec<_> = events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    let expected = [
        "planned", "spawned", "spawned", "spawned", "measured", "running", "stopped",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        events[0]["launch_digest_predicted"],
        events[4]["launch_digest_reported"]
    );
    assert_eq!(
        (&events[0]["tee"], &events[4]["tee"]),
        (&"simulated".into(), &"simulated".into())
    );
    assert_eq!(events[6]["reason"], "guest-poweroff");
    assert_eq!(folder.console(), LINE);
    assert!(!folder.path("run").exists());
}

#[test]
fn cpuid_that_is_adopted_is_told_exactly_where_planned_cpuid_cannot_be_had() {
    let Some(folder) = Folder::new(Then::PowerOff) else {
        return;
    };
    let told = String::from_utf8(folder.run().stdout).unwrap();
    let strict = folder.vmm_as_planned().output().unwrap();
    let said = String::from_utf8_lossy(&strict.stderr);
    assert_eq!(
        told.contains(r#""event":"cpuid-adopted","leaves":[{"leaf":"#),
        !strict.status.success(),
        "{told}{said}"
    );
    assert!(
        strict.status.success()
            || said.contains("on another host, or") && said.contains("by --adopt-cpuid"),
        "{said}"
    );
}

#[test]
fn guest_reads_its_disk_through_the_confined_device() {
    let Some(folder) = Folder::new(Then::ReadDisk) else {
        return;
    };
    let mut disk = vec![0; 4096];
    let line = b"the first sector of the disk...\n";
    disk[..line.len()].copy_from_slice(line);
    folder.write("data.img", &disk);
    let output = folder.run();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(line.len(), payload::DISK_LINE);
    assert_eq!(
        folder.console(),
        format!("{LINE}{}", String::from_utf8_lossy(line))
    );
}

/// The VMM and its devices map all of its memory. What the guest never touches costs the host only what KVM
/// keeps for each page: some 1 GiB where it has no nested page tables.
#[test]
fn largest_guest_starts_and_its_devices_work() {
    let Some(folder) = Folder::new(Then::ReadDisk) else {
        return;
    };
    folder.reconfigure("count = 2", "count = 64");
    folder.reconfigure("mib = 64", "mib = 523264");
    let line = b"the first sector of the disk...\n";
    folder.write("data.img", &[&line[..], &[0; 4096 - 32]].concat());
    let running = folder.start();
    let ended = running.wait_until_nothing_is_left();
    assert_eq!(ended.reason(), "guest-poweroff", "{}", ended.said);
    assert!(folder.console().starts_with(LINE));
    assert_eq!(folder.console().len(), LINE.len() + payload::DISK_LINE);
}

/// A VMM that a guest has taken over has no more than this guest needs, however much another may have.
#[test]
fn limits_of_the_vmm_are_those_of_its_guests_memory() {
    let Some(folder) = Folder::new(Then::Halt) else {
        return;
    };
    let running = folder.start();
    let path = format!("/proc/{}/limits", running.vmm_pid());
    let table = std::fs::read_to_string(path).unwrap();
    let hard = |name: &str| {
        let row = table.lines().find_map(|line| line.strip_prefix(name));
        let hard = row.and_then(|row| row.split_whitespace().nth(1));
        hard.unwrap().parse::<u64>().unwrap()
    };
    const GIB: u64 = 1 << 30;
    let memory = 64 << 20;
    assert_eq!(hard("Max address space"), 17 * GIB + memory);
    assert_eq!(hard("Max file size"), GIB + memory);
    kill(running.vmm_pid(), Signal::TERM);
    running.wait_until_nothing_is_left();
}

#[test]
fn guest_that_resets_ends_the_run() {
    let Some(folder) = Folder::new(Then::Reset) else {
        return;
    };
    let output = folder.run();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("guest-reset"));
}

#[test]
fn triple_fault_is_an_error_that_names_the_vcpu_and_the_place() {
    let Some(folder) = Folder::new(Then::Fault) else {
        return;
    };
    let output = folder.run();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("vCPU 0") && said.contains("rip 0x10000"),
        "{said}"
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("vcpu-failed"));
}

#[test]
fn interrupt_stops_the_guest_and_leaves_nothing() {
    for signal in [Signal::INT, Signal::TERM] {
        let Some(folder) = Folder::new(Then::Halt) else {
            return;
        };
        let running = folder.start();
        kill(running.vmm_pid(), signal);
        let ended = running.wait_until_nothing_is_left();
        assert_eq!(
            (ended.code, ended.reason()),
            (Some(1), "interrupted"),
            "{}",
            ended.said
        );
    }
}

/// As `systemctl stop` sends it.
#[test]
fn signal_to_all_processes_of_a_vm_at_once_stops_it_and_leaves_nothing() {
    for (signal, reason) in [
        (Signal::INT, "interrupted"),
        (Signal::TERM, "interrupted"),
        // Nobody catches it.
        (Signal::HUP, ""),
    ] {
        let Some(folder) = Folder::new(Then::Halt) else {
            return;
        };
        let running = folder.start();
        let processes = running.processes();
        assert_eq!(processes.len(), 6);
        // The VMM comes last: nobody was told to end by it before.
        processes.iter().rev().for_each(|pid| kill(*pid, signal));
        let ended = running.wait_until_nothing_is_left();
        assert_eq!(ended.reason(), reason, "{}", ended.said);
    }
}

#[test]
fn interrupt_is_heard_though_nobody_reads_the_console() {
    let Some(mut folder) = Folder::new(Then::Flood) else {
        return;
    };
    // With events on standard output: standard error, a pipe here.
    folder.set_console("-");
    let mut running = folder.start();
    let pipe = running.vmm.stderr.take().unwrap();
    // Less than a line is free.
    wait_until(|| rustix::io::ioctl_fionread(&pipe).unwrap() > 60_000);
    std::thread::sleep(std::time::Duration::from_secs(2));
    kill(running.vmm_pid(), Signal::TERM);
    wait_until(|| running.vmm.try_wait().unwrap().is_some());
    assert_eq!(running.vmm.wait().unwrap().code(), Some(1));
}

#[test]
fn interrupt_ends_the_wait_for_a_process_that_does_not_answer() {
    // With how many processes the VMM waits: itself, its supervisor, that one's guardian and child.
    for (hanging, family_size) in [("cloister-supervisor", 2), ("cloister-simulated-tee", 4)] {
        let Some(mut folder) = Folder::new(Then::Halt) else {
            return;
        };
        if !folder.install_with(hanging) {
            return;
        }
        let mut vmm = folder.vmm().spawn().unwrap();
        let pid = i32::try_from(vmm.id()).unwrap();
        wait_until(|| family(pid).len() == family_size);
        let processes = family(pid);
        let started = Instant::now();
        kill(pid, Signal::TERM);
        wait_until(|| vmm.try_wait().unwrap().is_some());
        let took = started.elapsed();
        std::thread::sleep(Duration::from_millis(100));
        let left: Vec<_> = processes.into_iter().filter(|pid| is_alive(*pid)).collect();
        // They never end by themselves.
        left.iter().for_each(|pid| kill(*pid, Signal::KILL));
        assert!(left.is_empty() && took < Duration::from_secs(4), "{took:?}");
        let output = vmm.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.contains(r#""reason":"interrupted""#), "{told}");
        assert!(!folder.path("run").exists());
    }
}

/// Stopped, as one that hangs in the kernel would be.
#[test]
fn supervisor_that_hangs_is_killed_when_the_vmm_ends_or_is_killed() {
    for (signal, reason) in [(Signal::TERM, "interrupted"), (Signal::KILL, "")] {
        let Some(folder) = Folder::new(Then::Halt) else {
            return;
        };
        let running = folder.start();
        kill(running.supervisor_pid(), Signal::STOP);
        kill(running.vmm_pid(), signal);
        let ended = running.wait_until_nothing_is_left();
        assert_eq!(ended.reason(), reason);
        assert!(ended.said.contains("was killed"), "{}", ended.said);
    }
}

#[test]
fn second_interrupt_ends_the_vmm_at_once_and_nothing_is_left_soon() {
    let Some(folder) = Folder::new(Then::Halt) else {
        return;
    };
    let mut running = folder.start();
    // What the first one waits for.
    kill(running.supervisor_pid(), Signal::STOP);
    let started = Instant::now();
    let processes = running.processes();
    kill(running.vmm_pid(), Signal::INT);
    std::thread::sleep(Duration::from_millis(500));
    assert!(running.vmm.try_wait().unwrap().is_none());
    kill(running.vmm_pid(), Signal::INT);
    wait_until(|| running.vmm.try_wait().unwrap().is_some());
    assert!(started.elapsed() < Duration::from_secs(3));
    wait_until(|| !processes.iter().any(|pid| is_alive(*pid)));
    wait_until(|| !folder.path("run").exists());
}

/// Cleaning up takes its time; the guest is not there any more.
#[test]
fn guest_that_is_stopped_runs_no_more_while_the_vmm_waits_for_its_supervisor() {
    let Some(folder) = Folder::new(Then::Flood) else {
        return;
    };
    let mut running = folder.start();
    kill(running.supervisor_pid(), Signal::STOP);
    wait_until(|| cpu_time_of_first_vcpu(running.vmm_pid()) > 5);
    kill(running.vmm_pid(), Signal::TERM);
    std::thread::sleep(Duration::from_millis(500));
    let before = cpu_time_of_first_vcpu(running.vmm_pid());
    std::thread::sleep(Duration::from_millis(1000));
    let after = cpu_time_of_first_vcpu(running.vmm_pid());
    assert!(running.vmm.try_wait().unwrap().is_none());
    assert_eq!(after, before);
    let ended = running.wait_until_nothing_is_left();
    assert_eq!(ended.reason(), "interrupted", "{}", ended.said);
}

/// Of its thread, in the kernel's ticks (proc(5), fields 14 and 15 of stat).
fn cpu_time_of_first_vcpu(vmm: i32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{vmm}/task")).unwrap();
    let stats = threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("stat")));
    let stat = stats
        .map(Result::unwrap)
        .find(|stat| stat.contains("(vcpu0)"));
    let stat = stat.unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

#[test]
fn killed_device_stops_the_guest_and_is_named() {
    for process in ["cloister-blk", "cloister-vsock", "cloister-simulated-tee"] {
        let Some(folder) = Folder::new(Then::Halt) else {
            return;
        };
        let running = folder.start();
        kill(running.pid_of(process), Signal::KILL);
        let ended = running.wait_until_nothing_is_left();
        assert_eq!((ended.code, ended.reason()), (Some(1), "device-exited"));
        assert!(
            ended
                .said
                .contains(&format!("{process} was killed by signal 9")),
            "{}",
            ended.said
        );
    }
}

#[test]
fn killed_supervisor_stops_the_guest_and_its_devices() {
    let Some(folder) = Folder::new(Then::Halt) else {
        return;
    };
    let running = folder.start();
    kill(running.supervisor_pid(), Signal::KILL);
    let ended = running.wait_until_nothing_is_left();
    assert_eq!((ended.code, ended.reason()), (Some(1), "supervisor-exited"));
}

#[test]
fn killed_vmm_leaves_nothing_behind() {
    let Some(folder) = Folder::new(Then::Halt) else {
        return;
    };
    let running = folder.start();
    kill(running.vmm_pid(), Signal::KILL);
    assert_eq!(running.wait_until_nothing_is_left().code, None);
}

#[test]
fn next_run_works_after_a_killed_one() {
    let Some(folder) = Folder::new(Then::Halt) else {
        return;
    };
    let running = folder.start();
    kill(running.vmm_pid(), Signal::KILL);
    running.wait_until_nothing_is_left();
    folder.write("vmlinux", &payload::kernel(Then::PowerOff));
    assert!(folder.run().status.success());
}

#[test]
fn next_run_takes_over_what_was_left_when_everything_was_killed() {
    let Some(folder) = Folder::new(Then::Halt) else {
        return;
    };
    let running = folder.start();
    kill(running.guardian_pid(), Signal::KILL);
    kill(running.supervisor_pid(), Signal::KILL);
    running.wait_until_no_process_is_left();
    assert!(folder.path("run/tee.sock").exists());
    folder.write("vmlinux", &payload::kernel(Then::PowerOff));
    let output = folder.run();
    assert!(output.status.success());
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains(r#""event":"took-over""#), "{told}");
    assert!(!folder.path("run").exists());
}

#[test]
fn vmm_and_devices_are_confined_while_the_guest_runs() {
    let Some(folder) = Folder::new(Then::Halt) else {
        return;
    };
    let running = folder.start();
    let pids = ["cloister-blk", "cloister-vsock", "cloister-simulated-tee"]
        .map(|process| running.pid_of(process));
    for pid in pids.into_iter().chain([running.vmm_pid()]) {
        for thread in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
            let status = std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
            for line in ["Seccomp:\t2", "NoNewPrivs:\t1", "CapEff:\t0000000000000000"] {
                assert!(
                    status.contains(line),
                    "process {pid} lacks {line}\n{status}"
                );
            }
        }
        let root = std::fs::read_dir(format!("/proc/{pid}/root"))
            .unwrap()
            .count();
        assert_eq!(root, 0, "the root of process {pid} is not empty");
    }
    kill(running.vmm_pid(), Signal::TERM);
    running.wait_until_nothing_is_left();
}
