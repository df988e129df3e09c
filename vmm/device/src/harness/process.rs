//! A device process, from birth to configuration.

use std::os::fd::BorrowedFd;
use std::path::Path;

use policies_jail::observe::{Observed, Observer};
use policies_jail::{inspect, spawn_confined};
use policies_profiles::Program;
use vmm_channel::Channel;
use vmm_wire::{DeviceReply, Message};

/// A confined device under observation.
pub struct Process<Request> {
    control: Channel<Request, DeviceReply>,
    observer: Observer,
}

impl<Request: Message> Process<Request> {
    /// Starts a program, hears that it is confined, checks that, and observes it from there.
    ///
    /// # Panics
    /// If any of this fails: this is a test.
    #[must_use]
    pub fn start(path: &Path, program: Program) -> Self {
        let profile = program.profile();
        let (control, theirs) = Channel::<Request, DeviceReply>::pair().expect("a socket pair");
        let child = spawn_confined(path, &profile, theirs.into_socket()).expect("it starts");
        let first = control.receive().expect("its first word").message;
        assert!(matches!(first, DeviceReply::Confined(_)), "{first:?}");
        inspect(&child, &profile).expect("it is confined");
        let observer = Observer::attach(child).expect("it can be traced");
        Process { control, observer }
    }

    /// Configures it and returns its answer.
    ///
    /// # Panics
    /// If it does not answer.
    pub fn configure(&self, request: &Request, descriptors: &[BorrowedFd<'_>]) -> DeviceReply {
        self.control
            .send(request, descriptors)
            .expect("it is listening");
        self.control.receive().expect("it answers").message
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it could not be observed.
    #[must_use]
    pub fn finish(self) -> Observed {
        drop(self.control);
        self.observer.finish().expect("it was observed")
    }
}
