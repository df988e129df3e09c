//! From the options to what the RTMRs are predicted of.

use anyhow::{Context, Result, bail};
use measured_boot_digest::sha384;
use measured_boot_firmware::{Tdvf, TdvfSectionKind};
use measured_boot_tdx_launch::{
    AcpiDigests, AcpiTables, BootInputs, BootVariables, Register, SecureBootVariables, TdHob,
};
use std::path::{Path, PathBuf};

use super::arguments::digest;
use super::{TdxArguments, started};
use crate::files::read;

/// Everything that the options give; what they do not is left open.
pub fn inputs(
    arguments: &TdxArguments,
    tdvf: Option<&Tdvf<'_>>,
    warnings: &mut Vec<String>,
) -> Result<BootInputs> {
    let variables = tdvf.and_then(|tdvf| {
        let section = tdvf.section(TdvfSectionKind::Cfv)?;
        Some(sha384(tdvf.contents(&section)))
    });
    Ok(BootInputs {
        profile: arguments.profile.of_boot(),
        td_hob: td_hob(arguments, tdvf)?,
        configuration_volume: variables,
        secure_boot: secure_boot(arguments)?,
        acpi: acpi(arguments, warnings)?,
        variables: boot_variables(arguments)?,
        boot: started::boot(arguments, warnings)?,
        further: further(arguments)?,
    })
}

fn td_hob(arguments: &TdxArguments, tdvf: Option<&Tdvf<'_>>) -> Result<Option<[u8; 48]>> {
    if let Some(digest) = arguments.td_hob_digest {
        return Ok(Some(digest));
    }
    if let Some(path) = &arguments.td_hob {
        let list = TdHob::from_list(&read("--td-hob", path)?);
        let list = list.with_context(|| format!("--td-hob {}", path.display()))?;
        return Ok(Some(list.digest()));
    }
    let (Some(memory), Some(tdvf)) = (arguments.memory, tdvf) else {
        return Ok(None);
    };
    let list = TdHob::qemu(memory, tdvf).context("--memory: there is no such TD HOB")?;
    Ok(Some(list.digest()))
}

fn secure_boot(arguments: &TdxArguments) -> Result<SecureBootVariables> {
    let mut variables = SecureBootVariables::default();
    for (name, path) in &arguments.efi_variable {
        variables.set(*name, read("--efi-variable", path)?.to_vec());
    }
    Ok(variables)
}

/// The files that are given, and what can be derived from the tables of those that are not.
fn acpi(arguments: &TdxArguments, warnings: &mut Vec<String>) -> Result<AcpiDigests> {
    let hashed = |option: &str, path: &Option<PathBuf>| -> Result<Option<[u8; 48]>> {
        let file = path.as_deref().map(|path| read(option, path)).transpose()?;
        Ok(file.map(|bytes| sha384(&bytes)))
    };
    let mut digests = AcpiDigests {
        loader: hashed("--table-loader", &arguments.table_loader)?,
        rsdp: hashed("--acpi-rsdp", &arguments.acpi_rsdp)?,
        tables: None,
    };
    let Some(path) = &arguments.acpi_tables else {
        return Ok(digests);
    };
    let file = read("--acpi-tables", path)?;
    digests.tables = Some(sha384(&file));
    if digests.loader.is_some() && digests.rsdp.is_some() {
        return Ok(digests);
    }
    let place = || format!("--acpi-tables {}", path.display());
    let tables = AcpiTables::read(&file).with_context(place)?;
    digests.rsdp = digests.rsdp.or(Some(sha384(&tables.rsdp())));
    if digests.loader.is_none() {
        match tables.loader() {
            Ok(loader) => digests.loader = Some(sha384(&loader)),
            Err(fault) => warnings.push(format!("{}: {fault}", place())),
        }
    }
    Ok(digests)
}

fn boot_variables(arguments: &TdxArguments) -> Result<Option<BootVariables>> {
    let Some(path) = &arguments.boot_order else {
        return Ok(None);
    };
    let order = read("--boot-order", path)?.to_vec();
    let entry = |(number, path): &(u16, PathBuf)| {
        let file = read("--boot-entry", path)?;
        Ok((*number, file.to_vec()))
    };
    let entries = arguments.boot_entry.iter().map(entry);
    let entries: Vec<(u16, Vec<u8>)> = entries.collect::<Result<_>>()?;
    let listed: Vec<u8> = entries
        .iter()
        .flat_map(|(number, _)| number.to_le_bytes())
        .collect();
    if listed != order {
        bail!(
            "--boot-order {}: it lists other entries than --boot-entry gives, or in another order",
            path.display()
        );
    }
    Ok(Some(BootVariables { order, entries }))
}

fn further(arguments: &TdxArguments) -> Result<Vec<(Register, String, [u8; 48])>> {
    let one = |(register, value): &(Register, String)| {
        let (name, digest) = match digest(value) {
            Ok(digest) => ("--event".to_owned(), digest),
            Err(_) => (value.clone(), sha384(&read("--event", Path::new(value))?)),
        };
        Ok((*register, name, digest))
    };
    arguments.event.iter().map(one).collect()
}
