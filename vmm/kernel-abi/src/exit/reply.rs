//! Answers that the VMM writes into `kvm_run` before it runs the vCPU again.

use super::{RUN_BYTES, offset};

/// Answers a hypercall with one of [`super::answer`].
pub fn set_hypercall_ret(run: &mut [u8; RUN_BYTES], ret: u64) {
    put(run, offset::HYPERCALL_RET, ret);
}

/// Answers a TDVMCALL with one of [`crate::tdx::status`]: the guest's R10.
pub fn set_tdx_ret(run: &mut [u8; RUN_BYTES], ret: u64) {
    put(run, offset::TDX_RET, ret);
}

/// Answers GetTdVmCallInfo: the guest's R11 to R14.
pub fn set_td_vm_call_info(run: &mut [u8; RUN_BYTES], registers: [u64; 4]) {
    for (index, register) in registers.into_iter().enumerate() {
        put(run, offset::TDX_INFO_R11 + 8 * index, register);
    }
}

/// Answers a request for certificates with one of [`super::answer`], and how many pages they need.
pub fn set_req_certs(run: &mut [u8; RUN_BYTES], npages: u64, ret: u64) {
    put(run, offset::CERTS_NPAGES, npages);
    put(run, offset::CERTS_RET, ret);
}

fn put(run: &mut [u8; RUN_BYTES], at: usize, value: u64) {
    run[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The 64-bit words of the page that are no longer zero, by their offset.
    fn changed(write: impl FnOnce(&mut [u8; RUN_BYTES])) -> Vec<(usize, u64)> {
        let mut run = [0; RUN_BYTES];
        write(&mut run);
        run.chunks_exact(8)
            .map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")))
            .enumerate()
            .filter(|(_, word)| *word != 0)
            .map(|(index, word)| (8 * index, word))
            .collect()
    }

    #[test]
    fn every_answer_lands_at_its_offset_alone() {
        assert_eq!(changed(|run| set_hypercall_ret(run, 22)), [(88, 22)]);
        assert_eq!(changed(|run| set_tdx_ret(run, 1)), [(48, 1)]);
        assert_eq!(
            changed(|run| set_td_vm_call_info(run, [1, 2, 3, 4])),
            [(64, 1), (72, 2), (80, 3), (88, 4)]
        );
        assert_eq!(
            changed(|run| set_req_certs(run, 7, 28)),
            [(40, 7), (48, 28)]
        );
    }
}
