//! Replays of published logs, against the registers that were published with them.

mod support;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use measured_boot_event_log::{Algorithm, Log, Register, Registers, Replay};
use serde_json::Value;
use std::path::Path;
use support::{
    Banks, COS, GO, Numbered, TPM2, TRUSTEE, json, log_bytes, read, vectors, yaml_registers,
};

fn banks(replay: &Replay) -> Banks {
    let bank = |bank: &measured_boot_event_log::Bank| {
        let registers = bank.registers.iter();
        let numbered =
            registers.filter_map(|(register, value)| Some((register.number()?, value.to_string())));
        (bank.algorithm.to_string(), numbered.collect())
    };
    replay.banks.iter().map(bank).collect()
}

fn without_empty(banks: Banks) -> Banks {
    banks
        .into_iter()
        .filter(|(_, bank)| !bank.is_empty())
        .collect()
}

fn rtmrs(log: &Log<'_>) -> [String; 4] {
    let replay = log.replay();
    [0, 1, 2, 3].map(|number| {
        let value = replay.value(Algorithm::SHA384, Register::Rtmr(number));
        value.expect("a CC log has all four").to_string()
    })
}

fn numbered(value: &Value, first: u8) -> Numbered {
    let registers = value.as_object().expect("registers").iter();
    let number = |name: &str| name.parse::<u8>().expect("a number") - first;
    registers
        .map(|(name, value)| (number(name), value.as_str().expect("text").to_owned()))
        .collect()
}

/// `replay_all_banks.json`: 17 files, every bank. It counts a CC log's registers by its indices, and
/// does not list registers that nothing went into.
#[test]
fn replays_equal_those_published_of_every_bank() {
    let Some(folder) = vectors() else { return };
    let published = json(&folder, &format!("{GO}/expected/replay_all_banks.json"));
    let mut checked = 0;
    for (name, expected) in published.as_object().expect("files") {
        if name.ends_with(".table.bin") {
            continue; // the ACPI table: no log
        }
        let bytes = log_bytes(&folder, &format!("{GO}/{name}"));
        let log = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let first = u8::from(log.registers == Registers::Rtmr);
        let expected_banks: Banks = expected["replay"]
            .as_object()
            .expect("banks")
            .iter()
            .map(|(bank, registers)| (bank.clone(), numbered(registers, first)))
            .collect();
        let mut ours = banks(&log.replay());
        for (bank, registers) in &mut ours {
            let published = expected_banks.get(bank);
            registers.retain(|register, value| {
                let zero = value.chars().all(|digit| digit == '0');
                !zero || published.is_some_and(|bank| bank.contains_key(register))
            });
        }
        assert_eq!(without_empty(ours), without_empty(expected_banks), "{name}");
        check_extent(name, &log, expected);
        checked += 1;
    }
    assert!(checked >= 16, "{checked} files");
}

/// The script that wrote the numbers stopped before the option ROM log's last event, one of EV_NO_ACTION
/// for register 0xffffffff.
fn check_extent(name: &str, log: &Log<'_>, expected: &Value) {
    let number = |key: &str| expected[key].as_u64().expect("a number");
    let events = u64::try_from(log.events.len()).expect("few");
    let last = log.events.last().expect("an event");
    let end = u64::try_from(last.data_offset + last.data.len()).expect("small");
    if name.ends_with("option_rom_eventlog") {
        assert_eq!((events, end), (number("events") + 1, number("size")));
        assert_eq!(last.register, Register::None);
    } else {
        assert_eq!(
            (events, end),
            (number("events"), number("consumed")),
            "{name}"
        );
    }
    let locality = log.replay().startup_locality;
    assert_eq!(
        locality.map_or(0, u64::from),
        number("startup_locality"),
        "{name}"
    );
}

#[test]
fn rtmrs_equal_those_published_of_five_tds() {
    let Some(folder) = vectors() else { return };
    let published = json(&folder, &format!("{GO}/expected/ccel_rtmr.json"));
    let published = published.as_object().expect("logs");
    assert_eq!(published.len(), 5);
    for (name, expected) in published {
        let bytes = log_bytes(&folder, &format!("{GO}/eventlogs/ccel/{name}.bin"));
        let log = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let ours = rtmrs(&log);
        for (register, value) in expected.as_object().expect("registers") {
            let number: usize = register["RTMR".len()..].parse().expect("a number");
            assert_eq!(
                ours[number],
                value.as_str().expect("text"),
                "{name} {register}"
            );
        }
    }
}

/// What the TPMs of two machines quoted, beside their logs.
#[test]
fn replays_equal_what_tpms_quoted() {
    let Some(folder) = vectors() else { return };
    for name in ["linux_tpm12.json", "windows_gcp_shielded_vm.json"] {
        let name = format!("{GO}/legacydata/{name}");
        let bytes = log_bytes(&folder, &name);
        let replay = read(&bytes).expect("a log").replay();
        let dump = json(&folder, &name);
        let mut checked = 0;
        for quoted in dump["Log"]["PCRs"].as_array().expect("PCRs") {
            let digest = BASE64_STANDARD
                .decode(quoted["Digest"].as_str().expect("text"))
                .expect("base64");
            let number = u8::try_from(quoted["Index"].as_u64().expect("a number")).expect("small");
            let algorithm = match digest.len() {
                20 => Algorithm::SHA1,
                _ => Algorithm::SHA256,
            };
            if let Some(ours) = replay.value(algorithm, Register::Pcr(number)) {
                assert_eq!(ours.as_bytes(), digest, "{name} PCR {number}");
                checked += 1;
            }
        }
        assert!(checked >= 8, "{name}: {checked} registers");
    }
}

/// The values in Trustee's own tests of these files.
#[test]
fn rtmrs_equal_those_of_trustees_tests() {
    let Some(folder) = vectors() else { return };
    let zero = "0".repeat(96);
    let expected = [
        (
            "CCEL_data",
            "2dc712306a963eadb894ad47dbaa17df44814151555aee11cbb843becca88950ffd079664902e6f22c66f7c8213543f4",
            "0fa3be56af61208bbd179dc7b124988eb929319154663c539d6f46445ecac2fec287075047ff7bd1922829fec28cd3cf",
            zero.as_str(),
        ),
        (
            "CCEL_data_ovmf",
            "8566f998798db09443b244c62de9a3041fb02e2e6936c4396d784bba2e90177329ec5aba3bb484404f2ab9cc90abe193",
            "775b9f6bfe99f8a31396f0d0218e67ffa796d3b96ccf961cbb0deba48c79c00f082cda1a5567c1c16305f1fc210c13c6",
            "94eaf7a7bf398ed8d888c91057ae0261802e4f3df084213a76ca7f0b5055ac9d2241de43cd58d9e8b49c503bbf25f34a",
        ),
        (
            "CCEL_data_grub",
            "cec0a104f691f60da2387fea3c2de00c4ac035e2bb479ff02edcce69039d9e9907f0b3e55031da3dc7038f423adebd79",
            "6c289e0c62182d41ebe97bdbc9872d10998a08eaa86adcdc684001a363207ee72942c7522cdf00a4bbc3d784bed7b670",
            "08919d017ba0e52cd6d966351c7de16fe76c1d3d3d3da4554239e4c7d16cb8b82a94e7eaea3a0e6e18eb690b999fd31e",
        ),
        (
            "CCEL_data_gcp",
            "3300980705adf09d28b707b79699d9874892164280832be2c386a715b6e204e0897fb564a064f810659207ba862b304f",
            "204d49f78d29918fe7b2f694e76653861a0c2a018987d2c3a54266eff737232524cf0af68c4d180e2f8c2c0937f21967",
            zero.as_str(),
        ),
        (
            "CCEL_data_grub_gke",
            "bc9945139042cf2cc75caf920aa57f14884ecfd7e893bccc51250c8ce90eb53ce72741e6adaa18183eb1331a87d4544a",
            "c17cb288a4dee302bb9ed8d27257a168f3264ad68cab53757f37eeaa7039657fa887cad65cf910e0fdc435ff110f8a7b",
            "334aeba2c985f8886cea97d1ecffbd512769d528b9a94009583db667ad7d2faa7d37fa145d75b192ceee2d2f10b2eb6d",
        ),
    ];
    for (name, rtmr0, rtmr1, rtmr2) in expected {
        let bytes = log_bytes(&folder, &format!("{TRUSTEE}/{name}"));
        let log = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(rtmrs(&log), [rtmr0, rtmr1, rtmr2, &zero], "{name}");
    }
}

/// A quote of version 4 has its RTMRs at 376 (Intel, *TDX DCAP Quoting Library API*, A.3).
#[test]
fn rtmrs_equal_those_of_the_quote_of_the_same_td() {
    let Some(folder) = vectors() else { return };
    let bytes = log_bytes(&folder, COS);
    let quote = log_bytes(&folder, "go-tdx-guest/testdata/ccel/cos-113-tdx-quote.dat");
    let quoted: Vec<String> = quote[376..376 + 4 * 48]
        .chunks(48)
        .map(hex::encode)
        .collect();
    assert_eq!(rtmrs(&read(&bytes).expect("a log")).to_vec(), quoted);
}

/// The events that the log lacks, appended, lead to the value in go-eventlog's test.
#[test]
fn missing_exit_of_boot_services_explains_the_quoted_pcr() {
    let Some(folder) = vectors() else { return };
    let bytes = log_bytes(
        &folder,
        &format!("{GO}/legacydata/ebs_event_missing_eventlog"),
    );
    let log = read(&bytes).expect("a log");
    let (bank, pcr) = (Algorithm::SHA1, Register::Pcr(5));
    let mut value = log.replay().value(bank, pcr).expect("there");
    for action in [
        "Exit Boot Services Invocation",
        "Exit Boot Services Returned with Success",
    ] {
        let digest = bank.hash(&[action.as_bytes()]).expect("computed");
        value = bank
            .hash(&[value.as_bytes(), digest.as_bytes()])
            .expect("computed");
    }
    assert!(value.to_string().starts_with("31245808"), "{value}");
}

/// tpm2-tools' own expectations, for every log that has one.
#[test]
fn registers_types_and_counts_equal_those_of_tpm2_tools() {
    let Some(folder) = vectors() else { return };
    let root = folder.join(TPM2);
    let mut checked = 0;
    for place in ["", "event-raw", "event-pretty", "event-pretty-39"] {
        for entry in std::fs::read_dir(root.join(place)).expect("a folder") {
            let path = entry.expect("readable").path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .expect("text");
            // The list of Mok events is of another format and has no registers.
            if let Some(log) = name.strip_suffix(".bin.yaml") {
                check_yaml(&folder, &format!("{TPM2}/{log}.bin"), &path);
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 32);
}

fn check_yaml(folder: &Path, log: &str, path: &Path) {
    let text = std::fs::read_to_string(path).expect("text");
    let bytes = log_bytes(folder, log);
    let log = read(&bytes).unwrap_or_else(|error| panic!("{log}: {error}"));
    let ours = without_empty(banks(&log.replay()));
    assert_eq!(ours, yaml_registers(&text), "{}", path.display());
    let types: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("EventType: "))
        .collect();
    let ours: Vec<String> = log
        .events
        .iter()
        .map(|event| event.kind.to_string())
        .collect();
    assert_eq!(ours, types, "{}", path.display());
}
