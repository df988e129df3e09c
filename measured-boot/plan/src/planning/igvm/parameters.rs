//! What a host writes into an IGVM file's parameter areas. None of it is measured.

use super::{malformed_area, refuse};
use crate::PlanError;
use crate::acpi::{self, Processors};
use crate::planning::Wanted;
use measured_boot_igvm::{Parameter, ParameterInsert, ParameterKind};
use measured_boot_shim_abi::MemoryMap;
use std::collections::BTreeMap;
use zerocopy::IntoBytes;

/// What is to be written, by area, until the area is inserted.
pub(super) struct Parameters<'w> {
    wanted: &'w Wanted,
    written: BTreeMap<u32, Vec<(u32, Vec<u8>)>>,
    /// Bytes that areas may still have: a file claims them for nothing.
    room: usize,
}

impl<'w> Parameters<'w> {
    pub(super) fn new(wanted: &'w Wanted) -> Self {
        Self {
            wanted,
            written: BTreeMap::new(),
            room: super::MOST_PARAMETERS,
        }
    }

    /// Notes a parameter.
    pub(super) fn write(
        &mut self,
        area: u32,
        parameter: Option<Parameter>,
    ) -> Result<(), PlanError> {
        let Some(Parameter { kind, at }) = parameter else {
            return refuse("asks for a parameter that is not known");
        };
        let bytes = match kind {
            ParameterKind::VpCount => self.wanted.vcpus.to_le_bytes().to_vec(),
            ParameterKind::MemoryMap => self.memory_map(),
            ParameterKind::Madt => acpi::madt_bytes(Processors::Enabled(self.wanted.vcpus)),
            // No bit is set: memory is private at first.
            ParameterKind::EnvironmentInfo => vec![0; 4],
            other => return refuse(format!("asks the host for {}", other.name())),
        };
        self.written.entry(area).or_default().push((at, bytes));
        Ok(())
    }

    /// Its entries, and that of zero pages that ends it.
    fn memory_map(&self) -> Vec<u8> {
        let map = MemoryMap::of_ram(self.wanted.memory_bytes);
        let used = map.entries.iter().take_while(|entry| entry.pages.get() > 0);
        let told = used.count() + 1;
        map.entries[..told].as_bytes().to_vec()
    }

    /// The area's bytes as it is inserted.
    pub(super) fn take(&mut self, insert: &ParameterInsert<'_>) -> Result<Vec<u8>, PlanError> {
        let length = usize::try_from(insert.bytes).map_err(|_| malformed_area())?;
        let Some(room) = self.room.checked_sub(length) else {
            let most = super::MOST_PARAMETERS;
            return refuse(format!("has more than {most} bytes of parameter areas"));
        };
        self.room = room;
        let mut bytes = insert
            .data
            .map_or_else(|| vec![0; length], |data| data.bytes.to_vec());
        for (at, written) in self.written.remove(&insert.area).unwrap_or_default() {
            let start = usize::try_from(at).map_err(|_| malformed_area())?;
            let place = bytes
                .get_mut(start..)
                .and_then(|rest| rest.get_mut(..written.len()));
            match place {
                Some(place) => place.copy_from_slice(&written),
                None => return Err(malformed_area()),
            }
        }
        Ok(bytes)
    }
}
