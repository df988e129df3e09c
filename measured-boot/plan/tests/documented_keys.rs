//! `docs/hardware-launch.md` lists every key of `[tee]`, and which TEE takes it.

mod support;

use measured_boot_plan::{LaunchConfig, PlanError, Sources, plan};
use measured_boot_snp_abi::{GuestPolicy, IdBlock};
use zerocopy::IntoBytes;

const PAGE: &str = include_str!("../../../docs/hardware-launch.md");
const KINDS: [&str; 3] = ["simulated", "snp", "tdx"];

/// A value that is not the one that holds unless it is written. The two of an ID block go together.
const VALUES: [(&str, &str); 16] = [
    ("kind", ""),
    ("debug", "debug = true"),
    ("smt", "smt = false"),
    ("host_data", "host_data = \"{32}\""),
    ("init_data", "init_data = \"init\""),
    ("family_id", "family_id = \"{16}\""),
    ("image_id", "image_id = \"{16}\""),
    ("guest_svn", "guest_svn = 1"),
    ("id_block", "id_block = \"block\"\nid_auth = \"auth\""),
    ("id_auth", "id_block = \"block\"\nid_auth = \"auth\""),
    ("mrconfigid", "mrconfigid = \"{48}\""),
    ("mrowner", "mrowner = \"{48}\""),
    ("mrownerconfig", "mrownerconfig = \"{48}\""),
    ("quote_service", "quote_service = \"vsock:2:4050\""),
    ("keys", "keys = \"tee\""),
    ("certificates", "certificates = \"certificates\""),
];

fn config(kind: &str, lines: &str) -> String {
    let lines = [16, 32, 48]
        .into_iter()
        .fold(lines.to_owned(), |all, size| {
            all.replace(&format!("{{{size}}}"), &"01".repeat(size))
        });
    format!(
        "name = \"keys\"\n[tee]\nkind = \"{kind}\"\n{lines}\n\
         [boot]\nprotocol = \"shim\"\nkernel = \"k\"\ninitrd = \"i\"\ncmdline = \"\"\n\
         [cpu]\ncount = 1\nmodel = \"x86-64-v2\"\n[memory]\nmib = 256\n"
    )
}

/// Whether a TEE of this kind takes these lines.
fn takes(kind: &str, lines: &str) -> bool {
    let config = LaunchConfig::from_toml(&config(kind, lines)).expect("the lines are understood");
    let block = IdBlock::new([0; 48], GuestPolicy::from_bits(0x3_0000));
    let sources = Sources {
        kernel: &support::kernel(),
        initrd: &support::initrd(),
        shim: &support::shim(),
        init_data: b"init",
        id_block: block.as_bytes(),
        id_auth: &[0; 4096],
        ..Sources::default()
    };
    match plan(&config, &sources) {
        Ok(_) => true,
        Err(PlanError::SettingOfAnotherTee { .. } | PlanError::IdWithoutBlock { .. }) => false,
        Err(other) => panic!("{kind}: {lines}: {other}"),
    }
}

/// The keys that the configuration knows, as it says when it is asked for another.
fn known() -> Vec<String> {
    let error = LaunchConfig::from_toml(&config("snp", "xxxxxxxxxxxxxxxxxxxx = 1"))
        .expect_err("there is no such key");
    let known = error.remedy.split_once("the keys here are ");
    let (_, known) = known.expect("the keys are listed");
    known.split(", ").map(str::to_owned).collect()
}

#[test]
fn documented_keys_are_those_that_each_tee_takes() {
    let rows = PAGE
        .lines()
        .skip_while(|line| !line.starts_with("| key | TEE |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut documented: Vec<(String, String)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
        })
        .collect();
    let mut expected: Vec<(String, String)> = known()
        .into_iter()
        .map(|key| {
            let value = VALUES.iter().find(|(of, _)| *of == key);
            let (_, value) = value.unwrap_or_else(|| panic!("no value to try {key} with"));
            let kinds = KINDS.into_iter().filter(|kind| takes(kind, value));
            let kinds: Vec<&str> = kinds.collect();
            let kinds = match kinds.len() {
                3 => "all".to_owned(),
                _ => kinds.join(", "),
            };
            (key, kinds)
        })
        .collect();
    documented.sort();
    expected.sort();
    assert_eq!(documented, expected);
}
