//! What is kept where there is more than room.

use attestation_certificates::Validity;
use measured_boot_snp_abi::TcbComponents;

use super::*;
use crate::Document;

const NOW: u64 = 1000;

fn vcek(chip: u8, snp: u8) -> Subject {
    Subject::Vcek(Vcek {
        product: Product::Milan,
        chip_id: vec![chip; 64],
        tcb: TcbComponents {
            snp,
            ..TcbComponents::default()
        },
    })
}

fn put(cache: &mut Cache, subject: &Subject, not_after: u64) {
    cache.put(Arc::new(Proven {
        document: Document {
            subject: subject.clone(),
            body: vec![1],
            issuer_chain: None,
            fetched: NOW,
        },
        validity: Validity {
            not_before: 0,
            not_after,
        },
        observation: None,
    }));
}

fn has(cache: &Cache, subject: &Subject) -> bool {
    cache.peek(subject, NOW).is_some()
}

#[test]
fn chip_has_so_many_tcbs_and_crowds_out_its_own_alone() {
    let mut cache = Cache::new(100);
    let (other, used) = (vcek(9, 1), vcek(1, 1));
    put(&mut cache, &other, 2 * NOW);
    for snp in 1..=4 {
        put(&mut cache, &vcek(1, snp), 2 * NOW);
    }
    cache.find(&used, NOW).expect("it is kept");
    assert_eq!(cache.crowded_out_by(&vcek(1, 5)), [vcek(1, 2)]);
    put(&mut cache, &vcek(1, 5), 2 * NOW);
    assert!(!has(&cache, &vcek(1, 2)), "not used for longest");
    assert!(has(&cache, &used) && has(&cache, &other));
    assert_eq!(cache.all().len(), 5);
}

#[test]
fn confirmed_one_stays_though_others_were_used_later() {
    let mut cache = Cache::new(100);
    put(&mut cache, &vcek(1, 1), 2 * NOW);
    cache.confirm(&vcek(1, 1));
    // What is asked for again stays confirmed.
    put(&mut cache, &vcek(1, 1), 3 * NOW);
    for snp in 2..=200 {
        put(&mut cache, &vcek(1, snp), 2 * NOW);
    }
    assert!(has(&cache, &vcek(1, 1)));
    assert_eq!(cache.all().len(), MOST_TCBS);
}

#[test]
fn chips_are_bounded() {
    let mut cache = Cache::new(3);
    for chip in 1..=5 {
        put(&mut cache, &vcek(chip, 1), 2 * NOW);
    }
    let kept: Vec<_> = (1..=5)
        .filter(|chip| has(&cache, &vcek(*chip, 1)))
        .collect();
    assert_eq!(kept, [3, 4, 5]);
}

#[test]
fn platforms_are_bounded() {
    let mut cache = Cache::new(3);
    for number in 0..=MOST_TCB_INFOS {
        let [high, low] = u16::try_from(number).expect("small").to_be_bytes();
        put(
            &mut cache,
            &Subject::TcbInfo([high, low, 0, 0, 0, 0]),
            2 * NOW,
        );
    }
    assert_eq!(cache.all().len(), MOST_TCB_INFOS);
    assert!(!has(&cache, &Subject::TcbInfo([0; 6])));
    put(&mut cache, &Subject::RootList, 2 * NOW);
    assert_eq!(
        cache.all().len(),
        MOST_TCB_INFOS + 1,
        "lists have their own room"
    );
}

#[test]
fn what_is_out_of_its_dates_is_not_found_and_still_known() {
    let mut cache = Cache::new(3);
    put(&mut cache, &vcek(1, 1), NOW);
    assert!(cache.find(&vcek(1, 1), NOW).is_some());
    assert!(cache.find(&vcek(1, 1), NOW + 1).is_none());
    assert!(cache.peek(&vcek(1, 1), NOW + 1).is_none());
    assert!(cache.knows(&vcek(1, 1)));
    assert!(!cache.knows(&vcek(1, 2)));
}

#[test]
fn certificate_is_due_in_its_last_month_once_a_day() {
    let mut cache = Cache::new(3);
    let end = NOW + 100 * DAY;
    put(&mut cache, &vcek(1, 1), end);
    let entry = cache.find(&vcek(1, 1), NOW).expect("it is kept");
    let every = Duration::from_secs(DAY);
    assert!(!entry.is_due(end - LAST_MONTH, every));
    assert!(entry.is_due(end - LAST_MONTH + 1, every));
    let again = Entry {
        fetched: end - LAST_MONTH + 1,
        ..entry
    };
    assert!(!again.is_due(end - LAST_MONTH + DAY, every));
    assert!(again.is_due(end - LAST_MONTH + DAY + 1, every));
}
