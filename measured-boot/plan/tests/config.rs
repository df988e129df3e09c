//! Configurations: what is understood, and how everything else is refused.

use measured_boot_plan::{BootProtocol, ConfigError, HostTarget, LaunchConfig, TeeKind};

const DEMO: &str = r#"name = "demo"
[tee]
kind = "simulated"
debug = false
[boot]
protocol = "shim"
kernel = "vmlinux"
initrd = "initramfs.cpio"
cmdline = "console=ttyS0 quiet"
[cpu]
count = 2
model = "x86-64-v2"
[memory]
mib = 512
[[disk]]
path = "data.img"
read_only = true
[vsock]
cid = 3
[vsock.ports]
8443 = "tcp:127.0.0.1:8443"
9001 = "unix:/run/service"
"#;

/// The demo with one line replaced, which must be there.
fn with(line: &str, replacement: &str) -> String {
    assert!(DEMO.contains(line), "the demo has the line {line}");
    DEMO.replacen(line, replacement, 1)
}

fn refused(text: &str) -> ConfigError {
    LaunchConfig::from_toml(text).expect_err("the configuration is wrong")
}

#[test]
fn config_of_the_demo_is_understood() {
    let config = LaunchConfig::from_toml(DEMO).expect("the demo is right");
    assert_eq!(config.name, "demo");
    assert_eq!(
        (config.tee.kind, config.tee.debug, config.tee.smt),
        (TeeKind::Simulated, false, true)
    );
    assert_eq!(config.boot.protocol, BootProtocol::Shim);
    assert_eq!((config.cpu.count, config.memory.mib), (2, 512));
    assert_eq!(config.disks[0].path, "data.img");
    let vsock = config.vsock.expect("the demo has a vsock");
    assert_eq!(vsock.cid, 3);
    assert_eq!(
        vsock.ports[&8443],
        HostTarget::Tcp("127.0.0.1:8443".parse().expect("an address"))
    );
    assert_eq!(vsock.ports[&9001], HostTarget::Unix("/run/service".into()));
}

#[test]
fn config_without_optional_parts_is_understood() {
    let (required, _) = DEMO.split_once("[[disk]]").expect("the demo has a disk");
    let config = LaunchConfig::from_toml(required).expect("disks and vsock are optional");
    assert!(config.disks.is_empty() && config.vsock.is_none());
}

#[test]
fn config_with_reported_fields_is_understood() {
    let text = with(
        "debug = false",
        &format!(
            "debug = true\nsmt = false\nhost_data = \"{}\"\nguest_svn = 7",
            "ab".repeat(32)
        ),
    );
    let tee = LaunchConfig::from_toml(&text)
        .expect("the fields are right")
        .tee;
    assert_eq!(
        (tee.debug, tee.smt, tee.host_data, tee.id.guest_svn),
        (true, false, [0xAB; 32], 7)
    );
}

#[test]
fn unknown_key_is_refused_with_line_key_and_remedy() {
    let error = refused(&with("count = 2", "count = 2\ncuont = 3"));
    assert_eq!(
        error.to_string(),
        "line 12: cpu.cuont: there is no such key; did you mean count? If not, remove it"
    );
    let error = refused(&with("name =", "colour = 1\nname ="));
    assert_eq!(
        error.to_string(),
        "line 1: colour: there is no such key; \
         remove it; the keys here are name, tee, boot, cpu, memory, disk, vsock"
    );
    assert_eq!(
        refused(&with("cid = 3", "cid = 3\nmac = 1")).key,
        "vsock.mac"
    );
}

#[test]
fn unknown_key_near_a_known_one_is_refused_with_that_one() {
    for (line, replacement, meant) in [
        ("[memory]", "[memroy]", "memory"),
        ("[[disk]]", "[[disks]]", "disk"),
        ("read_only", "readonly", "read_only"),
        ("cmdline", "command_line", ""),
        ("initrd =", "initramfs =", ""),
        ("kind", "kin", "kind"),
        ("cid", "gid", "cid"),
    ] {
        let remedy = refused(&with(line, replacement)).remedy;
        let said = remedy.strip_prefix("did you mean ").unwrap_or("?");
        assert_eq!(said.split('?').next(), Some(meant), "{remedy}");
    }
}

#[test]
fn missing_key_is_refused_with_an_example() {
    let error = refused(&with("kernel = \"vmlinux\"\n", ""));
    assert_eq!((error.key.as_str(), error.line), ("boot.kernel", 6));
    assert_eq!(error.remedy, "add it, as in: kernel = \"vmlinux\"");
    assert_eq!(refused(&with("name = \"demo\"\n", "")).key, "name");
    assert_eq!(
        refused(&with("read_only = true\n", "")).key,
        "disk.read_only"
    );
}

#[test]
fn value_of_a_wrong_type_is_refused_with_what_to_write() {
    let error = refused(&with("count = 2", "count = \"two\""));
    assert_eq!((error.key.as_str(), error.line), ("cpu.count", 11));
    assert_eq!(error.remedy, "write a whole number here");
    assert_eq!(refused(&with("mib = 512", "mib = -1")).key, "memory.mib");
    let error = refused(&with("debug = false", "debug = \"no\""));
    assert_eq!(error.remedy, "write true or false here");
    let error = refused(&with("\"vmlinux\"", "1"));
    assert_eq!(error.remedy, "write a text in quotation marks here");
}

#[test]
fn broken_toml_is_refused_with_its_line() {
    assert_eq!(refused(&with("count = 2", "count = ")).line, 11);
    assert_eq!(refused(&with("[memory]", "[memory")).line, 13);
    assert_eq!(refused("").key, "name");
}

#[test]
fn value_outside_its_range_is_refused_by_key() {
    for (line, replacement, key) in [
        ("name = \"demo\"", "name = \"De mo\"", "name"),
        ("name = \"demo\"", "name = \"\"", "name"),
        ("kind = \"simulated\"", "kind = \"sgx\"", "tee.kind"),
        ("debug = false", "host_data = \"ab\"", "tee.host_data"),
        ("debug = false", "image_id = \"zz\"", "tee.image_id"),
        (
            "protocol = \"shim\"",
            "protocol = \"bios\"",
            "boot.protocol",
        ),
        ("read_only = true", "read_only = false", "disk.read_only"),
        ("cid = 3", "cid = 2", "vsock.cid"),
        (
            "8443 = \"tcp:127.0.0.1:8443\"",
            "8443 = \"udp:1\"",
            "vsock.ports.8443",
        ),
        (
            "8443 = \"tcp:127.0.0.1:8443\"",
            "8443 = \"tcp:localhost:1\"",
            "vsock.ports.8443",
        ),
        (
            "8443 = \"tcp:127.0.0.1:8443\"",
            "8443 = \"unix:\"",
            "vsock.ports.8443",
        ),
        (
            "8443 = \"tcp:127.0.0.1:8443\"",
            "0 = \"unix:/x\"",
            "vsock.ports.0",
        ),
        (
            "8443 = \"tcp:127.0.0.1:8443\"",
            "web = \"unix:/x\"",
            "vsock.ports.web",
        ),
        (
            "8443 = \"tcp:127.0.0.1:8443\"",
            "9000 = \"tcp:127.0.0.1:1\"",
            "vsock.ports.9000",
        ),
    ] {
        let error = refused(&with(line, replacement));
        assert_eq!(error.key, key, "{error}");
        assert_eq!(
            error.line,
            1 + DEMO[..DEMO.find(line).expect("it is there")]
                .lines()
                .count()
        );
        assert!(!error.remedy.is_empty());
    }
}

#[test]
fn port_of_the_simulated_tee_may_be_a_socket_for_tests() {
    let text = with(
        "8443 = \"tcp:127.0.0.1:8443\"",
        "9000 = \"unix:/tmp/tee.sock\"",
    );
    assert!(LaunchConfig::from_toml(&text).is_ok());
}

/// They encrypt, but do not keep a host from replaying memory: whoever asks for them is told.
#[test]
fn sev_and_sev_es_are_refused_with_why() {
    for kind in ["sev", "sev-es"] {
        let text = DEMO.replace("kind = \"simulated\"", &format!("kind = \"{kind}\""));
        let said = refused(&text).to_string();
        assert!(said.contains("replaying and remapping"), "{said}");
        assert!(said.contains("use simulated, snp or tdx"), "{said}");
    }
}
