//! The program as people and scripts use it, command by command.

#[path = "../../../firmware/tests/support/mod.rs"]
#[allow(dead_code, reason = "each test program uses a part of it")]
mod firmware;
#[path = "../../../igvm/tests/igvm/support/mod.rs"]
#[allow(dead_code, reason = "the files made here need not all of it")]
mod igvm_files;
#[path = "../../../event-log/tests/support/mod.rs"]
mod logs;
#[path = "../../../plan/tests/support/mod.rs"]
mod machine;
mod support;
#[path = "../../../firmware/tests/tdvf_support/mod.rs"]
mod tdvf;
#[path = "../../../uki/tests/images/support/mod.rs"]
mod uki_images;

mod diff;
mod event_log;
mod explain;
mod hostile;
mod id_block;
mod plan;
mod predictions;
mod reference;
mod shim;
mod shim_diff;
mod snp;
mod snp_peers;
mod tdx;
mod uki;
