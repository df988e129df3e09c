//! Values and counts as sentences have them.

use super::Names;

/// Words of a command line.
pub fn words(only_a: &[String], only_b: &[String], names: &Names<'_>) -> String {
    let quoted = |words: &[String]| {
        let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
        words.join(" ")
    };
    let only = |words: &[String], name: &str| format!("{} only in {name}", quoted(words));
    let parts = match (only_a, only_b) {
        (a, []) => only(a, names.a),
        ([], b) => only(b, names.b),
        (a, b) => format!("{}, {}", only(a, names.a), only(b, names.b)),
    };
    format!("the command line has {parts}")
}

/// `A` and `B` as words of their own, replaced by the sides' names.
pub fn named(says: &str, names: &Names<'_>) -> String {
    let words = says.split(' ').map(|word| match word {
        "A" => names.a.to_owned(),
        "B" => names.b.to_owned(),
        "A," => format!("{},", names.a),
        "B," => format!("{},", names.b),
        "A:" => format!("{}:", names.a),
        "B:" => format!("{}:", names.b),
        word => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// `1 page`, `2 pages`.
pub(crate) fn count(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{s}")
}

/// `1 byte differs`, `2 bytes differ`.
pub(crate) fn differ(bytes: usize) -> String {
    let verb = if bytes == 1 { "differs" } else { "differ" };
    format!("{} {verb}", count(bytes, "byte"))
}

/// Long hexadecimal values by their first bytes, where these tell them apart; zeros by their name.
pub fn shorter(a: &str, b: &str) -> (String, String) {
    let is_long =
        |text: &str| text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !(is_long(a) && is_long(b)) || a.get(..16) == b.get(..16) {
        return (a.to_owned(), b.to_owned());
    }
    let shorter = |text: &str| match text.bytes().all(|byte| byte == b'0') {
        true => "zero".to_owned(),
        false => short(text),
    };
    (shorter(a), shorter(b))
}

/// A long digest by its first bytes.
pub fn short(hex: &str) -> String {
    match hex.get(..16) {
        Some(start) if hex.len() > 16 => format!("{start}…"),
        _ => hex.to_owned(),
    }
}
