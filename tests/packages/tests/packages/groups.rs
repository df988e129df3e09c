//! Control groups of its own for each copy: two systemds in one would take each other's processes for their own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// They are gone when this is.
pub struct Groups(Vec<PathBuf>);

impl Groups {
    /// Below this process's own, in each hierarchy in which systemd keeps its units.
    pub fn new() -> io::Result<Self> {
        let name = format!("cloister-packages-{}", std::process::id());
        let own = fs::read_to_string("/proc/self/cgroup")?;
        let mut groups = Self(Vec::new());
        for hierarchy in own.lines().filter_map(folder) {
            let group = hierarchy.join(&name);
            fs::create_dir(&group)?;
            groups.0.push(group);
        }
        Ok(groups)
    }

    /// Where they are.
    pub fn paths(&self) -> &[PathBuf] {
        &self.0
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for group in &self.0 {
            // Killed processes leave a moment later.
            for _ in 0..100 {
                if remove(group).is_ok() {
                    break;
                }
                thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

/// `0::/PATH` of the second version, `N:name=systemd:/PATH` of the first (cgroups(7)).
fn folder(line: &str) -> Option<PathBuf> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (name, path) = (parts.next()?, parts.next()?.trim_start_matches('/'));
    let mount = match name {
        "name=systemd" => "/sys/fs/cgroup/systemd",
        "" if Path::new("/sys/fs/cgroup/unified").is_dir() => "/sys/fs/cgroup/unified",
        "" => "/sys/fs/cgroup",
        _ => return None,
    };
    Some(Path::new(mount).join(path))
}

/// Groups are removed from the leaves on; their files go with them.
fn remove(group: &Path) -> io::Result<()> {
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}
