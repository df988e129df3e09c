//! How long, exactly.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn patience() -> Patience {
    let budget = Budget {
        burst: 2,
        every: SECOND * 10,
    };
    Patience::new(budget, SECOND * 600)
}

fn number(number: u32) -> Subject {
    let [a, b, c, d] = number.to_be_bytes();
    Subject::TcbInfo([a, b, c, d, 0, 0])
}

fn cut() -> CollateralError {
    CollateralError::Cut {
        vendor: Vendor::Intel,
        address: "there".to_owned(),
        why: "so".to_owned(),
    }
}

#[test]
fn wait_doubles_and_has_an_end() {
    let waits: Vec<_> = (1..=12)
        .map(|failures| wait(failures, 0).as_secs())
        .collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 150, 150, 150, 150]);
    for random in [0, 1, 77_777, u64::MAX] {
        assert!(wait(u32::MAX, random) <= LONGEST);
        assert!(wait(1, random) >= FIRST / 2 && wait(1, random) <= FIRST);
    }
}

#[test]
fn failures_are_forgotten_with_the_first_success() {
    let mut patience = patience();
    let subject = number(1);
    for _ in 0..5 {
        patience.blame(&subject, &cut(), SECOND, 0);
    }
    let until = |patience: &Patience| patience.trouble(&subject, SECOND).map(|it| it.until);
    assert_eq!(until(&patience), Some(SECOND * 17));
    patience.forgive(&subject);
    assert_eq!(until(&patience), None);
    patience.blame(&subject, &cut(), SECOND, 0);
    assert_eq!(until(&patience), Some(SECOND * 2));
}

#[test]
fn troubles_are_bounded_and_the_first_to_be_over_is_forgotten() {
    let mut patience = patience();
    let most = u32::try_from(MOST_TROUBLES).expect("small");
    for name in 0..most + 10 {
        let elapsed = Duration::from_millis(u64::from(name));
        patience.blame(&number(name), &cut(), elapsed, 0);
    }
    assert_eq!(patience.questions.len(), MOST_TROUBLES);
    assert!(patience.trouble(&number(9), Duration::ZERO).is_none());
    assert!(patience.trouble(&number(10), Duration::ZERO).is_some());
}

#[test]
fn vendor_that_says_zero_seconds_is_left_alone_for_one() {
    let mut patience = patience();
    let busy = CollateralError::Busy {
        vendor: Vendor::Intel,
        address: "there".to_owned(),
        status: 429,
        after: Some(0),
    };
    patience.blame(&number(1), &busy, Duration::ZERO, 0);
    let trouble = patience.trouble(&number(2), Duration::ZERO);
    assert_eq!(trouble.map(|it| it.until), Some(SECOND));
    let amds = Subject::AmdList(crate::Product::Milan);
    assert!(patience.trouble(&amds, Duration::ZERO).is_none());
}

#[test]
fn vendors_have_a_budget_each() {
    let mut patience = patience();
    let mut spend = |vendor| patience.spend(vendor, SECOND);
    assert_eq!(spend(Vendor::Amd), Ok(()));
    assert_eq!(spend(Vendor::Amd), Ok(()));
    assert_eq!(spend(Vendor::Amd), Err(SECOND * 10));
    assert_eq!(spend(Vendor::Intel), Ok(()));
}
