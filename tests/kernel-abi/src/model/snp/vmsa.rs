//! The VMSA that KVM makes of a vCPU at LAUNCH_FINISH (Linux 6.12, arch/x86/kvm/svm/sev.c,
//! `sev_es_sync_vmsa`): offsets of AMD 24593 rev 3.42, table B-4.

use super::Page;

/// A segment as KVM_SET_SREGS brings it, packed as the processor keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Selector.
    pub selector: u16,
    /// Twelve bits.
    pub attributes: u16,
    /// Limit.
    pub limit: u32,
    /// Base.
    pub base: u64,
}

/// What the calls of the VMM made of a vCPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VcpuRegisters {
    /// RAX, RBX, RCX, RDX, RSI, RDI, RSP, RBP, R8 to R15, RIP, RFLAGS, as `struct kvm_regs` has them.
    pub general: [u64; 18],
    /// ES, CS, SS, DS, FS, GS, GDTR, LDTR, IDTR, TR, as the VMSA has them.
    pub segments: [Segment; 10],
    /// Protection ring: that of SS.
    pub cpl: u8,
    /// CR0.
    pub cr0: u64,
    /// CR2.
    pub cr2: u64,
    /// CR3.
    pub cr3: u64,
    /// CR4.
    pub cr4: u64,
    /// EFER.
    pub efer: u64,
    /// DR6.
    pub dr6: u64,
    /// DR7.
    pub dr7: u64,
    /// XCR0.
    pub xcr0: u64,
    /// Model-specific registers that were set, with their numbers.
    pub msrs: Vec<(u32, u64)>,
    /// The first 512 bytes of the XSAVE area: x87 and SSE.
    pub legacy: [u8; 512],
}

/// DR7 with nothing set.
const DR7_RESET: u64 = 0x400;

impl Default for VcpuRegisters {
    /// As KVM makes a vCPU (`init_vmcb`, `kvm_vcpu_reset`).
    fn default() -> Self {
        let segment = |selector, attributes, base| Segment {
            selector,
            attributes,
            limit: 0xffff,
            base,
        };
        let data = segment(0, 0x93, 0);
        let table = segment(0, 0, 0);
        let code = segment(0xf000, 0x9b, 0xffff_0000);
        let (ldtr, tr) = (segment(0, 0x82, 0), segment(0, 0x83, 0));
        let mut general = [0; 18];
        general[RDX] = 0x600;
        general[RIP] = 0xfff0;
        general[RFLAGS] = 2;
        let mut legacy = [0; 512];
        legacy[..2].copy_from_slice(&0x37f_u16.to_le_bytes());
        legacy[24..28].copy_from_slice(&0x1f80_u32.to_le_bytes());
        Self {
            general,
            segments: [data, code, data, data, data, data, table, ldtr, table, tr],
            cpl: 0,
            cr0: 0x6000_0010,
            cr2: 0,
            cr3: 0,
            cr4: 0,
            efer: 0,
            dr6: 0xffff_0ff0,
            dr7: DR7_RESET,
            xcr0: 1,
            msrs: vec![(0x277, 0x0007_0406_0007_0406)],
            legacy,
        }
    }
}

const RDX: usize = 3;
const RIP: usize = 16;
const RFLAGS: usize = 17;

/// Where each of `general` goes.
const GENERAL: [usize; 18] = [
    0x1f8, 0x318, 0x308, 0x310, 0x330, 0x338, 0x1d8, 0x328, 0x340, 0x348, 0x350, 0x358, 0x360,
    0x368, 0x370, 0x378, 0x178, 0x170,
];

/// Where the model-specific registers go that a VMSA has.
const MSRS: [(u32, usize); 12] = [
    (0x277, 0x268),
    (0xda0, 0x140),
    (0xc000_0081, 0x200),
    (0xc000_0082, 0x208),
    (0xc000_0083, 0x210),
    (0xc000_0084, 0x218),
    (0xc000_0102, 0x220),
    (0x174, 0x228),
    (0x175, 0x230),
    (0x176, 0x238),
    (0x1d9, 0x270),
    // FS and GS bases are KVM_SET_SREGS'; KVM_SET_MSRS may set them too.
    (0xc000_0100, 0x48),
];

const EFER_SVME: u64 = 1 << 12;
const CR4_MCE: u64 = 1 << 6;
/// CD and NW, which KVM keeps clear (KVM_X86_QUIRK_CD_NW_CLEARED).
const CR0_CACHE: u64 = 0x6000_0000;
const RFLAGS_FIXED: u64 = 2;

impl VcpuRegisters {
    /// Whether no breakpoint is set: KVM measures no other vCPU.
    pub fn has_reset_dr7(&self) -> bool {
        self.dr7 == DR7_RESET
    }

    /// The VMSA of an SNP guest whose INIT2 took `features`.
    pub fn vmsa(&self, features: u64) -> Page {
        let mut page = [0; 4096];
        let mut put = |at: usize, bytes: &[u8]| page[at..at + bytes.len()].copy_from_slice(bytes);
        for (index, segment) in self.segments.iter().enumerate() {
            put(16 * index, &segment.selector.to_le_bytes());
            put(16 * index + 2, &segment.attributes.to_le_bytes());
            put(16 * index + 4, &segment.limit.to_le_bytes());
            put(16 * index + 8, &segment.base.to_le_bytes());
        }
        put(0xcb, &[self.cpl]);
        for (number, value) in &self.msrs {
            if let Some((_, at)) = MSRS.iter().find(|(of, _)| of == number) {
                put(*at, &value.to_le_bytes());
            }
        }
        let words = [
            (0xd0, self.efer | EFER_SVME),
            (0x148, self.cr4 | CR4_MCE),
            (0x150, self.cr3),
            (0x158, self.cr0 & !CR0_CACHE),
            (0x160, self.dr7),
            (0x168, self.dr6),
            (0x240, self.cr2),
            (
                0x3b0,
                features | vmm_kernel_abi::sev::VMSA_FEATURE_SNP_ACTIVE,
            ),
            (0x3e8, self.xcr0),
        ];
        for (at, value) in GENERAL.into_iter().zip(self.general).chain(words) {
            put(at, &value.to_le_bytes());
        }
        put(0x170, &(self.general[RFLAGS] | RFLAGS_FIXED).to_le_bytes());
        self.put_fpu(&mut put);
        page
    }

    /// `struct fxregs_state` into the VMSA's own order.
    fn put_fpu(&self, put: &mut impl FnMut(usize, &[u8])) {
        let from = |at: usize, length: usize| &self.legacy[at..at + length];
        put(0x400, from(16, 8));
        put(0x408, from(24, 4));
        put(0x40c, from(4, 2));
        put(0x40e, from(2, 2));
        put(0x410, from(0, 2));
        put(0x412, from(6, 2));
        put(0x418, from(8, 8));
        // Eight registers of ten bytes: first the low eight of each, then the high two of each.
        for register in 0..8 {
            put(0x420 + 8 * register, from(32 + 16 * register, 8));
            put(0x460 + 2 * register, from(40 + 16 * register, 2));
        }
        put(0x470, from(160, 256));
    }
}
