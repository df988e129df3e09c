//! Addresses that are asked.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// Where something is fetched: `https`, or `http` on a loopback address written in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub(crate) encrypted: bool,
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Host and port, as they are written.
    pub(crate) authority: String,
    /// Path and query, from the first slash; empty if there is none.
    pub(crate) path: String,
}

/// A text is no address that is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidAddress {
    /// Not of the form.
    #[error("it is no address of the form https://HOST[:PORT]/PATH")]
    Form,
    /// Whoever is on the way could put keys of their own in.
    #[error("http is for loopback addresses in numbers only (http://127.0.0.1:PORT/…)")]
    Unencrypted,
}

const LONGEST: usize = 1024;

impl Address {
    /// The same with more behind its path.
    pub(crate) fn with_suffix(&self, suffix: &str) -> Self {
        let path = self.path.trim_end_matches('/');
        Self {
            path: format!("{path}{suffix}"),
            ..self.clone()
        }
    }

    pub(crate) fn has_query(&self) -> bool {
        self.path.contains('?')
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if !plain || text.len() > LONGEST || text.contains('#') {
            return Err(InvalidAddress::Form);
        }
        let (encrypted, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://"))
        {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(InvalidAddress::Form),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = host_and_port(authority, encrypted).ok_or(InvalidAddress::Form)?;
        if !encrypted && !is_loopback(host) {
            return Err(InvalidAddress::Unencrypted);
        }
        Ok(Self {
            encrypted,
            host: host.to_owned(),
            port,
            authority: authority.to_owned(),
            path: path.to_owned(),
        })
    }
}

fn host_and_port(authority: &str, encrypted: bool) -> Option<(&str, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            let port = if behind.is_empty() {
                None
            } else {
                Some(behind.strip_prefix(':')?)
            };
            (host, port)
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    // What is no letter, digit, hyphen or point is no part of a name; the user of `user@host` is none of ours.
    if host.is_empty() || !host.bytes().all(named) {
        return None;
    }
    let usual = if encrypted { 443 } else { 80 };
    let digits = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
    let port = match port {
        None => usual,
        Some(text) => Some(text)
            .filter(digits)?
            .parse()
            .ok()
            .filter(|port| *port != 0)?,
    };
    Some((host, port))
}

/// `localhost` is a name, and whoever answers for it may not be here.
fn is_loopback(host: &str) -> bool {
    let v4 = host
        .parse::<Ipv4Addr>()
        .is_ok_and(|address| address.is_loopback());
    v4 || host
        .parse::<Ipv6Addr>()
        .is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.encrypted { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_taken_apart_and_written_as_it_was() {
        for (text, host, port, path) in [
            ("https://a.example", "a.example", 443, ""),
            ("https://a.example:8443/x?y=1", "a.example", 8443, "/x?y=1"),
            ("https://[2001:db8::1]:9/", "2001:db8::1", 9, "/"),
            ("http://127.0.0.1:80/x", "127.0.0.1", 80, "/x"),
            ("http://[::1]/x", "::1", 80, "/x"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.host.as_str(), address.port), (host, port));
            assert_eq!(address.path, path);
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn address_of_another_form_is_refused() {
        for text in [
            "",
            "a.example",
            "ftp://a.example",
            "HTTPS://a.example",
            "https://",
            "https:///x",
            "https://user@a.example",
            "https://a.example:",
            "https://a.example:0",
            "https://a.example:65536",
            "https://a.example:+1",
            "https://a b",
            "https://a.example/#x",
            "https://a\\b",
            "https://[::1",
            "https://[::1]x",
            "https://[a.example]",
            "https://a.example\r\nx: y",
            "https://é.example",
        ] {
            assert_eq!(text.parse::<Address>(), Err(InvalidAddress::Form), "{text}");
        }
    }

    #[test]
    fn address_that_is_not_encrypted_is_refused_beyond_loopback() {
        for text in [
            "http://a.example/",
            "http://localhost/",
            "http://10.0.0.1/",
            "http://0.0.0.0/",
            "http://127.0.0.1.evil.example/",
            "http://[::]/",
        ] {
            assert_eq!(
                text.parse::<Address>(),
                Err(InvalidAddress::Unencrypted),
                "{text}"
            );
        }
    }

    #[test]
    fn suffix_comes_behind_the_path() {
        for text in ["https://a.example/x", "https://a.example/x/"] {
            let address: Address = text.parse().unwrap();
            assert_eq!(
                address.with_suffix("/y").to_string(),
                "https://a.example/x/y"
            );
        }
    }
}
