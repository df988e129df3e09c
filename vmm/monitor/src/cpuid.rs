//! Which CPUID the guest gets.

use anyhow::ensure;
use measured_boot_plan::{CpuidEntry, LaunchPlan};
use measured_boot_snp_abi::CPUID_PAGE_CAPACITY;
use serde::Serialize;
use vmm_kvm::{CpuidError, Host};

const REMEDY: &str = "the guest cannot have the CPUID that is planned: run it on another host, or let it have \
    what this host's KVM answers by --adopt-cpuid; this host then chooses the guest's CPUID, and no launch \
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
/// CPUID is no part of the launch digest, so what is adopted changes nothing that was predicted; the TEE
/// still compares the CPUID page with what KVM answers.
///
/// # Errors
/// The planned processor cannot be had, or KVM answers more than a CPUID page holds.
pub fn settle(host: &Host, plan: &mut LaunchPlan, adopt: bool) -> anyhow::Result<Vec<AdoptedLeaf>> {
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

/// Adds to an error about CPUID what to do about it.
pub fn advise(error: anyhow::Error, adopt: bool) -> anyhow::Error {
    match error.chain().any(<dyn std::error::Error>::is::<CpuidError>) {
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
    let mut text =
        "the guest gets another CPUID than planned, as this host's KVM answers it".to_owned();
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
