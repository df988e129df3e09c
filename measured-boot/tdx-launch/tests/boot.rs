//! RTMR0 to RTMR3: of real trust domains, whole, from what the registers' owner could know.

mod support;

use measured_boot_digest::sha384;
use measured_boot_firmware::Tdvf;
use measured_boot_tdx_launch::{
    AcpiDigests, Boot, BootInputs, BootPlan, BootProfile, BootVariables, DirectBoot, DiskBoot,
    EventSource, MissingInput, Pe, Register, SecureBootVariables, TdHob, VariableName,
};
use support::{Event, contents, events, replayed};

/// Secure Boot variables as five events have them.
fn secure_boot(events: &[Event]) -> SecureBootVariables {
    let mut variables = SecureBootVariables::default();
    for (name, event) in VariableName::ALL.into_iter().zip(events) {
        variables.set(name, contents(event));
    }
    variables
}

fn acpi(events: &[Event]) -> AcpiDigests {
    AcpiDigests {
        loader: Some(events[0].digest),
        rsdp: Some(events[1].digest),
        tables: Some(events[2].digest),
    }
}

/// Direct boot of a kernel, with nothing else known.
fn direct(kernel: Option<[u8; 48]>, cmdline: &[u8], initrd: Option<[u8; 48]>) -> BootInputs {
    BootInputs {
        boot: Some(Boot::Direct(DirectBoot {
            kernel,
            cmdline: cmdline.to_vec(),
            initrd,
        })),
        ..BootInputs::default()
    }
}

#[test]
fn direct_boots_of_two_real_trust_domains_are_predicted_whole() {
    for (log, gib, kernel) in [
        ("trustee/deps/eventlog/test_data/CCEL_data_ovmf", 2, 11),
        (
            "measured-boot/go-eventlog/eventlogs/ccel/CCEL_unpadded.data.bin",
            8,
            11,
        ),
    ] {
        let (Some(log), Some(image)) = (support::vector(log), support::debians_firmware()) else {
            return;
        };
        let events = events(&log);
        let list = TdHob::qemu(gib << 30, &Tdvf::read(&image).unwrap()).unwrap();
        let inputs = BootInputs {
            profile: BootProfile::Edk2DuplicateSeparator,
            td_hob: Some(list.digest()),
            configuration_volume: Some(events[1].digest),
            secure_boot: secure_boot(&events[2..7]),
            acpi: acpi(&events[8..11]),
            ..direct(Some(events[kernel].digest), b"", None)
        };
        let plan = BootPlan::of(&inputs);
        assert_eq!(
            plan.value(Register::Rtmr0),
            Ok(replayed(&events, 0)),
            "{gib} GiB"
        );
        assert_eq!(
            plan.value(Register::Rtmr1),
            Ok(replayed(&events, 1)),
            "{gib} GiB"
        );
    }
}

#[test]
fn published_registers_are_those_that_are_predicted() {
    // The log's own replay is what the test above compares with; these values its authors published.
    let (Some(log), Some(expected)) = (
        support::vector("measured-boot/go-eventlog/eventlogs/ccel/CCEL_unpadded.data.bin"),
        support::vector("measured-boot/go-eventlog/expected/ccel_rtmr.json"),
    ) else {
        return;
    };
    let expected: serde_json::Value = serde_json::from_slice(&expected).unwrap();
    for register in 0..3 {
        let published = &expected["CCEL_unpadded.data"][format!("RTMR{register}")];
        let replayed = hex::encode(replayed(&events(&log), register));
        assert_eq!(published.as_str(), Some(replayed.as_str()));
    }
}

#[test]
fn boot_of_a_real_uki_from_disk_is_predicted_whole() {
    let Some(log) = support::vector("trustee/deps/eventlog/test_data/CCEL_data_grub_gke") else {
        return;
    };
    let events = events(&log);
    let of = |register| {
        events
            .iter()
            .filter(move |event| event.register == register)
    };
    let configuration: Vec<_> = of(0).collect();
    let started: Vec<_> = of(1).map(|event| event.digest).collect();
    let measured: Vec<_> = of(2).map(|event| event.digest).collect();
    let names = [".linux", ".osrel", ".cmdline", ".initrd", ".uname", ".sbat"];
    let image = |name: &str, digest| Pe {
        name: name.to_owned(),
        digest: Some(digest),
    };
    let inputs = BootInputs {
        td_hob: Some(configuration[0].digest),
        configuration_volume: Some(configuration[1].digest),
        secure_boot: secure_boot(&events[2..7]),
        acpi: acpi(&events[8..11]),
        variables: Some(BootVariables {
            order: contents(configuration[11]),
            entries: vec![
                (1, contents(configuration[12])),
                (0, contents(configuration[13])),
            ],
        }),
        boot: Some(Boot::Disk(DiskBoot {
            partitions: Some(started[2]),
            images: vec![image("UKI", started[3]), image(".linux", started[4])],
            sections: names
                .iter()
                .zip(measured.chunks(2))
                .map(|(name, pair)| ((*name).to_owned(), pair[1]))
                .collect(),
        })),
        ..BootInputs::default()
    };
    let plan = BootPlan::of(&inputs);
    for (number, register) in (0..).zip(Register::ALL) {
        assert_eq!(
            plan.value(register),
            Ok(replayed(&events, number)),
            "{}",
            register.name()
        );
    }
    let names: Vec<_> = plan
        .events()
        .iter()
        .map(|event| event.name.as_str())
        .collect();
    assert_eq!(names[11..14], ["BootOrder", "Boot0001", "Boot0000"]);
}

#[test]
fn inputs_that_are_missing_are_named_for_the_registers_that_need_them() {
    use MissingInput as M;
    let plan = BootPlan::of(&BootInputs::default());
    let configuration = vec![
        M::TdHob,
        M::ConfigurationVolume,
        M::AcpiLoader,
        M::AcpiRsdp,
        M::AcpiTables,
    ];
    assert_eq!(plan.value(Register::Rtmr0), Err(configuration.clone()));
    assert_eq!(plan.value(Register::Rtmr1), Err(vec![M::Boot]));
    assert_eq!(plan.value(Register::Rtmr2), Err(vec![M::Boot]));
    assert_eq!(plan.value(Register::Rtmr3), Ok([0; 48]));
    let plan = BootPlan::of(&direct(None, b"quiet", None));
    assert_eq!(plan.value(Register::Rtmr1), Err(vec![M::Kernel]));
    assert!(
        plan.value(Register::Rtmr2).is_ok(),
        "it does not depend on the kernel"
    );
    let disk = BootInputs {
        boot: Some(Boot::Disk(DiskBoot {
            partitions: None,
            images: vec![Pe {
                name: ".linux".to_owned(),
                digest: None,
            }],
            sections: Vec::new(),
        })),
        ..BootInputs::default()
    };
    let plan = BootPlan::of(&disk);
    assert_eq!(
        plan.value(Register::Rtmr0),
        Err([configuration, vec![M::BootVariables]].concat())
    );
    assert_eq!(
        plan.value(Register::Rtmr1),
        Err(vec![M::Partitions, M::Image])
    );
}

#[test]
fn values_that_nobody_gave_are_told_from_those_that_were() {
    let sources = |inputs: &BootInputs| {
        let plan = BootPlan::of(inputs);
        let of = |name: &str| {
            let event = plan.events().iter().find(|event| event.name == name);
            event.expect("it is there").source
        };
        [of("SecureBoot"), of("db"), of("BootOrder"), of("separator")]
    };
    use EventSource::{Assumed, Fixed, Input};
    let mut inputs = direct(None, b"", None);
    assert_eq!(sources(&inputs), [Assumed, Assumed, Assumed, Fixed]);
    inputs.secure_boot.set(VariableName::SecureBoot, vec![0]);
    inputs.variables = Some(BootVariables {
        order: vec![0, 0],
        entries: Vec::new(),
    });
    assert_eq!(sources(&inputs), [Input, Assumed, Input, Fixed]);
}

#[test]
fn profiles_differ_in_where_the_second_separator_goes() {
    let separators = |profile| {
        let inputs = BootInputs {
            profile,
            ..direct(None, b"", None)
        };
        let plan = BootPlan::of(&inputs);
        let of = |register| {
            let mut events = plan.events().iter();
            let mut found = Vec::new();
            while let Some(event) = events.find(|event| event.register == register) {
                found.push(event.name.clone());
            }
            found.iter().filter(|name| *name == "separator").count()
        };
        (of(Register::Rtmr0), of(Register::Rtmr1))
    };
    assert_eq!(separators(BootProfile::Edk2), (1, 1));
    assert_eq!(separators(BootProfile::Edk2DuplicateSeparator), (2, 0));
}

#[test]
fn firmware_tells_the_kernel_of_its_initrd_in_the_load_options() {
    let tags = |cmdline: &[u8], initrd| {
        let plan = BootPlan::of(&direct(None, cmdline, initrd));
        let events = plan.events().iter();
        events
            .filter(|event| event.register == Register::Rtmr2)
            .map(|event| event.digest.unwrap())
            .collect::<Vec<_>>()
    };
    let initrd = sha384(b"initrd");
    let plain = sha384(b"a\0 \0\xE9\0\0\0");
    assert_eq!(tags(b"a \xE9", None), [plain], "no initrd, no suffix");
    let both: Vec<u8> = b"a initrd=initrd\0"
        .iter()
        .flat_map(|byte| [*byte, 0])
        .collect();
    assert_eq!(tags(b"a", Some(initrd)), [sha384(&both), initrd]);
    assert!(tags(b"", None).is_empty(), "nothing to be measured");
}

#[test]
fn further_events_come_last_in_their_register() {
    let mut inputs = direct(None, b"quiet", None);
    let more = |register, byte| (register, "more".to_owned(), [byte; 48]);
    inputs.further = vec![more(Register::Rtmr3, 7), more(Register::Rtmr2, 8)];
    let plan = BootPlan::of(&inputs);
    let before = BootPlan::of(&direct(None, b"quiet", None))
        .value(Register::Rtmr2)
        .unwrap();
    let extended = |value: [u8; 48], byte| sha384(&[value, [byte; 48]].concat());
    assert_eq!(plan.value(Register::Rtmr2), Ok(extended(before, 8)));
    assert_eq!(plan.value(Register::Rtmr3), Ok(extended([0; 48], 7)));
    let last = plan.events().last().unwrap();
    assert_eq!(
        (last.register, last.source),
        (Register::Rtmr3, EventSource::Input)
    );
}
