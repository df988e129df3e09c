//! A launch as the models carry it out.

use measured_boot_plan::{Content, LaunchPlan, Sources, TeeKind};
use measured_boot_shim_abi::layout::{self, LOAD_TABLE, RAM_END, TDX_RESET_PAGE};
use measured_boot_shim_abi::{LoadTable, PAGE};
use measured_boot_snp_abi::PageType;
use serde::Serialize;
use serde_json::{Map, Value, json};
use zerocopy::FromBytes as _;

/// Around what the shim runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A VM without a TEE.
    Plain,
    /// SEV-SNP.
    Snp,
    /// TDX.
    Tdx,
}

/// What the launch placed.
#[derive(Clone, Debug)]
pub struct Placed {
    /// First address.
    pub gpa: u64,
    /// How it is handed over.
    pub page_type: PageType,
    /// Its contents, in whole pages.
    pub bytes: Vec<u8>,
}

/// All that the guest finds when it starts, and what the host does to it later.
#[derive(Clone, Debug)]
pub struct Launch {
    /// What protects the guest.
    pub kind: Kind,
    /// RAM, as (address, length), the first from 0.
    pub ram: Vec<(u64, u64)>,
    /// Private pages.
    pub placed: Vec<Placed>,
    /// Shared memory, by first address.
    pub shared: Vec<(u64, Vec<u8>)>,
    /// Processors.
    pub vcpus: u32,
    /// What a hostile host does, by the models' names.
    pub tricks: Map<String, Value>,
    /// Memory whose SHA-384 is asked for afterwards.
    pub digest: Vec<(u64, u64)>,
    /// Memory that is asked for afterwards.
    pub dump: Vec<(u64, u64)>,
    /// Bytes whose copies in RAM are counted afterwards.
    pub needles: Vec<Vec<u8>>,
    /// How other processors of a TD are woken, once the kernel is entered.
    pub wake: Vec<Wake>,
    /// Bytes of the kernel from its entry on, which then runs until it stops; 0: it is only entered.
    pub kernel_length: usize,
}

/// What the kernel writes into the wakeup mailbox, and who looks.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Wake {
    /// The processor that looks.
    pub processor: u32,
    /// 1 wakes.
    pub command: u16,
    /// Whom the mailbox names.
    pub apic_id: u32,
    /// Where it is to go.
    pub vector: u64,
}

impl Launch {
    /// The launch of a plan, as an honest host carries it out around `kind`.
    #[must_use]
    pub fn of(plan: &LaunchPlan, sources: &Sources<'_>, kind: Kind) -> Self {
        let placed = plan.regions.0.iter().map(|region| Placed {
            gpa: region.start.get(),
            page_type: region.page_type,
            bytes: whole_pages(plan.contents(region, sources).to_vec(), region.pages()),
        });
        let staged = plan.staged.0.iter().map(|staged| {
            let bytes = match &staged.content {
                Content::Zeros(_) | Content::Cpuid => Vec::new(),
                content => content.bytes(sources).to_vec(),
            };
            (staged.start.get(), bytes)
        });
        Self {
            kind,
            ram: ram(plan),
            placed: placed.collect(),
            shared: staged.collect(),
            vcpus: u32::try_from(plan.vcpus.0.len()).expect("a few"),
            tricks: Map::new(),
            digest: Vec::new(),
            dump: Vec::new(),
            needles: Vec::new(),
            wake: Vec::new(),
            kernel_length: 0,
        }
    }

    /// Whether a plan's kind is one that `kind` stands for.
    #[must_use]
    pub fn fits(plan: &LaunchPlan, kind: Kind) -> bool {
        (plan.tee.0 == TeeKind::Tdx) == (kind == Kind::Tdx)
    }

    /// The bytes of a placed page, to be changed.
    ///
    /// # Panics
    /// If the launch placed none there.
    pub fn page(&mut self, gpa: u64) -> &mut [u8] {
        let placed = self.placed.iter_mut().find(|placed| {
            let length = u64::try_from(placed.bytes.len()).expect("it fits");
            (placed.gpa..placed.gpa + length).contains(&gpa)
        });
        let placed = placed.expect("the launch placed something there");
        let offset = usize::try_from(gpa - placed.gpa).expect("it fits");
        &mut placed.bytes[offset..]
    }

    /// The measured load table.
    ///
    /// # Panics
    /// If the launch has none.
    #[must_use]
    pub fn load_table(&self) -> LoadTable {
        let page = self.placed.iter().find(|placed| placed.gpa == LOAD_TABLE);
        let page = page.expect("every launch of the shim has a load table");
        LoadTable::read_from_bytes(&page.bytes).expect("it is one page")
    }

    /// For the models: the description, and the contents that it refers to.
    pub(crate) fn describe(&self) -> (Value, Vec<u8>) {
        let mut contents = Vec::new();
        let mut append = |gpa: u64, bytes: &[u8], code: bool| {
            let offset = contents.len();
            contents.extend_from_slice(bytes);
            json!({ "gpa": gpa, "offset": offset, "length": bytes.len(), "code": code })
        };
        let placed: Vec<_> = self
            .placed
            .iter()
            .map(|placed| append(placed.gpa, &placed.bytes, holds_code(placed.gpa)))
            .collect();
        let shared: Vec<_> = self
            .shared
            .iter()
            .map(|(gpa, bytes)| append(*gpa, bytes, false))
            .collect();
        let mut windows = vec![json!({
            "gpa": layout::STAGING,
            "length": layout::STAGING_END - layout::STAGING,
        })];
        if self.kind == Kind::Tdx {
            windows.push(json!({ "gpa": TDX_RESET_PAGE, "length": PAGE }));
        }
        let spans = |spans: &[(u64, u64)]| -> Vec<Value> {
            let spans = spans.iter();
            spans
                .map(|(gpa, length)| json!({ "gpa": gpa, "length": length }))
                .collect()
        };
        let needles: Vec<_> = self.needles.iter().map(hex::encode).collect();
        let description = json!({
            "kind": match self.kind { Kind::Plain => "plain", Kind::Snp => "snp", Kind::Tdx => "tdx" },
            "ram": self.ram,
            "private_end": RAM_END,
            "vcpus": self.vcpus,
            "placed": placed,
            "shared": shared,
            "windows": windows,
            "start": self.start(),
            "registers": self.registers(),
            "kernel_entry": self.load_table().entry.get(),
            "tricks": self.tricks,
            "digest": spans(&self.digest),
            "dump": spans(&self.dump),
            "needles": needles,
            "wake": self.wake,
            "kernel_length": self.kernel_length,
            "mailbox": layout::MAILBOX,
        });
        (description, contents)
    }

    /// A TD starts at the reset vector, everything else at the shim's first byte.
    fn start(&self) -> u64 {
        match self.kind {
            Kind::Tdx => TDX_RESET_PAGE + 0xFF0,
            Kind::Plain | Kind::Snp => layout::SHIM,
        }
    }

    /// A TD's processor 0 is told the width of guest-physical addresses (348551, "Initial State of Guest
    /// GPRs"); an SNP guest starts with what its VMSA says, which is nothing.
    fn registers(&self) -> Value {
        match self.kind {
            Kind::Tdx => {
                let width = self.tricks.get("gpaw").and_then(Value::as_u64);
                json!({ "ebx": width.unwrap_or(48), "esi": 0, "cr4": 0x40 })
            }
            Kind::Plain | Kind::Snp => json!({ "ebp": 0 }),
        }
    }
}

fn ram(plan: &LaunchPlan) -> Vec<(u64, u64)> {
    let ranges = plan.ram().into_iter().filter(|range| !range.is_empty());
    ranges
        .map(|range| (range.start, range.end - range.start))
        .collect()
}

/// Where the models look for instructions that they carry out themselves.
fn holds_code(gpa: u64) -> bool {
    gpa == layout::SHIM || gpa == TDX_RESET_PAGE
}

fn whole_pages(mut bytes: Vec<u8>, pages: u64) -> Vec<u8> {
    let length = usize::try_from(pages * PAGE).expect("a launch places little");
    bytes.resize(length, 0);
    bytes
}
