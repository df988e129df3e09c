//! Memory slots, guest_memfd and attributes (Linux 6.12, virt/kvm/kvm_main.c and virt/kvm/guest_memfd.c).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::mem::offset_of;

use nix::errno::Errno;
use vmm_kernel_abi::PAGE_SIZE;
use vmm_kernel_abi::gmem::{
    ATTRIBUTE_PRIVATE, MEM_GUEST_MEMFD, MEM_LOG_DIRTY_PAGES, MEM_READONLY, kvm_create_guest_memfd,
    kvm_memory_attributes, kvm_userspace_memory_region2 as region2,
};

use crate::trace::{Call, Enter, Memory, Substitute};

/// A slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Guest-physical address.
    pub gpa: u64,
    /// Bytes.
    pub bytes: u64,
    /// Address of its shared side in the VMM.
    pub mapped_at: u64,
    /// Its private side.
    pub private: Option<Private>,
}

/// Where the private side of a slot lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Private {
    /// Descriptor of its guest_memfd.
    pub file: u32,
    /// Place in that file.
    pub offset: u64,
}

/// The memory of a VM.
#[derive(Debug, Default)]
pub struct GuestMemory {
    slots: BTreeMap<u32, Slot>,
    /// The slot that the real kernel is asked for just now.
    under_way: Option<(u32, Slot)>,
    memfds: BTreeMap<u32, u64>,
    /// Numbers of the pages that are private.
    private: BTreeSet<u64>,
}

/// What the guest's memory is filled with where real hardware would leave ciphertext.
const CIPHERTEXT: u8 = 0xa5;

impl GuestMemory {
    /// The slot with a private side that holds this page.
    pub fn private_slot(&self, gpa: u64) -> Option<Slot> {
        let holds = |slot: &&Slot| gpa.checked_sub(slot.gpa).is_some_and(|at| at < slot.bytes);
        let mut slots = self.slots.values().filter(|slot| slot.private.is_some());
        slots.find(holds).copied()
    }

    /// Where the slots with a private side lie, by rising address, as (address, bytes).
    pub fn private_slots(&self) -> Vec<(u64, u64)> {
        let slots = self.slots.values().filter(|slot| slot.private.is_some());
        let mut places: Vec<_> = slots.map(|slot| (slot.gpa, slot.bytes)).collect();
        places.sort_unstable();
        places
    }

    /// Whether this page is private.
    pub fn is_private(&self, gpa: u64) -> bool {
        self.private.contains(&(gpa / PAGE_SIZE))
    }

    /// How many pages are private.
    pub fn private_pages(&self) -> usize {
        self.private.len()
    }

    /// Puts a page where the guest finds it: in the shared side of its slot, from which the plain VM below
    /// runs.
    pub(super) fn show(
        &self,
        memory: &impl Memory,
        gpa: u64,
        page: &[u8; 4096],
    ) -> Result<(), Errno> {
        let slot = self.private_slot(gpa).ok_or(Errno::EINVAL)?;
        let address = slot.mapped_at + (gpa - slot.gpa);
        memory.write(address, page).map_err(|_| Errno::EFAULT)
    }

    /// A memfd in place of a guest_memfd. Its name is the request's own first bytes: a size in pages
    /// begins with a zero, and so the name is empty.
    pub(super) fn create_guest_memfd(&self, call: &Call) -> Enter {
        let field = |at| read64(call, at);
        let (size, flags) = (
            field(offset_of!(kvm_create_guest_memfd, size)),
            field(offset_of!(kvm_create_guest_memfd, flags)),
        );
        let (Ok(size), Ok(flags)) = (size, flags) else {
            return Enter::Answer(super::error(Errno::EFAULT));
        };
        if flags != 0 || size == 0 || size % PAGE_SIZE != 0 {
            return Enter::Answer(super::error(Errno::EINVAL));
        }
        const CLOSE_ON_EXEC: u64 = 1;
        Enter::Replace(Substitute {
            number: nix::libc::SYS_memfd_create,
            arguments: [call.argument(), CLOSE_ON_EXEC, 0, 0, 0, 0],
        })
    }

    pub(super) fn guest_memfd_created(&mut self, call: &Call, result: i64) {
        let Ok(descriptor) = u32::try_from(result) else {
            return;
        };
        let size = read64(call, offset_of!(kvm_create_guest_memfd, size)).unwrap_or_default();
        let path = format!("/proc/{}/fd/{descriptor}", call.thread);
        let file = File::options().write(true).open(path);
        file.and_then(|file| file.set_len(size))
            .expect("a new memfd takes its size");
        self.memfds.insert(descriptor, size);
    }

    /// Judges a slot and takes from the request what the real kernel's plain VM does not know. Returns the
    /// request as it was.
    pub(super) fn set_region(&mut self, call: &Call) -> Result<Vec<u8>, Errno> {
        let original = call
            .memory()
            .vector(call.argument(), size_of::<region2>())
            .map_err(|_| Errno::EFAULT)?;
        let long =
            |at: usize| u64::from_le_bytes(std::array::from_fn(|index| original[at + index]));
        let word =
            |at: usize| u32::from_le_bytes(std::array::from_fn(|index| original[at + index]));
        let flags = word(offset_of!(region2, flags));
        if flags & !(MEM_GUEST_MEMFD | MEM_LOG_DIRTY_PAGES | MEM_READONLY) != 0 {
            return Err(Errno::EINVAL);
        }
        let slot = Slot {
            gpa: long(offset_of!(region2, guest_phys_addr)),
            bytes: long(offset_of!(region2, memory_size)),
            mapped_at: long(offset_of!(region2, userspace_addr)),
            private: (flags & MEM_GUEST_MEMFD != 0).then(|| Private {
                file: word(offset_of!(region2, guest_memfd)),
                offset: long(offset_of!(region2, guest_memfd_offset)),
            }),
        };
        let number = word(offset_of!(region2, slot));
        if let Some(private) = slot.private {
            let is_old = self.slots.contains_key(&number);
            if flags != MEM_GUEST_MEMFD || is_old || !self.is_free(private, slot.bytes) {
                return Err(Errno::EINVAL);
            }
        }
        self.under_way = Some((number, slot));
        let at = call.argument() + u64::try_from(offset_of!(region2, flags)).expect("small");
        let plain = flags & !MEM_GUEST_MEMFD;
        call.memory()
            .write(at, &plain.to_le_bytes())
            .map_err(|_| Errno::EFAULT)?;
        Ok(original)
    }

    /// Whether `bytes` of a guest_memfd are there, and no other slot has any of them (kvm_gmem_bind).
    fn is_free(&self, private: Private, bytes: u64) -> bool {
        let Private { file, offset } = private;
        let Some((end, size)) = offset.checked_add(bytes).zip(self.memfds.get(&file)) else {
            return false;
        };
        let is_taken = self.slots.values().any(|slot| {
            slot.private.is_some_and(|other| {
                other.file == file && other.offset < end && offset < other.offset + slot.bytes
            })
        });
        offset % PAGE_SIZE == 0 && end <= *size && !is_taken
    }

    pub(super) fn region_set(&mut self, result: i64) {
        let Some((number, slot)) = self.under_way.take() else {
            return;
        };
        match (result, slot.bytes) {
            (0, 0) => self.slots.remove(&number),
            (0, _) => self.slots.insert(number, slot),
            _ => None,
        };
    }

    /// Once the guest runs, a page that changes sides holds nothing that anybody can use.
    pub(super) fn set_attributes(&mut self, call: &Call, is_running: bool) -> Result<(), Errno> {
        let start = read64(call, offset_of!(kvm_memory_attributes, address))?;
        let size = read64(call, offset_of!(kvm_memory_attributes, size))?;
        let attributes = read64(call, offset_of!(kvm_memory_attributes, attributes))?;
        let flags = read64(call, offset_of!(kvm_memory_attributes, flags))?;
        let end = start.checked_add(size).ok_or(Errno::EINVAL)?;
        let is_aligned = start % PAGE_SIZE == 0 && end % PAGE_SIZE == 0;
        if flags != 0 || attributes & !ATTRIBUTE_PRIVATE != 0 || size == 0 || !is_aligned {
            return Err(Errno::EINVAL);
        }
        for gpa in (start..end).step_by(4096) {
            let number = gpa / PAGE_SIZE;
            let changed = match attributes {
                0 => self.private.remove(&number),
                _ => self.private.insert(number),
            };
            if changed && is_running {
                // A page without a slot has nothing to lose.
                let _ = self.show(&call.memory(), gpa, &[CIPHERTEXT; 4096]);
            }
        }
        Ok(())
    }
}

/// The 64 bits at `at` of what the call's argument points to.
fn read64(call: &Call, at: usize) -> Result<u64, Errno> {
    let at = u64::try_from(at).map_err(|_| Errno::EFAULT)?;
    let bytes = call.memory().array(call.argument() + at);
    bytes.map(u64::from_le_bytes).map_err(|_| Errno::EFAULT)
}
