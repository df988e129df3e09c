//! Real launches on `/dev/kvm`, measured by the real, confined simulated TEE: the predicted digest is
//! the reported one, and a loader with a bug in it is found out.

// The payloads are small constants.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, missing_docs)]

#[allow(dead_code, reason = "other tests use other payloads")]
#[path = "../../monitor/tests/payload/mod.rs"]
mod payload;

use std::error::Error as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use measured_boot_digest::{LaunchDigest, launch_digest};
use measured_boot_plan::{Component, Content, LaunchConfig, LaunchPlan, Region, Sources, plan};
use measured_boot_snp_abi::simulated::{Request, Response, body_length};
use policies_jail::observe::Observer;
use policies_jail::{Child, Exit};
use policies_profiles::{Program, Rule};
use vmm_channel::{Channel, Patience, WaitError};
use vmm_kvm::{GuestRam, Host, RamLayout, Vm, VmKind};
use vmm_launch::{
    EvidencePath, Guest, Keys, LaunchError, PageRun, Parameters, Simulated, Staging, Tee, TeeError,
    Told, launch,
};
use vmm_wire::{DeviceReply, TeeReply, TeeRequest};

const CONFIG: &str = r#"
name = "launches"
[tee]
kind = "simulated"
[boot]
protocol = "simulated-direct"
kernel = "vmlinux"
initrd = "initramfs.cpio"
cmdline = "console=ttyS0"
[cpu]
count = 2
model = "x86-64-v2"
[memory]
mib = 64
"#;

/// A guest to launch, and the processes and keys that it takes.
struct Bench {
    host: Host,
    plan: LaunchPlan,
    kernel: Vec<u8>,
    initrd: Vec<u8>,
    dir: tempfile::TempDir,
}

/// `None` where this machine cannot do it, after saying so.
fn bench() -> Option<Bench> {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: confining the simulated TEE takes root");
        return None;
    }
    let host = match Host::open() {
        Ok(host) => host,
        Err(error) => {
            println!("skipped: {error}");
            return None;
        }
    };
    let kernel = payload::kernel(payload::Then::PowerOff);
    let initrd = vec![7; 5000];
    let sources = Sources {
        kernel: &kernel,
        initrd: &initrd,
        ..Sources::default()
    };
    let plan = planned(&host, &sources);
    let dir = tempfile::tempdir().unwrap();
    make_keys(&dir.path().join("keys"));
    Some(Bench {
        host,
        plan,
        kernel,
        initrd,
        dir,
    })
}

fn planned(host: &Host, sources: &Sources<'_>) -> LaunchPlan {
    let mut plan = plan(&LaunchConfig::from_toml(CONFIG).unwrap(), sources).unwrap();
    // Some hosts' KVM cannot hide features; CPUID is not in the digest.
    plan.cpuid.0 = host.answered_cpuid(&plan.cpuid.0).unwrap();
    plan
}

fn make_keys(dir: &Path) {
    let made = Command::new(env!("CARGO_BIN_EXE_cloister-simulated-tee"))
        .args(["init", "--dir"])
        .arg(dir)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}

impl Bench {
    fn sources(&self) -> Sources<'_> {
        Sources {
            kernel: &self.kernel,
            initrd: &self.initrd,
            ..Sources::default()
        }
    }

    fn predicted(&self) -> LaunchDigest {
        launch_digest(&self.plan, &self.sources())
    }

    fn keys(&self) -> Keys {
        let open = |name: &str| File::open(self.dir.path().join("keys").join(name)).unwrap();
        Keys {
            vcek_key: open("vcek.key"),
            vcek: open("vcek.der"),
            ask: open("ask.der"),
            ark: open("ark.der"),
        }
    }

    /// Where this TEE answers its guest.
    fn socket(&self, child: &Child) -> PathBuf {
        self.dir.path().join(format!("tee-{}.sock", child.id()))
    }

    fn set_initrd(&mut self, initrd: Vec<u8>) {
        self.initrd = initrd;
        self.plan = planned(&self.host, &self.sources());
    }

    /// A fresh VM, and a fresh TEE that shares its memory.
    fn make(&self) -> (Vm, Simulated, Child) {
        let (child, control) = start_tee();
        let (vm, tee) = self.connect(control, &self.socket(&child));
        (vm, tee, child)
    }

    fn connect(&self, control: Channel<TeeRequest, TeeReply>, socket: &Path) -> (Vm, Simulated) {
        let ram = Arc::new(GuestRam::new(RamLayout::new(&self.plan.ram())).unwrap());
        let vm = Vm::new(&self.host, VmKind::Plain, ram).unwrap();
        let listener = UnixListener::bind(socket).unwrap();
        // Nobody ever writes to it: nothing is cancelled here.
        let quiet: &'static (UnixStream, UnixStream) =
            Box::leak(Box::new(UnixStream::pair().unwrap()));
        let (keys, patience) = (self.keys(), endless_but_for(&quiet.0));
        let tee = Simulated::configure(control, vm.ram(), &keys, &listener, patience).unwrap();
        (vm, tee)
    }

    /// Launches what a loader with a bug makes of the plan, against the honest prediction.
    fn launch_with(&self, bug: impl FnOnce(&mut LaunchPlan)) -> Result<LaunchDigest, LaunchError> {
        let mut loaded = self.plan.clone();
        bug(&mut loaded);
        let (vm, tee, child) = self.make();
        let launched = launch(
            vm,
            tee,
            &loaded,
            &self.sources(),
            Staging::default(),
            self.predicted(),
        );
        end(child);
        launched.map(|launch| launch.told().digest().unwrap())
    }

    fn launch_through(
        &self,
        wrap: impl FnOnce(Simulated, Arc<GuestRam>) -> Buggy,
    ) -> Result<LaunchDigest, LaunchError> {
        let (vm, tee, child) = self.make();
        let tee = wrap(tee, Arc::clone(vm.ram()));
        let launched = launch(
            vm,
            tee,
            &self.plan,
            &self.sources(),
            Staging::default(),
            self.predicted(),
        );
        end(child);
        launched.map(|launch| launch.told().digest().unwrap())
    }
}

fn endless_but_for(cancel: &'static UnixStream) -> Patience {
    Patience {
        cancel: cancel.as_fd(),
        within: None,
    }
}

fn is_cancelled(error: &TeeError) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref());
    matches!(source, Some(WaitError::Cancelled))
}

fn start_tee() -> (Child, Channel<TeeRequest, TeeReply>) {
    let (ours, theirs) = Channel::<TeeRequest, DeviceReply>::pair().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_cloister-simulated-tee"));
    let profile = Program::SimulatedTee.profile();
    let child = policies_jail::spawn_confined(program, &profile, theirs.into_socket()).unwrap();
    let first = ours.receive().unwrap().message;
    assert!(matches!(first, DeviceReply::Confined(_)), "{first:?}");
    (child, Channel::from_socket(ours.into_socket()))
}

fn end(child: Child) {
    let _ = child.kill();
    child.wait().unwrap();
}

/// A loader whose bug lies between the plan and the TEE.
struct Buggy {
    tee: Simulated,
    ram: Arc<GuestRam>,
    before_finish: fn(&GuestRam),
}

impl Tee for Buggy {
    fn name(&self) -> &'static str {
        self.tee.name()
    }
    fn default_vm_kind(&self) -> VmKind {
        self.tee.default_vm_kind()
    }
    fn create(&mut self, vm: &Vm, parameters: &Parameters) -> Result<(), TeeError> {
        self.tee.create(vm, parameters)
    }
    fn add_pages(&mut self, guest: Guest<'_>, pages: &[PageRun<'_>]) -> Result<(), TeeError> {
        self.tee.add_pages(guest, pages)
    }
    fn finish(
        &mut self,
        guest: Guest<'_>,
        manifest: &dyn Fn() -> Vec<u8>,
    ) -> Result<Told, TeeError> {
        (self.before_finish)(&self.ram);
        self.tee.finish(guest, manifest)
    }
    fn evidence_path(&self) -> EvidencePath {
        self.tee.evidence_path()
    }
}

fn assert_other_digest(launched: &Result<LaunchDigest, LaunchError>) {
    assert!(
        matches!(launched, Err(LaunchError::Digest { .. })),
        "{launched:?}"
    );
}

fn region(plan: &mut LaunchPlan, component: Component) -> &mut Region {
    plan.regions
        .0
        .iter_mut()
        .find(|region| region.component == component)
        .unwrap()
}

#[test]
fn honest_launch_reports_the_predicted_digest() {
    let Some(bench) = bench() else { return };
    assert_eq!(bench.launch_with(|_| {}).unwrap(), bench.predicted());
}

#[test]
fn page_at_the_wrong_address_changes_the_digest() {
    let Some(bench) = bench() else { return };
    assert_other_digest(&bench.launch_with(|plan| {
        let cmdline = region(plan, Component::Cmdline);
        cmdline.start = cmdline.start.checked_add(0x1000).unwrap();
    }));
}

#[test]
fn extra_page_changes_the_digest() {
    let Some(bench) = bench() else { return };
    assert_other_digest(&bench.launch_with(|plan| {
        let mut extra = region(plan, Component::Cmdline).clone();
        extra.start = extra.start.checked_add(0x1000).unwrap();
        extra.content = Content::Bytes(vec![1; 4096]);
        plan.regions.0.push(extra);
    }));
}

#[test]
fn missing_region_changes_the_digest() {
    let Some(bench) = bench() else { return };
    assert_other_digest(&bench.launch_with(|plan| {
        plan.regions
            .0
            .retain(|region| region.component != Component::Acpi);
    }));
}

#[test]
fn byte_changed_in_a_page_changes_the_digest() {
    let Some(bench) = bench() else { return };
    assert_other_digest(&bench.launch_with(|plan| {
        let Content::Bytes(bytes) = &mut region(plan, Component::Cmdline).content else {
            panic!("a command line is given as bytes");
        };
        bytes[0] ^= 1;
    }));
}

#[test]
fn wrong_register_changes_the_digest() {
    let Some(bench) = bench() else { return };
    assert_other_digest(&bench.launch_with(|plan| plan.vcpus.0[0].rsi += 8));
    assert_other_digest(&bench.launch_with(|plan| plan.vcpus.0[1].mxcsr ^= 1 << 7));
    assert_other_digest(&bench.launch_with(|plan| plan.vcpus.0[0].pat = 0x0606));
}

#[test]
fn one_more_vcpu_changes_the_digest() {
    let Some(bench) = bench() else { return };
    assert_other_digest(&bench.launch_with(|plan| {
        let last = plan.vcpus.0[1].clone();
        plan.vcpus.0.push(last);
    }));
}

#[test]
fn cpuid_page_in_another_place_changes_the_digest() {
    let Some(bench) = bench() else { return };
    assert_other_digest(&bench.launch_with(|plan| {
        let page = region(plan, Component::Cpuid);
        page.start = page.start.checked_add(0x1000).unwrap();
    }));
}

#[test]
fn page_that_was_not_handed_over_gets_no_report() {
    let Some(bench) = bench() else { return };
    let launched = bench.launch_through(|tee, ram| Buggy {
        tee,
        ram,
        before_finish: |ram| ram.write(0x300_0000, &[1]).unwrap(),
    });
    let Err(LaunchError::Tee(TeeError::Refused { reason, .. })) = &launched else {
        panic!("{launched:?}");
    };
    assert!(reason.contains("0x3000000"), "{reason}");
}

#[test]
fn cpuid_page_that_lies_about_a_leaf_gets_no_report() {
    let Some(bench) = bench() else { return };
    let launched = bench.launch_through(|tee, ram| Buggy {
        tee,
        ram,
        // The first leaf's EAX, in the page that the plan puts at 0xF000.
        before_finish: |ram| ram.write(0xf000 + 0x10 + 0x18, &[0x7f]).unwrap(),
    });
    let Err(LaunchError::Tee(TeeError::Refused { reason, .. })) = &launched else {
        panic!("{launched:?}");
    };
    assert!(reason.contains("CPUID leaf 0x0"), "{reason}");
}

#[test]
fn cpuid_leaf_that_kvm_does_not_answer_as_planned_is_not_launched() {
    let Some(mut bench) = bench() else { return };
    // KVM keeps this one up to date itself: OSXSAVE follows CR4, which is clear.
    let leaf = bench
        .plan
        .cpuid
        .0
        .iter_mut()
        .find(|entry| entry.function == 1)
        .unwrap();
    leaf.ecx |= 1 << 27;
    let launched = bench.launch_with(|_| {});
    assert!(
        matches!(launched, Err(LaunchError::Cpuid(_))),
        "{launched:?}"
    );
}

#[test]
fn launch_cancelled_from_outside_ends_without_a_digest() {
    let Some(bench) = bench() else { return };
    let (child, control) = start_tee();
    let ram = Arc::new(GuestRam::new(RamLayout::new(&bench.plan.ram())).unwrap());
    let listener = UnixListener::bind(bench.socket(&child)).unwrap();
    // The other end is closed: readable at once.
    let cancel: &'static UnixStream = Box::leak(Box::new(UnixStream::pair().unwrap().0));
    let patience = endless_but_for(cancel);
    let tee = Simulated::configure(control, &ram, &bench.keys(), &listener, patience);
    assert!(is_cancelled(&tee.unwrap_err()));
    end(child);
}

#[test]
fn launch_cancelled_while_the_tee_takes_nothing_ends() {
    let Some(bench) = bench() else { return };
    let host = &bench.host;
    let (ours, theirs) = Channel::<TeeRequest, TeeReply>::pair().unwrap();
    let ram = Arc::new(GuestRam::new(RamLayout::from_zero(1 << 20)).unwrap());
    let vm = Vm::new(host, VmKind::Plain, Arc::clone(&ram)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(dir.path().join("tee.sock")).unwrap();
    let file = || File::open("/dev/null").unwrap();
    let keys = Keys {
        vcek_key: file(),
        vcek: file(),
        ask: file(),
        ark: file(),
    };
    let (cancelled, cancel) = UnixStream::pair().unwrap();
    let cancelled: &'static UnixStream = Box::leak(Box::new(cancelled));
    theirs.send(&TeeReply::Started, &[]).unwrap();
    let patience = endless_but_for(cancelled);
    let mut tee = Simulated::configure(ours, &ram, &keys, &listener, patience).unwrap();
    std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(500));
        drop(cancel);
    });
    let run = PageRun {
        component: "a page",
        gpa: 0,
        count: 1,
        page_type: measured_boot_snp_abi::PageType::Normal,
        bytes: &[],
    };
    let guest = Guest {
        vm: &vm,
        vcpus: &[],
    };
    // Far more than a socket holds.
    let ended = tee.add_pages(guest, &vec![run; 1 << 16]);
    assert!(is_cancelled(&ended.unwrap_err()));
}

#[test]
fn policy_is_reported_and_does_not_change_the_digest() {
    let Some(bench) = bench() else { return };
    let debug = bench.launch_with(|plan| plan.policy.0 = plan.policy.0.with_debug(true));
    assert_eq!(debug.unwrap(), bench.predicted());
}

#[test]
fn tee_whole_life_uses_every_rule_of_its_profile() {
    let Some(mut bench) = bench() else { return };
    // Large enough that the manifest, and memory for it, are not small.
    bench.set_initrd(vec![7; 24 << 20]);
    let (child, control) = start_tee();
    let socket = bench.socket(&child);
    let observer = Observer::attach(child).unwrap();
    let (vm, tee) = bench.connect(control, &socket);
    let launched = launch(
        vm,
        tee,
        &bench.plan,
        &bench.sources(),
        Staging::default(),
        bench.predicted(),
    )
    .unwrap();
    let report = ask(
        &socket,
        &Request::Report {
            report_data: [9; 64],
        },
    );
    assert!(matches!(report, Response::Report(_)), "{report:?}");
    let manifest = ask(&socket, &Request::Manifest);
    assert!(matches!(manifest, Response::Manifest(bytes) if bytes.len() > 100_000));
    // The VMM ends, and so does the TEE.
    drop(launched);
    let observed = observer.finish().unwrap();
    assert_eq!(observed.exit, Exit::Code(0));
    let profile = Program::SimulatedTee.profile();
    assert_eq!(observed.unused(&profile), Vec::<&Rule>::new());
}

fn ask(socket: &Path, request: &Request) -> Response {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(&request.to_frame()).unwrap();
    let mut header = [0; 4];
    stream.read_exact(&mut header).unwrap();
    let mut body = vec![0; body_length(header).unwrap()];
    stream.read_exact(&mut body).unwrap();
    Response::from_body(request, &body).unwrap()
}
