//! Debian packages, whole and damaged.

use measured_boot_image::{DebError, extract_deb};
use tar::EntryType;

use crate::forge::{ar, deb, deb_around, tar, tar_header, xz};

const FILES: [(&str, &[u8]); 3] = [
    ("./boot/vmlinuz-1", b"kernel"),
    ("./lib/a.ko", b"odd"),
    ("usr/share/doc", b""),
];

#[test]
fn deb_wanted_files_come_out_by_plain_path() {
    let files = extract_deb(&deb(&FILES), |path| !path.starts_with("usr/")).unwrap();
    let found: Vec<_> = files
        .iter()
        .map(|(path, content)| (&path[..], &content[..]))
        .collect();
    assert_eq!(
        found,
        [("boot/vmlinuz-1", &b"kernel"[..]), ("lib/a.ko", b"odd")]
    );
}

#[test]
fn deb_directories_and_links_are_passed_over() {
    let mut builder = tar::Builder::new(Vec::new());
    builder
        .append(&tar_header("./lib", EntryType::Directory, 0), &b""[..])
        .unwrap();
    let mut link = tar_header("./lib/l", EntryType::Symlink, 0);
    link.set_link_name("/etc/shadow").unwrap();
    link.set_cksum();
    builder.append(&link, &b""[..]).unwrap();
    let deb = deb_around(&builder.into_inner().unwrap());
    assert!(extract_deb(&deb, |_| true).unwrap().is_empty());
}

#[test]
fn deb_path_that_climbs_refused() {
    for path in ["../etc/passwd", "./boot/../../x", "/etc/passwd"] {
        let error = extract_deb(&deb(&[(path, b"x")]), |_| true);
        assert!(
            matches!(error, Err(DebError::Path(found)) if found == path),
            "{path}"
        );
    }
}

#[test]
fn deb_same_path_twice_refused() {
    let deb = deb(&[("./boot/a", b"1"), ("boot/a", b"2")]);
    assert!(matches!(
        extract_deb(&deb, |_| true),
        Err(DebError::Twice(_))
    ));
}

#[test]
fn deb_truncated_anywhere_refused() {
    let whole = deb(&FILES);
    // The last byte is padding or not, by the length of the data.
    for length in 0..whole.len() - 1 {
        assert!(extract_deb(&whole[..length], |_| true).is_err(), "{length}");
    }
}

#[test]
fn deb_that_is_something_else_refused() {
    for bytes in [&b""[..], b"\x7fELF", b"!<arch>\n"] {
        assert!(extract_deb(bytes, |_| true).is_err());
    }
    let other_archive = ar(&[("file.o/", b"object")]);
    assert!(matches!(
        extract_deb(&other_archive, |_| true),
        Err(DebError::NotADeb)
    ));
    let next_format = ar(&[("debian-binary", b"3.0\n"), ("data.tar.xz", &xz(b""))]);
    assert!(matches!(
        extract_deb(&next_format, |_| true),
        Err(DebError::NotADeb)
    ));
}

#[test]
fn deb_of_another_compression_is_named() {
    let deb = ar(&[("debian-binary", b"2.0\n"), ("data.tar.zst", b"")]);
    let error = extract_deb(&deb, |_| true).unwrap_err();
    assert!(error.to_string().contains("data.tar.zst"), "{error}");
    let no_data = ar(&[("debian-binary", b"2.0\n"), ("control.tar.xz", b"")]);
    assert!(matches!(
        extract_deb(&no_data, |_| true),
        Err(DebError::NoData)
    ));
}

#[test]
fn deb_member_larger_than_the_file_refused() {
    let mut deb = ar(&[("debian-binary", b"2.0\n")]);
    deb[8 + 48..8 + 58].copy_from_slice(b"9999999999");
    assert!(matches!(
        extract_deb(&deb, |_| true),
        Err(DebError::Truncated)
    ));
    deb[8 + 48..8 + 58].copy_from_slice(b"-1        ");
    assert!(matches!(extract_deb(&deb, |_| true), Err(DebError::Header)));
}

#[test]
fn deb_damaged_data_refused() {
    let mut compressed = xz(&tar(&FILES));
    let middle = compressed.len() / 2;
    compressed[middle] ^= 1;
    let deb = ar(&[("debian-binary", b"2.0\n"), ("data.tar.xz", &compressed)]);
    assert!(matches!(extract_deb(&deb, |_| true), Err(DebError::Tar(_))));
}
