//! The virtio-mmio register file, version 2 (virtio 1.2, section 4.2.2), without legacy.
//!
//! Everything written here comes from the guest and is hostile: a write that the specification does
//! not allow in the present state changes nothing.

mod queue;
pub mod register;
pub mod status;

pub use queue::QueueSettings;

use crate::DeviceKind;
use queue::MAX_QUEUE_SIZE;

/// VIRTIO_F_VERSION_1: this transport serves no other kind of driver.
pub(crate) const VERSION_1: u64 = 1 << 32;

/// VIRTIO_F_ACCESS_PLATFORM: the device does not reach all memory by the addresses that the driver knows
/// (section 6). This transport ends it: device processes map what is shared and know nothing else.
pub(crate) const ACCESS_PLATFORM: u64 = 1 << 33;

/// "virt", little-endian.
const MAGIC: u32 = 0x7472_6976;
/// "CLST": this VMM.
const VENDOR: u32 = 0x5453_4c43;
/// A queue has used buffers. Interrupts reach the guest by irqfd without passing here, so the bit
/// always reads set: a driver then looks at its queues, which is all that the bit can tell it.
const USED_BUFFER: u32 = 1;
/// The device needs a reset: set as long as it does (section 2.1.2).
const CONFIGURATION_CHANGE: u32 = 2;

/// What a register write asks of the device behind the transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing beyond the register.
    None,
    /// The driver is ready: start with these features and queues (`None`: not used).
    Activate {
        /// The features that driver and device agreed on.
        features: u64,
        /// One entry a queue.
        queues: Vec<Option<QueueSettings>>,
    },
    /// Stop and forget everything.
    Reset,
    /// Kick this queue (only seen where no ioeventfd caught the write).
    Notify(u16),
}

/// The registers of one virtio-mmio device.
#[derive(Debug)]
pub struct Transport {
    device_id: u32,
    offered: u64,
    /// What a driver must accept.
    required: u64,
    config: Vec<u8>,
    offered_select: u32,
    accepted: u64,
    accepted_select: u32,
    queue_select: u32,
    queues: Vec<QueueSettings>,
    status: u32,
}

impl Transport {
    /// The registers of a `kind` device that offers `features` and shows `config`.
    #[must_use]
    pub fn new(kind: DeviceKind, features: u64, config: Vec<u8>) -> Self {
        Self {
            device_id: kind.device_id(),
            offered: features | VERSION_1,
            required: VERSION_1,
            config,
            offered_select: 0,
            accepted: 0,
            accepted_select: 0,
            queue_select: 0,
            queues: vec![QueueSettings::fresh(); kind.queues()],
            status: 0,
        }
    }

    /// The same of a guest whose memory is private but for what it shares. A driver that does not know
    /// so would lay its queues and buffers where no device reaches them: it is refused.
    #[must_use]
    pub fn where_memory_is_private(mut self) -> Self {
        self.offered |= ACCESS_PLATFORM;
        self.required |= ACCESS_PLATFORM;
        self
    }

    /// A guest's write of `data` at `offset`. Control registers take aligned 32-bit accesses only
    /// (section 4.2.2.2); configuration fields are read-only here.
    #[must_use]
    pub fn write(&mut self, offset: u64, data: &[u8]) -> Effect {
        let Ok(bytes) = <[u8; 4]>::try_from(data) else {
            return Effect::None;
        };
        let value = u32::from_le_bytes(bytes);
        match offset {
            register::STATUS => return self.write_status(value),
            register::QUEUE_NOTIFY => return self.notify(value),
            register::DEVICE_FEATURES_SEL => self.offered_select = value,
            register::DRIVER_FEATURES_SEL => self.accepted_select = value,
            register::DRIVER_FEATURES => self.accept_features(value),
            register::QUEUE_SEL => self.queue_select = value,
            // The bit is always set: see USED_BUFFER.
            register::INTERRUPT_ACK => {}
            _ => self.write_queue(offset, value),
        }
        Effect::None
    }

    /// The device broke: the driver is told to reset it.
    pub fn mark_broken(&mut self) {
        self.status |= status::NEEDS_RESET;
    }

    /// A guest's read at `offset` into `data`. What is not a register reads zero.
    pub fn read(&self, offset: u64, data: &mut [u8]) {
        data.fill(0);
        if let Some(at) = offset.checked_sub(register::CONFIG) {
            return self.read_config(at, data);
        }
        if let Ok(out) = <&mut [u8; 4]>::try_from(data) {
            *out = self.read_register(offset).to_le_bytes();
        }
    }

    fn read_config(&self, at: u64, data: &mut [u8]) {
        let field = usize::try_from(at)
            .ok()
            .and_then(|start| Some(start..start.checked_add(data.len())?))
            .and_then(|range| self.config.get(range));
        if let Some(field) = field {
            data.copy_from_slice(field);
        }
    }

    fn read_register(&self, offset: u64) -> u32 {
        match offset {
            register::MAGIC_VALUE => MAGIC,
            register::VERSION => 2,
            register::DEVICE_ID => self.device_id,
            register::VENDOR_ID => VENDOR,
            register::DEVICE_FEATURES => half(self.offered, self.offered_select),
            register::QUEUE_SIZE_MAX if self.queue().is_some() => u32::from(MAX_QUEUE_SIZE),
            register::QUEUE_READY => self.queue().map_or(0, |queue| u32::from(queue.ready)),
            register::INTERRUPT_STATUS if self.status & status::NEEDS_RESET != 0 => {
                USED_BUFFER | CONFIGURATION_CHANGE
            }
            register::INTERRUPT_STATUS => USED_BUFFER,
            register::STATUS => self.status,
            // A device's configuration never changes while its VM runs.
            register::CONFIG_GENERATION => 0,
            // No shared memory regions: their length and base read as all ones (section 4.2.2).
            register::SHM_LEN_LOW..=register::SHM_BASE_HIGH => u32::MAX,
            _ => 0,
        }
    }

    fn write_status(&mut self, value: u32) -> Effect {
        if value == 0 {
            self.reset();
            return Effect::Reset;
        }
        // Bits are only ever added (section 2.1.1), and only by the driver's own steps.
        let added = value & !self.status;
        let known = status::ACKNOWLEDGE
            | status::DRIVER
            | status::DRIVER_OK
            | status::FEATURES_OK
            | status::FAILED;
        if self.status & !value & known != 0 || added & !known != 0 {
            return Effect::None;
        }
        if added & status::FEATURES_OK != 0 && !self.features_are_acceptable() {
            self.status |= added & !(status::FEATURES_OK | status::DRIVER_OK);
            return Effect::None;
        }
        self.status |= added;
        if added & status::DRIVER_OK == 0 {
            return Effect::None;
        }
        if self.status & status::FEATURES_OK == 0 {
            self.status &= !status::DRIVER_OK;
            return Effect::None;
        }
        self.activation()
    }

    fn reset(&mut self) {
        self.status = 0;
        self.accepted = 0;
        self.offered_select = 0;
        self.accepted_select = 0;
        self.queue_select = 0;
        self.queues.fill(QueueSettings::fresh());
    }

    /// A driver may take any part of what is offered, but must know the modern interface, and that its
    /// memory is private where it is (section 6.1: a device that offered VERSION_1 or ACCESS_PLATFORM
    /// may refuse a driver without it).
    fn features_are_acceptable(&self) -> bool {
        self.accepted & !self.offered == 0 && self.accepted & self.required == self.required
    }

    fn activation(&self) -> Effect {
        Effect::Activate {
            features: self.accepted,
            queues: self
                .queues
                .iter()
                .map(|queue| queue.ready.then_some(*queue))
                .collect(),
        }
    }

    fn notify(&self, value: u32) -> Effect {
        match u16::try_from(value) {
            Ok(index)
                if usize::from(index) < self.queues.len()
                    && self.status & status::DRIVER_OK != 0 =>
            {
                Effect::Notify(index)
            }
            _ => Effect::None,
        }
    }

    fn accept_features(&mut self, value: u32) {
        let negotiating =
            self.status & status::DRIVER != 0 && self.status & status::FEATURES_OK == 0;
        let shift = match self.accepted_select {
            0 => 0,
            1 => 32,
            _ => return,
        };
        if negotiating {
            self.accepted &= !(u64::from(u32::MAX) << shift);
            self.accepted |= u64::from(value) << shift;
        }
    }

    /// Queues are laid out after the features are agreed and before the driver is ready.
    fn write_queue(&mut self, offset: u64, value: u32) {
        if self.status & (status::FEATURES_OK | status::DRIVER_OK) != status::FEATURES_OK {
            return;
        }
        if let Some(queue) = self.queue_mut() {
            queue.write(offset, value);
        }
    }

    fn queue(&self) -> Option<&QueueSettings> {
        self.queues.get(usize::try_from(self.queue_select).ok()?)
    }

    fn queue_mut(&mut self) -> Option<&mut QueueSettings> {
        self.queues
            .get_mut(usize::try_from(self.queue_select).ok()?)
    }
}

fn half(value: u64, select: u32) -> u32 {
    let bytes = value.to_le_bytes();
    let [a, b, c, d, e, f, g, h] = bytes;
    match select {
        0 => u32::from_le_bytes([a, b, c, d]),
        1 => u32::from_le_bytes([e, f, g, h]),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
