//! Keys of a configuration that do not go together, and words that are not known.

use measured_boot_plan::{ConfigError, LaunchConfig};

/// A configuration with these lines in `[tee]` and `[boot]`.
fn read(tee: &str, boot: &str) -> Result<LaunchConfig, ConfigError> {
    let text = format!(
        "name = \"demo\"\n[tee]\nkind = \"snp\"\n{tee}\n[boot]\n{boot}\n[cpu]\ncount = 1\nmodel = \"x86-64-v2\"\n\
         [memory]\nmib = 256\n"
    );
    LaunchConfig::from_toml(&text)
}

const SHIM: &str = "protocol = \"shim\"\nkernel = \"k\"\ninitrd = \"i\"\ncmdline = \"\"";
const DIRECT: &str =
    "protocol = \"simulated-direct\"\nkernel = \"k\"\ninitrd = \"i\"\ncmdline = \"\"";
const IGVM: &str = "protocol = \"igvm\"\nigvm = \"guest.igvm\"";

/// Which key is refused, and why.
fn refused(tee: &str, boot: &str, more: &str) -> (String, String) {
    let error = read(tee, &format!("{boot}\n{more}")).expect_err("it is refused");
    assert!(!error.remedy.is_empty());
    (error.key, error.problem)
}

#[test]
fn configurations_of_every_protocol_are_understood() {
    for boot in [SHIM, DIRECT, IGVM] {
        read("", boot).expect("all keys are there");
    }
}

/// Else it would look as if it did something.
#[test]
fn key_that_the_boot_protocol_does_not_read_is_refused() {
    for (boot, line, key) in [
        (DIRECT, "shim = \"s\"", "boot.shim"),
        (DIRECT, "acpi = \"none\"", "boot.acpi"),
        (DIRECT, "igvm = \"g\"", "boot.igvm"),
        (SHIM, "igvm = \"g\"", "boot.igvm"),
        (IGVM, "kernel = \"k\"", "boot.kernel"),
        (IGVM, "initrd = \"i\"", "boot.initrd"),
        (IGVM, "cmdline = \"c\"", "boot.cmdline"),
        (IGVM, "shim = \"s\"", "boot.shim"),
    ] {
        let (found, problem) = refused("", boot, line);
        assert_eq!(found, key);
        assert!(problem.contains("does not read it"), "{problem}");
    }
}

#[test]
fn boot_protocol_without_its_file_is_refused() {
    let (key, problem) = refused("", "protocol = \"igvm\"", "");
    assert_eq!(
        (key.as_str(), problem.as_str()),
        ("boot.igvm", "the key is missing")
    );
    for key in ["kernel", "initrd", "cmdline"] {
        let lines: Vec<_> = SHIM.lines().filter(|line| !line.starts_with(key)).collect();
        assert_eq!(refused("", &lines.join("\n"), "").0, format!("boot.{key}"));
    }
}

#[test]
fn what_is_reported_is_said_in_one_place() {
    let zeros = |digits: usize| "0".repeat(digits);
    let block = "id_block = \"b\"\nid_auth = \"a\"";
    for (tee, key) in [
        (
            format!("init_data = \"f\"\nhost_data = \"{}\"", zeros(64)),
            "tee.host_data",
        ),
        (
            format!("init_data = \"f\"\nmrconfigid = \"{}\"", zeros(96)),
            "tee.mrconfigid",
        ),
        (
            format!("{block}\nfamily_id = \"{}\"", zeros(32)),
            "tee.family_id",
        ),
        (
            format!("{block}\nimage_id = \"{}\"", zeros(32)),
            "tee.image_id",
        ),
        (format!("{block}\nguest_svn = 1"), "tee.guest_svn"),
    ] {
        let (found, problem) = refused(&tee, SHIM, "");
        assert_eq!(found, key);
        assert!(problem.contains("says it already"), "{problem}");
    }
}

#[test]
fn half_an_id_block_is_refused() {
    read("id_block = \"b\"\nid_auth = \"a\"", SHIM).expect("both are there");
    assert_eq!(refused("id_block = \"b\"", SHIM, "").0, "tee.id_auth");
    assert_eq!(refused("id_auth = \"a\"", SHIM, "").0, "tee.id_block");
}

#[test]
fn word_that_is_not_known_is_refused() {
    read("quote_service = \"vsock:2:4050\"", SHIM).expect("a service");
    for service in [
        "tcp:1",
        "unix:",
        "vsock:2",
        "vsock:0:1",
        "vsock:2:0",
        "vsock:4294967295:1",
        "vsock:2:x",
    ] {
        let tee = format!("quote_service = \"{service}\"");
        assert_eq!(refused(&tee, SHIM, "").0, "tee.quote_service", "{service}");
    }
    assert_eq!(refused("init_data = \"\"", SHIM, "").0, "tee.init_data");
    assert_eq!(refused("", SHIM, "shim = \"\"").0, "boot.shim");
    assert_eq!(refused("", SHIM, "acpi = \"some\"").0, "boot.acpi");
}
