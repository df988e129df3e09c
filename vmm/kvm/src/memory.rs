//! A VM's memory slots, and the two sides of its pages.
//!
//! A page of a VM with private memory has a shared side, in an ordinary mapping of this process, and a
//! private one in a guest_memfd, which nobody maps. An attribute in KVM says which of them the guest
//! reaches. What is on the other side is stale, and is discarded.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kvm_bindings::{
    kvm_create_guest_memfd, kvm_memory_attributes, kvm_userspace_memory_region,
    kvm_userspace_memory_region2,
};
use kvm_ioctls::VmFd;
use vmm_conversion::{PAGE_BYTES, PageRange, PageStates, RamPart, Visibility};
use vmm_kernel_abi::gmem::{ATTRIBUTE_PRIVATE, MEM_GUEST_MEMFD};

use crate::ram::punch;
use crate::{GuestRam, KvmError, Mapping, VmKind};

/// The first slot beside RAM: each of its parts, which are at most two, has one of its own.
const FIRST_OTHER: u32 = 2;

/// A slot beside RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotId(u32);

/// What KVM reaches of this process, as long as anybody holds the VM.
pub(crate) struct Memory {
    fd: Arc<VmFd>,
    kind: VmKind,
    ram: Arc<GuestRam>,
    /// The private side of all of RAM: a page lies where it lies in the file of its shared side.
    private_ram: Option<OwnedFd>,
    others: Mutex<BTreeMap<u32, Other>>,
    state_is_protected: AtomicBool,
}

/// A slot beside RAM: kept mapped until KVM has given it up.
struct Other {
    pages: PageRange,
    _mapping: Mapping,
    _private: Option<OwnedFd>,
}

/// One slot, as KVM is told.
struct Slot<'a> {
    number: u32,
    gpa: u64,
    bytes: u64,
    mapped_at: u64,
    private: Option<Private<'a>>,
}

/// The private side of a slot.
#[derive(Clone, Copy)]
struct Private<'a> {
    file: &'a OwnedFd,
    offset: u64,
}

impl Memory {
    pub(crate) fn new(fd: Arc<VmFd>, kind: VmKind, ram: Arc<GuestRam>) -> Result<Self, KvmError> {
        let private_ram = kind
            .has_private_memory()
            .then(|| guest_memfd(&fd, ram.layout().bytes()))
            .transpose()?;
        let memory = Self {
            fd,
            kind,
            ram,
            private_ram,
            others: Mutex::default(),
            // A TD's never is anybody's but the module's.
            state_is_protected: AtomicBool::new(kind == VmKind::Tdx),
        };
        for (number, part) in (0..FIRST_OTHER).zip(memory.ram.layout().parts()) {
            memory.set_ram(number, &part)?;
        }
        Ok(memory)
    }

    fn set_ram(&self, number: u32, part: &RamPart) -> Result<(), KvmError> {
        let offset = part.offset;
        let slot = Slot {
            number,
            gpa: part.start,
            bytes: part.bytes,
            mapped_at: self.ram.mapped_at(part),
            private: self
                .private_ram
                .as_ref()
                .map(|file| Private { file, offset }),
        };
        // SAFETY: the slot is exactly a part of the mapping that `ram` owns (`mapped_at`, `bytes` of a part of
        // the layout that it was made with), and every holder of the VM (`Vm`, `Vcpu`) keeps it mapped by
        // holding this value. The mapping is shared memory that is only read and written as volatile bytes
        // here, so the guest may change it at any time.
        unsafe { self.set_slot(&slot) }
    }

    pub(crate) fn kind(&self) -> VmKind {
        self.kind
    }

    pub(crate) fn ram(&self) -> &Arc<GuestRam> {
        &self.ram
    }

    pub(crate) fn protect_state(&self) {
        self.state_is_protected.store(true, Ordering::Relaxed);
    }

    pub(crate) fn state_is_protected(&self) -> bool {
        self.state_is_protected.load(Ordering::Relaxed)
    }

    pub(crate) fn add_shared(&self, gpa: u64, mapping: Mapping) -> Result<SlotId, KvmError> {
        self.add(gpa, mapping, false)
    }

    pub(crate) fn add_private(&self, gpa: u64, bytes: u64) -> Result<SlotId, KvmError> {
        if !self.kind.has_private_memory() {
            return Err(KvmError::NoPrivateMemory { kind: self.kind });
        }
        // KVM wants a shared side too; nobody reaches it, so it costs no memory.
        let id = self.add(gpa, Mapping::zeroed(bytes)?, true)?;
        let pages = self.others().get(&id.0).map(|slot| slot.pages);
        let pages = pages.expect("it was just put there");
        match self.set_attributes(pages, Visibility::Private) {
            Ok(()) => Ok(id),
            Err(error) => {
                // The error that matters is the first; a slot that stays does no harm.
                let _ = self.remove(id);
                Err(error)
            }
        }
    }

    /// Takes a slot away from the guest, and then its memory.
    pub(crate) fn remove(&self, id: SlotId) -> Result<(), KvmError> {
        let mut others = self.others();
        let Some(other) = others.get(&id.0) else {
            return Ok(());
        };
        let gone = Slot {
            number: id.0,
            gpa: other.pages.start(),
            bytes: 0,
            mapped_at: 0,
            private: None,
        };
        // SAFETY: a size of zero deletes the slot: KVM then reaches nothing by it. Its mapping is given
        // up only afterwards, and not at all if KVM refuses.
        unsafe { self.set_slot(&gone) }?;
        others.remove(&id.0);
        Ok(())
    }

    fn add(&self, gpa: u64, mapping: Mapping, is_private: bool) -> Result<SlotId, KvmError> {
        let bytes = mapping.bytes();
        let pages = PageRange::new(gpa, bytes / PAGE_BYTES).map_err(KvmError::Place)?;
        let private = is_private
            .then(|| guest_memfd(&self.fd, bytes))
            .transpose()?;
        let mut others = self.others();
        let number = others.keys().last().map_or(FIRST_OTHER, |last| last + 1);
        let slot = Slot {
            number,
            gpa,
            bytes,
            mapped_at: mapping.mapped_at(),
            private: private.as_ref().map(|file| Private { file, offset: 0 }),
        };
        // SAFETY: the slot is exactly the mapping that `mapping` owns; it is kept in `others` until
        // KVM has given the slot up, and else as long as anybody holds the VM. Nothing in this process
        // reads or writes it any more.
        unsafe { self.set_slot(&slot) }?;
        others.insert(
            number,
            Other {
                pages,
                _mapping: mapping,
                _private: private,
            },
        );
        Ok(SlotId(number))
    }

    /// # Safety
    /// `slot.mapped_at` is memory that stays mapped until the slot is deleted or no descriptor of the VM
    /// is left, and that the guest may read and write at any time.
    unsafe fn set_slot(&self, slot: &Slot<'_>) -> Result<(), KvmError> {
        if !self.kind.has_private_memory() {
            let region = kvm_userspace_memory_region {
                slot: slot.number,
                flags: 0,
                guest_phys_addr: slot.gpa,
                memory_size: slot.bytes,
                userspace_addr: slot.mapped_at,
            };
            // SAFETY: the caller's promise.
            return unsafe { self.fd.set_user_memory_region(region) }
                .map_err(slot.refused("KVM_SET_USER_MEMORY_REGION"));
        }
        let region = kvm_userspace_memory_region2 {
            slot: slot.number,
            flags: slot.private.map_or(0, |_| MEM_GUEST_MEMFD),
            guest_phys_addr: slot.gpa,
            memory_size: slot.bytes,
            userspace_addr: slot.mapped_at,
            guest_memfd: slot.private.map_or(0, |private| number_of(private.file)),
            guest_memfd_offset: slot.private.map_or(0, |private| private.offset),
            ..kvm_userspace_memory_region2::default()
        };
        // SAFETY: the caller's promise.
        unsafe { self.fd.set_user_memory_region2(region) }
            .map_err(slot.refused("KVM_SET_USER_MEMORY_REGION2"))
    }

    /// Makes pages of RAM private or shared and discards what they held on the other side; says how many
    /// pages changed.
    ///
    /// The attribute goes first. KVM takes the pages from every vCPU with it, so that afterwards no
    /// guest reaches the old side; discarding first would leave a moment in which a vCPU brings the old
    /// side back to life. While both are done the lock keeps other conversions, and this process's own
    /// accesses to shared pages, away.
    ///
    /// If KVM refuses the attribute, nothing has changed: it reserves what it needs before it changes
    /// anything (Linux 6.12, virt/kvm/kvm_main.c, kvm_vm_set_mem_attributes). If the old side cannot be
    /// discarded, the pages are what was asked for, and what is left on the old side is unreachable to
    /// the guest; but a device process could read it, or the guest find it again, so the VM must end.
    pub(crate) fn set_visibility(&self, pages: PageRange, to: Visibility) -> Result<u64, KvmError> {
        let Some(private_ram) = &self.private_ram else {
            return Err(KvmError::NoPrivateMemory { kind: self.kind });
        };
        let place = pages
            .check_within(self.ram.layout())
            .map_err(KvmError::Place)?;
        convert(
            &mut self.ram.states(),
            pages,
            to,
            || self.set_attributes(pages, to),
            || discard_other_side(&self.ram, private_ram.as_fd(), place, to),
        )
    }

    fn set_attributes(&self, pages: PageRange, to: Visibility) -> Result<(), KvmError> {
        let attributes = kvm_memory_attributes {
            address: pages.start(),
            size: pages.bytes(),
            attributes: match to {
                Visibility::Private => ATTRIBUTE_PRIVATE,
                Visibility::Shared => 0,
            },
            flags: 0,
        };
        self.fd
            .set_memory_attributes(attributes)
            .map_err(KvmError::call(format!(
                "KVM_SET_MEMORY_ATTRIBUTES ({} from {:#x} to {:#x})",
                to.name(),
                pages.start(),
                pages.end()
            )))
    }

    fn others(&self) -> MutexGuard<'_, BTreeMap<u32, Other>> {
        // A poisoned lock cannot be seen: a panic in any thread ends the process.
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot<'_> {
    fn refused(&self, call: &str) -> impl FnOnce(kvm_ioctls::Error) -> KvmError {
        KvmError::call(format!(
            "{call} (slot {}, {:#x} bytes at {:#x})",
            self.number, self.bytes, self.gpa
        ))
    }
}

/// Memory that KVM alone reaches. Linux 6.12 knows no flags.
fn guest_memfd(fd: &VmFd, bytes: u64) -> Result<OwnedFd, KvmError> {
    let wanted = kvm_create_guest_memfd {
        size: bytes,
        ..kvm_create_guest_memfd::default()
    };
    let memory = fd
        .create_guest_memfd(wanted)
        .map_err(KvmError::call(format!(
            "KVM_CREATE_GUEST_MEMFD ({bytes:#x} bytes)"
        )))?;
    // SAFETY: the call succeeded: it returned a descriptor that was opened for this caller alone.
    Ok(unsafe { OwnedFd::from_raw_fd(memory) })
}

fn number_of(descriptor: &OwnedFd) -> u32 {
    use std::os::fd::AsRawFd as _;
    u32::try_from(descriptor.as_raw_fd()).expect("a descriptor that is open is not negative")
}

/// Discards the side that pages at `place` of both files had before they became `to`.
fn discard_other_side(
    ram: &GuestRam,
    private_ram: BorrowedFd<'_>,
    place: Range<u64>,
    to: Visibility,
) -> io::Result<()> {
    match to {
        // A device process that maps the memory reads zeros from here on. What it writes later lies where
        // nobody looks, until the guest shares the page again: shared memory holds what a device likes.
        Visibility::Private => ram.discard(place),
        Visibility::Shared => punch(private_ram, place),
    }
}

/// The order of a conversion, and what holds after each of its steps failed.
fn convert(
    states: &mut PageStates,
    pages: PageRange,
    to: Visibility,
    set_attributes: impl FnOnce() -> Result<(), KvmError>,
    discard_other_side: impl FnOnce() -> io::Result<()>,
) -> Result<u64, KvmError> {
    if states.are_all(pages, to) {
        // Nothing is stale, and a guest that asks again and again costs next to nothing.
        return Ok(0);
    }
    set_attributes()?;
    let changed = states.set(pages, to);
    discard_other_side().map_err(|source| KvmError::Discard { pages, to, source })?;
    Ok(changed)
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
