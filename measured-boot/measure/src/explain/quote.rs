//! A TDX quote against the image that was to be launched.

use anyhow::{Context, Result, anyhow, bail};
use measured_boot_difference::{
    QuoteFields, RegisterFinding, explain_mrtd, explain_rtmr0, quote_and_log,
};
use measured_boot_event_log::{Log, ReadOptions};
use measured_boot_firmware::Tdvf;
use measured_boot_tdx_launch::{PageOrder, TdxLaunch};
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;

use super::snp_report::NOT_AS_PLANNED;
use super::{ExplainArguments, Subject, predicted_quote};
use crate::diff::{Kind, UNSIGNED, ended_early, shown};
use crate::files::read;
use crate::text::{Side, table};
use crate::{Output, print, print_json};

/// What `--output json` prints.
#[derive(Serialize)]
struct Document {
    report: String,
    plan: String,
    /// Whether MRTD, and what could be told of RTMR0, is as planned.
    matches: bool,
    mrtd: Pair,
    rtmrs: Vec<String>,
    findings: Vec<RegisterFinding>,
    reported: Vec<Field>,
    signature_checked: bool,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Pair {
    reported: String,
    planned: String,
}

#[derive(Serialize)]
struct Field {
    field: &'static str,
    value: String,
}

/// Says what MRTD was made of, and with a log what of RTMR0 can be told.
pub fn explain(arguments: &ExplainArguments, report: &Subject, plan: &Subject) -> Result<ExitCode> {
    let Subject::Bytes(_, _, bytes) = report else {
        return unlike(plan);
    };
    let quote = QuoteFields::read(bytes)
        .with_context(|| format!("{}: no whole quote", report.path().display()))?;
    let mut notes = vec![UNSIGNED.to_owned()];
    let (planned, findings) = match plan {
        Subject::Prediction(_, predicted) => (
            predicted.launch_digest.map(|digest| digest.to_string()),
            predicted_quote::findings(arguments, &quote, predicted, &mut notes)?,
        ),
        Subject::Bytes(path, kind, image) if matches!(kind, Kind::Firmware | Kind::Igvm) => {
            of_image(arguments, &quote, (path, *kind, image), &mut notes)?
        }
        _ => return unlike(plan),
    };
    if quote.debug_allowed() {
        notes.push(
            "TDATTRIBUTES allow DEBUG: the host reads this guest's memory, whatever its registers"
                .to_owned(),
        );
    }
    let document = Document {
        report: shown(report.path()),
        plan: shown(plan.path()),
        matches: findings.iter().all(|finding| finding.as_planned),
        mrtd: Pair {
            reported: hex::encode(quote.mrtd()),
            planned: planned.unwrap_or_default(),
        },
        rtmrs: (0..4)
            .map(|number| hex::encode(quote.rtmr(number)))
            .collect(),
        findings,
        reported: quote
            .fields()
            .map(|(field, value)| Field { field, value })
            .collect(),
        signature_checked: false,
        notes,
    };
    match arguments.output {
        Output::Text => print(&document.page())?,
        Output::Json => print_json(&document)?,
    }
    Ok(match document.matches {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NOT_AS_PLANNED),
    })
}

/// MRTD of an image as it is planned, and what is found of the quote by it.
fn of_image(
    arguments: &ExplainArguments,
    quote: &QuoteFields<'_>,
    (path, kind, image): (&Path, Kind, &[u8]),
    notes: &mut Vec<String>,
) -> Result<(Option<String>, Vec<RegisterFinding>)> {
    let place = || format!("--against {}", path.display());
    let (launch, tdvf) = match kind {
        Kind::Firmware => {
            let tdvf = Tdvf::read(image).with_context(|| {
                format!(
                    "{}: the image cannot be launched as a trust domain",
                    place()
                )
            })?;
            let launch = TdxLaunch::of_tdvf(&tdvf, None).with_context(place)?;
            (launch, Some(tdvf))
        }
        _ => (TdxLaunch::of_igvm(image).with_context(place)?, None),
    };
    let mut findings = vec![explain_mrtd(quote, &launch)];
    if let (Some(path), Some(tdvf)) = (&arguments.event_log, &tdvf) {
        let file = read("--event-log", path)?;
        let log = Log::read(&file, &ReadOptions::default())
            .map_err(|error| anyhow!("--event-log {}: {error}", path.display()))?;
        let unlike = quote_and_log(quote, &log);
        let unlike: Vec<_> = unlike.iter().map(ToString::to_string).collect();
        let early = (0..4).filter_map(|number| ended_early(quote, &log, number));
        let early: Vec<_> = early.collect();
        if unlike.len() == early.len() {
            let memory = arguments.memory.map(|mib| mib << 20);
            findings.extend(explain_rtmr0(&log, tdvf, memory));
        } else {
            notes.push(format!(
                "--event-log: its replay does not give the quote's registers, so it explains nothing: {}",
                unlike.join("; ")
            ));
        }
        notes.extend(early);
    } else {
        notes.push("RTMR0 to RTMR3 are what ran after the launch: give the --event-log, or predict them with `tdx`".to_owned());
    }
    let planned = launch.mrtd(PageOrder::SinglePass).to_string();
    Ok((Some(planned), findings))
}

fn unlike(plan: &Subject) -> Result<ExitCode> {
    bail!(
        "--against {}: taken for {}; a TDX quote is explained against firmware with TDX metadata, an IGVM file, or what `tdx` printed with `-o json`",
        plan.path().display(),
        plan.kind().one()
    )
}

impl Document {
    fn page(&self) -> String {
        let mut page = format!(
            "report  {}, TDX quote\nplan    {}\n\n",
            self.report, self.plan
        );
        page.push_str(&format!(
            "MRTD\nreported  {}\nplanned   {}\n\n",
            self.mrtd.reported, self.mrtd.planned
        ));
        page.push_str(match self.matches {
            true => "As planned.\n\n",
            false => "NOT as planned.\n\n",
        });
        for finding in &self.findings {
            let mark = if finding.as_planned {
                "as planned"
            } else {
                "differs"
            };
            page.push_str(&format!("{}, {mark}: {}\n", finding.register, finding.says));
        }
        page.push_str("\nwhat the quote shows beside\n");
        let registers = self.rtmrs.iter().enumerate();
        let registers = registers.map(|(number, value)| [format!("RTMR{number}"), value.clone()]);
        let fields = self.reported.iter();
        let fields = fields.map(|field| [field.field.to_owned(), field.value.clone()]);
        let cells: Vec<_> = registers.chain(fields).collect();
        page.push_str(&table(&[Side::Left, Side::Left], &cells));
        page.push('\n');
        for note in &self.notes {
            page.push_str(&format!("note: {note}\n"));
        }
        page
    }
}
