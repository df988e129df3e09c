//! Writes the seeds that fuzzing begins with, all of them made here: `cargo run -p tests-fuzz-targets
//! --release --example seeds`.
//!
//! A seed that is there already stays as it is: some have keys in them, which are new each time.

mod attestation;
mod certificates;
mod conversions;
#[allow(
    unused_imports,
    reason = "seeds need a part of what certificates can be made of"
)]
#[path = "../../../../attestation/certificates/tests/forge/mod.rs"]
mod forge;
mod hosts;
mod igvm;
#[allow(
    dead_code,
    missing_docs,
    reason = "seeds need a part of what makes IGVM files"
)]
#[path = "../../../../measured-boot/igvm/tests/igvm/support/mod.rs"]
mod igvm_files;
mod judged;
mod kernels;
mod logs;
mod ovmf;
mod pe;
mod quotes;
mod reference;
mod shim;
mod tdx;
mod tokens;

use std::path::Path;
use std::{fs, io};

/// Name and bytes.
type Seed = (&'static str, Vec<u8>);

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let all: [(&str, Vec<Seed>); 45] = [
        ("acpi_blobs", tdx::acpi_blobs()),
        ("appraisal", attestation::appraisal()),
        ("bzimage", kernels::bzimage()),
        ("cbor", reference::cbor()),
        ("ccel_table", logs::ccel_table()),
        ("certificate", certificates::certificate()),
        ("conversion", conversions::conversion()),
        ("corim", reference::corim()),
        ("differences", reference::differences()),
        ("ear", judged::ear()),
        ("event_log", logs::event_log()),
        ("evidence", judged::evidence()),
        ("hcl", judged::hcl()),
        ("host_recording", hosts::host_recording()),
        ("id_auth", attestation::id_auth()),
        ("id_key", attestation::id_key()),
        ("igvm", igvm::seeds()),
        ("igvm_plan", igvm::plans()),
        ("json", attestation::json()),
        ("jwt", tokens::jwt()),
        ("kernel", kernels::kernels()),
        ("limits", judged::limits()),
        ("linux_setup", tdx::linux_setup()),
        ("manifest", kernels::manifest()),
        ("ovmf", ovmf::seeds()),
        ("pe", pe::pe()),
        ("policy", judged::policy()),
        ("quote_buffers", quotes::quote_buffers()),
        ("quote_reply", quotes::quote_reply()),
        ("revocation_list", certificates::revocation_list()),
        ("seen", certificates::seen()),
        ("shim_pages", shim::shim_pages()),
        ("snp", judged::snp()),
        ("svsm", ovmf::svsm()),
        ("td_hob", tdx::td_hob()),
        ("tdvf", tdx::tdvf()),
        ("tdx", judged::tdx()),
        ("tdx_quote", judged::tdx_quote()),
        ("tee_frame", attestation::tee_frame()),
        ("tpm", judged::tpm()),
        ("tpm_parts", judged::tpm_parts()),
        ("tpm_quote", judged::tpm_quote()),
        ("uefi_payload", logs::uefi_payload()),
        ("uki", pe::uki()),
        ("vm_config", kernels::vm_config()),
    ];
    for (target, seeds) in all {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in seeds {
            let path = folder.join(name);
            if !path.exists() {
                fs::write(path, bytes)?;
            }
        }
    }
    Ok(())
}

/// The bytes of all parts, in order.
fn bytes(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}
