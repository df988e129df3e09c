//! Launches of IGVM files.

use crate::{Contents, LaunchFault, Run, SnpLaunch};
use measured_boot_igvm::{
    DirectiveKind, Loading, PageData, PageDataKind, ParameterInsert, VpContext,
};
use measured_boot_snp_abi::{PAGE_SIZE, PageType};
use std::sync::Arc;

/// What a VMM makes of a page of an IGVM file that has no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZeroPages {
    /// A NORMAL page of zeros, as the format's documentation says; QEMU.
    Normal,
    /// A page that the secure processor zeroes; GCE.
    Zero,
}

impl<'a> SnpLaunch<'a> {
    /// The launch of an IGVM file, in its own order.
    ///
    /// # Errors
    /// The file has no guest policy for SEV-SNP, without which nobody launches it.
    pub fn of_igvm(loading: &Loading<'_, 'a>, zero_pages: ZeroPages) -> Result<Self, LaunchFault> {
        loading.policy()?;
        let mut runs: Vec<Run<'a>> = Vec::new();
        for directive in loading.directives() {
            match &directive.kind {
                DirectiveKind::Page(page) if !page.is_shared => {
                    add_page(&mut runs, page, zero_pages);
                }
                DirectiveKind::Insert(insert) => runs.push(parameters(insert)),
                DirectiveKind::VpContext(context) => runs.extend(vcpu(context)),
                _ => {}
            }
        }
        Ok(Self::of_runs(runs))
    }
}

/// Adds a page of either size, by 4096 bytes each.
fn add_page<'a>(runs: &mut Vec<Run<'a>>, page: &PageData<'a>, zero_pages: ZeroPages) {
    let (name, page_type) = match (page.kind, page.is_unmeasured) {
        (PageDataKind::Secrets, _) => ("secrets", PageType::Secrets),
        (PageDataKind::Cpuid | PageDataKind::CpuidXf, _) => ("cpuid", PageType::Cpuid),
        (PageDataKind::Normal, true) => ("unmeasured", PageType::Unmeasured),
        (PageDataKind::Normal, false) => match (page.data, zero_pages) {
            (Some(_), _) => ("data", PageType::Normal),
            (None, ZeroPages::Normal) => ("zeros", PageType::Normal),
            (None, ZeroPages::Zero) => ("zeros", PageType::Zero),
        },
    };
    let contents = match page.data.filter(|_| page_type == PageType::Normal) {
        Some(data) => {
            let offsets = (data.offset..).step_by(PAGE_SIZE);
            Contents::Pages(offsets.zip(data.bytes.chunks(PAGE_SIZE)).collect())
        }
        None if page_type == PageType::Normal => Contents::Zeros(page.bytes() / 4096),
        None => Contents::Unmeasured(page.bytes() / 4096),
    };
    let run = Run {
        name: name.to_owned(),
        gpa: page.gpa,
        page_type,
        contents,
    };
    let taken = runs.last_mut().is_some_and(|last| last.takes_up(&run));
    if !taken {
        runs.push(run);
    }
}

/// All pages of an area, in which the host has written.
fn parameters<'a>(insert: &ParameterInsert<'_>) -> Run<'a> {
    Run {
        name: format!("parameters{}", insert.area),
        gpa: insert.gpa,
        page_type: PageType::Unmeasured,
        contents: Contents::Unmeasured(insert.bytes / 4096),
    }
}

fn vcpu<'a>(context: &VpContext<'a>) -> Option<Run<'a>> {
    let page: &[u8; PAGE_SIZE] = context.data?.bytes.try_into().ok()?;
    Some(Run {
        name: format!("vcpu{}", context.vp_index),
        gpa: context.gpa,
        page_type: PageType::Vmsa,
        contents: Contents::Made(Arc::new(*page)),
    })
}
