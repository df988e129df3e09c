//! Which CPUID the guest gets.

use std::ops::RangeInclusive;

use anyhow::ensure;
use measured_boot_plan::{CpuidEntry, LaunchPlan, TeeKind};
use measured_boot_snp_abi::CPUID_PAGE_CAPACITY;
use serde::Serialize;
use thiserror::Error;
use vmm_kvm::{CpuidError, Host};

const REMEDY: &str = "the guest cannot have the CPUID that is planned: run it on another host, or let it have \
    what this host answers by --adopt-cpuid; this host then chooses the guest's CPUID, and no launch \
    digest shows it";

/// A leaf that the guest gets otherwise than planned. Registers are EAX, EBX, ECX, EDX.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct AdoptedLeaf {
    /// EAX before CPUID.
    leaf: u32,
    /// ECX before CPUID, where the leaf has subleaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    subleaf: Option<u32>,
    /// `None`: the plan has no such leaf.
    planned: Option<[u32; 4]>,
    /// `None`: KVM does not answer it.
    adopted: Option<[u32; 4]>,
}

/// Refuses a plan that this host's KVM does not carry out exactly, or, with `adopt`, changes it to what
/// KVM answers and returns every difference.
///
/// A TD's module has the last word on its CPUID, and says it only once the TD has vCPUs: see [`settle_td`].
///
/// CPUID is no part of the launch digest, so what is adopted changes nothing that was predicted; the TEE
/// still compares the CPUID page with what KVM answers.
///
/// # Errors
/// The planned processor cannot be had, or KVM answers more than a CPUID page holds.
pub fn settle(host: &Host, plan: &mut LaunchPlan, adopt: bool) -> anyhow::Result<Vec<AdoptedLeaf>> {
    if plan.tee.0 == TeeKind::Tdx {
        return Ok(Vec::new());
    }
    if !adopt {
        host.check_cpuid(&plan.cpuid.0)?;
        return Ok(Vec::new());
    }
    let answered = host.answered_cpuid(&plan.cpuid.0)?;
    check_count(&answered)?;
    let leaves = differences(&plan.cpuid.0, &answered);
    plan.cpuid.0 = answered;
    Ok(leaves)
}

/// A TD that gets another CPUID than planned.
#[derive(Debug, Error)]
#[error("the TDX module gives the guest another CPUID than planned{}", lines(.0))]
struct TdCpuid(Vec<AdoptedLeaf>);

/// Refuses a TD to whose vCPUs the module answers otherwise than planned, or, with `adopt`, returns every
/// difference. The module gives some bits as the plan has them and others as it likes, whatever KVM was told;
/// the leaves of hypervisors it leaves to KVM, which answers as planned (348551, "CPUID Virtualization").
///
/// # Errors
/// It answers otherwise, and nobody wants to adopt that.
pub fn settle_td(
    planned: &[CpuidEntry],
    answered: &[CpuidEntry],
    adopt: bool,
) -> anyhow::Result<Vec<AdoptedLeaf>> {
    const HYPERVISORS: RangeInclusive<u32> = 0x4000_0000..=0x4fff_ffff;
    const NOTHING: Option<[u32; 4]> = Some([0; 4]);
    let mut leaves = differences(planned, answered);
    // A leaf that is not there reads zeros.
    leaves.retain(|leaf| {
        !HYPERVISORS.contains(&leaf.leaf) && leaf.planned.or(NOTHING) != leaf.adopted.or(NOTHING)
    });
    match leaves.is_empty() || adopt {
        true => Ok(leaves),
        false => Err(TdCpuid(leaves).into()),
    }
}

/// Adds to an error about CPUID what to do about it.
pub fn advise(error: anyhow::Error, adopt: bool) -> anyhow::Error {
    let is_cpuid = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<CpuidError>() || cause.is::<TdCpuid>()
    };
    match error.chain().any(is_cpuid) {
        true if !adopt => error.context(REMEDY),
        _ => error,
    }
}

fn check_count(answered: &[CpuidEntry]) -> anyhow::Result<()> {
    ensure!(
        answered.len() <= CPUID_PAGE_CAPACITY,
        "this host's KVM answers {} CPUID leaves, more than the {CPUID_PAGE_CAPACITY} of a CPUID page: \
         do without --adopt-cpuid",
        answered.len()
    );
    Ok(())
}

fn differences(planned: &[CpuidEntry], answered: &[CpuidEntry]) -> Vec<AdoptedLeaf> {
    let name = |entry: &CpuidEntry| (entry.function, entry.index);
    let find = |table: &[CpuidEntry], wanted: &CpuidEntry| {
        let found = table.iter().find(|entry| name(entry) == name(wanted));
        found.map(|entry| [entry.eax, entry.ebx, entry.ecx, entry.edx])
    };
    let added = answered
        .iter()
        .filter(|entry| find(planned, entry).is_none());
    planned
        .iter()
        .chain(added)
        .map(|entry| AdoptedLeaf {
            leaf: entry.function,
            subleaf: entry.index,
            planned: find(planned, entry),
            adopted: find(answered, entry),
        })
        .filter(|leaf| leaf.planned != leaf.adopted)
        .collect()
}

/// For people.
pub fn sentence(leaves: &[AdoptedLeaf]) -> String {
    let told = "the guest gets another CPUID than planned, as this host answers it";
    format!("{told}{}", lines(leaves))
}

fn lines(leaves: &[AdoptedLeaf]) -> String {
    let mut text = String::new();
    for leaf in leaves {
        let subleaf = leaf
            .subleaf
            .map_or(String::new(), |subleaf| format!(".{subleaf}"));
        text.push_str(&format!(
            "\n  leaf {:#x}{subleaf}: planned {}, adopted {}",
            leaf.leaf,
            registers(leaf.planned),
            registers(leaf.adopted)
        ));
    }
    text
}

fn registers(values: Option<[u32; 4]>) -> String {
    values.map_or("none".to_owned(), |values| format!("{values:08x?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(function: u32, index: Option<u32>, eax: u32) -> CpuidEntry {
        CpuidEntry {
            function,
            index,
            eax,
            ebx: 0,
            ecx: 0,
            edx: 0,
        }
    }

    #[test]
    fn leaves_that_differ_or_are_in_one_table_only_are_all_told() {
        let planned = [entry(0, None, 1), entry(1, None, 2), entry(7, Some(0), 3)];
        let answered = [entry(0, None, 1), entry(1, None, 9), entry(7, Some(1), 3)];
        let leaf = |leaf, subleaf, planned: Option<u32>, adopted: Option<u32>| AdoptedLeaf {
            leaf,
            subleaf,
            planned: planned.map(|eax| [eax, 0, 0, 0]),
            adopted: adopted.map(|eax| [eax, 0, 0, 0]),
        };
        let found = differences(&planned, &answered);
        let expected = [
            leaf(1, None, Some(2), Some(9)),
            leaf(7, Some(0), Some(3), None),
            leaf(7, Some(1), None, Some(3)),
        ];
        assert_eq!(found, expected);
        assert!(sentence(&found).contains("leaf 0x7.1: planned none, adopted [00000003,"));
    }

    #[test]
    fn td_whose_module_answers_otherwise_is_refused_or_told() {
        let planned = [
            entry(1, None, 2),
            entry(0xd, Some(1), 0),
            entry(0x4000_0001, None, 1),
        ];
        let settle = |answered: &[CpuidEntry], adopt| settle_td(&planned, answered, adopt);
        // Not there is as good as zeros, and hypervisors' leaves are KVM's.
        let same = [
            entry(1, None, 2),
            entry(7, Some(0), 0),
            entry(0x4000_0000, None, 9),
        ];
        assert_eq!(settle(&same, false).unwrap(), []);
        let other = [entry(1, None, 3), entry(7, Some(0), 5)];
        let told = settle(&other, true).unwrap();
        assert_eq!(
            told.iter().map(|leaf| leaf.leaf).collect::<Vec<_>>(),
            [1, 7]
        );
        let refused = advise(settle(&other, false).unwrap_err(), false);
        let said = format!("{refused:#}");
        for words in [
            "--adopt-cpuid",
            "TDX module",
            "leaf 0x7.0: planned none, adopted [00000005,",
        ] {
            assert!(said.contains(words), "{said}");
        }
    }

    #[test]
    fn table_that_no_cpuid_page_holds_is_refused() {
        let table = |count| {
            (0..count)
                .map(|leaf| entry(leaf, None, 0))
                .collect::<Vec<_>>()
        };
        assert!(check_count(&table(64)).is_ok());
        assert!(check_count(&table(65)).is_err());
    }
}
