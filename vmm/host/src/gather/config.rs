//! What the kernel was built with.

use std::fs::File;
use std::io::{self, ErrorKind, Read};

use vmm_host_facts::questions::{CONFIG_PATHS, RELEASE};
use vmm_host_facts::{Answer, kept_of_config};

use super::files::{self, absent, unread};
use super::gzip;

const MOST_BYTES: u64 = 8 << 20;

/// The options that matter, out of the first place that has them.
pub fn options() -> Answer {
    let release = match files::text(RELEASE) {
        Answer::Told(release) => release.trim().to_owned(),
        other => return other,
    };
    let Some(paths) = paths(&release) else {
        return unread("the kernel's release is no name of a file");
    };
    for path in paths {
        match read(&path) {
            Ok(bytes) => return kept(&path, &bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return files::answer(&path, Err(error)),
        }
    }
    absent("neither /proc/config.gz nor /boot nor /lib/modules has it")
}

/// Where a kernel of this release may have left it; none where the release would lead elsewhere.
fn paths(release: &str) -> Option<[String; 3]> {
    is_a_name(release).then(|| CONFIG_PATHS.map(|path| path.replace("{release}", release)))
}

fn is_a_name(release: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-._~".contains(c);
    !release.is_empty() && release.len() < 128 && release.chars().all(plain)
}

fn read(path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn kept(path: &str, bytes: &[u8]) -> Answer {
    let text = match path.ends_with(".gz") {
        true => match gzip::unpacked(bytes) {
            Ok(bytes) => bytes,
            Err(why) => return unread(format!("{path}: {why}")),
        },
        false => bytes.to_vec(),
    };
    match kept_of_config(&String::from_utf8_lossy(&text)) {
        Ok(lines) => Answer::Told(format!("# from {path}\n{lines}")),
        Err(why) => unread(format!("{path}: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_that_is_no_name_of_a_file_is_not_made_one() {
        let known = paths("6.12.117+deb12-cloud-amd64").unwrap();
        assert_eq!(known[1], "/boot/config-6.12.117+deb12-cloud-amd64");
        for text in ["", "../../etc", "6.1 8", "6\u{202e}1", &"6".repeat(128)] {
            assert_eq!(paths(text), None, "{text}");
        }
    }

    #[test]
    fn options_say_which_file_they_are_from() {
        let Answer::Told(text) = kept("/boot/config-6", b"CONFIG_X86_64=y\nCONFIG_KVM=m\n") else {
            panic!("it is a configuration");
        };
        assert_eq!(text, "# from /boot/config-6\nCONFIG_KVM=m\n");
        assert!(matches!(
            kept("/x.gz", b"CONFIG_X86_64=y\n"),
            Answer::Unread { .. }
        ));
    }
}
