//! ID blocks: of the configuration, of an IGVM file, of both.

#[path = "../../igvm/tests/igvm/support/mod.rs"]
#[allow(dead_code, reason = "the files made here need not all of it")]
mod files;
mod support;

use files::{Builder, MASK, vmsa};
use measured_boot_plan::{
    BootProtocol, IdBlockFiles, LaunchConfig, LaunchPlan, PlanError, Sources, TeeKind, plan,
};
use measured_boot_snp_abi::{GuestPolicy, IdBlock, VMSA_GPA};
use support::shim_config;
use zerocopy::IntoBytes;

/// What a configuration makes: SMT allowed.
const USUAL: u64 = 0x3_0000;
/// And on one socket alone, as no configuration says and a file may.
const OF_FILE: u64 = 0x13_0000;

fn block(digest: u8, policy: u64) -> IdBlock {
    let mut block = IdBlock::new([digest; 48], GuestPolicy::from_bits(policy));
    block.family_id = [digest; 16];
    block.guest_svn = u32::from(digest).into();
    block
}

/// A file of one page with this policy.
fn file(policy: u64) -> Builder {
    let file = Builder::default().platform(MASK, 2).policy(MASK, policy);
    file.page(0x1_0000, 0, &[7; 4096])
        .vp_context(VMSA_GPA, 0, &vmsa())
}

fn with_block(file: Builder, block: &IdBlock) -> Builder {
    file.id_block(block.as_bytes(), &[0; 4096])
}

fn igvm_config() -> LaunchConfig {
    let mut config = shim_config(TeeKind::Snp);
    config.boot.protocol = BootProtocol::Igvm;
    config.boot.igvm = Some("guest.igvm".into());
    config
}

/// Plans with the files of an ID block, if there is one.
fn planned(
    mut config: LaunchConfig,
    igvm: &[u8],
    block: Option<&[u8]>,
) -> Result<LaunchPlan, PlanError> {
    config.tee.id_block = block.map(|_| IdBlockFiles {
        block: "id-block.bin".into(),
        auth: "id-auth.bin".into(),
    });
    let sources = Sources {
        kernel: &support::kernel(),
        initrd: &support::initrd(),
        shim: &support::shim(),
        igvm,
        id_block: block.unwrap_or_default(),
        id_auth: &[0; 4096],
        ..Sources::default()
    };
    plan(&config, &sources)
}

fn of_shim(block: &[u8]) -> Result<LaunchPlan, PlanError> {
    planned(shim_config(TeeKind::Snp), &[], Some(block))
}

/// The block's own name for itself: the digest's first byte.
fn taken(plan: &Result<LaunchPlan, PlanError>) -> Option<u8> {
    let plan = plan.as_ref().expect("it can be planned");
    let signed = plan.id_block.0.as_ref()?;
    let svn = plan.id.0.guest_svn;
    assert_eq!(plan.id.0.family_id, signed.block.family_id);
    assert_eq!(u32::from(signed.block.launch_digest[0]), svn);
    Some(signed.block.launch_digest[0])
}

#[test]
fn id_block_of_the_configuration_is_taken_with_its_ids() {
    assert_eq!(taken(&of_shim(block(5, USUAL).as_bytes())), Some(5));
}

#[test]
fn id_block_for_another_policy_is_refused_with_both() {
    let refused = of_shim(block(5, OF_FILE).as_bytes());
    let (signed, planned) = [OF_FILE, USUAL].map(GuestPolicy::from_bits).into();
    assert_eq!(refused, Err(PlanError::IdBlockPolicy { signed, planned }));
}

#[test]
fn id_block_of_another_length_or_version_is_refused_by_its_key() {
    let whole = block(5, USUAL);
    let refused = of_shim(&whole.as_bytes()[1..]).expect_err("a byte is missing");
    assert!(refused.to_string().starts_with("tee.id_block: "));
    let mut newer = whole;
    newer.version = 2.into();
    let version = |key| Err(PlanError::IdBlockVersion { key, version: 2 });
    assert_eq!(of_shim(newer.as_bytes()), version("tee.id_block"));
    let file = with_block(file(USUAL), &newer).build();
    assert_eq!(planned(igvm_config(), &file, None), version("boot.igvm"));
}

/// The launch has the file's policy, whatever the configuration would have said without it.
#[test]
fn id_block_beside_an_igvm_file_is_held_to_the_files_policy() {
    let file = file(OF_FILE).build();
    let with = |policy| planned(igvm_config(), &file, Some(block(5, policy).as_bytes()));
    assert_eq!(taken(&with(OF_FILE)), Some(5));
    let (signed, planned) = [USUAL, OF_FILE].map(GuestPolicy::from_bits).into();
    assert_eq!(
        with(USUAL),
        Err(PlanError::IdBlockPolicy { signed, planned })
    );
}

#[test]
fn id_block_in_a_file_is_taken_with_the_files_policy() {
    let file = with_block(file(OF_FILE), &block(6, OF_FILE)).build();
    let plan = planned(igvm_config(), &file, None);
    assert_eq!(taken(&plan), Some(6));
    let signed = plan.expect("a plan").id_block.0.expect("a block");
    assert_eq!(signed.block.policy.get(), OF_FILE);
}

#[test]
fn id_block_of_the_configuration_stands_in_the_place_of_the_files() {
    let file = with_block(file(OF_FILE), &block(6, OF_FILE)).build();
    let plan = planned(igvm_config(), &file, Some(block(5, OF_FILE).as_bytes()));
    assert_eq!(taken(&plan), Some(5));
}

#[test]
fn simulated_tee_knows_no_id_block() {
    let file = with_block(file(USUAL), &block(6, USUAL)).build();
    let mut config = igvm_config();
    config.tee.kind = TeeKind::Simulated;
    assert_eq!(taken(&planned(config, &file, None)), None);
}

/// The firmware reports zeros for what no ID block says.
#[test]
fn ids_without_an_id_block_are_refused_where_hardware_would_not_report_them() {
    type Change = fn(&mut LaunchConfig);
    let changes: [(&str, Change); 3] = [
        ("tee.family_id", |config| config.tee.id.family_id[0] = 1),
        ("tee.image_id", |config| config.tee.id.image_id[0] = 1),
        ("tee.guest_svn", |config| config.tee.id.guest_svn = 1),
    ];
    let file = with_block(file(USUAL), &block(6, USUAL)).build();
    for (key, change) in changes {
        for mut config in [shim_config(TeeKind::Snp), igvm_config()] {
            change(&mut config);
            let refused = planned(config.clone(), &file, None);
            assert_eq!(refused, Err(PlanError::IdWithoutBlock { key }));
            config.tee.kind = TeeKind::Simulated;
            assert!(planned(config, &file, None).is_ok(), "{key}");
        }
    }
}

/// A file must not open the guest to what the configuration closes; it may close more.
#[test]
fn file_that_allows_smt_against_the_configuration_is_refused() {
    const WITHOUT_SMT: u64 = 0x2_0000;
    let with = |policy, smt| {
        let mut config = igvm_config();
        config.tee.smt = smt;
        planned(config, &file(policy).build(), None)
    };
    let policy = GuestPolicy::from_bits(USUAL);
    assert_eq!(with(USUAL, false), Err(PlanError::IgvmSmt { policy }));
    for smt in [true, false] {
        let plan = with(WITHOUT_SMT, smt).expect("it closes more");
        assert_eq!(plan.policy.0.bits(), WITHOUT_SMT);
    }
}
