//! The archive, byte for byte.

use measured_boot_image::{CpioError, CpioWriter};

#[test]
fn cpio_bytes_are_as_the_format_says() {
    let mut writer = CpioWriter::new();
    writer.file("etc/f", 0o644, *b"hello").unwrap();
    writer.character_device("c", 0o600, 5, 1).unwrap();
    let field = |values: [u32; 13]| values.map(|value| format!("{value:08X}")).concat();
    let mut expected = String::new();
    for (header, rest) in [
        (
            field([1, 0o020_600, 0, 0, 1, 0, 0, 0, 0, 5, 1, 2, 0]),
            "c\0",
        ),
        (
            field([2, 0o040_755, 0, 0, 2, 0, 0, 0, 0, 0, 0, 4, 0]),
            "etc\0\0\0",
        ),
        (
            field([3, 0o100_644, 0, 0, 1, 0, 5, 0, 0, 0, 0, 6, 0]),
            "etc/f\0hello\0\0\0",
        ),
        (
            field([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 11, 0]),
            "TRAILER!!!\0\0\0\0",
        ),
    ] {
        expected += &format!("070701{header}{rest}");
    }
    assert_eq!(
        String::from_utf8(writer.finish().unwrap()).unwrap(),
        expected
    );
}

#[test]
fn cpio_order_of_adding_does_not_show() {
    let archive = |paths: [&str; 3]| {
        let mut writer = CpioWriter::new();
        for path in paths {
            writer.file(path, 0o644, *b"x").unwrap();
        }
        writer.finish().unwrap()
    };
    assert!(archive(["a/b", "c", "a/d"]) == archive(["/c", "/a/d", "/a/b"]));
}

#[test]
fn cpio_path_twice_refused() {
    let mut writer = CpioWriter::new();
    writer.file("init", 0o755, *b"one").unwrap();
    assert_eq!(
        writer.file("/init", 0o755, *b"two"),
        Err(CpioError::Twice("init".into()))
    );
    assert_eq!(
        writer.directory("init", 0o755),
        Err(CpioError::Twice("init".into()))
    );
}

#[test]
fn cpio_parent_may_be_added_later_but_only_as_a_directory() {
    let mut writer = CpioWriter::new();
    writer.file("a/b", 0o644, *b"").unwrap();
    assert_eq!(
        writer.file("a", 0o644, *b""),
        Err(CpioError::Twice("a".into()))
    );
    assert_eq!(writer.symlink("a", "b"), Err(CpioError::Twice("a".into())));
    writer.directory("a", 0o700).unwrap();
    assert_eq!(
        writer.directory("a", 0o700),
        Err(CpioError::Twice("a".into()))
    );
    let archive = writer.finish().unwrap();
    assert_eq!(&archive[14..22], format!("{:08X}", 0o040_700).as_bytes());
}

#[test]
fn cpio_file_as_a_directory_refused() {
    let mut writer = CpioWriter::new();
    writer.file("a", 0o644, *b"").unwrap();
    assert!(matches!(
        writer.file("a/b", 0o644, *b""),
        Err(CpioError::NotADirectory { .. })
    ));
    writer.symlink("l", "a").unwrap();
    assert!(matches!(
        writer.directory("l/b/c", 0o755),
        Err(CpioError::NotADirectory { .. })
    ));
}

#[test]
fn cpio_path_that_is_not_plain_refused() {
    for path in [
        "",
        "/",
        "a//b",
        "a/",
        "./a",
        "a/../b",
        "..",
        "a\0b",
        "TRAILER!!!",
    ] {
        let error = CpioWriter::new().file(path, 0o644, *b"");
        assert_eq!(error, Err(CpioError::Path(path.into())));
    }
}
