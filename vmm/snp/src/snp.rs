//! The back end.

use std::fs::File;
use std::os::fd::AsFd as _;

use measured_boot_digest::LaunchDigest;
use measured_boot_plan::{LaunchPlan, SignedIdBlock};
use measured_boot_snp_abi::EcdsaPublicKey;
use vmm_kvm::{Host, SnpFinish, Vm, VmKind};
use vmm_launch::{EvidencePath, Guest, PageRun, Parameters, Tee, TeeError, Told};
use zerocopy::FromZeros as _;

use crate::calls::OnKvm;
use crate::host::open_device;
use crate::launch::{Beginning, begin, finish, load};
use crate::{Lack, Offer, SnpError};

const NAME: &str = "snp";

/// AMD SEV-SNP, by the kernel's own interface.
#[derive(Debug)]
pub struct Snp {
    /// The kernel remembers this descriptor's number, and looks it up at every request of the guest: it
    /// stays open, under the same number, as long as the VM lives.
    sev: File,
    offer: Offer,
    wants_certificates: bool,
    /// Of [`Tee::create`], for [`Tee::finish`].
    host_data: [u8; 32],
    id_block: Option<SignedIdBlock>,
}

impl Snp {
    /// Looks at what this host offers and opens `/dev/sev`: before anything is started, and before this
    /// process is confined.
    ///
    /// # Errors
    /// What this host lacks, and what to do.
    pub fn open(host: &Host, plan: &LaunchPlan, wants_certificates: bool) -> Result<Self, Lack> {
        let offer = Offer::of(host)?;
        offer.check_policy(plan.policy.0.bits())?;
        offer.check_features(plan.sev_features.0)?;
        Ok(Self {
            sev: open_device()?,
            offer,
            wants_certificates,
            host_data: [0; 32],
            id_block: None,
        })
    }

    /// Whether the guest's requests for certificates come to this process. Where they do not, the kernel
    /// answers them with none, and a verifier fetches the certificates.
    #[must_use]
    pub fn hands_certificates(&self) -> bool {
        self.wants_certificates && self.offer.certificates
    }

    fn calls<'a>(&'a self, vm: &'a Vm) -> OnKvm<'a> {
        let sev = self.sev.as_fd();
        OnKvm { vm, sev }
    }
}

impl Tee for Snp {
    fn name(&self) -> &'static str {
        NAME
    }

    fn default_vm_kind(&self) -> VmKind {
        VmKind::Snp
    }

    fn create(&mut self, vm: &Vm, parameters: &Parameters) -> Result<(), TeeError> {
        self.host_data = parameters.host_data;
        self.id_block.clone_from(&parameters.id_block);
        let beginning = Beginning {
            sev_features: parameters.sev_features,
            policy: parameters.policy.bits(),
            ram: parameters.ram,
            wants_certificates: self.wants_certificates,
        };
        begin(&mut self.calls(vm), &self.offer, &beginning)
            .map_err(|error| failed("its beginning".to_owned(), error))
    }

    fn add_pages(&mut self, guest: Guest<'_>, pages: &[PageRun<'_>]) -> Result<(), TeeError> {
        let mut calls = self.calls(guest.vm);
        pages.iter().try_for_each(|run| {
            load(&mut calls, run)
                .map_err(|error| failed(format!("{} at {:#x}", run.component, run.gpa), error))
        })
    }

    /// KVM measures the vCPUs as they are now. It tells no digest: with an ID block the firmware has
    /// compared it.
    fn finish(
        &mut self,
        guest: Guest<'_>,
        _manifest: &dyn Fn() -> Vec<u8>,
    ) -> Result<Told, TeeError> {
        let id = self.id_block.as_ref();
        let ending = SnpFinish {
            host_data: self.host_data,
            id: id.map(|signed| (&signed.block, &*signed.auth)),
            has_author: id.is_some_and(has_author),
        };
        finish(&mut self.calls(guest.vm), &ending)
            .map_err(|error| failed("its end".to_owned(), error))?;
        Ok(id.map_or(Told::Nothing, |signed| {
            Told::HeldByIdBlock(LaunchDigest(signed.block.launch_digest))
        }))
    }

    fn evidence_path(&self) -> EvidencePath {
        EvidencePath::Processor
    }
}

fn has_author(signed: &SignedIdBlock) -> bool {
    signed.auth.author_key != EcdsaPublicKey::new_zeroed()
}

fn failed(step: String, error: SnpError) -> TeeError {
    TeeError::Step {
        tee: NAME,
        step,
        source: Box::new(error),
    }
}
