//! The secure processor of an SNP host, as one guest meets it (AMD 56860 rev 1.58, chapter 8).

mod cpuid;
mod id_block;
mod measurement;
mod policy;
mod vmsa;

use std::collections::BTreeSet;

use vmm_kernel_abi::sev::{FirmwareStatus, VMSA_GPA, page_type};

pub use cpuid::Accepted;
pub use id_block::Identity;
pub use measurement::Measurement;
pub use policy::Platform;
pub use vmsa::{Segment, VcpuRegisters};

/// A page.
pub type Page = [u8; 4096];

/// Where a guest is in its life ("Guest State Machine").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No launch has begun.
    Init,
    /// It takes pages.
    Launch,
    /// It may run, and takes nothing more.
    Running,
}

/// What LAUNCH_FINISH hands over.
#[derive(Clone, Debug, Default)]
pub struct Finish {
    /// The ID block and what authenticates it.
    pub identity: Option<Identity>,
    /// VCEK_DIS: reports are to be signed by a VLEK.
    pub vcek_disabled: bool,
    /// HOST_DATA.
    pub host_data: [u8; 32],
}

/// A guest.
#[derive(Clone, Debug)]
pub struct Guest {
    platform: Platform,
    state: State,
    policy: u64,
    measurement: Measurement,
    loaded: BTreeSet<u64>,
    vmsas: usize,
    host_data: [u8; 32],
    has_identity: bool,
}

impl Guest {
    /// A guest of which the secure processor knows nothing yet.
    pub fn new(platform: Platform) -> Self {
        Self {
            platform,
            state: State::Init,
            policy: 0,
            measurement: Measurement::default(),
            loaded: BTreeSet::new(),
            vmsas: 0,
            host_data: [0; 32],
            has_identity: false,
        }
    }

    /// SNP_LAUNCH_START.
    ///
    /// # Errors
    /// Out of order, or the platform does not give what the policy asks.
    pub fn start(&mut self, policy: u64) -> Result<(), FirmwareStatus> {
        self.in_state(State::Init)?;
        self.platform.check(policy)?;
        self.policy = policy;
        self.state = State::Launch;
        Ok(())
    }

    /// SNP_LAUNCH_UPDATE of one page, which the guest then finds as it is left here.
    ///
    /// # Errors
    /// Out of order, loaded before, or a CPUID page that the processor does not take: `contents` is then
    /// as it would take it.
    pub fn update(
        &mut self,
        page_type: u8,
        gpa: u64,
        contents: &mut Page,
    ) -> Result<(), FirmwareStatus> {
        self.in_state(State::Launch)?;
        if self.loaded.contains(&gpa) {
            return Err(FirmwareStatus::InvalidPageState);
        }
        match page_type {
            page_type::NORMAL => self.measurement.extend_contents(page_type, gpa, contents),
            page_type::ZERO => *contents = [0; 4096],
            page_type::UNMEASURED => {}
            page_type::SECRETS => *contents = secrets(),
            page_type::CPUID => self.platform.cpuid.check(contents)?,
            _ => return Err(FirmwareStatus::InvalidParameter),
        }
        if page_type != page_type::NORMAL {
            self.measurement.extend_address(page_type, gpa);
        }
        self.loaded.insert(gpa);
        Ok(())
    }

    /// SNP_LAUNCH_UPDATE of a vCPU's state, which the kernel asks for at the end.
    ///
    /// # Errors
    /// Out of order.
    pub fn update_vmsa(&mut self, vmsa: &Page) -> Result<(), FirmwareStatus> {
        const VMSA: u8 = 2;
        self.in_state(State::Launch)?;
        self.measurement.extend_contents(VMSA, VMSA_GPA, vmsa);
        self.vmsas += 1;
        Ok(())
    }

    /// SNP_LAUNCH_FINISH.
    ///
    /// # Errors
    /// Out of order, or the identity is not this guest's.
    pub fn finish(&mut self, finish: &Finish) -> Result<(), FirmwareStatus> {
        self.in_state(State::Launch)?;
        if let Some(identity) = &finish.identity {
            identity.check(&self.measurement.digest(), self.policy)?;
        }
        if finish.vcek_disabled && !self.platform.has_vlek {
            return Err(FirmwareStatus::InvalidKey);
        }
        self.has_identity = finish.identity.is_some();
        self.host_data = finish.host_data;
        self.state = State::Running;
        Ok(())
    }

    /// Where it is.
    pub fn state(&self) -> State {
        self.state
    }

    /// Its launch digest, as far as it is launched.
    pub fn digest(&self) -> [u8; 48] {
        self.measurement.digest()
    }

    /// Its policy.
    pub fn policy(&self) -> u64 {
        self.policy
    }

    /// Its HOST_DATA.
    pub fn host_data(&self) -> [u8; 32] {
        self.host_data
    }

    /// How many vCPUs were measured.
    pub fn vmsas(&self) -> usize {
        self.vmsas
    }

    /// Whether an ID block was checked.
    pub fn has_identity(&self) -> bool {
        self.has_identity
    }

    fn in_state(&self, state: State) -> Result<(), FirmwareStatus> {
        match self.state == state {
            true => Ok(()),
            false => Err(FirmwareStatus::InvalidGuestState),
        }
    }
}

/// A secrets page (56860 rev 1.58, "Secrets Page"): version 3, and keys that anybody sees are made up.
fn secrets() -> Page {
    let mut page = [0; 4096];
    page[0] = 3;
    page[0x20..0xa0].fill(0xa5);
    page
}

#[cfg(test)]
#[path = "snp/tests.rs"]
mod tests;

#[cfg(test)]
mod published;
