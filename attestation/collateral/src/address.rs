//! Where a vendor's service is.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;
use ureq::http::Uri;

/// `https://HOST[:PORT][/PATH]`, or `http://` where the host is this machine itself: an answer by plain HTTP can be held
/// back, replaced by an older one that is still in its dates, and read by whoever is on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    text: String,
    uri: Uri,
}

/// A text is no such address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// Not an address at all.
    #[error("not an address such as https://kdsintf.amd.com")]
    Form,
    /// Another scheme than the two.
    #[error("only https:// addresses are asked (http:// to this machine alone)")]
    Scheme,
    /// Plain HTTP to elsewhere.
    #[error("http:// only goes to 127.0.0.1 or [::1]: give an https:// address")]
    Plain,
    /// A user, a query or a fragment.
    #[error("a user name, a query or a fragment does not belong here")]
    Extra,
}

impl Address {
    /// As it is written, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The port that is asked.
    pub fn port(&self) -> u16 {
        let default = if self.is_plain() { 80 } else { 443 };
        self.uri.port_u16().unwrap_or(default)
    }

    /// Whether it is `http://`.
    pub(crate) fn is_plain(&self) -> bool {
        self.uri.scheme_str() == Some("http")
    }

    /// With a path behind it.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
}

/// Whether the host is this machine, by an address that cannot mean another.
pub(crate) fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim_end_matches('/').to_owned();
        let uri: Uri = text.parse().map_err(|_| AddressError::Form)?;
        let authority = uri.authority().ok_or(AddressError::Form)?;
        if uri.query().is_some() || text.contains('#') || authority.as_str().contains('@') {
            return Err(AddressError::Extra);
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_loopback(&uri) => {}
            Some("http") => return Err(AddressError::Plain),
            _ => return Err(AddressError::Scheme),
        }
        Ok(Self { text, uri })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Address, AddressError> {
        text.parse()
    }

    #[test]
    fn plain_http_goes_to_this_machine_alone() {
        for text in [
            "http://127.0.0.1:8081",
            "http://[::1]:8081/pccs",
            "http://127.9.9.9",
        ] {
            assert_eq!(read(text).expect(text).as_str(), text);
        }
        for text in [
            "http://kdsintf.amd.com",
            "http://localhost:8081",
            "http://10.0.0.1",
            "http://127.0.0.1.example",
            "http://0.0.0.0:80",
        ] {
            assert_eq!(read(text), Err(AddressError::Plain), "{text}");
        }
    }

    #[test]
    fn address_of_another_form_is_refused() {
        for (text, error) in [
            ("", AddressError::Form),
            ("kdsintf.amd.com", AddressError::Scheme),
            ("/vcek", AddressError::Form),
            ("ftp://kdsintf.amd.com", AddressError::Scheme),
            ("https://user@kdsintf.amd.com", AddressError::Extra),
            ("https://kdsintf.amd.com/?a=b", AddressError::Extra),
            ("https://kdsintf.amd.com/#a", AddressError::Extra),
        ] {
            assert_eq!(read(text), Err(error), "{text}");
        }
    }

    #[test]
    fn path_of_a_cache_in_front_stays() {
        let address = read("https://cache.example/intel/").expect("an address");
        assert_eq!(address.join("/tdx"), "https://cache.example/intel/tdx");
    }
}
