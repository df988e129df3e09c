//! An event log as a JSON document.

use measured_boot_event_log::{
    Algorithm, Capped, CcKind, CcelTable, Coverage, Event, Finding, Format, Log, Note, Padding,
    Register, Registers, Replay, SpecId, UNCOVERED,
};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What is printed of a log.
#[derive(Serialize)]
pub struct LogDocument<'a> {
    format: &'static str,
    registers: &'static str,
    spec_id: Option<Value>,
    startup_locality: Option<u8>,
    padding: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ccel_table: Option<Value>,
    #[serde(flatten)]
    values: Values,
    events: Events<'a>,
    uncovered: [&'static str; UNCOVERED.len()],
    findings: Vec<Value>,
    #[serde(skip_serializing_if = "is_none")]
    findings_not_shown: usize,
    notes: Vec<Value>,
    #[serde(skip_serializing_if = "is_none")]
    notes_not_shown: usize,
    #[serde(skip)]
    pub coverage: &'a [Coverage],
    #[serde(skip)]
    judgement: Capped<Finding>,
    #[serde(skip)]
    pub remarks: Capped<Note>,
    #[serde(skip)]
    pub replay: Replay,
}

/// The registers by their numbers.
type Numbered = BTreeMap<u8, String>;

/// A TPM has every bank; a TD has the one of its quotes, and others are told apart from it.
#[derive(Serialize)]
#[serde(untagged)]
enum Values {
    Pcrs {
        pcrs: BTreeMap<String, Numbered>,
    },
    Rtmrs {
        rtmr_bank: Option<String>,
        rtmrs: Numbered,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        other_banks: BTreeMap<String, Numbered>,
    },
}

impl<'a> LogDocument<'a> {
    /// Of a log, its coverage and the table that was given with it.
    pub fn of(log: &'a Log<'a>, coverage: &'a [Coverage], table: Option<CcelTable>) -> Self {
        let (replay, judgement) = (log.replay(), log.findings());
        let remarks = log.notes_beside(coverage);
        Self {
            format: format_name(log.format),
            registers: registers_name(log.registers),
            spec_id: log.spec_id.as_ref().map(spec_id),
            startup_locality: replay.startup_locality,
            padding: log.padding.map(padding),
            ccel_table: table.as_ref().map(table_value),
            values: values(&replay, log.registers),
            events: Events(&log.events, coverage),
            uncovered: UNCOVERED.map(|uncovered| uncovered.name),
            findings: judgement.list().iter().map(finding).collect(),
            findings_not_shown: judgement.more(),
            notes: remarks.list().iter().map(note).collect(),
            notes_not_shown: remarks.more(),
            coverage,
            judgement,
            remarks,
            replay,
        }
    }

    /// The reasons to refuse the log.
    pub fn judgement(&self) -> &Capped<Finding> {
        &self.judgement
    }
}

fn is_none(number: &usize) -> bool {
    *number == 0
}

fn format_name(format: Format) -> &'static str {
    match format {
        Format::Legacy => "legacy",
        Format::Agile => "crypto-agile",
    }
}

fn registers_name(registers: Registers) -> &'static str {
    match registers {
        Registers::Pcr => "pcr",
        Registers::Rtmr => "rtmr",
    }
}

fn spec_id(spec_id: &SpecId<'_>) -> Value {
    let algorithms: Vec<Value> = spec_id
        .algorithms()
        .map(|(algorithm, bytes)| {
            json!({"id": algorithm.0, "name": algorithm.to_string(), "digest_bytes": bytes})
        })
        .collect();
    json!({
        "version": "2.0",
        "errata": spec_id.errata,
        "platform_class": spec_id.platform_class,
        "uintn_size": spec_id.uintn_size,
        "algorithms": algorithms,
        "vendor_info": hex::encode(spec_id.vendor_info),
        "vendor_info_outside": spec_id.vendor_info_outside,
    })
}

fn padding(padding: Padding) -> Value {
    json!({
        "offset": padding.offset,
        "bytes": padding.length,
        "value": format!("{:02x}", padding.byte),
    })
}

fn values(replay: &Replay, registers: Registers) -> Values {
    // A bank that no event has a digest of says nothing; the notes tell of it.
    let mut banks: BTreeMap<String, Numbered> = replay
        .banks
        .iter()
        .filter(|bank| !bank.registers.is_empty())
        .map(|bank| (bank.algorithm.to_string(), numbered(&bank.registers)))
        .collect();
    if registers == Registers::Pcr {
        return Values::Pcrs { pcrs: banks };
    }
    let quoted = replay
        .bank(Algorithm::SHA384)
        .or_else(|| replay.banks.first())
        .map(|bank| bank.algorithm.to_string());
    let rtmrs = quoted.as_ref().and_then(|quoted| banks.remove(quoted));
    Values::Rtmrs {
        rtmr_bank: quoted,
        rtmrs: rtmrs.unwrap_or_default(),
        other_banks: banks,
    }
}

fn numbered(registers: &BTreeMap<Register, measured_boot_event_log::Digest>) -> Numbered {
    registers
        .iter()
        .filter_map(|(register, value)| Some((register.number()?, value.to_string())))
        .collect()
}

fn finding(finding: &Finding) -> Value {
    json!({
        "rule": finding.rule.name(),
        "offset": finding.offset,
        "event": finding.event,
        "register": finding.register.name(),
        "says": finding.rule.to_string(),
    })
}

fn note(note: &Note) -> Value {
    match note.event {
        Some((event, offset)) => {
            json!({"event": event, "offset": offset, "says": note.kind.to_string()})
        }
        None => json!({"says": note.kind.to_string()}),
    }
}

/// Made one by one while they are printed.
struct Events<'a>(&'a [Event<'a>], &'a [Coverage]);

impl Serialize for Events<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let events = self.0.iter().zip(self.1);
        serializer.collect_seq(events.map(|(event, coverage)| document(event, coverage)))
    }
}

#[derive(Serialize)]
struct EventDocument {
    number: u32,
    offset: usize,
    index: u32,
    register: String,
    r#type: u32,
    type_name: String,
    digests: Map<String, Value>,
    data_bytes: usize,
    covered: &'static str,
    not_covered: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    covered_otherwise_in: Vec<String>,
    says: String,
}

fn document(event: &Event<'_>, coverage: &Coverage) -> EventDocument {
    let differs = coverage.differs_in.iter();
    EventDocument {
        number: event.number,
        offset: event.offset,
        index: event.index,
        register: event.register.name(),
        r#type: event.kind.0,
        type_name: event.kind.to_string(),
        digests: digests(event),
        data_bytes: event.data.len(),
        covered: coverage.covered.name(),
        not_covered: coverage.covered.leaves_out(event.kind),
        covered_otherwise_in: differs.map(ToString::to_string).collect(),
        says: event.description(),
    }
}

fn digests(event: &Event<'_>) -> Map<String, Value> {
    let digests = event.digests.iter();
    digests
        .map(|(algorithm, digest)| (algorithm.to_string(), hex::encode(digest).into()))
        .collect()
}

/// What is printed of a CCEL table that stands where a log should.
#[derive(Serialize)]
pub struct TableDocument {
    format: &'static str,
    ccel_table: Value,
    events: [Value; 0],
    notes: [Value; 1],
    #[serde(skip)]
    pub table: CcelTable,
}

impl TableDocument {
    /// What people are told of it.
    pub const ADVICE: &str = "this is the ACPI table that says where the log is; the log is another file \
        (/sys/firmware/acpi/tables/data/CCEL)";

    pub fn alone(table: &CcelTable) -> Self {
        Self {
            format: "ccel-table",
            ccel_table: table_value(table),
            events: [],
            notes: [json!({"says": Self::ADVICE})],
            table: *table,
        }
    }
}

/// The name of a kind of confidential guest.
pub fn kind_name(kind: CcKind) -> &'static str {
    match kind {
        CcKind::Sev => "sev",
        CcKind::Tdx => "tdx",
    }
}

fn table_value(table: &CcelTable) -> Value {
    json!({
        "kind": kind_name(table.kind),
        "subtype": table.subtype,
        "area_bytes": table.area_bytes,
        "area_address": table.area_address,
    })
}
