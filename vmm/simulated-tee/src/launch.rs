//! A launch as the firmware sees it: begin, pages, vCPUs, finish (AMD 56860, chapter 8).

use std::collections::BTreeSet;
use std::io;

use measured_boot_snp_abi::{GuestPolicy, PageInfo, PageType, VMSA_GPA};
use sha2::{Digest as _, Sha384};
use thiserror::Error;
use vmm_wire::{CpuidEntry, IdFields, Pages, Registers};
use zerocopy::IntoBytes as _;
use zerocopy::little_endian::{U16, U64};

use crate::cpuid::{self, CpuidMismatch};
use crate::memory::{GuestMemory, MemoryFault, PAGE};
use crate::vmsa::{unmeasured_change, vmsa};

/// What a launch is asked to be.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// The guest policy.
    pub policy: GuestPolicy,
    /// HOST_DATA.
    pub host_data: [u8; 32],
    /// The ID block's fields.
    pub id: IdFields,
}

/// A launch that is not measured, so that no report exists for it.
#[derive(Debug, Error)]
pub enum Refusal {
    /// The policy breaks the ABI.
    #[error("guest policy {0} has reserved bits wrong (56860, guest policy structure)")]
    Policy(GuestPolicy),
    /// The memory file is not the guest's memory.
    #[error(transparent)]
    MemoryFile(#[from] MemoryFault),
    /// A page that cannot be added.
    #[error("page {gpa:#x} cannot be added: {problem}")]
    Page {
        /// Guest-physical address.
        gpa: u64,
        /// Why.
        problem: &'static str,
    },
    /// Something is in memory that was never handed over.
    #[error("page {gpa:#x} is not zero, though nobody handed it over to be measured")]
    Stray {
        /// Guest-physical address.
        gpa: u64,
    },
    /// vCPUs or their CPUID tables are missing or out of order.
    #[error("{0}")]
    Order(&'static str),
    /// The CPUID page does not say what KVM answers.
    #[error(transparent)]
    Cpuid(#[from] CpuidMismatch),
    /// A register that no digest covers is not as a reset leaves it.
    #[error("vCPU {vcpu} has another {register} than after a reset, and no digest would show it")]
    Unmeasured {
        /// Which vCPU.
        vcpu: u32,
        /// Which register.
        register: &'static str,
    },
    /// Memory cannot be read.
    #[error("guest memory cannot be read: {0}")]
    Memory(#[from] io::Error),
}

/// A launch under way.
#[derive(Debug)]
pub struct Launch {
    memory: GuestMemory,
    parameters: Parameters,
    digest: [u8; 48],
    added: BTreeSet<u64>,
    cpuid_page: Option<u64>,
    has_secrets_page: bool,
    cpuid: Vec<Vec<CpuidEntry>>,
    vcpus: Vec<Registers>,
}

/// A launch that was measured.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// What it was asked to be.
    pub parameters: Parameters,
    /// The launch digest.
    pub launch_digest: [u8; 48],
}

impl Launch {
    /// Begins.
    ///
    /// # Errors
    /// The policy is not acceptable.
    pub fn begin(memory: GuestMemory, parameters: Parameters) -> Result<Self, Refusal> {
        if !parameters.policy.reserved_bits_valid() {
            return Err(Refusal::Policy(parameters.policy));
        }
        Ok(Self {
            memory,
            parameters,
            digest: [0; 48],
            added: BTreeSet::new(),
            cpuid_page: None,
            has_secrets_page: false,
            cpuid: Vec::new(),
            vcpus: Vec::new(),
        })
    }

    /// Measures a run of pages, from memory as it is now.
    ///
    /// # Errors
    /// A page cannot be added.
    pub fn add_pages(&mut self, pages: &Pages) -> Result<(), Refusal> {
        let refuse = |problem| Refusal::Page {
            gpa: pages.gpa,
            problem,
        };
        let page_type =
            PageType::from_number(pages.page_type).ok_or(refuse("its type does not exist"))?;
        if !pages.gpa.is_multiple_of(PAGE) {
            return Err(refuse("its address is not a multiple of 4096"));
        }
        if !self.memory.holds(pages.gpa, pages.count) {
            return Err(refuse("it is outside the guest's memory"));
        }
        (0..pages.count).try_for_each(|index| self.add_page(pages.gpa + index * PAGE, page_type))
    }

    /// Takes what KVM answers to CPUID on the next vCPU.
    ///
    /// # Errors
    /// It is not the next one.
    pub fn add_cpuid(&mut self, vcpu: u32, entries: Vec<CpuidEntry>) -> Result<(), Refusal> {
        if !is_next(vcpu, self.cpuid.len()) {
            return Err(Refusal::Order(
                "CPUID tables must come one for each vCPU, in order",
            ));
        }
        self.cpuid.push(entries);
        Ok(())
    }

    /// Takes the state of the next vCPU; it is measured at the end, as KVM does it.
    ///
    /// # Errors
    /// It is not the next one, or not as after a reset where no digest would show it.
    pub fn add_vcpu(&mut self, index: u32, registers: Registers) -> Result<(), Refusal> {
        if !is_next(index, self.vcpus.len()) {
            return Err(Refusal::Order("vCPUs must come once each, in order"));
        }
        if let Some(register) = unmeasured_change(index, &registers) {
            return Err(Refusal::Unmeasured {
                vcpu: index,
                register,
            });
        }
        self.vcpus.push(registers);
        Ok(())
    }

    /// Checks what no digest covers, measures the vCPUs and ends the launch.
    ///
    /// # Errors
    /// Memory holds something that was not handed over, or CPUID is not as announced.
    pub fn finish(mut self) -> Result<Measurement, Refusal> {
        self.check_cpuid()?;
        if let Some(gpa) = self.memory.stray_page(|gpa| self.added.contains(&gpa))? {
            return Err(Refusal::Stray { gpa });
        }
        for registers in std::mem::take(&mut self.vcpus) {
            let contents = sha384(vmsa(&registers).as_bytes());
            self.extend(VMSA_GPA, PageType::Vmsa, contents);
        }
        Ok(Measurement {
            parameters: self.parameters,
            launch_digest: self.digest,
        })
    }

    fn add_page(&mut self, gpa: u64, page_type: PageType) -> Result<(), Refusal> {
        let refuse = |problem| Err(Refusal::Page { gpa, problem });
        if !self.added.insert(gpa) {
            return refuse("it was added before");
        }
        let page = self.memory.page(gpa)?;
        let contents = match page_type {
            PageType::Normal => sha384(&page),
            // Firmware zeroes the one and fills the other; here what is in memory is what will run.
            PageType::Zero | PageType::Secrets if page != [0; 4096] => {
                return refuse("it should read zero");
            }
            PageType::Secrets if self.has_secrets_page => {
                return refuse("there is a secrets page already");
            }
            PageType::Secrets => {
                self.has_secrets_page = true;
                [0; 48]
            }
            PageType::Zero | PageType::Unmeasured => [0; 48],
            PageType::Cpuid if self.cpuid_page.is_some() => {
                return refuse("there is a CPUID page already");
            }
            PageType::Cpuid => {
                self.cpuid_page = Some(gpa);
                [0; 48]
            }
            PageType::Vmsa => return refuse("vCPUs are measured at the end, from their registers"),
        };
        self.extend(gpa, page_type, contents);
        Ok(())
    }

    fn check_cpuid(&self) -> Result<(), Refusal> {
        let gpa = self
            .cpuid_page
            .ok_or(Refusal::Order("there is no CPUID page"))?;
        if self.cpuid.is_empty() || self.cpuid.len() != self.vcpus.len() {
            return Err(Refusal::Order(
                "every vCPU needs its state and its CPUID table",
            ));
        }
        let page = self.memory.page(gpa)?;
        for (vcpu, entries) in (0..).zip(&self.cpuid) {
            cpuid::check(&page, vcpu, entries)?;
        }
        Ok(())
    }

    /// The launch digest after one more page (56860, SNP_LAUNCH_UPDATE, PAGE_INFO structure).
    fn extend(&mut self, gpa: u64, page_type: PageType, contents: [u8; 48]) {
        let info = PageInfo {
            digest_current: self.digest,
            contents,
            length: U16::new(0x70),
            page_type: page_type.number(),
            imi_page: 0,
            vmpl3_permissions: 0,
            vmpl2_permissions: 0,
            vmpl1_permissions: 0,
            reserved: 0,
            gpa: U64::new(gpa),
        };
        self.digest = sha384(info.as_bytes());
    }
}

fn is_next(index: u32, count: usize) -> bool {
    usize::try_from(index) == Ok(count)
}

fn sha384(bytes: &[u8]) -> [u8; 48] {
    Sha384::digest(bytes).into()
}

#[cfg(test)]
#[path = "launch_tests.rs"]
mod tests;
