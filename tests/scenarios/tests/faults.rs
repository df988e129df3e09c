//! Something is killed in the middle. After each: no secret without its log entry, no process and no
//! socket left, the log verifies, and the next run works.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tests_lab::{Backend, Machine, choose, missing};
use tests_scenarios::demo::Road;
use tests_scenarios::evidence::Auditor;
use tests_scenarios::guest::{Ending, Guest, Launch};
use tests_scenarios::progress::Progress;
use tests_scenarios::verifier::{Running, Start};

/// What every fault starts from: a furnished machine and a verifier that knows the guest.
struct Ground {
    road: Road,
    machine: Machine,
    verifier: Option<Running>,
}

impl Ground {
    /// `None`, and the reason printed, where no guest can run.
    fn prepare(name: &str) -> Option<Self> {
        if let (Some(kvm), Some(lab)) = (missing(Backend::Kvm), missing(Backend::Lab)) {
            println!("skipped: {kvm}; {lab}");
            return None;
        }
        Some(Self::try_prepare(name).unwrap_or_else(|error| panic!("{error:#}")))
    }

    fn try_prepare(name: &str) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .context("no checkout")?;
        let folder: PathBuf = root.join("target/faults").join(name);
        fs::create_dir_all(&folder)?;
        let mut progress = Progress::new(4);
        let road = Road::prepare(root, &folder, choose(None)?, &mut progress)?;
        let (_, config) = road.predict(&mut progress)?;
        let verifier = road.open_verifier(&config, &mut progress)?;
        let machine = road.boot_machine(&mut progress)?;
        Ok(Self {
            road,
            machine,
            verifier: Some(verifier),
        })
    }

    fn launch(&self, name: &str) -> Result<Guest> {
        let address = self.road.verifier_address(&self.machine);
        Guest::launch(&self.machine, &Launch::genuine(name, &address))
    }

    /// Nothing is left on the machine; the log verifies with so many releases; the next guest gets
    /// its secret.
    fn recovered(mut self, releases_before: usize) -> Result<()> {
        nothing_left(&self.machine)?;
        let ending = self.launch("after")?.wait(&self.machine)?;
        ensure!(
            ending.agent_said("secret-received")? == "yes",
            "{}",
            ending.tail()
        );
        self.verifier.take().context("a verifier runs")?.stop()?;
        let bundle = self.road.folder.join("bundle");
        self.road.verifier.export(&bundle)?;
        let audit = Auditor::of(&self.road)?.agree(&bundle)?;
        ensure!(
            audit.releases() == releases_before + 1,
            "{} releases in the log, {releases_before} before the next run",
            audit.releases()
        );
        Ok(())
    }
}

/// No process of ours and no runtime directory is left, soon.
fn nothing_left(machine: &Machine) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let left: Vec<_> = machine
            .processes()?
            .into_iter()
            .filter(|process| {
                process.name.starts_with("cloister-") && process.name != "cloister-verifi"
            })
            .collect();
        if left.is_empty() {
            break;
        }
        ensure!(Instant::now() < end, "left behind: {left:?}");
        thread::sleep(Duration::from_millis(50));
    }
    let runtime = machine.path("run");
    let list = machine.list(&runtime)?;
    ensure!(list.is_empty(), "left behind in {runtime}: {list:?}");
    Ok(())
}

fn kill(machine: &Machine, name: &str) -> Result<()> {
    let processes = machine.processes()?;
    // The kernel keeps 15 bytes of a program's name.
    let short = &name[..name.len().min(15)];
    let victim = processes.iter().find(|process| process.name == short);
    let victim = victim.with_context(|| format!("no process {name} in {processes:?}"))?;
    machine.signal(victim.pid, Signal::KILL)
}

/// Kills `victim` once the guest has been running for a moment.
fn killed_while_running(victim: &str) -> Result<Option<Ending>> {
    let Some(ground) = Ground::prepare(victim) else {
        return Ok(None);
    };
    let mut guest = ground.launch("victim")?;
    guest.wait_for_event("running")?;
    thread::sleep(Duration::from_secs(1));
    kill(&ground.machine, victim)?;
    let ending = guest.wait(&ground.machine)?;
    ground.recovered(0)?;
    Ok(Some(ending))
}

#[test]
fn block_device_killed_stops_the_guest_with_its_name_and_leaves_nothing() -> Result<()> {
    let Some(ending) = killed_while_running("cloister-blk")? else {
        return Ok(());
    };
    ensure!(ending.code == 1, "{}", ending.tail());
    ensure!(ending.said.contains("cloister-blk"), "{}", ending.tail());
    Ok(())
}

#[test]
fn vsock_device_killed_stops_the_guest_with_its_name_and_leaves_nothing() -> Result<()> {
    let Some(ending) = killed_while_running("cloister-vsock")? else {
        return Ok(());
    };
    ensure!(ending.code == 1, "{}", ending.tail());
    ensure!(ending.said.contains("cloister-vsock"), "{}", ending.tail());
    Ok(())
}

#[test]
fn simulated_tee_killed_stops_the_guest_with_its_name_and_leaves_nothing() -> Result<()> {
    let Some(ending) = killed_while_running("cloister-simulated-tee")? else {
        return Ok(());
    };
    ensure!(ending.code == 1, "{}", ending.tail());
    ensure!(
        ending.said.contains("cloister-simulated-tee"),
        "{}",
        ending.tail()
    );
    Ok(())
}

#[test]
fn vmm_killed_leaves_nothing() -> Result<()> {
    let Some(ending) = killed_while_running("cloister-vmm")? else {
        return Ok(());
    };
    ensure!(
        ending.code == 128 + Signal::KILL.as_raw(),
        "{}",
        ending.tail()
    );
    Ok(())
}

#[test]
fn supervisor_killed_stops_the_guest_and_leaves_nothing() -> Result<()> {
    let Some(ending) = killed_while_running("cloister-supervisor")? else {
        return Ok(());
    };
    ensure!(ending.code == 1, "{}", ending.tail());
    ensure!(ending.said.contains("supervisor"), "{}", ending.tail());
    Ok(())
}

#[test]
fn interrupt_stops_the_guest_and_leaves_nothing() -> Result<()> {
    let Some(ground) = Ground::prepare("interrupt") else {
        return Ok(());
    };
    let mut guest = ground.launch("victim")?;
    guest.wait_for_event("running")?;
    guest.vmm.signal(Signal::INT)?;
    let ending = guest.wait(&ground.machine)?;
    ensure!(
        ending.event("stopped", "reason")? == "interrupted",
        "{}",
        ending.tail()
    );
    ground.recovered(0)
}

#[test]
fn verifier_killed_between_verdict_and_release_releases_nothing_and_recovers() -> Result<()> {
    let Some(mut ground) = Ground::prepare("verifier") else {
        return Ok(());
    };
    ground.verifier.take().context("a verifier runs")?.stop()?;
    let pause = ground.road.folder.join("pause");
    fs::write(&pause, "")?;
    let root = ground.road.simulated_root();
    let log = ground.road.folder.join("verifier.log");
    let start = |flags: &[String]| {
        ground.road.verifier.start(&Start {
            simulated_root: Some(&root),
            log: &log,
            flags,
        })
    };
    let fault = [
        "--fault".to_owned(),
        format!("pause-before-release={}", pause.display()),
    ];
    let running = start(&fault)?;
    let mut guest = ground.launch("victim")?;
    wait_until_paused(&log)?;
    running.kill()?;
    let ending = guest.wait(&ground.machine)?;
    ensure!(
        ending.agent_said("secret-received")? == "no",
        "{}",
        ending.tail()
    );

    let restarted = start(&[])?;
    ground.verifier = Some(restarted);
    ground.recovered(0)
}

/// The verifier says when it waits.
fn wait_until_paused(log: &Path) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(120);
    while !fs::read_to_string(log)?.contains("paused-by-test-fault") {
        ensure!(
            Instant::now() < end,
            "the verifier never came to the release"
        );
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

#[test]
fn agents_connection_cut_releases_nothing_and_recovers() -> Result<()> {
    let Some(ground) = Ground::prepare("connection") else {
        return Ok(());
    };
    let cut = cut_after(ground.road.verifier.port(), 4000)?;
    let launch = Launch::genuine("victim", &format!("{}:{cut}", ground.machine.outside()));
    let ending = Guest::launch(&ground.machine, &launch)?.wait(&ground.machine)?;
    ensure!(
        ending.agent_said("secret-received")? == "no",
        "{}",
        ending.tail()
    );
    ending.agent_said("refused-by agent:")?;
    ground.recovered(0)
}

/// A relay to the verifier that hangs up each connection once it has carried so many bytes upwards.
fn cut_after(verifier: u16, bytes: u64) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for guest in listener.incoming().flatten() {
            let _ = relay(guest, verifier, bytes);
        }
    });
    Ok(port)
}

fn relay(mut guest: TcpStream, verifier: u16, bytes: u64) -> Result<()> {
    let mut upstream = TcpStream::connect((Ipv4Addr::LOCALHOST, verifier))?;
    let (mut back, mut forth) = (upstream.try_clone()?, guest.try_clone()?);
    thread::spawn(move || std::io::copy(&mut back, &mut forth));
    let mut left = bytes;
    let mut buffer = [0; 1024];
    while left > 0 {
        let count = guest.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        upstream.write_all(&buffer[..count])?;
        left = left.saturating_sub(u64::try_from(count)?);
    }
    guest.shutdown(std::net::Shutdown::Both)?;
    upstream.shutdown(std::net::Shutdown::Both)?;
    Ok(())
}
