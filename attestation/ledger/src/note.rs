//! Signed notes (c2sp.org/signed-note).

use thiserror::Error;

use crate::key::check_name;
use crate::text::{decode_base64, encode_base64};
use crate::{SigningKey, VerifyingKey};

/// More than the 16 that every verifier must accept, few enough to bound the work.
const MAX_SIGNATURES: usize = 64;

/// Why a note was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NoteError {
    /// Not a text, an empty line and signature lines.
    #[error("not a signed note: {0}")]
    Malformed(&'static str),
    /// Nobody whom we know has signed.
    #[error("the note carries no signature of the pinned key `{name}` (id {id})")]
    NotSigned {
        /// Name of the pinned key.
        name: String,
        /// Id of the pinned key in hexadecimal.
        id: String,
    },
    /// A line claims to be of the pinned key and is not.
    #[error("the signature of `{0}` does not verify: the text or the signature was changed")]
    BadSignature(String),
}

/// A note taken apart. **Nothing in it is to be believed** before [`SignedNote::open`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote<'a> {
    text: &'a str,
    signatures: Vec<SignatureLine<'a>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct SignatureLine<'a> {
    name: &'a str,
    /// Four bytes of key id, then the signature; never fewer than five bytes.
    bytes: Vec<u8>,
}

/// Signs `text`, which must end in a newline, and returns the whole note.
///
/// # Errors
/// The text cannot stand in a note.
pub fn sign_note(text: &str, key: &SigningKey) -> Result<String, NoteError> {
    check_characters(text)?;
    if !text.ends_with('\n') {
        return Err(NoteError::Malformed("the text must end in a newline"));
    }
    let public = key.verifying_key();
    let mut bytes = public.id().to_vec();
    bytes.extend_from_slice(&key.sign(text));
    Ok(format!(
        "{text}\n\u{2014} {} {}\n",
        public.name(),
        encode_base64(&bytes)
    ))
}

impl<'a> SignedNote<'a> {
    /// Takes a note apart without believing it.
    ///
    /// # Errors
    /// It is not a note.
    pub fn parse(note: &'a str) -> Result<Self, NoteError> {
        check_characters(note)?;
        let (text, signatures) = note
            .rfind("\n\n")
            .and_then(|end| Some((note.get(..=end)?, note.get(end + 2..)?)))
            .ok_or(NoteError::Malformed("no empty line before the signatures"))?;
        let signatures = signatures.strip_suffix('\n').ok_or(NoteError::Malformed(
            "no signature, or no newline after the last one",
        ))?;
        if signatures.split('\n').count() > MAX_SIGNATURES {
            return Err(NoteError::Malformed("more than 64 signatures"));
        }
        let signatures = signatures
            .split('\n')
            .map(SignatureLine::parse)
            .collect::<Result<_, _>>()?;
        Ok(Self { text, signatures })
    }

    /// The text, once `key` is seen to have signed it. Signatures of other keys are ignored, as the
    /// specification demands.
    ///
    /// # Errors
    /// `key` has not signed, or one of its signatures is wrong.
    pub fn open(&self, key: &VerifyingKey) -> Result<&'a str, NoteError> {
        let mut signed = false;
        for line in self.signatures.iter().filter(|line| line.is_of(key)) {
            if !key.verifies(self.text, line.signature()) {
                return Err(NoteError::BadSignature(key.name().to_owned()));
            }
            signed = true;
        }
        signed
            .then_some(self.text)
            .ok_or_else(|| NoteError::NotSigned {
                name: key.name().to_owned(),
                id: hex::encode(key.id()),
            })
    }

    /// How many signature lines there are, of known and unknown keys.
    pub fn signature_count(&self) -> usize {
        self.signatures.len()
    }
}

impl<'a> SignatureLine<'a> {
    fn parse(line: &'a str) -> Result<Self, NoteError> {
        let malformed = || NoteError::Malformed("a signature line is not `\u{2014} NAME BASE64`");
        let (name, base64) = line
            .strip_prefix("\u{2014} ")
            .and_then(|rest| rest.split_once(' '))
            .ok_or_else(malformed)?;
        check_name(name).map_err(|_| malformed())?;
        let bytes = decode_base64(base64).ok_or_else(malformed)?;
        if bytes.len() < 5 {
            return Err(malformed());
        }
        Ok(Self { name, bytes })
    }

    fn is_of(&self, key: &VerifyingKey) -> bool {
        self.name == key.name() && self.bytes.starts_with(&key.id())
    }

    fn signature(&self) -> &[u8] {
        self.bytes.get(4..).unwrap_or_default()
    }
}

fn check_characters(text: &str) -> Result<(), NoteError> {
    if text.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
        return Err(NoteError::Malformed(
            "control characters other than newline",
        ));
    }
    Ok(())
}
