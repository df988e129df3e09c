//! What is in a package, before it is installed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tests_packages::{FOLDERS, HOST, VERIFIER};

use crate::support::{Made, root, said};

#[test]
fn package_made_twice_is_the_same_bytes() {
    for folder in FOLDERS {
        let [first, second] = [Made::none(), Made::none()];
        let Some(one) = first.package(folder, None) else {
            return;
        };
        // Another time of day, and another umask, than the first.
        std::thread::sleep(std::time::Duration::from_millis(1100));
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        let two = second.package(folder, None).unwrap();
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        assert!(
            fs::read(&one).unwrap() == fs::read(&two).unwrap(),
            "{folder}: another package the second time"
        );
    }
}

#[test]
fn everything_belongs_to_root_and_only_root_can_write_it() {
    for folder in FOLDERS {
        let made = Made::none();
        let Some(package) = made.package(folder, None) else {
            return;
        };
        let list = said(Command::new("dpkg-deb").arg("--contents").arg(&package));
        for line in list.lines() {
            assert!(line.contains(" root/root "), "{line}");
            let mode = line.split(' ').next().unwrap();
            let is_plain = ["drwxr-xr-x", "-rwxr-xr-x", "-rw-r--r--", "lrwxrwxrwx"].contains(&mode);
            assert!(is_plain, "{line}");
        }
        assert!(list.lines().count() > 20, "{list}");
    }
}

#[test]
fn packages_share_no_file() {
    let made = Made::none();
    let mut owners = BTreeMap::new();
    for folder in FOLDERS {
        let Some(package) = made.package(folder, None) else {
            return;
        };
        let tree = made.folder().join(folder);
        unpack(&package, &tree);
        for file in said(
            Command::new("find")
                .arg(".")
                .args(["!", "-type", "d"])
                .current_dir(&tree),
        )
        .lines()
        {
            if let Some(other) = owners.insert(file.to_owned(), folder) {
                panic!("{file} is in {other} and in {folder}");
            }
        }
    }
}

/// `cloister-agent` is measured into guests, and anybody may compare the others with a build of their own.
#[test]
fn programs_are_the_bytes_that_cargo_built() {
    let own = std::env::current_exe().unwrap();
    let built = own.ancestors().nth(2).unwrap();
    for (folder, least) in [(VERIFIER, 5), (HOST, 12)] {
        let made = Made::none();
        let Some(package) = made.package(folder, None) else {
            return;
        };
        unpack(&package, made.folder());
        let programs = fs::read_dir(made.folder().join("usr/lib/cloister")).unwrap();
        let mut count = 0;
        for program in programs.map(Result::unwrap) {
            let name = program.file_name();
            assert!(
                fs::read(program.path()).unwrap() == fs::read(built.join(&name)).unwrap(),
                "{} was changed",
                name.display()
            );
            let is_executable = program.metadata().unwrap().permissions().mode() & 0o111 != 0;
            assert_eq!(is_executable, name != "cloister-shim", "{}", name.display());
            count += 1;
        }
        assert!(count >= least, "{folder}: {count} programs");
    }
}

/// The licences of what is linked ask for it.
#[test]
fn terms_of_linked_code_come_with_the_package() {
    let made = Made::none();
    let Some(package) = made.package(VERIFIER, None) else {
        return;
    };
    unpack(&package, made.folder());
    let page = made
        .folder()
        .join("usr/share/doc/cloister-verifier/third-party.gz");
    let page = said(Command::new("zcat").arg(page));
    for (name, text) in [
        ("ring ", "Permission to use, copy, modify"),
        ("tokio ", "Copyright (c) Tokio Contributors"),
        ("webpki-roots ", ""),
    ] {
        let listed = page.lines().any(|line| line.starts_with(name));
        // The verifier pins what it trusts, and links no list of authorities.
        assert_eq!(listed, !text.is_empty(), "{name}");
        assert!(page.contains(text), "{name}: {text}");
    }
    assert!(
        !page.contains("/registry/"),
        "a path of the machine that made it"
    );
}

/// What dpkg will not overwrite is what people edit, and nothing else.
#[test]
fn configuration_is_the_only_file_in_etc() {
    let made = Made::none();
    let Some(package) = made.package(VERIFIER, None) else {
        return;
    };
    let listed = said(
        Command::new("dpkg-deb")
            .arg("--info")
            .arg(&package)
            .arg("conffiles"),
    );
    assert_eq!(listed, "/etc/cloister/verifier.toml\n");
}

#[test]
fn maintainer_scripts_are_shell_that_stops_at_the_first_failure() {
    for script in ["postinst", "prerm", "postrm"] {
        let path = root().join(VERIFIER).join(script);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("#!/bin/sh\nset -e\n"), "{script}");
        said(Command::new("sh").arg("-n").arg(&path));
    }
}

fn unpack(package: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    said(
        Command::new("dpkg-deb")
            .arg("--extract")
            .args([package, to]),
    );
}
