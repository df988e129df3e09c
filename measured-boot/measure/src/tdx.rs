//! Launches under TDX: MRTD, and the RTMRs of their boot.

mod arguments;
mod boot;
mod document;
mod launch;
mod page;
mod started;

pub use arguments::TdxArguments;

use anyhow::Result;
use measured_boot_digest::{CoverageRow, LaunchDigest};
use measured_boot_tdx_launch::{BootPlan, BootProfile, PageOrder, TdxComponent, coverage};

use crate::{Output, print, print_json};

/// What is known of a launch.
struct TdxPrediction {
    /// Where the metadata is, in words.
    headline: String,
    mrtd: LaunchDigest,
    order: Option<PageOrder>,
    components: Vec<TdxComponent>,
    profile: BootProfile,
    plan: BootPlan,
    coverage: Vec<CoverageRow>,
    warnings: Vec<String>,
}

/// Predicts the launch and prints it.
pub fn predict(arguments: &TdxArguments) -> Result<()> {
    let file = launch::read(arguments)?;
    let mut warnings = Vec::new();
    let image = launch::Image::of(arguments, &file, &mut warnings)?;
    let payload = launch::payload(arguments)?;
    let launch = image.launch(arguments, payload.as_deref())?;
    let inputs = boot::inputs(arguments, image.tdvf(), &mut warnings)?;
    let order = launch::order(arguments);
    let prediction = TdxPrediction {
        headline: image.headline(),
        mrtd: launch.mrtd(order.unwrap_or(PageOrder::SinglePass)),
        order,
        components: launch.components(),
        profile: inputs.profile,
        plan: BootPlan::of(&inputs),
        coverage: coverage(),
        warnings,
    };
    for warning in &prediction.warnings {
        eprintln!("warning: {warning}");
    }
    match arguments.output {
        Output::Text => print(&page::page(&prediction, arguments)),
        Output::Json => print_json(&document::document(&prediction)),
    }
}
