//! Known ways in which a launch turns out otherwise.

use crate::{Launch, Piece};
use measured_boot_snp_abi::{PageType, VMSA_GPA, Vmsa};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, IntoBytes};

/// What a variant changes. A launch has one value of each, so two variants of one are never tried together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dimension {
    /// Who launches.
    Vmm,
    /// MXCSR and FCW.
    Fpu,
    /// SEV_FEATURES.
    Features,
    /// The CPU type, by RDX.
    Cpu,
    /// Where VMSAs are measured.
    VmsaAddress,
    /// The kernel, its initrd and command line.
    Kernel,
    /// Number of vCPUs of a launch whose other pages follow it.
    Vcpus,
    /// Size of the guest's memory.
    Memory,
    /// Virtio devices.
    Devices,
    /// Size of the variable store between firmware and SVSM.
    Variables,
    /// How pages without data are added.
    ZeroPages,
    /// How an IGVM file is loaded.
    Loading,
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vmm => "VMM",
            Self::Fpu => "MXCSR and FCW",
            Self::Features => "SEV_FEATURES",
            Self::Cpu => "CPU type",
            Self::VmsaAddress => "address of VMSAs",
            Self::Kernel => "kernel, initrd and command line",
            Self::Vcpus => "vCPUs",
            Self::Memory => "memory",
            Self::Devices => "devices",
            Self::Variables => "size of the variable store",
            Self::ZeroPages => "pages without data",
            Self::Loading => "loading of the IGVM file",
        })
    }
}

/// One known way.
#[derive(Clone, Debug)]
pub struct Variant<'a> {
    /// What it changes.
    pub dimension: Dimension,
    /// What would be so, to follow "it would match if".
    pub says: String,
    /// What a person does then.
    pub advice: Option<&'static str>,
    pub(crate) change: Change<'a>,
}

/// How it changes a launch.
#[derive(Clone, Debug)]
pub(crate) enum Change<'a> {
    /// Another launch, of which what differs from the planned one is taken.
    Whole(Launch<'a>),
    /// Registers of every vCPU.
    Registers(Registers),
    /// Where VMSAs are measured.
    VmsaAddress(u64),
    /// Pages of one type and name are of another.
    PageType(&'static str, PageType, PageType),
    /// Of each piece of this name, the first page alone is measured.
    FirstPage(&'static str),
    /// VMSAs come last, wherever the file has them.
    VmsasLast,
}

/// Registers that differ by host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registers {
    /// MXCSR and FCW.
    Fpu(u32, u16),
    /// SEV_FEATURES.
    Features(u64),
    /// RDX.
    Rdx(u64),
    /// CR0.
    Cr0(u64),
}

impl Change<'_> {
    /// Whether it leaves everything before the vCPUs as it is.
    pub(crate) fn is_of_vcpus(&self) -> bool {
        matches!(self, Self::Registers(_) | Self::VmsaAddress(_))
    }

    /// Whether it is applied before others, which then change what it made.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }
}

impl<'a> Variant<'a> {
    /// A variant that is known by the launch that it makes.
    pub(crate) fn whole(
        dimension: Dimension,
        says: String,
        advice: Option<&'static str>,
        launch: Launch<'a>,
    ) -> Self {
        Self {
            dimension,
            says,
            advice,
            change: Change::Whole(launch),
        }
    }

    /// Changes a launch that was made from `planned`; `None` where that cannot be said.
    pub(crate) fn apply(&self, launch: &mut Launch<'a>, planned: &Launch<'a>) -> Option<()> {
        match &self.change {
            Change::Whole(other) => *launch = joined(planned, launch, other)?,
            Change::Registers(registers) => set(&mut launch.pieces, *registers),
            Change::VmsaAddress(gpa) => {
                let vcpus = launch.pieces.iter_mut().filter(|piece| piece.is_vcpu());
                vcpus.for_each(|piece| piece.gpa = *gpa);
            }
            Change::PageType(name, from, to) => {
                let is_it =
                    |piece: &&mut Piece<'_>| piece.name == *name && piece.page_type == *from;
                for piece in launch.pieces.iter_mut().filter(is_it) {
                    piece.page_type = *to;
                    if to.measures_contents() {
                        let zeros = measured_boot_digest::sha384(&[0; 4096]);
                        piece.digests = (0..piece.count).map(|_| zeros).collect();
                    }
                }
            }
            Change::FirstPage(name) => {
                let is_it = |piece: &&mut Piece<'_>| piece.name.starts_with(*name);
                let pieces = launch.pieces.iter_mut().filter(is_it);
                pieces.for_each(|piece| piece.count = 1);
            }
            Change::VmsasLast => {
                let is_vmsa = |piece: &Piece<'_>| piece.page_type == PageType::Vmsa;
                launch.pieces.sort_by_key(is_vmsa);
                let vmsas = launch.pieces.iter_mut().filter(|piece| is_vmsa(piece));
                vmsas.for_each(|piece| piece.gpa = VMSA_GPA);
            }
        }
        Some(())
    }
}

/// `launch` with what of `other` differs from the planned one. `None` where both differ from it and are not
/// made of the same pieces.
fn joined<'a>(planned: &Launch<'a>, launch: &Launch<'a>, other: &Launch<'a>) -> Option<Launch<'a>> {
    if is_same(planned, launch) {
        return Some(other.clone());
    }
    let split = |launch: &Launch<'a>| -> (Vec<Piece<'a>>, Vec<Piece<'a>>) {
        launch
            .pieces
            .iter()
            .cloned()
            .partition(|piece| !piece.is_vcpu())
    };
    let (base, base_vcpus) = split(planned);
    let (mut pieces, mut vcpus) = split(launch);
    let (others, other_vcpus) = split(other);
    let names = |pieces: &[Piece<'_>]| -> Vec<String> {
        pieces.iter().map(|piece| piece.name.clone()).collect()
    };
    if names(&base) != names(&pieces) || names(&base) != names(&others) {
        return None;
    }
    for ((piece, base), other) in pieces.iter_mut().zip(&base).zip(others) {
        if !same(base, &other) {
            *piece = other;
        }
    }
    if !other_vcpus.iter().map(key).eq(base_vcpus.iter().map(key)) {
        vcpus = other_vcpus;
    }
    pieces.extend(vcpus);
    Some(Launch {
        pieces,
        staged: launch.staged.clone(),
        before: launch.before,
    })
}

type Key<'p> = (&'p str, PageType, u64, u64, &'p [[u8; 48]]);

fn key<'p>(piece: &'p Piece<'_>) -> Key<'p> {
    (
        &piece.name,
        piece.page_type,
        piece.gpa,
        piece.count,
        &piece.digests,
    )
}

fn same(one: &Piece<'_>, other: &Piece<'_>) -> bool {
    Arc::ptr_eq(&one.digests, &other.digests) && one.gpa == other.gpa || key(one) == key(other)
}

fn is_same(one: &Launch<'_>, other: &Launch<'_>) -> bool {
    one.pieces.len() == other.pieces.len()
        && one
            .pieces
            .iter()
            .zip(&other.pieces)
            .all(|(one, other)| same(one, other))
}

fn set(pieces: &mut [Piece<'_>], registers: Registers) {
    for piece in pieces
        .iter_mut()
        .filter(|piece| piece.page_type == PageType::Vmsa)
    {
        let Some(bytes) = piece.bytes.as_deref() else {
            continue;
        };
        let Ok(mut vmsa) = Vmsa::read_from_bytes(bytes) else {
            continue;
        };
        match registers {
            Registers::Fpu(mxcsr, fcw) => {
                vmsa.mxcsr = U32::new(mxcsr);
                vmsa.x87_fcw = U16::new(fcw);
            }
            Registers::Features(features) => vmsa.sev_features = U64::new(features),
            Registers::Rdx(rdx) => vmsa.rdx = U64::new(rdx),
            Registers::Cr0(cr0) => vmsa.cr0 = U64::new(cr0),
        }
        let made = Piece::vcpus(0, piece.count, vmsa.as_bytes());
        piece.digests = made.digests;
        piece.bytes = made.bytes;
    }
}
