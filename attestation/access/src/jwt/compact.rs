//! The three parts of a token (RFC 7515, 7.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::TokenRefusal;

/// What requests of clients have room for. Tokens have one kilobyte or two.
const LONGEST_TOKEN: usize = 16 << 10;
const LONGEST_HEADER: usize = 2 << 10;

/// A token taken apart, but neither read nor proven.
pub(super) struct Compact<'t> {
    pub(super) header: Vec<u8>,
    pub(super) claims: Vec<u8>,
    pub(super) signature: Vec<u8>,
    /// What is signed.
    pub(super) signed: &'t [u8],
}

impl<'t> Compact<'t> {
    pub(super) fn split(token: &'t str) -> Result<Self, TokenRefusal> {
        if token.len() > LONGEST_TOKEN {
            return Err(TokenRefusal::TooLong);
        }
        let parts: Vec<&str> = token.splitn(4, '.').collect();
        let [header, claims, signature] = parts[..] else {
            return Err(TokenRefusal::Form);
        };
        if header.len() > LONGEST_HEADER {
            return Err(TokenRefusal::TooLong);
        }
        let signed = header.len() + 1 + claims.len();
        Ok(Self {
            header: decode(header)?,
            claims: decode(claims)?,
            signature: decode(signature)?,
            signed: &token.as_bytes()[..signed],
        })
    }
}

/// The one spelling (RFC 7515, 2), and not of nothing: a token without a signature has three parts too.
fn decode(part: &str) -> Result<Vec<u8>, TokenRefusal> {
    let bytes = base64url(part).ok_or(TokenRefusal::Form)?;
    if bytes.is_empty() {
        return Err(TokenRefusal::Form);
    }
    Ok(bytes)
}

/// Decodes base64url without padding, of which the last bits are zero.
pub(super) fn base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
