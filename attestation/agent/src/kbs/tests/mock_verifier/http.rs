//! As much of HTTP as the agent speaks.

use std::io::{self, Read, Write};

use super::NAME;

/// Path, cookie and body of one request.
pub fn read_request(client: &mut impl Read) -> io::Result<(String, String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let header = |name: &str| {
        let mut values = head.lines().filter_map(|line| line.split_once(": "));
        values
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    };
    assert_eq!(header("host").as_deref(), Some(NAME));
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    client.read_exact(&mut body)?;
    Ok((path, header("cookie").unwrap_or_default(), body))
}

pub fn endless_answer(client: &mut impl Write) -> io::Result<()> {
    write!(
        client,
        "HTTP/1.1 200 -\r\ntransfer-encoding: chunked\r\n\r\n"
    )?;
    loop {
        write!(client, "1000\r\n{}\r\n", " ".repeat(0x1000))?;
    }
}
