//! What a guest with private memory asks of this process while it runs.

use std::ops::ControlFlow;

use anyhow::Error;
use vmm_kvm::{
    CertificatesAnswer, Confidential, Converted, Hypercall, HypercallAnswer, KvmError, MemoryFault,
    Rejection, ReqCerts, SystemEvent, Vm,
};
use vmm_snp::{CertificateFile, Termination};
use vmm_tdx::{FatalError, VmCallStatus};

use crate::bus::Stop;
use crate::trust_domain::TrustDomain;

/// What a guest that is no TD would be answered, did KVM ask.
const UNSUPPORTED: u64 = VmCallStatus::SubFunctionUnsupported.number();

/// Answers such a guest. Every number that it is asked with is hostile.
pub struct PrivateGuest {
    vm: Vm,
    certificates: Option<CertificateFile>,
    td: Option<TrustDomain>,
}

impl PrivateGuest {
    /// For the guest of `vm`, which gets these certificates, or is a TD.
    pub fn new(vm: Vm, certificates: Option<CertificateFile>, td: Option<TrustDomain>) -> Self {
        Self {
            vm,
            certificates,
            td,
        }
    }
}

impl Confidential for PrivateGuest {
    type Stop = Stop;

    /// A request that is refused changes nothing, and is the guest's to deal with.
    fn convert(&self, _vcpu: u32, call: &Hypercall) -> ControlFlow<Stop, HypercallAnswer> {
        match self.vm.convert(call) {
            Ok(Converted::Done { .. }) => ControlFlow::Continue(HypercallAnswer::Done),
            Ok(Converted::Refused(_)) => ControlFlow::Continue(HypercallAnswer::Invalid),
            Err(error) => ControlFlow::Break(not_converted(error)),
        }
    }

    /// An access that is refused would happen again for ever: nobody but the guest can do something else.
    fn memory_fault(&self, vcpu: u32, fault: &MemoryFault) -> ControlFlow<Stop> {
        match self.vm.convert_at_fault(fault) {
            Ok(Converted::Done { .. }) => ControlFlow::Continue(()),
            Ok(Converted::Refused(rejection)) => {
                ControlFlow::Break(refused_fault(vcpu, fault, rejection))
            }
            Err(error) => ControlFlow::Break(not_converted(error)),
        }
    }

    fn ended(&self, vcpu: u32, event: &SystemEvent) -> Stop {
        let termination = Termination::of(event).map(|one| one.to_string());
        let fatal = || FatalError::of(event).map(|one| one.to_string());
        Stop::Guest(
            termination.or_else(fatal).unwrap_or_else(|| {
                format!("vCPU {vcpu} ended with KVM's system event {}", event.kind)
            }),
        )
    }

    fn tdx_quote(&self, _vcpu: u32, gpa: u64, size: u64) -> u64 {
        let quote = |td: &TrustDomain| td.quote(gpa, size);
        self.td.as_ref().map_or(UNSUPPORTED, quote)
    }

    fn tdx_call_info(&self, leaf: u64) -> (u64, [u64; 4]) {
        let info = |td: &TrustDomain| td.call_info(leaf);
        self.td.as_ref().map_or((UNSUPPORTED, [0; 4]), info)
    }

    fn tdx_event_notify(&self, vcpu: u32, vector: u64) -> u64 {
        let notify = |td: &TrustDomain| td.event_notify(vcpu, vector);
        self.td.as_ref().map_or(UNSUPPORTED, notify)
    }

    fn certificates(&self, _vcpu: u32, request: &ReqCerts) -> CertificatesAnswer {
        match &self.certificates {
            Some(certificates) => certificates.hand(request, self.vm.ram()),
            None => CertificatesAnswer::Failed,
        }
    }

    fn certificates_fetched(&self, _vcpu: u32) {
        if let Some(certificates) = &self.certificates {
            certificates.fetched();
        }
    }
}

fn refused_fault(vcpu: u32, fault: &MemoryFault, rejection: Rejection) -> Stop {
    Stop::Memory(format!(
        "vCPU {vcpu} reached for {} bytes at {:#x} in a way that nothing there is meant for: {rejection}",
        fault.size, fault.gpa
    ))
}

fn not_converted(error: KvmError) -> Stop {
    Stop::Memory(format!("{:#}", Error::from(error)))
}
