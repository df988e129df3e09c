//! The vCPUs of a launch.

use crate::{Contents, LaunchFault, Run, SnpInputs};
use measured_boot_snp_abi::{PAGE_SIZE, PageType, VMSA_GPA, Vmsa};
use std::sync::Arc;
use zerocopy::IntoBytes;

/// As KVM measures them when the launch ends: the VMSA of the boot processor, then as many of the other
/// kind as are left, all at one address.
pub(crate) fn vcpus<'a>(
    count: u32,
    vmsas: &[Vmsa; 2],
) -> Result<impl Iterator<Item = Run<'a>> + use<'a>, LaunchFault> {
    if !(1..=SnpInputs::MAX_VCPUS).contains(&count) {
        return Err(LaunchFault::Vcpus(count));
    }
    let [boot, other] = vmsas.each_ref().map(page);
    Ok((0..count).map(move |index| Run {
        name: format!("vcpu{index}"),
        gpa: VMSA_GPA,
        page_type: PageType::Vmsa,
        contents: Contents::Made(Arc::clone(if index == 0 { &boot } else { &other })),
    }))
}

fn page(vmsa: &Vmsa) -> Arc<[u8; PAGE_SIZE]> {
    let bytes: &[u8; PAGE_SIZE] = vmsa.as_bytes().try_into().expect("a VMSA is a page");
    Arc::new(*bytes)
}
