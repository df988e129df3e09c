//! The result for people.

use crate::prediction::{Prediction, zero_pages};
use measured_boot_digest::{Class, ComponentDigest, CoverageRow, LaunchDigest};
use measured_boot_plan::{LaunchPlan, TeeKind};
use measured_boot_tdx_launch::{BootPlan, Register};
use std::fmt::Write;

/// The whole page.
pub fn page(prediction: &Prediction, with_coverage: bool) -> String {
    let mut page = headline(&prediction.plan);
    page.push_str("\n\n");
    page.push_str(&components(&prediction.components()));
    if with_coverage {
        page.push('\n');
        page.push_str(&coverage(&prediction.coverage));
    }
    let tee = prediction.plan.tee.0;
    let digest = prediction.launch_digest;
    match prediction.is_td() {
        true => page.push_str(&registers(digest, prediction.registers.as_ref())),
        false => writeln!(page, "\nlaunch digest ({tee}, SHA-384)\n{digest}")
            .expect("a string takes all"),
    }
    if tee == TeeKind::Simulated {
        page.push_str(
            "\nThe TEE is simulated: it measures and reports as SEV-SNP does, and protects nothing.\n",
        );
    }
    page
}

/// What a quote of a TD shows, where nothing after the boot shim extends a register.
fn registers(mrtd: LaunchDigest, plan: Option<&BootPlan>) -> String {
    let value = |register| match plan {
        Some(plan) => plan.value(register).map(hex::encode).ok(),
        None => Some("not predicted: what starts here extends it by its own rules".to_owned()),
    };
    let rows = Register::ALL
        .into_iter()
        .filter_map(|register| Some([register.name().to_owned(), value(register)?]));
    let mrtd = ["mrtd".to_owned(), mrtd.to_string()];
    let rows: Vec<_> = [mrtd].into_iter().chain(rows).collect();
    format!("\nregisters (tdx, SHA-384)\n{}", table(&[Left; 2], &rows))
}

/// The page of a launch by another VMM.
pub fn foreign_page(
    headline: &str,
    parts: &[ComponentDigest],
    rows: Option<&[CoverageRow]>,
    digest: LaunchDigest,
) -> String {
    let parts = components(parts);
    let rows = rows.map_or(String::new(), |rows| format!("\n{}", coverage(rows)));
    format!("{headline}\n\n{parts}{rows}\nlaunch digest (snp, SHA-384)\n{digest}\n")
}

/// `1 byte`, `2 bytes`.
pub fn count(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{s}")
}

fn headline(plan: &LaunchPlan) -> String {
    let vcpus = count(plan.vcpus.0.len(), "vCPU");
    let allowed = match plan.tee.0 {
        TeeKind::Tdx => format!("attributes {:#x}", plan.td.0.attributes),
        TeeKind::Simulated | TeeKind::Snp => format!("policy {}", plan.policy.0),
    };
    format!(
        "{name}: {vcpus}, {mib} MiB, {boot}, {tee} TEE, {allowed}{debug}",
        name = plan.name.0,
        mib = plan.memory_bytes.0 >> 20,
        boot = plan.boot.0.name(),
        tee = plan.tee.0,
        debug = if plan.policy.0.debug_allowed() {
            " (DEBUG: the host may read the guest)"
        } else {
            ""
        },
    )
}

fn components(components: &[ComponentDigest]) -> String {
    let rows = components.iter().map(|component| {
        let digest = match component.sha384 {
            Some(digest)
                if component.through.is_none() && digest == zero_pages(component.pages) =>
            {
                "zeros".to_owned()
            }
            Some(digest) => format!("{}…", hex::encode(&digest[..12])),
            None => "place only".to_owned(),
        };
        let name = match component.through {
            Some(_) => format!("  {}", component.name),
            None => component.name.clone(),
        };
        let address = format!("{:#x}", component.gpa);
        [name, address, component.pages.to_string(), digest]
    });
    let header = ["COMPONENT", "ADDRESS", "PAGES", "SHA-384"].map(str::to_owned);
    table(
        &[Left, Right, Right, Left],
        &[header].into_iter().chain(rows).collect::<Vec<_>>(),
    )
}

/// What a report shows, class by class.
pub fn coverage(rows: &[CoverageRow]) -> String {
    let header = ["CLASS", "FIELD", "VALUE", "WHAT THE REPORT SHOWS"].map(str::to_owned);
    let mut lines = vec![header];
    let mut last: Option<Class> = None;
    for row in rows {
        // The class is said once, at its first field.
        let class = if last == Some(row.class) {
            String::new()
        } else {
            row.class.to_string()
        };
        last = Some(row.class);
        lines.push([
            class,
            row.field.to_owned(),
            row.what.clone(),
            row.note.to_owned(),
        ]);
    }
    table(&[Left; 4], &lines)
}

/// On which side of its column a cell stands.
#[derive(Clone, Copy)]
pub enum Side {
    Left,
    Right,
}
use Side::{Left, Right};

/// Columns as wide as their widest cell, two blanks apart, without blanks at line ends.
pub fn table<const N: usize>(sides: &[Side; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut table = String::new();
    for row in rows {
        let cells: Vec<_> = row
            .iter()
            .zip(sides)
            .zip(widths)
            .map(|((cell, side), width)| match side {
                Left => format!("{cell:<width$}"),
                Right => format!("{cell:>width$}"),
            })
            .collect();
        table.push_str(cells.join("  ").trim_end());
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn one_is_counted_in_the_singular() {
        let counts = [0_u32, 1, 2].map(|number| count(number, "byte"));
        assert_eq!(counts, ["0 bytes", "1 byte", "2 bytes"]);
    }
}
