//! A copy of this machine, booted: its files under an overlay that is thrown away, its own systemd, its own network, no trace here.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use tempfile::TempDir;

use crate::groups::Groups;

/// In namespaces of its own for mounts and processes: an overlay over everything, kept in memory, and a container on it. `/run` is hidden, since
/// systemd-nspawn leaves a folder there. What images of containers have to forbid packages to start services goes: they shall.
const BOOT: &str = r#"
set -e
folder=$1
packages=$2
shift 2
for group in "$@"; do
    echo 0 > "$group/cgroup.procs"
done
mount -t tmpfs -o mode=0755 machine "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/root"
mount -t overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" machine "$folder/root"
mount -t tmpfs -o mode=0755 machine /run
rm -f "$folder/root/etc/machine-id" "$folder/root/usr/sbin/policy-rc.d"
cat > "$folder/root/etc/systemd/system/booted.target" <<'END'
[Unit]
Requires=basic.target booted.service
After=basic.target
AllowIsolate=yes
END
cat > "$folder/root/etc/systemd/system/booted.service" <<'END'
[Unit]
After=basic.target
[Service]
Type=oneshot
ExecStart=/usr/bin/touch /run/booted
END
exec systemd-nspawn --quiet --register=no --keep-unit --link-journal=no --private-network --system-call-filter='landlock_create_ruleset landlock_add_rule landlock_restrict_self' --bind-ro="$packages:/packages" \
    --directory="$folder/root" --boot systemd.unit=booted.target
"#;

/// How long it may take to boot.
const PATIENCE: Duration = Duration::from_secs(60);

/// It is gone when this is.
pub struct Machine {
    container: Child,
    /// Its pid 1, as this machine counts.
    first: String,
    _groups: Groups,
    _folder: TempDir,
}

impl Machine {
    /// Boots it, with the packages of `folder` below `/packages`; where that is not possible, says what is skipped.
    pub fn boot(folder: &Path) -> Option<Self> {
        match Self::try_boot(folder) {
            Ok(machine) => Some(machine),
            Err(why) => {
                println!("skipped: no copy of this machine to install on: {why}");
                None
            }
        }
    }

    fn try_boot(packages: &Path) -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("it takes root".to_owned());
        }
        let tools = [
            ("systemd-nspawn", "systemd-container"),
            ("/usr/lib/systemd/systemd", "systemd"),
        ];
        for (tool, package) in tools {
            if Command::new(tool).arg("--version").output().is_err() {
                return Err(format!("no {tool} (package {package})"));
            }
        }
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let log =
            fs::File::create(folder.path().join("console")).map_err(|error| error.to_string())?;
        let says = log.try_clone().map_err(|error| error.to_string())?;
        let groups = Groups::new().map_err(|error| format!("control groups: {error}"))?;
        // The container ends with this test, however that ends: all of it is below one pid 1, which is killed.
        let container = Command::new("setpriv")
            .args([
                "--pdeathsig",
                "KILL",
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "sh",
                "-c",
                BOOT,
                "boot",
            ])
            .args([folder.path(), packages])
            .args(groups.paths())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(says)
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut machine = Self {
            container,
            first: String::new(),
            _groups: groups,
            _folder: folder,
        };
        machine.wait()?;
        Ok(machine)
    }

    /// Until its systemd says that it is up. Whoever asks systemd earlier may wait for an answer for ever.
    fn wait(&mut self) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self
                .container
                .try_wait()
                .map_err(|error| error.to_string())?
            {
                return Err(format!(
                    "the container ended ({status}); is an overlay over / permitted?"
                ));
            }
            if let Some(first) = first_process(self.container.id()) {
                self.first = first;
                if self.is("test -e /run/booted") {
                    return Ok(());
                }
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(format!("it did not boot within {PATIENCE:?}"))
    }

    /// Runs a line of shell as root in it.
    pub fn run(&self, line: &str) -> Ran {
        let output = Command::new("nsenter")
            .args([
                "--target",
                &self.first,
                "--mount",
                "--uts",
                "--ipc",
                "--net",
                "--pid",
            ])
            .args(["--root", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"])
            .args([
                "DEBIAN_FRONTEND=noninteractive",
                "LC_ALL=C.UTF-8",
                "timeout",
                "120",
                "sh",
                "-c",
                &format!("cd /\n{line}"),
            ])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Ran::from(output)
    }

    /// Runs a line that has to succeed; what it says.
    pub fn must(&self, line: &str) -> String {
        let ran = self.run(line);
        assert_eq!(
            ran.code,
            0,
            "{line}\n{}{}{}",
            ran.said,
            ran.complained,
            self.journal()
        );
        ran.said
    }

    /// Whether a line succeeds.
    pub fn is(&self, line: &str) -> bool {
        self.run(line).code == 0
    }

    /// Waits until it does.
    pub fn until(&self, line: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.is(line) {
            assert!(Instant::now() < end, "never: {line}\n{}", self.journal());
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn journal(&self) -> String {
        self.run("journalctl --no-pager --lines 30 --unit cloister-verifier")
            .said
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Its pid 1 ends with it, and takes all others along; the overlay was in the memory of its namespace.
        let _ = self.container.kill();
        let _ = self.container.wait();
    }
}

/// How a line ended.
pub struct Ran {
    /// Its exit code, or the signal and 128.
    pub code: i32,
    /// Its standard output.
    pub said: String,
    /// Its standard error.
    pub complained: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let status = output.status;
        Self {
            code: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            said: String::from_utf8_lossy(&output.stdout).into_owned(),
            complained: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// What is pid 1 in a namespace within the namespace of `above`'s child, which is systemd-nspawn.
fn first_process(above: u32) -> Option<String> {
    let nspawn = children(&above.to_string()).into_iter().next()?;
    children(&nspawn).into_iter().find(|pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        // Here, below `unshare`, and in the container.
        let numbers: Vec<&str> = numbers.unwrap_or_default().split_whitespace().collect();
        numbers.len() == 3 && numbers[2] == "1"
    })
}

fn children(pid: &str) -> Vec<String> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let list = list.unwrap_or_default();
    list.split_whitespace().map(str::to_owned).collect()
}
