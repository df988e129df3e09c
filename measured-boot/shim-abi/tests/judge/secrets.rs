use measured_boot_shim_abi::{Refusal, SecretsPage};
use zerocopy::FromZeros;

fn refusal(change: impl FnOnce(&mut SecretsPage)) -> Option<Refusal> {
    let mut page = SecretsPage::new_zeroed();
    page.version = 4.into();
    page.keys = [[9; 32]; 4];
    change(&mut page);
    page.judge().err()
}

#[test]
fn page_that_the_firmware_filled_in_is_taken() {
    assert_eq!(refusal(|_| ()), None);
    assert_eq!(refusal(|page| page.rest[0] = 1), None);
}

#[test]
fn page_of_another_guest_is_refused() {
    type Change = fn(&mut SecretsPage);
    let changes: [(Change, Refusal); 5] = [
        (|page| page.version = 0.into(), Refusal::SecretsVersion),
        (|page| page.flags = 1.into(), Refusal::SecretsMigration),
        (|page| page.svsm[8] = 1, Refusal::SecretsSvsm),
        (|page| page.guest_area[0] = 1, Refusal::SecretsUsed),
        (|page| page.guest_area[95] = 1, Refusal::SecretsUsed),
    ];
    for (change, expected) in changes {
        assert_eq!(refusal(change), Some(expected));
    }
}
