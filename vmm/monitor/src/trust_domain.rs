//! What only a TD asks: quotes, and the interrupt by which it hears of them.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use measured_boot_plan::{LaunchPlan, QuoteService, TeeKind};
use rustix::event::PollFlags;
use vmm_channel::{Supervisor, SupervisorError};
use vmm_kvm::{GuestRam, Message, Vm};
use vmm_tdx::{CallInfo, Courier, CourierError, Delivered, Desk, QUOTE_PORT, VmCallInfo};
use vmm_wire::Target;

use crate::events::{Event, Teller};

/// A guest may have as many quotes fail as it likes; people are told this often.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Answers a TD's vCPUs. Every number that it is asked with is hostile.
pub struct TrustDomain {
    desk: Arc<Desk>,
    ram: Arc<GuestRam>,
    calls: CallInfo,
}

/// Has the quotes made, on the main thread.
pub struct Quoting {
    courier: Courier,
    vm: Vm,
    teller: Teller,
    told: Option<Instant>,
}

/// The socket over which connections to the quote generation service are asked for, where the plan has one.
/// Its path is relative to `folder`.
///
/// # Errors
/// The supervisor does not answer.
pub fn quote_connections(
    supervisor: &mut Supervisor,
    plan: &LaunchPlan,
    folder: &Path,
) -> Result<Option<OwnedFd>, SupervisorError> {
    let service = plan.quote_service.0.as_ref();
    let Some(service) = service.filter(|_| plan.tee.0 == TeeKind::Tdx) else {
        return Ok(None);
    };
    let target = match service {
        QuoteService::Unix(path) => Target::Unix(folder.join(path)),
        QuoteService::Vsock { cid, port } => Target::Vsock {
            cid: *cid,
            port: *port,
        },
    };
    let ports = BTreeMap::from([(QUOTE_PORT, target)]);
    supervisor.broker(ports).map(Some)
}

/// Both sides, for the TD of `vm` that KVM answers `calls` for. Without `connections` there are no quotes, and
/// the guest is told so.
///
/// # Errors
/// The kernel makes no event.
pub fn make(
    vm: &Vm,
    calls: CallInfo,
    connections: Option<OwnedFd>,
    teller: Teller,
) -> io::Result<(TrustDomain, Quoting)> {
    let desk = Arc::new(Desk::new(connections.is_some())?);
    let quoting = Quoting {
        courier: Courier::new(Arc::clone(&desk), connections),
        vm: vm.clone(),
        teller,
        told: None,
    };
    let ram = Arc::clone(vm.ram());
    Ok((TrustDomain { desk, ram, calls }, quoting))
}

impl TrustDomain {
    /// GetQuote: R10.
    pub fn quote(&self, start: u64, bytes: u64) -> u64 {
        let status = self.desk.quote(Instant::now(), start, bytes, &*self.ram);
        status.number()
    }

    /// GetTdVmCallInfo: R10, and R11 to R14.
    pub fn call_info(&self, leaf: u64) -> (u64, [u64; 4]) {
        let info = VmCallInfo::of_leaf(leaf, self.calls.kernel, self.calls.user);
        (info.status.number(), info.registers)
    }

    /// SetupEventNotifyInterrupt: R10. APIC ids are vCPU numbers.
    pub fn event_notify(&self, vcpu: u32, vector: u64) -> u64 {
        self.desk.set_up_notify(vector, vcpu).number()
    }
}

impl Quoting {
    /// What to wait for.
    pub fn watched(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        self.courier.watched()
    }

    /// How long to wait for it.
    pub fn patience(&self) -> Option<Duration> {
        let deadline = self.courier.deadline()?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// Does what can be done without waiting.
    pub fn turn(&mut self) {
        let now = Instant::now();
        for delivered in self.courier.turn(now, &**self.vm.ram()) {
            self.notify(&delivered);
            self.tell(now, delivered);
        }
    }

    fn notify(&self, delivered: &Delivered) {
        if let Some((address, data)) = delivered.interrupt {
            // A guest that is not interrupted still finds its buffer filled.
            let _ = self.vm.interrupt(Message { address, data });
        }
    }

    fn tell(&mut self, now: Instant, delivered: Delivered) {
        let Some(error) = delivered.error else {
            return;
        };
        let is_news = self
            .told
            .is_none_or(|told| now.duration_since(told) >= TELL_EVERY);
        if is_news {
            self.told = Some(now);
            let error = in_full(error);
            // Whoever does not listen any more does not miss it.
            let _ = self.teller.tell(&Event::NoQuote { error });
        }
    }
}

/// An error of the connection says nothing without its causes.
fn in_full(error: CourierError) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn quote_that_fails_is_told_with_its_causes() {
        let told = in_full(CourierError::Connection(Errno::CONNRESET));
        assert!(told.contains(&Errno::CONNRESET.to_string()), "{told}");
    }
}
