//! Reads a log record by record.

use crate::event::declared_size;
use crate::payload::Variable;
use crate::spec_id::SIGNATURE;
use crate::{
    Algorithm, Digests, Event, EventType, Format, Log, LogError, LogRule, Padding, ReadOptions,
    Register, Registers, SpecId,
};
use measured_boot_reader::Reader;

/// Fewer bytes of fill could be the beginning of a record that is cut off: one for PCR 0 begins with zeros.
const LEAST_PADDING: usize = 8;

/// Reads a file's records in order.
pub(crate) struct Records<'a> {
    rest: Reader<'a>,
    /// Where the run of equal bytes begins that ends the file, if these are fill.
    fill: Option<Padding>,
    first: Event<'a>,
    spec_id: Option<SpecId<'a>>,
    registers: Registers,
}

impl<'a> Records<'a> {
    /// Reads the first record, which says how the others are to be read.
    pub fn new(file: &'a [u8], options: &ReadOptions) -> Result<Self, LogError> {
        let mut rest = Reader::new(file);
        let fill = fill_at_the_end(file);
        if let Some(Padding {
            offset: 0,
            length,
            byte,
        }) = fill
        {
            return Err(LogRule::OnlyPadding { byte, length }.at(0));
        }
        let mut first = record(&mut rest, Registers::Pcr, 0, None)?;
        let spec_id = if is_spec_id(&first) {
            Some(read_spec_id(&first, &mut rest)?)
        } else {
            None
        };
        let registers = registers(options, &first, spec_id.as_ref());
        first.register = register(registers, &first)?;
        Ok(Self {
            rest,
            fill,
            first,
            spec_id,
            registers,
        })
    }

    /// Reads the others to the file's end.
    pub fn read(mut self) -> Result<Log<'a>, LogError> {
        check(&self.first)?;
        let mut events = vec![self.first];
        let mut padding = None;
        while self.rest.left() > 0 {
            padding = self.fill_from(self.rest.offset());
            if padding.is_some() {
                break;
            }
            events.push(self.next(events.len())?);
        }
        Ok(Log {
            format: self.spec_id.map_or(Format::Legacy, |_| Format::Agile),
            registers: self.registers,
            spec_id: self.spec_id,
            events,
            padding,
        })
    }

    fn next(&mut self, number: usize) -> Result<Event<'a>, LogError> {
        refuse_fill_in_between(self.rest, self.spec_id.is_some())?;
        let number = u32::try_from(number).expect("a file of 16 MiB has fewer events");
        let event = record(
            &mut self.rest,
            self.registers,
            number,
            self.spec_id.as_ref(),
        )?;
        if is_spec_id(&event) {
            return Err(LogRule::SpecIdAgain.at(event.offset));
        }
        check(&event)?;
        Ok(event)
    }

    /// What is left of the file, if it is fill.
    fn fill_from(&self, offset: usize) -> Option<Padding> {
        let fill = self.fill?;
        let length = (fill.offset + fill.length) - offset;
        (offset >= fill.offset && length >= LEAST_PADDING).then_some(Padding {
            offset,
            length,
            byte: fill.byte,
        })
    }
}

/// The run of equal bytes that ends a file, found once: looking anew at each record would take a hostile
/// file's length squared.
fn fill_at_the_end(file: &[u8]) -> Option<Padding> {
    let byte = *file.last().filter(|byte| matches!(byte, 0x00 | 0xFF))?;
    let length = file
        .iter()
        .rev()
        .take_while(|other| **other == byte)
        .count();
    Some(Padding {
        offset: file.len() - length,
        length,
        byte,
    })
}

/// A record of zeros alone, or one that begins as fill of 0xFF does, is what other readers stop at.
fn refuse_fill_in_between(rest: Reader<'_>, agile: bool) -> Result<(), LogError> {
    let offset = rest.offset();
    let bytes = { rest }.rest();
    // An empty record of a legacy log is 32 bytes; that of an agile one names no digest.
    let zeros = if agile { 12 } else { 32 };
    for (byte, least) in [(0x00, zeros), (0xFF, LEAST_PADDING)] {
        let length = bytes.iter().take_while(|other| **other == byte).count();
        if length >= least && length < bytes.len() {
            return Err(LogRule::PaddingThenData { byte, length }.at(offset));
        }
    }
    Ok(())
}

fn is_spec_id(event: &Event<'_>) -> bool {
    event.kind == EventType::NO_ACTION && event.data.starts_with(&SIGNATURE)
}

fn read_spec_id<'a>(event: &Event<'a>, after: &mut Reader<'a>) -> Result<SpecId<'a>, LogError> {
    if event.index > 1 {
        return Err(LogRule::SpecIdIndex(event.index).at(event.offset));
    }
    if event.digests.bytes.iter().any(|byte| *byte != 0) {
        return Err(LogRule::SpecIdDigest.at(event.offset + 8));
    }
    SpecId::read(Reader::part(event.data, event.data_offset), after)
}

/// EDK II's CC logs begin with index 1, which no TPM's does; td-shim's with its name.
fn registers(options: &ReadOptions, first: &Event<'_>, spec_id: Option<&SpecId<'_>>) -> Registers {
    let cc = spec_id.is_some_and(|id| first.index == 1 || id.vendor_info == b"td-shim");
    match options.registers {
        Some(registers) => registers,
        None if cc || options.table.is_some() => Registers::Rtmr,
        None => Registers::Pcr,
    }
}

/// One record; without a spec ID in the older form, as the first always is.
fn record<'a>(
    rest: &mut Reader<'a>,
    registers: Registers,
    number: u32,
    spec_id: Option<&SpecId<'a>>,
) -> Result<Event<'a>, LogError> {
    let offset = rest.offset();
    let cut = LogRule::truncated("an event's register and type");
    let index = rest.u32().map_err(&cut)?;
    let kind = EventType(rest.u32().map_err(&cut)?);
    let digests = match spec_id {
        Some(spec_id) => agile_digests(rest, spec_id)?,
        None => legacy_digest(rest)?,
    };
    let (data_offset, data) = data(rest)?;
    let mut event = Event {
        number,
        offset,
        data_offset,
        index,
        register: Register::None,
        kind,
        digests,
        data,
    };
    event.register = register(registers, &event)?;
    Ok(event)
}

fn register(registers: Registers, event: &Event<'_>) -> Result<Register, LogError> {
    let Event { index, kind, .. } = *event;
    Register::of(registers, index)
        .filter(|register| *register != Register::None || !event.is_measured())
        .ok_or(LogRule::Index { index, kind }.at(event.offset))
}

fn legacy_digest<'a>(rest: &mut Reader<'a>) -> Result<Digests<'a>, LogError> {
    let cut = LogRule::truncated("an event's SHA-1 digest");
    Ok(Digests {
        bytes: rest.take(20).map_err(cut)?,
        declared: &[],
    })
}

fn agile_digests<'a>(rest: &mut Reader<'a>, spec_id: &SpecId<'a>) -> Result<Digests<'a>, LogError> {
    let count_at = rest.offset();
    let found = rest
        .u32()
        .map_err(LogRule::truncated("an event's number of digests"))?;
    let declared = spec_id.algorithms().count();
    let Some(count) = usize::try_from(found)
        .ok()
        .filter(|count| (1..=declared).contains(count))
    else {
        return Err(LogRule::DigestCount { found, declared }.at(count_at));
    };
    let whole = *rest;
    let mut digests = Digests {
        bytes: &[],
        declared: spec_id.declared,
    };
    for _ in 0..count {
        let offset = rest.offset();
        let algorithm = one_digest(rest, spec_id)?;
        if digests.iter().any(|(other, _)| other == algorithm) {
            return Err(LogRule::AlgorithmTwice(algorithm).at(offset));
        }
        let length = rest.offset() - whole.offset();
        digests.bytes = { whole }.take(length).expect("it was just read");
    }
    Ok(digests)
}

fn one_digest(rest: &mut Reader<'_>, spec_id: &SpecId<'_>) -> Result<Algorithm, LogError> {
    let cut = LogRule::truncated("a digest");
    let offset = rest.offset();
    let algorithm = Algorithm(rest.u16().map_err(&cut)?);
    let size = declared_size(spec_id.declared, algorithm)
        .ok_or(LogRule::UndeclaredAlgorithm(algorithm).at(offset))?;
    rest.take(size).map_err(&cut)?;
    Ok(algorithm)
}

fn data<'a>(rest: &mut Reader<'a>) -> Result<(usize, &'a [u8]), LogError> {
    let size_at = rest.offset();
    let size = rest.u32().map_err(LogRule::truncated("an event's size"))?;
    let (offset, left) = (rest.offset(), rest.left());
    let too_long = LogRule::EventSize { size, left }.at(size_at);
    let length = usize::try_from(size).map_err(|_| too_long)?;
    let data = rest.take(length).map_err(|_| too_long)?;
    Ok((offset, data))
}

/// Payloads are free in form, but a variable is read by all readers, and by its own lengths.
fn check(event: &Event<'_>) -> Result<(), LogError> {
    if event.kind.holds_variable() {
        Variable::read_at(event.data, event.data_offset)?;
    }
    Ok(())
}
