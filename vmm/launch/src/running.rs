//! vCPU threads and the VM that runs on them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use rustix::event::{EventfdFlags, eventfd};
use thiserror::Error;
use vmm_kvm::{Bus, RunError, Seat, Stopper, Stuck, Vcpu, Vm};

use crate::MeasuredLaunch;

/// Threads for vCPUs that cannot be had.
#[derive(Debug, Error)]
pub enum ThreadsError {
    /// The kernel makes no thread or event.
    #[error("no thread for vCPU {vcpu} can be made")]
    Make {
        /// Which vCPU.
        vcpu: usize,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A thread did not get ready.
    #[error("the thread of vCPU {vcpu} cannot be confined")]
    Confine {
        /// Which vCPU.
        vcpu: usize,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There are fewer threads than vCPUs.
    #[error("there are {threads} threads for {vcpus} vCPUs")]
    TooFew {
        /// Threads made.
        threads: usize,
        /// vCPUs to run.
        vcpus: usize,
    },
}

/// What a thread does, sitting where it can be brought out of its guest.
type Job = Box<dyn FnOnce(Seat) + Send>;

/// Confined threads that wait for their vCPU. They are made before the main thread confines itself,
/// since a confined thread makes no others.
pub struct Threads {
    jobs: Vec<SyncSender<Job>>,
    stopper: Stopper,
}

/// Why a vCPU ended, and with it the VM.
pub type Ended<S> = Result<S, RunError>;

/// A guest that runs, until this value goes at the latest. Its threads end with the process, and only with
/// it, but none is in the guest any more.
pub struct RunningVm<S, T> {
    ended: Receiver<Ended<S>>,
    event: Arc<OwnedFd>,
    stopper: Stopper,
    _vm: Vm,
    _tee: T,
}

impl Threads {
    /// Makes `count` threads, each of which runs `confine` before anything else.
    ///
    /// # Errors
    /// A thread cannot be made, or `confine` fails in it.
    pub fn make<E>(
        count: usize,
        confine: impl Fn() -> Result<(), E> + Clone + Send + 'static,
    ) -> Result<Self, ThreadsError>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let stopper =
            Stopper::new(count).map_err(|source| ThreadsError::Make { vcpu: 0, source })?;
        let jobs = (0..count)
            .map(|vcpu| make_thread(vcpu, &stopper, confine.clone()))
            .collect::<Result<_, _>>()?;
        Ok(Self { jobs, stopper })
    }
}

fn make_thread<E>(
    vcpu: usize,
    stopper: &Stopper,
    confine: impl Fn() -> Result<(), E> + Send + 'static,
) -> Result<SyncSender<Job>, ThreadsError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let (give, take) = sync_channel::<Job>(1);
    let (tell, told) = sync_channel(1);
    let stopper = stopper.clone();
    thread::Builder::new()
        .name(format!("vcpu{vcpu}"))
        .spawn(move || {
            // Before it is confined: it may not ask for its own number afterwards.
            let seat = stopper.seat(vcpu);
            let confined = confine();
            let may_work = confined.is_ok();
            // Whoever made this thread waits for exactly this.
            let _ = tell.send(confined);
            if may_work
                && let Ok(job) = take.recv()
                && let Some(seat) = seat
            {
                job(seat);
            }
            wait_for_ever();
        })
        .map_err(|source| ThreadsError::Make { vcpu, source })?;
    match told.recv() {
        Ok(Ok(())) => Ok(give),
        Ok(Err(error)) => Err(ThreadsError::Confine {
            vcpu,
            source: Box::new(error),
        }),
        Err(error) => Err(ThreadsError::Confine {
            vcpu,
            source: Box::new(error),
        }),
    }
}

/// A thread's end takes system calls that a vCPU needs for nothing else. The process's end needs none
/// of this thread.
fn wait_for_ever() -> ! {
    loop {
        thread::park();
    }
}

impl<T> MeasuredLaunch<T> {
    /// Runs the guest on `threads`, with `bus` as everything that is not memory.
    ///
    /// # Errors
    /// There are too few threads, or no event can be made.
    pub fn run<B>(
        self,
        threads: Threads,
        bus: &Arc<B>,
    ) -> Result<RunningVm<B::Stop, T>, ThreadsError>
    where
        B: Bus + Send + Sync + 'static,
        B::Stop: Send + 'static,
    {
        let Self { vm, vcpus, tee, .. } = self;
        let too_few = ThreadsError::TooFew {
            threads: threads.jobs.len(),
            vcpus: vcpus.len(),
        };
        if threads.jobs.len() < vcpus.len() {
            return Err(too_few);
        }
        let event =
            eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(|errno| {
                ThreadsError::Make {
                    vcpu: 0,
                    source: errno.into(),
                }
            })?;
        let event = Arc::new(event);
        let (tell, ended) = channel();
        let Threads { jobs, stopper } = threads;
        for (vcpu, thread) in vcpus.into_iter().zip(&jobs) {
            let end = VcpuEnd {
                tell: tell.clone(),
                event: Arc::clone(&event),
                stopper: stopper.clone(),
            };
            let job = job(vcpu, Arc::clone(bus), end);
            thread.send(job).map_err(|_| ThreadsError::TooFew {
                threads: 0,
                vcpus: 1,
            })?;
        }
        Ok(RunningVm {
            ended,
            event,
            stopper,
            _vm: vm,
            _tee: tee,
        })
    }
}

/// How a vCPU that ends ends the VM.
struct VcpuEnd<S> {
    tell: Sender<Ended<S>>,
    event: Arc<OwnedFd>,
    stopper: Stopper,
}

impl<S> VcpuEnd<S> {
    /// The guest may not go on, on any vCPU: pages may be stale on one side, or its processor has given it
    /// up. So it is stopped here and now, however long the main thread takes to hear of it. By reference: whoever
    /// lets go of the event last closes it, and a vCPU thread may not.
    fn tell(&self, ended: Ended<S>) {
        // The main thread does it again, and tells those that are stuck.
        let _ = self.stopper.stop();
        if self.tell.send(ended).is_ok() {
            let _ = rustix::io::write(&*self.event, &1u64.to_ne_bytes());
        }
    }
}

fn job<B>(mut vcpu: Vcpu, bus: Arc<B>, end: VcpuEnd<B::Stop>) -> Job
where
    B: Bus + Send + Sync + 'static,
    B::Stop: Send + 'static,
{
    Box::new(move |seat| {
        // None: another vCPU, or the main thread, has stopped it.
        if let Some(ended) = vcpu.run_until_stopped(&*bus, &seat).transpose() {
            end.tell(ended);
        }
        // Keeps the vCPU as it is until the process ends.
        wait_for_ever();
    })
}

impl<S, T> RunningVm<S, T> {
    /// Why the VM stopped, if it did: call it when the descriptor ([`AsFd`]) is readable.
    #[must_use]
    pub fn ended(&self) -> Option<Ended<S>> {
        self.ended.try_recv().ok()
    }

    /// Stops the guest on every vCPU: it runs no instruction afterwards.
    ///
    /// # Errors
    /// The kernel does not bring a vCPU out.
    pub fn stop(&self) -> Result<(), Stuck> {
        self.stopper.stop()
    }
}

impl<S, T> Drop for RunningVm<S, T> {
    fn drop(&mut self) {
        // Whoever has to know asks by `stop`.
        let _ = self.stopper.stop();
    }
}

impl<S, T> AsFd for RunningVm<S, T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thread_that_cannot_be_confined_is_an_error_and_takes_no_vcpu() {
        let refused = || Err(io::Error::from(io::ErrorKind::PermissionDenied));
        let made = Threads::make(2, refused);
        assert!(matches!(
            made.err(),
            Some(ThreadsError::Confine { vcpu: 0, .. })
        ));
    }

    #[test]
    fn thread_is_confined_before_it_takes_a_vcpu() {
        let (tell, told) = channel();
        let confine = {
            let tell = tell.clone();
            move || tell.send("confined")
        };
        let threads = Threads::make(1, confine).unwrap();
        let job: Job = Box::new(move |_| tell.send("runs").unwrap());
        threads.jobs[0].send(job).unwrap();
        assert_eq!(told.recv(), Ok("confined"));
        assert_eq!(told.recv(), Ok("runs"));
    }
}
