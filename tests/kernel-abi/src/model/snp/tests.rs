use super::*;

const POLICY: u64 = 0x3_0000;

fn launched() -> Guest {
    let mut guest = Guest::new(Platform::default());
    guest.start(POLICY).expect("a policy for every host");
    guest
}

#[test]
fn commands_out_of_order_are_refused() {
    let wrong = Err(FirmwareStatus::InvalidGuestState);
    let mut guest = Guest::new(Platform::default());
    assert_eq!(guest.update(page_type::NORMAL, 0, &mut [0; 4096]), wrong);
    assert_eq!(guest.finish(&Finish::default()), wrong);
    let mut guest = launched();
    assert_eq!(guest.start(POLICY), wrong);
    guest.finish(&Finish::default()).expect("an empty guest");
    assert_eq!(guest.update_vmsa(&[0; 4096]), wrong);
    assert_eq!(guest.finish(&Finish::default()), wrong);
}

#[test]
fn policy_that_asks_for_more_than_the_host_gives_is_refused() {
    let start = |platform: Platform, policy| Guest::new(platform).start(policy);
    let refused = Err(FirmwareStatus::PolicyFailure);
    let platform = Platform::default();
    assert_eq!(start(platform.clone(), POLICY | 0x0137), Ok(()));
    assert_eq!(start(platform.clone(), POLICY | 0x0138), refused);
    assert_eq!(start(platform.clone(), POLICY | 0x0200), refused);
    assert_eq!(start(platform.clone(), 0x2_0000), refused);
    let invalid = Err(FirmwareStatus::InvalidParameter);
    assert_eq!(start(platform.clone(), 0x1_0000), invalid);
    assert_eq!(start(platform.clone(), POLICY | 1 << 26), invalid);
    let two = Platform {
        many_sockets: true,
        ..platform
    };
    assert_eq!(start(two, POLICY | 1 << 20), refused);
}

#[test]
fn contents_count_for_normal_pages_alone() {
    let digest = |page_type, byte| {
        let mut guest = launched();
        let mut page = [0; 4096];
        page[4095] = byte;
        guest
            .update(page_type, 0x1000, &mut page)
            .expect("it is taken");
        guest.digest()
    };
    assert_ne!(digest(page_type::NORMAL, 1), digest(page_type::NORMAL, 2));
    for page_type in [
        page_type::ZERO,
        page_type::UNMEASURED,
        page_type::SECRETS,
        page_type::CPUID,
    ] {
        assert_eq!(digest(page_type, 1), digest(page_type, 2));
    }
    assert_ne!(digest(page_type::ZERO, 0), digest(page_type::UNMEASURED, 0));
}

#[test]
fn guest_finds_zeros_and_secrets_whatever_the_host_handed_in() {
    let mut guest = launched();
    let mut page = [7; 4096];
    guest
        .update(page_type::ZERO, 0x1000, &mut page)
        .expect("it is taken");
    assert_eq!(page, [0; 4096]);
    let mut page = [7; 4096];
    guest
        .update(page_type::SECRETS, 0x2000, &mut page)
        .expect("it is taken");
    assert!(!page.contains(&7));
}

#[test]
fn page_is_loaded_once() {
    let mut guest = launched();
    guest
        .update(page_type::NORMAL, 0, &mut [0; 4096])
        .expect("the first");
    assert_eq!(
        guest.update(page_type::ZERO, 0, &mut [0; 4096]),
        Err(FirmwareStatus::InvalidPageState)
    );
}

#[test]
fn cpuid_page_comes_back_as_it_would_be_taken() {
    let platform = Platform {
        cpuid: Accepted(vec![((7, 0), [0, 0x10, 0, 0])]),
        ..Platform::default()
    };
    let mut guest = Guest::new(platform);
    guest.start(POLICY).expect("a policy for every host");
    let mut page = [0; 4096];
    page[0] = 1;
    page[16] = 7;
    page[16 + 28] = 0x12;
    let refused = Err(FirmwareStatus::InvalidParameter);
    assert_eq!(guest.update(page_type::CPUID, 0, &mut page), refused);
    assert_eq!(page[16 + 28], 0x10);
    assert_eq!(guest.update(page_type::CPUID, 0, &mut page), Ok(()));
    let mut page = [0; 4096];
    page[0] = 65;
    assert_eq!(guest.update(page_type::CPUID, 0x1000, &mut page), refused);
}

#[test]
fn disabled_vcek_needs_a_vlek() {
    let finish = Finish {
        vcek_disabled: true,
        ..Finish::default()
    };
    assert_eq!(launched().finish(&finish), Err(FirmwareStatus::InvalidKey));
}
