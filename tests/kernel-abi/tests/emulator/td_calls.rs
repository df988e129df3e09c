//! What a running TD asks, answered by the unmodified VMM with its jail: quotes by a service on a Unix socket,
//! notifications, the I/O APIC, last words.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::thread;

use crate::support::tdx_folder;
use crate::support::watcher::{BUFFER, BYTES, PRESET, Watcher, quote, share, tdx, write_register};
use tests_kernel_abi::host::Exit;
use tests_kernel_abi::machine::{Folder, Outcome};
use tests_kernel_abi::trace::Ended;
use vmm_kernel_abi::exit::{self, offset};
use vmm_kernel_abi::tdx::{QUOTE_ERROR, QUOTE_SERVICE_UNAVAILABLE, QUOTE_SUCCESS, call, status};

fn folder(lines: &str) -> Option<Folder> {
    tdx_folder(1, lines)
}

fn run(folder: &Folder, watcher: &mut Watcher) -> Outcome {
    let watched = watcher.watched();
    folder.run(&watched, watcher)
}

/// A service that answers one request with these bytes and closes.
fn serve(folder: &Folder, answer: Vec<u8>) {
    let listener = UnixListener::bind(folder.path("qgs.sock")).unwrap();
    // It ends with the test, if nobody comes.
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut request = [0; 4 + 24 + 1024];
        socket.read_exact(&mut request).unwrap();
        assert_eq!(request[28..], [0x81; 1024]);
        socket.write_all(&answer).unwrap();
    });
}

fn response(code: u32, quote: &[u8]) -> Vec<u8> {
    let size = u32::try_from(quote.len()).unwrap();
    let mut frame = (24 + size).to_be_bytes().to_vec();
    frame.extend([1, 0, 1, 0]);
    for word in [1, 24 + size, code, 0, size] {
        frame.extend(word.to_le_bytes());
    }
    frame.extend(quote);
    frame
}

fn found_status(watcher: &Watcher) -> u64 {
    let found = watcher.found.as_ref().unwrap();
    u64::from_le_bytes(found[8..16].try_into().unwrap())
}

#[test]
fn quote_comes_into_the_guests_buffer_and_interrupts_it() {
    let Some(folder) = folder("quote_service = \"unix:qgs.sock\"\n") else {
        return;
    };
    serve(&folder, response(0, b"a quote"));
    let exits = vec![
        share(BUFFER, 2),
        tdx(call::GET_TD_VM_CALL_INFO, 1, 0),
        tdx(call::SETUP_EVENT_NOTIFY, 31, 0),
        tdx(call::SETUP_EVENT_NOTIFY, 256, 0),
        tdx(call::SETUP_EVENT_NOTIFY, 0x51, 0),
        quote(BUFFER + 8, BYTES),
        quote(BUFFER, 0),
        // Private memory, beyond memory, and numbers that wrap.
        quote(BUFFER + 0x1000, BYTES),
        quote(64 << 20, BYTES),
        quote(!0xfff, BYTES),
        tdx(0x1_0005, 0, 0),
        quote(BUFFER, BYTES),
    ];
    let asks_at = exits.len() - 1;
    let mut watcher = Watcher::new(exits, asks_at);
    let outcome = run(&folder, &mut watcher);
    assert_eq!(outcome.ended, Ended::Exited(0), "{outcome:#?}");
    assert_eq!(outcome.left, Vec::<String>::new());
    assert_eq!(watcher.answer(0, offset::HYPERCALL_RET), 0);
    let answers: Vec<_> = (1..=asks_at)
        .map(|index| watcher.answer(index, offset::TDX_RET))
        .collect();
    let invalid = status::INVALID_OPERAND;
    #[rustfmt::skip] // a table
    let expected = [
        status::SUCCESS, invalid, invalid, status::SUCCESS,
        status::ALIGN_ERROR, invalid, invalid, invalid, invalid,
        PRESET, status::SUCCESS,
    ];
    assert_eq!(answers, expected);
    assert_eq!(watcher.answer(1, offset::TDX_INFO_R11), 2);
    assert_eq!(found_status(&watcher), QUOTE_SUCCESS);
    let found = watcher.found.unwrap();
    assert_eq!(found[20..31], *b"\x07\0\0\0a quote");
    assert_eq!(watcher.interrupts, [(0xfee0_0000, 0x51)]);
    assert!(outcome.event("no-quote").is_none());
}

#[test]
fn service_that_fails_is_told_to_the_guest_and_to_people() {
    const SERVICE: &str = "quote_service = \"unix:qgs.sock\"\n";
    #[rustfmt::skip] // a table: one case a line
    let cases = [
        ("an error",    SERVICE, Some(response(0x12001, b"")),      QUOTE_ERROR,               "error 0x12001"),
        ("too long",    SERVICE, Some(response(0, &[0; 0x2000])),   QUOTE_ERROR,               "announces an answer of 8216 bytes"),
        ("closed",      SERVICE, Some(Vec::new()),                  QUOTE_ERROR,               "closed the connection after 0 bytes"),
        ("not running", SERVICE, None,                              QUOTE_SERVICE_UNAVAILABLE, "cannot be reached"),
        ("not there",   "",      None,                              QUOTE_SERVICE_UNAVAILABLE, ""),
    ];
    for (what, lines, answer, status, said) in cases {
        let Some(folder) = folder(lines) else { return };
        if let Some(answer) = answer {
            serve(&folder, answer);
        }
        let mut watcher = Watcher::new(vec![share(BUFFER, 2), quote(BUFFER, BYTES)], 1);
        let outcome = run(&folder, &mut watcher);
        assert_eq!(outcome.ended, Ended::Exited(0), "{what}: {outcome:#?}");
        assert_eq!(
            watcher.answer(1, offset::TDX_RET),
            status::SUCCESS,
            "{what}"
        );
        assert_eq!(found_status(&watcher), status, "{what}");
        let told = outcome
            .event("no-quote")
            .map(|event| event["error"].to_string());
        assert!(
            told.unwrap_or_default().contains(said),
            "{what}: {outcome:#?}"
        );
        assert_eq!(outcome.left, Vec::<String>::new(), "{what}");
    }
}

#[test]
fn io_apic_in_the_vmm_gives_kvm_its_routes() {
    const SELECT: u64 = 0xfec0_0000;
    const WINDOW: u64 = SELECT + 0x10;
    let Some(folder) = folder("") else { return };
    let exits = vec![
        // Pin 5: vector 0x31 to processor 0; then masked again.
        write_register(SELECT, 0x1a),
        write_register(WINDOW, 0x31),
        write_register(WINDOW, 0x31),
        write_register(WINDOW, 0x1_0031),
    ];
    let mut watcher = Watcher::new(exits, usize::MAX - 1);
    let outcome = run(&folder, &mut watcher);
    assert_eq!(outcome.ended, Ended::Exited(0), "{outcome:#?}");
    assert_eq!(watcher.routes, [1, 0]);
}

#[test]
fn last_words_of_a_td_are_told_with_their_code() {
    let Some(folder) = folder("") else { return };
    let mut words = vec![(
        offset::EVENT_TYPE,
        u64::from(exit::EVENT_TDX_FATAL) | 16 << 32,
    )];
    let mut register = |number: usize, value| words.push((offset::EVENT_DATA + 8 * number, value));
    (0..16).for_each(|number| register(number, 0));
    register(1, 0xffcc);
    register(12, 0x2_0000);
    register(14, u64::from_le_bytes(*b"no RAM\x1b["));
    let exit = Exit::new(exit::SYSTEM_EVENT, &words);
    let mut watcher = Watcher::new(vec![exit], usize::MAX - 1);
    let outcome = run(&folder, &mut watcher);
    assert_eq!(outcome.ended, Ended::Exited(1), "{outcome:#?}");
    assert_eq!(outcome.reason(), "guest-terminated");
    let detail = outcome.event("stopped").unwrap()["detail"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        detail,
        r#"the guest reported a fatal error, code 0x20000: "no RAM\x1b[""#
    );
    assert_eq!(outcome.left, Vec::<String>::new());
}
