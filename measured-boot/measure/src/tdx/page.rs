//! The result for people.

use measured_boot_tdx_launch::{PlannedEvent, Register};

use super::document::{measure_name, order_name, profile_name, source_name, wanted};
use super::{TdxArguments, TdxPrediction};
use crate::text::Side::{Left, Right};
use crate::text::{coverage, table};

/// The whole page. Events are listed once something of the boot is known.
pub fn page(prediction: &TdxPrediction, arguments: &TdxArguments) -> String {
    let order = match prediction.order {
        Some(order) => order_name(Some(order)),
        None => "in its own order",
    };
    let mut page = format!("{}, {order}\n\n", prediction.headline);
    page.push_str(&components(prediction));
    if is_boot_known(arguments) {
        let profile = profile_name(prediction.profile);
        page.push_str(&format!("\nboot, profile {profile}\n"));
        page.push_str(&events(prediction.plan.events()));
    }
    if arguments.coverage {
        page.push('\n');
        page.push_str(&coverage(&prediction.coverage));
    }
    page.push_str("\nregisters (tdx, SHA-384)\n");
    page.push_str(&registers(prediction));
    page
}

fn is_boot_known(arguments: &TdxArguments) -> bool {
    let files = [
        &arguments.td_hob,
        &arguments.acpi_tables,
        &arguments.kernel,
        &arguments.uki,
    ];
    arguments.memory.is_some()
        || arguments.td_hob_digest.is_some()
        || !arguments.event.is_empty()
        || files.iter().any(|file| file.is_some())
}

fn components(prediction: &TdxPrediction) -> String {
    let header = ["COMPONENT", "ADDRESS", "PAGES", "IN MRTD", "SHA-384"].map(str::to_owned);
    let rows = prediction.components.iter().map(|component| {
        [
            component.name.clone(),
            format!("{:#x}", component.gpa),
            component.pages.to_string(),
            measure_name(component.measure).to_owned(),
            component
                .sha384
                .map_or("zeros".to_owned(), |digest| short(&digest)),
        ]
    });
    let rows: Vec<_> = [header].into_iter().chain(rows).collect();
    table(&[Left, Right, Right, Left, Left], &rows)
}

fn events(events: &[PlannedEvent]) -> String {
    let header = ["REGISTER", "EVENT", "FROM", "SHA-384"].map(str::to_owned);
    let rows = events.iter().map(|event| {
        [
            event.register.name().to_owned(),
            event.name.clone(),
            source_name(event).to_owned(),
            event.digest.map_or(String::new(), |digest| short(&digest)),
        ]
    });
    let rows: Vec<_> = [header].into_iter().chain(rows).collect();
    table(&[Left; 4], &rows)
}

/// Known ones in full, of others what they lack.
fn registers(prediction: &TdxPrediction) -> String {
    let launch = ["mrtd".to_owned(), prediction.mrtd.to_string()];
    let mut rows = vec![launch];
    for register in Register::ALL {
        let name = register.name().to_owned();
        match prediction.plan.value(register) {
            Ok(value) => rows.push([name, hex::encode(value)]),
            Err(missing) => {
                rows.push([name, "unknown without".to_owned()]);
                let lacking = |missing| [String::new(), format!("  {}", wanted(missing))];
                rows.extend(missing.iter().map(lacking));
            }
        }
    }
    table(&[Left; 2], &rows)
}

fn short(digest: &[u8; 48]) -> String {
    format!("{}…", hex::encode(&digest[..12]))
}
