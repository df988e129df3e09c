//! The verifier's package: installed, run, upgraded, removed, purged.

use tests_packages::VERIFIER;

use crate::machine::Machine;
use crate::support::Made;

const NEWER: &str = "9.9.9-1";
const DATA: &str = "/var/lib/cloister-verifier/data";
const INIT: &str = "runuser -u cloister-verifier -- cloister-verifier init --data-dir /var/lib/cloister-verifier/data";
/// Whether it answers.
pub const LIVE: &str = "printf 'GET /livez HTTP/1.1\\r\\nHost: verifier\\r\\nConnection: close\\r\\n\\r\\n' \
    | timeout 10 openssl s_client -quiet -no_ign_eof -connect 127.0.0.1:8443 2>/dev/null | grep -q '^HTTP/1.1 200'";

/// A copy of this machine with the package installed, and a newer one beside it.
pub struct Installed {
    /// The copy.
    pub machine: Machine,
    _made: Made,
}

impl Installed {
    /// Installed, and nothing else.
    pub fn new() -> Option<Self> {
        let made = Made::none();
        made.package(VERIFIER, None)?;
        made.package(VERIFIER, Some(NEWER))?;
        let machine = Machine::boot(made.folder())?;
        machine.must("dpkg --install /packages/cloister-verifier_0*.deb");
        Some(Self {
            machine,
            _made: made,
        })
    }

    /// As the guide says.
    fn serving() -> Option<Self> {
        let installed = Self::new()?;
        installed.machine.must(INIT);
        installed.machine.must("systemctl start cloister-verifier");
        installed.machine.until(LIVE);
        Some(installed)
    }

    fn upgrade(&self) {
        self.machine.must(&format!(
            "dpkg --install /packages/cloister-verifier_{NEWER}_amd64.deb"
        ));
    }

    fn pid(&self) -> String {
        let pid = self
            .machine
            .must("systemctl show --property MainPID --value cloister-verifier");
        pid.trim().to_owned()
    }
}

#[test]
fn installed_programs_run_under_the_names_that_people_type() {
    let Some(Installed { machine, .. }) = &Installed::new() else {
        return;
    };
    for program in [
        "cloister-verifier",
        "cloister-verify",
        "cloister-collateral",
        "cloister-auditor",
    ] {
        let said = machine.must(&format!("{program} --version"));
        assert!(said.starts_with(&format!("{program} ")), "{said}");
    }
    // It finds the verifier beside itself, though both were started by links elsewhere.
    let said = machine.must("cloister-verify simulated --help");
    assert!(said.contains("simulated"), "{said}");
    assert_eq!(machine.run("dpkg --verify cloister-verifier").said, "");
}

/// What is commented out is what holds: the file decides nothing until somebody edits it.
#[test]
fn shipped_configuration_says_the_defaults() {
    let Some(Installed { machine, .. }) = &Installed::new() else {
        return;
    };
    let print = format!("cloister-verifier serve --data-dir {DATA} --print-config");
    let by_file = machine.must(&format!("{print} --config /etc/cloister/verifier.toml"));
    assert_eq!(by_file, machine.must(&print));
    machine.must("sed 's/^#\\([a-z_]* = \\)/\\1/' /etc/cloister/verifier.toml > /tmp/all.toml");
    let all = machine.must(&format!("{print} --config /tmp/all.toml"));
    let but_for_cores = |text: &str| {
        let lines = text
            .lines()
            .filter(|line| !line.starts_with("appraisals ="));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(but_for_cores(&all), but_for_cores(&by_file));
}

#[test]
fn nothing_is_served_before_init() {
    let Some(Installed { machine, .. }) = &Installed::new() else {
        return;
    };
    assert!(machine.is("systemctl is-enabled cloister-verifier"));
    machine.must("systemctl start cloister-verifier");
    assert!(!machine.is("systemctl is-active cloister-verifier"));
    // Not one that starts, fails, and is tried again.
    let started =
        "systemctl show --property ExecMainStartTimestampMonotonic --value cloister-verifier";
    assert_eq!(machine.must(started).trim(), "0", "it was started");
}

#[test]
fn verifier_serves_as_its_unit_says_once_it_was_made() {
    let Some(installed) = Installed::serving() else {
        return;
    };
    let machine = &installed.machine;
    // A commit, through the sandbox to the disk.
    machine.must(&format!(
        "runuser -u cloister-verifier -- cloister-verifier put policy /usr/share/cloister/policies/strict.rego --data-dir {DATA}"
    ));
    assert_eq!(
        machine
            .must("stat -c '%U %a' /var/lib/cloister-verifier")
            .trim(),
        "cloister-verifier 700"
    );
    assert!(
        machine
            .must("systemd-analyze verify cloister-verifier.service")
            .is_empty()
    );
    // A verifier that dies comes back.
    let before = installed.pid();
    machine.must(&format!("kill -KILL {before}"));
    machine.until(&format!("test \"$(systemctl show --property MainPID --value cloister-verifier)\" != {before} && {LIVE}"));
}

/// What the unit asks for is what the process has, on this kernel and systemd.
#[test]
fn running_verifier_is_confined() {
    let Some(installed) = Installed::serving() else {
        return;
    };
    let (machine, pid) = (&installed.machine, installed.pid());
    let status = machine.must(&format!("cat /proc/{pid}/status"));
    for line in [
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
        "CapBnd:\t0000000000000000",
        "CapEff:\t0000000000000000",
    ] {
        assert!(status.contains(line), "{line}\n{status}");
    }
    let limits = machine.must(&format!("cat /proc/{pid}/limits"));
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(
        core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(),
        ["0", "0"]
    );
    // Root is asked, who has no such mounts of its own: what says no is where the verifier lives.
    let inside = format!("/proc/{pid}/root");
    for folder in [
        "/",
        "/usr/lib/cloister",
        "/etc/cloister",
        "/var/lib",
        "/home",
    ] {
        assert!(
            machine.is(&format!("test -d {folder} && ! touch {inside}{folder}/x")),
            "{folder}"
        );
    }
    machine.must(&format!("touch {inside}/var/lib/cloister-verifier/x"));
    let mounts = machine.must(&format!("cat /proc/{pid}/mounts"));
    let options = |point: &str| {
        let line = mounts
            .lines()
            .rfind(|line| line.split(' ').nth(1) == Some(point));
        line.and_then(|line| line.split(' ').nth(3))
            .unwrap_or_default()
            .split(',')
            .collect::<Vec<_>>()
    };
    assert!(
        options("/").contains(&"ro") && options("/").contains(&"noexec"),
        "{mounts}"
    );
    assert!(
        !options("/usr/lib/cloister/cloister-verifier").contains(&"noexec"),
        "{mounts}"
    );
    assert!(
        options("/var/lib/cloister-verifier").contains(&"rw"),
        "{mounts}"
    );
    assert!(options("/proc").contains(&"hidepid=invisible"), "{mounts}");
    assert!(!machine.is(&format!(
        "test -e /proc/{pid}/root/dev/mem -o -e /proc/{pid}/root/dev/kvm"
    )));
}

#[test]
fn upgrade_restarts_a_running_verifier_and_keeps_configuration_and_data() {
    let Some(installed) = Installed::serving() else {
        return;
    };
    let machine = &installed.machine;
    machine.must("sed -i 's/^#connections = .*/connections = 77/' /etc/cloister/verifier.toml");
    let keys = machine.must(&format!("sha256sum {DATA}/*.key* {DATA}/admin.token"));
    let before = installed.pid();
    installed.upgrade();
    machine.until(LIVE);
    assert_ne!(installed.pid(), before, "the old program still runs");
    let version = machine.must("dpkg-query --show --showformat '${Version}' cloister-verifier");
    assert_eq!(version, NEWER);
    assert!(machine.is("grep -q '^connections = 77$' /etc/cloister/verifier.toml"));
    assert_eq!(
        machine.must(&format!("sha256sum {DATA}/*.key* {DATA}/admin.token")),
        keys
    );
}

#[test]
fn upgrade_leaves_a_verifier_that_was_stopped_or_disabled_as_it_is() {
    let Some(installed) = Installed::serving() else {
        return;
    };
    let machine = &installed.machine;
    machine.must("systemctl disable --now cloister-verifier");
    installed.upgrade();
    assert!(!machine.is("systemctl is-active cloister-verifier"));
    assert!(!machine.is("systemctl is-enabled cloister-verifier"));
}

/// dpkg calls them again after whatever went wrong.
#[test]
fn maintainer_scripts_may_run_twice() {
    let Some(installed) = Installed::serving() else {
        return;
    };
    let machine = &installed.machine;
    let before = installed.pid();
    let again = "DPKG_MAINTSCRIPT_PACKAGE=cloister-verifier /tmp/postrm";
    let script = "DPKG_MAINTSCRIPT_PACKAGE=cloister-verifier /var/lib/dpkg/info/cloister-verifier";
    machine.must(&format!(
        "{script}.postinst configure 0.1.0-1 && {script}.postinst abort-remove"
    ));
    machine.until(LIVE);
    assert_ne!(installed.pid(), before, "restarted, as after an upgrade");
    machine.must(&format!("{script}.prerm remove && {script}.prerm remove"));
    assert!(!machine.is("systemctl is-active cloister-verifier"));
    machine.must(&format!(
        "cp /var/lib/dpkg/info/cloister-verifier.postrm /tmp/postrm && dpkg --remove cloister-verifier && {again} remove"
    ));
    machine.must(&format!("dpkg --purge cloister-verifier && {again} purge"));
    assert!(machine.is(&format!("test -s {DATA}/log.key")));
}

#[test]
fn removed_verifier_stops_and_comes_back_as_it_was() {
    let Some(installed) = Installed::serving() else {
        return;
    };
    let machine = &installed.machine;
    let pins = machine.must(&format!("cat {DATA}/verifier-pins.json"));
    machine.must("dpkg --remove cloister-verifier");
    assert!(!machine.is("systemctl is-active cloister-verifier"));
    assert!(!machine.is("test -e /usr/bin/cloister-verifier -o -e /usr/lib/cloister"));
    assert!(machine.is("test -e /etc/cloister/verifier.toml"));
    machine.must("dpkg --install /packages/cloister-verifier_0*.deb");
    machine.until(LIVE);
    assert_eq!(
        machine.must(&format!("cat {DATA}/verifier-pins.json")),
        pins
    );
}

/// The log is evidence.
#[test]
fn purge_keeps_log_and_keys_and_says_so() {
    let Some(installed) = Installed::serving() else {
        return;
    };
    let machine = &installed.machine;
    let ran = machine.run("dpkg --purge cloister-verifier");
    assert_eq!(ran.code, 0, "{}", ran.complained);
    assert!(
        ran.complained
            .contains("/var/lib/cloister-verifier is kept"),
        "{}",
        ran.complained
    );
    assert!(machine.is(&format!("test -s {DATA}/store.sqlite -a -s {DATA}/log.key")));
    assert_eq!(
        machine.must(&format!("stat -c %U {DATA}/log.key")).trim(),
        "cloister-verifier"
    );
    let left = machine.must(
        "find /etc /usr /lib /run -xdev -name '*cloister*' ! -path '/run/systemd/propagate/*'",
    );
    assert_eq!(left, "", "left behind");
}

#[test]
fn purge_of_a_verifier_that_was_never_made_leaves_nothing() {
    let Some(Installed { machine, .. }) = &Installed::new() else {
        return;
    };
    let ran = machine.run("dpkg --purge cloister-verifier");
    assert_eq!((ran.code, ran.complained.as_str()), (0, ""));
    assert!(!machine.is("test -e /var/lib/cloister-verifier"));
}
