//! How much memory a document can make its reader take.

use attestation_shapes::Evidence;
use tests_heap::peak_of;

/// Bytes for each byte of input, as docs/evidence-shapes.md says.
const FACTOR: usize = 48;
/// Bytes for any input: text of an error, lists of members.
const BESIDE: usize = 4 << 10;

fn bounded(bytes: &[u8], what: &str) {
    let (_, peak) = peak_of(|| Evidence::read(bytes).is_ok());
    let most = FACTOR * bytes.len() + BESIDE;
    assert!(peak <= most, "{what}: {peak} of {most}");
}

#[test]
fn documents_of_many_small_values_take_memory_by_their_size() {
    for unit in [
        "[],",
        "{},",
        "[[]],",
        "[[[256]]],",
        "256,",
        "\"\",",
        "{\"a\":0},",
        "{\"a\":[256]},",
    ] {
        for count in [10, 100, 1000, 5000, 20_000] {
            let text = format!("{{\"a\":[{}0]}}", unit.repeat(count));
            bounded(text.as_bytes(), unit);
        }
    }
}

#[test]
fn large_files_take_memory_by_their_size() {
    let digits = vec![b'a'; 4 << 20];
    let base64 = vec![b'z'; 4 << 20];
    let array = format!("{{\"report\":[{}0]}}", "0,".repeat(1 << 20));
    bounded(&digits, "hexadecimal");
    bounded(&base64, "base64");
    bounded(&vec![0; 4 << 20], "bytes");
    bounded(array.as_bytes(), "an array");
    bounded(&vec![b'['; 4 << 20], "depth");
    bounded(&[b'{'; 4 << 10], "depth of objects");
}
