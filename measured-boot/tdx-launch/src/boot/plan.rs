//! The events in order, and the registers that they give.

use crate::boot::digests::{OWN_ORDER, load_options, own_option, separator, variable};
use crate::boot::{
    Boot, BootInputs, BootProfile, DirectBoot, DiskBoot, EventSource, MissingInput, PlannedEvent,
    Register, VariableName,
};
use measured_boot_digest::sha384;

/// All events, register by register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootPlan {
    events: Vec<PlannedEvent>,
}

impl BootPlan {
    /// The events of a boot.
    pub fn of(inputs: &BootInputs) -> Self {
        let mut plan = Self { events: Vec::new() };
        plan.add_configuration(inputs);
        plan.add_started(inputs);
        plan.add_measured_by_the_kernel(inputs);
        for (register, name, digest) in &inputs.further {
            plan.add(*register, name, Ok(*digest), EventSource::Input);
        }
        plan.events.sort_by_key(|event| event.register);
        plan
    }

    /// These events, which are in the order in which they happen.
    pub(crate) fn of_events(mut events: Vec<PlannedEvent>) -> Self {
        events.sort_by_key(|event| event.register);
        Self { events }
    }

    /// The events, by register and in order.
    pub fn events(&self) -> &[PlannedEvent] {
        &self.events
    }

    /// The value of a register once all of its events have happened.
    ///
    /// # Errors
    /// All that is missing, in order and each once.
    pub fn value(&self, register: Register) -> Result<[u8; 48], Vec<MissingInput>> {
        let of_register = || {
            self.events
                .iter()
                .filter(|event| event.register == register)
        };
        let mut missing: Vec<_> = of_register()
            .filter_map(|event| event.digest.err())
            .collect();
        missing.dedup();
        if !missing.is_empty() {
            return Err(missing);
        }
        let digests = of_register().filter_map(|event| event.digest.ok());
        Ok(digests.fold([0; 48], |value, digest| {
            sha384([value, digest].as_flattened())
        }))
    }

    /// RTMR0: how the firmware is configured.
    fn add_configuration(&mut self, inputs: &BootInputs) {
        use MissingInput as M;
        self.add_input(Register::Rtmr0, "TD HOB", inputs.td_hob, M::TdHob);
        let volume = inputs.configuration_volume;
        self.add_input(Register::Rtmr0, "CFV", volume, M::ConfigurationVolume);
        for name in VariableName::ALL {
            let contents = inputs.secure_boot.contents(name);
            let source = contents.map_or(EventSource::Assumed, |_| EventSource::Input);
            let digest = variable(name, contents.unwrap_or_default());
            self.add(Register::Rtmr0, name.name(), Ok(digest), source);
        }
        self.add_separator(Register::Rtmr0);
        let acpi = inputs.acpi;
        self.add_input(
            Register::Rtmr0,
            "ACPI table loader",
            acpi.loader,
            M::AcpiLoader,
        );
        self.add_input(Register::Rtmr0, "ACPI RSDP", acpi.rsdp, M::AcpiRsdp);
        self.add_input(Register::Rtmr0, "ACPI tables", acpi.tables, M::AcpiTables);
        self.add_boot_variables(inputs);
        if inputs.profile == BootProfile::Edk2DuplicateSeparator {
            self.add_separator(Register::Rtmr0);
        }
    }

    fn add_boot_variables(&mut self, inputs: &BootInputs) {
        match (&inputs.variables, &inputs.boot) {
            (Some(variables), _) => {
                self.add_hashed(Register::Rtmr0, "BootOrder", &variables.order);
                for (number, contents) in &variables.entries {
                    self.add_hashed(Register::Rtmr0, &format!("Boot{number:04X}"), contents);
                }
            }
            (None, Some(Boot::Disk(_))) => {
                let missing = MissingInput::BootVariables;
                self.add_input(Register::Rtmr0, "BootOrder, Boot####", None, missing);
            }
            (None, _) => {
                let (order, option) = (sha384(&OWN_ORDER), sha384(&own_option()));
                self.add(
                    Register::Rtmr0,
                    "BootOrder",
                    Ok(order),
                    EventSource::Assumed,
                );
                self.add(
                    Register::Rtmr0,
                    "Boot0000",
                    Ok(option),
                    EventSource::Assumed,
                );
            }
        }
    }

    /// RTMR1: what is started. A kernel that QEMU hands over is loaded before the firmware calls itself
    /// ready to boot, one on a disk after.
    fn add_started(&mut self, inputs: &BootInputs) {
        match &inputs.boot {
            None => self.add_input(Register::Rtmr1, "kernel", None, MissingInput::Boot),
            Some(Boot::Direct(direct)) => {
                self.add_input(
                    Register::Rtmr1,
                    "kernel",
                    direct.kernel,
                    MissingInput::Kernel,
                );
                self.add_ready_to_boot(inputs.profile);
            }
            Some(Boot::Disk(disk)) => {
                self.add_ready_to_boot(inputs.profile);
                let partitions = disk.partitions;
                let missing = MissingInput::Partitions;
                self.add_input(Register::Rtmr1, "partition table", partitions, missing);
                for image in &disk.images {
                    let missing = MissingInput::Image;
                    self.add_input(Register::Rtmr1, &image.name, image.digest, missing);
                }
            }
        }
        if inputs.boot.is_some() {
            self.add_action("Exit Boot Services Invocation");
            self.add_action("Exit Boot Services Returned with Success");
        }
    }

    fn add_ready_to_boot(&mut self, profile: BootProfile) {
        self.add_action("Calling EFI Application from Boot Option");
        if profile == BootProfile::Edk2 {
            self.add_separator(Register::Rtmr1);
        }
    }

    /// RTMR2: by the kernel's EFI stub, or by the UKI's.
    fn add_measured_by_the_kernel(&mut self, inputs: &BootInputs) {
        match &inputs.boot {
            None => self.add_input(Register::Rtmr2, "cmdline, initrd", None, MissingInput::Boot),
            Some(Boot::Direct(direct)) => self.add_tags(direct),
            Some(Boot::Disk(disk)) => self.add_sections(disk),
        }
    }

    fn add_tags(&mut self, direct: &DirectBoot) {
        let options = load_options(&direct.cmdline, direct.initrd.is_some());
        let tags = [("load options", options), ("initrd", direct.initrd)];
        for (name, digest) in tags {
            if let Some(digest) = digest {
                self.add(Register::Rtmr2, name, Ok(digest), EventSource::Input);
            }
        }
    }

    /// As systemd-stub extends PCR 11: a name, with a NUL, then the section.
    fn add_sections(&mut self, disk: &DiskBoot) {
        for (name, contents) in &disk.sections {
            let with_end = [name.as_bytes(), &[0]].concat();
            let title = format!("name of {name}");
            self.add(
                Register::Rtmr2,
                &title,
                Ok(sha384(&with_end)),
                EventSource::Fixed,
            );
            self.add(Register::Rtmr2, name, Ok(*contents), EventSource::Input);
        }
    }

    fn add_action(&mut self, text: &str) {
        let digest = Ok(sha384(text.as_bytes()));
        self.add(Register::Rtmr1, text, digest, EventSource::Fixed);
    }

    fn add_separator(&mut self, register: Register) {
        self.add(register, "separator", Ok(separator()), EventSource::Fixed);
    }

    fn add_hashed(&mut self, register: Register, name: &str, contents: &[u8]) {
        self.add(register, name, Ok(sha384(contents)), EventSource::Input);
    }

    fn add_input(
        &mut self,
        register: Register,
        name: &str,
        digest: Option<[u8; 48]>,
        missing: MissingInput,
    ) {
        self.add(register, name, digest.ok_or(missing), EventSource::Input);
    }

    fn add(
        &mut self,
        register: Register,
        name: &str,
        digest: Result<[u8; 48], MissingInput>,
        source: EventSource,
    ) {
        self.events.push(PlannedEvent {
            register,
            name: name.to_owned(),
            digest,
            source,
        });
    }
}
