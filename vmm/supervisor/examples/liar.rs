//! A device that says it is confined and is not. For the test that nobody believes it.

use vmm_channel::Channel;
use vmm_wire::{BlkRequest, Confinement, DeviceReply, Landlock};

fn main() {
    let control = policies_jail::inherited_control().expect("started as a device");
    let control: Channel<DeviceReply, BlkRequest> = Channel::from_socket(control);
    let landlock = Landlock::Enforced;
    control
        .send(&DeviceReply::Confined(Confinement { landlock }), &[])
        .expect("somebody listens");
    // Until it is ended.
    let _ = control.receive();
}
