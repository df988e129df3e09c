//! Files and folders, bounded.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use vmm_host_facts::Answer;

/// The first processor's lines of the longest file asked for are some kilobytes.
const MOST_BYTES: u64 = 64 << 10;
const MOST_ENTRIES: usize = 256;

/// Places that hide everything below them where they are not mounted.
const MOUNTS: [(&str, &str); 2] = [("/proc/", "/proc/self"), ("/sys/", "/sys/module")];

/// There is no such thing.
pub fn absent(why: &str) -> Answer {
    Answer::Absent {
        absent: why.to_owned(),
    }
}

/// Nobody could look.
pub fn unread(why: impl Into<String>) -> Answer {
    Answer::Unread { unread: why.into() }
}

/// A file's text.
pub fn text(path: &str) -> Answer {
    answer(path, read(path))
}

fn read(path: &str) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A folder's entries, one a line.
pub fn folder(path: &str) -> Answer {
    let entries = fs::read_dir(path).and_then(|entries| {
        let names = entries.take(MOST_ENTRIES).map(|entry| {
            let name = entry?.file_name();
            Ok(name.to_string_lossy().into_owned())
        });
        let mut names: Vec<String> = names.collect::<io::Result<_>>()?;
        names.sort();
        Ok(names.join("\n"))
    });
    answer(path, entries)
}

/// Whether something is there.
pub fn place(path: &str) -> Answer {
    answer(path, fs::metadata(path).map(|_| "there".to_owned()))
}

/// What came of reading `path`: what is not there is absent, unless nothing could be there.
pub fn answer(path: &str, read: io::Result<String>) -> Answer {
    match read {
        Ok(text) => Answer::Told(text),
        Err(error) => without(path, &error),
    }
}

fn without(path: &str, error: &io::Error) -> Answer {
    match error.kind() {
        ErrorKind::NotFound => match hidden(path, |shows| Path::new(shows).exists()) {
            Some(mount) => unread(format!("{mount} is not mounted")),
            None => absent("no such file"),
        },
        ErrorKind::PermissionDenied => unread(format!("{path}: permission denied; run as root")),
        _ => unread(format!("{path}: {error}")),
    }
}

/// The place above `path` that nothing is mounted at.
fn hidden(path: &str, exists: impl Fn(&str) -> bool) -> Option<&'static str> {
    let above = MOUNTS.iter().find(|(mount, _)| path.starts_with(mount));
    above
        .filter(|(_, shows)| !exists(shows))
        .map(|(mount, _)| *mount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_is_not_there_is_absent_and_one_that_may_not_be_read_is_not() {
        let of = |kind| answer("/etc/x", Err(io::Error::from(kind)));
        assert_eq!(of(ErrorKind::NotFound), absent("no such file"));
        let denied = unread("/etc/x: permission denied; run as root");
        assert_eq!(of(ErrorKind::PermissionDenied), denied);
        assert!(matches!(of(ErrorKind::TimedOut), Answer::Unread { .. }));
    }

    #[test]
    fn what_lies_where_nothing_is_mounted_is_hidden_and_not_absent() {
        assert_eq!(hidden("/sys/module/kvm", |_| false), Some("/sys/"));
        assert_eq!(hidden("/sys/module/kvm", |_| true), None);
        assert_eq!(hidden("/dev/kvm", |_| false), None);
    }

    #[test]
    fn folder_is_its_sorted_names() {
        let Answer::Told(names) = folder("/proc/self/task") else {
            panic!("a process has threads");
        };
        assert!(names.lines().count() >= 1);
    }
}
