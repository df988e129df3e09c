//! Writes DER.

use attestation_certificates::Oid;
use base64::Engine as _;

/// Tag, length, content.
pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut value = vec![tag];
    let length = u32::try_from(content.len()).expect("tests write small things");
    match length.to_be_bytes() {
        [0, 0, 0, short @ ..0x80] => value.push(short),
        [0, 0, 0, low] => value.extend([0x81, low]),
        [0, 0, high, low] => value.extend([0x82, high, low]),
        [0, a, b, c] => value.extend([0x83, a, b, c]),
        [a, b, c, d] => value.extend([0x84, a, b, c, d]),
    }
    value.extend_from_slice(content);
    value
}

/// One value that holds others.
pub fn constructed(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(tag, &parts.concat())
}

/// An OBJECT IDENTIFIER.
pub fn oid(numbers: &[u32]) -> Vec<u8> {
    tlv(0x06, Oid::new(numbers).as_bytes())
}

/// An INTEGER of exactly this content.
pub fn integer(content: &[u8]) -> Vec<u8> {
    tlv(0x02, content)
}

/// An INTEGER as DER writes it.
pub fn number(number: u32) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(3);
    let mut content = bytes[first..].to_vec();
    if content[0] & 0x80 != 0 {
        content.insert(0, 0);
    }
    integer(&content)
}

/// A BIT STRING of whole bytes.
pub fn bits(content: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0], content].concat())
}

/// An OCTET STRING.
pub fn octets(content: &[u8]) -> Vec<u8> {
    tlv(0x04, content)
}

/// Hexadecimal digits as bytes.
pub fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).expect("the test has it right")
}

/// One PEM block.
pub fn pem(label: &str, der: &[u8]) -> String {
    let digits = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = digits
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("base64 is ASCII"))
        .collect();
    let lines = lines.join("\n");
    format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n")
}
