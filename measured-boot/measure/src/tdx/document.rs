//! The result as JSON.

use measured_boot_digest::CoverageRow;
use measured_boot_tdx_launch::{
    BootProfile, MissingInput, PageOrder, PlannedEvent, Register, TdvfMeasure, TdxComponent,
};
use serde::Serialize;
use std::collections::BTreeMap;

use super::TdxPrediction;

/// What `--output json` prints.
#[derive(Serialize)]
pub struct Document<'a> {
    tee: &'static str,
    launch_digest: String,
    mrtd: String,
    rtmr0: Option<String>,
    rtmr1: Option<String>,
    rtmr2: Option<String>,
    rtmr3: Option<String>,
    missing: BTreeMap<&'static str, Vec<String>>,
    page_order: &'static str,
    profile: &'static str,
    components: Vec<Component>,
    events: Vec<Event<'a>>,
    coverage: &'a [CoverageRow],
    warnings: &'a [String],
}

#[derive(Serialize)]
struct Component {
    name: String,
    gpa: String,
    pages: u64,
    bytes: usize,
    sha384: Option<String>,
    measured: &'static str,
}

#[derive(Serialize)]
struct Event<'a> {
    register: &'static str,
    name: &'a str,
    digest: Option<String>,
    source: &'static str,
}

/// The document of a prediction.
pub fn document(prediction: &TdxPrediction) -> Document<'_> {
    let value = |register| prediction.plan.value(register).ok().map(hex::encode);
    let mrtd = prediction.mrtd.to_string();
    Document {
        tee: "tdx",
        launch_digest: mrtd.clone(),
        mrtd,
        rtmr0: value(Register::Rtmr0),
        rtmr1: value(Register::Rtmr1),
        rtmr2: value(Register::Rtmr2),
        rtmr3: value(Register::Rtmr3),
        missing: missing(prediction),
        page_order: order_name(prediction.order),
        profile: profile_name(prediction.profile),
        components: prediction.components.iter().map(component).collect(),
        events: prediction.plan.events().iter().map(event).collect(),
        coverage: &prediction.coverage,
        warnings: &prediction.warnings,
    }
}

/// What each register lacks that is not known.
fn missing(prediction: &TdxPrediction) -> BTreeMap<&'static str, Vec<String>> {
    let lacks = |register: Register| {
        let missing = prediction.plan.value(register).err()?;
        Some((register.name(), missing.iter().map(wanted).collect()))
    };
    Register::ALL.into_iter().filter_map(lacks).collect()
}

/// An input and how to give it.
pub fn wanted(missing: &MissingInput) -> String {
    let options = match missing {
        MissingInput::TdHob => "--memory, --td-hob or --td-hob-digest",
        MissingInput::ConfigurationVolume => "--firmware with one",
        MissingInput::AcpiLoader => "--table-loader or --acpi-tables",
        MissingInput::AcpiRsdp => "--acpi-rsdp or --acpi-tables",
        MissingInput::AcpiTables => "--acpi-tables",
        MissingInput::BootVariables => "--boot-order and --boot-entry",
        MissingInput::Boot => "--kernel or --uki",
        MissingInput::Kernel => "--memory",
        MissingInput::Partitions => "--gpt",
        MissingInput::Image => "--uki",
    };
    format!("{missing} ({options})")
}

fn component(component: &TdxComponent) -> Component {
    Component {
        name: component.name.clone(),
        gpa: format!("{:#x}", component.gpa),
        pages: component.pages,
        bytes: component.bytes,
        sha384: component.sha384.map(hex::encode),
        measured: measure_name(component.measure),
    }
}

fn event(event: &PlannedEvent) -> Event<'_> {
    Event {
        register: event.register.name(),
        name: &event.name,
        digest: event.digest.ok().map(hex::encode),
        source: source_name(event),
    }
}

/// Where an event's digest comes from.
pub fn source_name(event: &PlannedEvent) -> &'static str {
    match event.digest {
        Ok(_) => event.source.name(),
        Err(_) => "missing",
    }
}

/// What MRTD holds of a run.
pub fn measure_name(measure: TdvfMeasure) -> &'static str {
    match measure {
        TdvfMeasure::Contents => "contents",
        TdvfMeasure::Addresses => "addresses",
        TdvfMeasure::Nothing => "nothing",
    }
}

/// In which order pages are measured.
pub fn order_name(order: Option<PageOrder>) -> &'static str {
    match order {
        Some(PageOrder::SinglePass) => "single-pass",
        Some(PageOrder::TwoPass) => "two-pass",
        None => "file",
    }
}

/// The profile as `--profile` takes it.
pub fn profile_name(profile: BootProfile) -> &'static str {
    match profile {
        BootProfile::Edk2 => "edk2",
        BootProfile::Edk2DuplicateSeparator => "edk2-duplicate-separator",
    }
}
