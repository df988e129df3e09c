//! vCPU threads and the VM that runs on them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use rustix::event::{EventfdFlags, eventfd};
use thiserror::Error;
use vmm_kvm::{Bus, RunError, Vcpu, Vm};

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

type Job = Box<dyn FnOnce() + Send>;

/// Confined threads that wait for their vCPU. They are made before the main thread confines itself,
/// since a confined thread makes no others.
pub struct Threads {
    jobs: Vec<SyncSender<Job>>,
}

/// Why a vCPU ended, and with it the VM.
pub type Ended<S> = Result<S, RunError>;

/// A guest that runs. Its threads end with the process, and only with it: a vCPU that failed the guest
/// leaves nobody running behind.
pub struct RunningVm<S, T> {
    ended: Receiver<Ended<S>>,
    event: Arc<OwnedFd>,
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
        let jobs = (0..count)
            .map(|vcpu| make_thread(vcpu, confine.clone()))
            .collect::<Result<_, _>>()?;
        Ok(Self { jobs })
    }
}

fn make_thread<E>(
    vcpu: usize,
    confine: impl Fn() -> Result<(), E> + Send + 'static,
) -> Result<SyncSender<Job>, ThreadsError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let (give, take) = sync_channel::<Job>(1);
    let (tell, told) = sync_channel(1);
    thread::Builder::new()
        .name(format!("vcpu{vcpu}"))
        .spawn(move || {
            let confined = confine();
            let may_work = confined.is_ok();
            // Whoever made this thread waits for exactly this.
            let _ = tell.send(confined);
            if may_work && let Ok(job) = take.recv() {
                job();
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
        for (vcpu, thread) in vcpus.into_iter().zip(&threads.jobs) {
            let job = job(vcpu, Arc::clone(bus), tell.clone(), Arc::clone(&event));
            thread.send(job).map_err(|_| ThreadsError::TooFew {
                threads: 0,
                vcpus: 1,
            })?;
        }
        Ok(RunningVm {
            ended,
            event,
            _vm: vm,
            _tee: tee,
        })
    }
}

fn job<B>(mut vcpu: Vcpu, bus: Arc<B>, tell: Sender<Ended<B::Stop>>, event: Arc<OwnedFd>) -> Job
where
    B: Bus + Send + Sync + 'static,
    B::Stop: Send + 'static,
{
    Box::new(move || {
        let ended = vcpu.run(&*bus);
        // The first to end stops the VM; nobody waits for the others.
        if tell.send(ended).is_ok() {
            let _ = rustix::io::write(&*event, &1u64.to_ne_bytes());
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
        let job: Job = Box::new(move || tell.send("runs").unwrap());
        threads.jobs[0].send(job).unwrap();
        assert_eq!([told.recv(), told.recv()], [Ok("confined"), Ok("runs")]);
    }
}
