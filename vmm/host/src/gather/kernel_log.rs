//! What the kernel said since it started, as far as it remembers.
//!
//! Linux `Documentation/ABI/testing/dev-kmsg`: every read gives one record, `priority,sequence,time,flags;text`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;
use vmm_host_facts::{Answer, kept_of_log};

use super::files;

const LOG: &str = "/dev/kmsg";
/// Longer than any record that the kernel gives.
const RECORD: usize = 8 << 10;
/// More than the largest ring holds.
const MOST_RECORDS: usize = 1 << 20;

/// The lines that matter here.
pub fn lines() -> Answer {
    files::answer(
        LOG,
        read().map(|lines| kept_of_log(lines.iter().map(String::as_str))),
    )
}

fn read() -> std::io::Result<Vec<String>> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).map_err(std::io::Error::other)?;
    let mut log = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(LOG)?;
    let mut record = vec![0; RECORD];
    let mut lines = Vec::new();
    for _ in 0..MOST_RECORDS {
        match log.read(&mut record) {
            Ok(0) => break,
            Ok(length) => {
                let text = String::from_utf8_lossy(&record[..length]);
                lines.extend(of_kernel(&text).map(str::to_owned));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            // The kernel wrote over what was to be read next.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            Err(error) => return Err(error),
        }
    }
    Ok(lines)
}

/// The text of a record that the kernel itself wrote (facility 0): programs may write others.
fn of_kernel(record: &str) -> Option<&str> {
    let (head, text) = record.split_once(';')?;
    let priority: u32 = head.split(',').next()?.parse().ok()?;
    let line = text.lines().next()?;
    (priority < 8).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_kernel_itself_said_is_read() {
        let said = of_kernel("6,339,5140900,-;SEV-SNP: x\n SUBSYSTEM=acpi\n");
        assert_eq!(said, Some("SEV-SNP: x"));
        assert_eq!(of_kernel("14,1,2,-;SEV-SNP: forged\n"), None);
        for text in ["", "6,1,2,-", "x,1;text", ";text"] {
            assert_eq!(of_kernel(text), None, "{text}");
        }
    }
}
