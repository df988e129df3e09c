use super::*;

/// A message of these header words, in a frame of its own length.
fn frame(major: u16, minor: u16, words: &[u32], rest: &[u8]) -> Vec<u8> {
    let mut message = major.to_le_bytes().to_vec();
    message.extend(minor.to_le_bytes());
    message.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    message.extend(rest);
    let mut frame = u32::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    frame.extend(message);
    frame
}

fn answer(quote: &[u8]) -> Vec<u8> {
    let size = u32::try_from(quote.len()).unwrap();
    frame(1, 1, &[1, 24 + size, 0, 0, size], quote)
}

fn take(frame: &[u8]) -> Result<Option<Vec<u8>>, QgsFault> {
    Reply::new(64).take(frame)
}

#[test]
fn request_is_the_services_own_layout() {
    let mut report = [0; REPORT_BYTES];
    report[0] = 0x81;
    let frame = request(&report);
    assert_eq!(frame.len(), 4 + 24 + 1024);
    assert_eq!(frame[..4], [0, 0, 4, 0x18]);
    assert_eq!(frame[4..12], [1, 0, 1, 0, 0, 0, 0, 0]);
    assert_eq!(frame[12..20], [0x18, 4, 0, 0, 0, 0, 0, 0]);
    assert_eq!(frame[20..28], [0, 4, 0, 0, 0, 0, 0, 0]);
    assert_eq!(frame[28..], report);
}

#[test]
fn quote_comes_whole_however_it_is_cut() {
    let frame = answer(b"a quote");
    for at in 0..frame.len() {
        let mut reply = Reply::new(64);
        assert_eq!(reply.take(&frame[..at]), Ok(None), "cut at {at}");
        assert_eq!(reply.take(&frame[at..]), Ok(Some(b"a quote".to_vec())));
    }
    let mut reply = Reply::new(64);
    let came: Vec<_> = frame.iter().map(|byte| reply.take(&[*byte])).collect();
    assert_eq!(came.last(), Some(&Ok(Some(b"a quote".to_vec()))));
}

#[test]
fn quote_of_exactly_the_longest_length_is_taken_and_a_longer_one_is_not() {
    assert_eq!(take(&answer(&[7; 64])), Ok(Some(vec![7; 64])));
    let fault = QgsFault::Length {
        length: 24 + 65,
        most: 24 + 64,
    };
    assert_eq!(take(&answer(&[7; 65])), Err(fault.clone()));
    // Before anything of it is kept: from its length alone.
    assert_eq!(take(&answer(&[7; 65])[..4]), Err(fault));
}

#[test]
fn what_is_no_answer_is_refused() {
    let field = |field, found, expected| {
        Err(QgsFault::Field {
            field,
            found,
            expected,
        })
    };
    let length = |length| Err(QgsFault::Length { length, most: 88 });
    #[rustfmt::skip] // a table: one case a line
    let cases = [
        ("major version",  frame(2, 1, &[1, 25, 0, 0, 1], b"q"), field("major version", 2, 1)),
        ("minor version",  frame(1, 0, &[1, 25, 0, 0, 1], b"q"), field("minor version", 0, 1)),
        ("a request",      frame(1, 1, &[0, 25, 0, 0, 1], b"q"), field("type", 0, 1)),
        ("collateral",     frame(1, 1, &[3, 25, 0, 0, 1], b"q"), field("type", 3, 1)),
        ("its own size",   frame(1, 1, &[1, 26, 0, 0, 1], b"q"), field("size", 26, 25)),
        ("a selected id",  frame(1, 1, &[1, 25, 0, 1, 0], b"q"), field("size of the selected id", 1, 0)),
        ("a short quote",  frame(1, 1, &[1, 25, 0, 0, 0], b"q"), field("size of the quote", 0, 1)),
        ("a long quote",   frame(1, 1, &[1, 25, 0, 0, u32::MAX], b"q"), field("size of the quote", 0xffff_ffff, 1)),
        ("an empty quote", frame(1, 1, &[1, 24, 0, 0, 0], b""), Err(QgsFault::Empty)),
        ("a header alone", frame(1, 1, &[1, 16, 0], b""), field("size", 16, 24)),
        ("half a header",  frame(1, 1, &[1, 12], b""), length(12)),
        ("no message",     vec![0; 4], length(0)),
        ("4 GiB",          vec![0xff; 4], length(u32::MAX)),
        ("a legacy quote", vec![4, 0, 2, 0, 0x81, 0, 0, 0], length(0x0400_0200)),
    ];
    for (what, frame, expected) in cases {
        assert_eq!(take(&frame), expected, "{what}");
    }
}

#[test]
fn error_code_is_told_with_its_meaning_whatever_follows() {
    for rest in [&[][..], &[0; 8]] {
        let size = 16 + u32::try_from(rest.len()).unwrap();
        let refused = take(&frame(1, 1, &[1, size, 0x12003], rest)).unwrap_err();
        assert_eq!(refused, QgsFault::Refused { code: 0x12003 });
        assert!(
            refused
                .to_string()
                .contains("does not take the guest's report")
        );
    }
}

#[test]
fn more_than_one_answer_is_refused() {
    let mut frame = answer(b"a quote");
    frame.push(0);
    assert_eq!(take(&frame), Err(QgsFault::Trailing));
    frame.resize(4096, 0);
    assert_eq!(take(&frame), Err(QgsFault::Trailing));
    let mut longest = answer(&[7; 64]);
    longest.push(0);
    assert_eq!(take(&longest), Err(QgsFault::Trailing));
}

#[test]
fn connection_that_closes_early_says_after_how_many_bytes() {
    let mut reply = Reply::new(64);
    assert_eq!(reply.take(&answer(b"a quote")[..5]), Ok(None));
    assert_eq!(reply.closed(), QgsFault::Closed { bytes: 5 });
}
