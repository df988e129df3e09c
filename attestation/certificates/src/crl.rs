//! Revocation lists (RFC 5280, 5).

use std::ops::Range;

use thiserror::Error;

use crate::der::{Der, SEQUENCE, context};
use crate::extensions::{self, CRL_NUMBER};
use crate::signed::{Frame, Signed};
use crate::{Certificate, FormatError, IssueProblem, Number, Validity, format, pem, rfc3339, time};

const LABEL: &str = "X509 CRL";
const VERSION_2: u32 = 1;

/// A revocation list, read but not proven: [`Crl::prove`] proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crl {
    der: Vec<u8>,
    signed: Signed,
    issuer: Range<usize>,
    this_update: u64,
    next_update: Option<u64>,
    /// In order, for finding one.
    revoked: Vec<Number>,
    number: Option<Number>,
    critical: bool,
}

/// One thing that is wrong with a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CrlProblem {
    /// The issuer did not make it.
    #[error(transparent)]
    Issue(IssueProblem),
    /// The issuer may sign something, but not revocation lists.
    #[error("its issuer may not sign revocation lists")]
    MayNotSign,
    /// It is of the future.
    #[error("it is valid from {} on", rfc3339(*this_update))]
    NotYetValid {
        /// Its first second.
        this_update: u64,
    },
    /// A newer one has to exist.
    #[error("a newer one was due at {}", rfc3339(*next_update))]
    Expired {
        /// Its last second.
        next_update: u64,
    },
    /// It does not say when a newer one is due (RFC 5280, 5.1.2.5).
    #[error("it does not say when a newer one is due")]
    NoNextUpdate,
    /// It has no number (RFC 5280, 5.2.3): nobody could tell which of two is newer.
    #[error("it has no CRL number")]
    NoNumber,
    /// A critical extension, of the list or of an entry, that nothing here looks at: partial, indirect and delta lists
    /// have them.
    #[error("it has a critical extension that is not known here")]
    CriticalExtension,
}

impl CrlProblem {
    /// Whether it is one of dates alone: at another time the same list may be right.
    pub const fn is_about_dates(&self) -> bool {
        matches!(self, Self::NotYetValid { .. } | Self::Expired { .. })
    }
}

impl Crl {
    /// The most bytes of one, as DER.
    pub const MAX_LENGTH: usize = 8 * 1024 * 1024;

    /// Exactly one list, PEM or DER.
    ///
    /// # Errors
    /// It is none, or more than one, or anything follows it.
    pub fn read(bytes: &[u8]) -> Result<Self, FormatError> {
        // Each byte of DER takes less than two of PEM.
        format::check_size(bytes, 2 * Self::MAX_LENGTH)?;
        if !pem::looks_like_pem(bytes) {
            return Self::from_der(bytes);
        }
        match pem::decode(bytes, LABEL, 2)?.as_slice() {
            [der] => Self::from_der(der),
            blocks => Err(FormatError::NotOne {
                found: blocks.len(),
            }),
        }
    }

    /// Exactly one list, DER.
    ///
    /// # Errors
    /// It is none, or anything follows it.
    pub fn from_der(bytes: &[u8]) -> Result<Self, FormatError> {
        format::check_size(bytes, Self::MAX_LENGTH)?;
        let frame = Frame::read(bytes)?;
        let mut signed_part = frame.content.inside();
        let offset = signed_part.offset();
        if signed_part.u32()? != VERSION_2 {
            return Err(FormatError::Version { offset });
        }
        let inner_algorithm = signed_part.value(SEQUENCE)?;
        let mut crl = Self {
            signed: frame.signed(inner_algorithm)?,
            issuer: signed_part.value(SEQUENCE)?.raw_range(),
            this_update: time::read(&mut signed_part)?,
            next_update: time::read_optional(&mut signed_part)?,
            revoked: Vec::new(),
            number: None,
            critical: false,
            der: bytes.to_vec(),
        };
        if let Some(entries) = signed_part.optional(SEQUENCE)? {
            crl.take_entries(entries.inside())?;
        }
        if let Some(around) = signed_part.optional(context(0))? {
            crl.take_extensions(around.inside())?;
        }
        signed_part.end()?;
        Ok(crl)
    }

    fn take_entries(&mut self, mut entries: Der<'_>) -> Result<(), FormatError> {
        while !entries.is_empty() {
            let mut entry = entries.inside(SEQUENCE)?;
            self.revoked.push(entry.number()?);
            time::read(&mut entry)?;
            if !entry.is_empty() {
                let found = extensions::read(&mut entry)?;
                self.critical |= found.iter().any(|extension| extension.critical);
            }
            entry.end()?;
        }
        self.revoked.sort_unstable();
        Ok(())
    }

    fn take_extensions(&mut self, mut around: Der<'_>) -> Result<(), FormatError> {
        for extension in extensions::read(&mut around)? {
            if extension.identifier == CRL_NUMBER {
                let mut content = extension.content.inside();
                self.number = Some(content.number()?);
                content.end()?;
            } else {
                self.critical |= extension.critical;
            }
        }
        Ok(around.end()?)
    }

    /// The exact bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The issuer's name: its exact DER.
    pub fn issuer(&self) -> &[u8] {
        &self.der[self.issuer.clone()]
    }

    /// When it was made.
    pub const fn this_update(&self) -> u64 {
        self.this_update
    }

    /// Until when a newer one is made, if it says so.
    pub const fn next_update(&self) -> Option<u64> {
        self.next_update
    }

    /// Its number, if it has one: a newer list has a larger one.
    pub const fn number(&self) -> Option<Number> {
        self.number
    }

    /// How many certificates it revokes.
    pub const fn revoked_count(&self) -> usize {
        self.revoked.len()
    }

    /// Whether it lists this serial number. Serial numbers are of one issuer only: AMD's leaves all have 0.
    /// [`Crl::revokes`] asks about a certificate.
    pub fn lists(&self, serial: Number) -> bool {
        self.revoked.binary_search(&serial).is_ok()
    }

    /// Whether it says anything about this certificate: both are of one issuer.
    pub fn covers(&self, certificate: &Certificate) -> bool {
        self.issuer() == certificate.issuer()
    }

    /// Whether it revokes this certificate.
    pub fn revokes(&self, certificate: &Certificate) -> bool {
        self.covers(certificate) && self.lists(certificate.serial())
    }

    /// Proves that `issuer` made it and that it is in its time at `now` (unix seconds). `issuer` itself is proven by
    /// its chain.
    ///
    /// Returns the time within which the answer is the same.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn prove(&self, issuer: &Certificate, now: u64) -> Result<Validity, Vec<CrlProblem>> {
        let not_before = self.this_update;
        let not_after = self.next_update.unwrap_or(self.this_update);
        let usage = issuer.key_usage();
        let signs = usage.is_none_or(|usage| usage.crl_signing());
        let problems = [
            self.verify_issued_by(issuer).err().map(CrlProblem::Issue),
            (!signs).then_some(CrlProblem::MayNotSign),
            (now < not_before).then_some(CrlProblem::NotYetValid {
                this_update: not_before,
            }),
            match self.next_update {
                None => Some(CrlProblem::NoNextUpdate),
                Some(next_update) => {
                    (now > next_update).then_some(CrlProblem::Expired { next_update })
                }
            },
            self.number.is_none().then_some(CrlProblem::NoNumber),
            self.critical.then_some(CrlProblem::CriticalExtension),
        ];
        let problems: Vec<_> = problems.into_iter().flatten().collect();
        if problems.is_empty() {
            Ok(Validity {
                not_before,
                not_after,
            })
        } else {
            Err(problems)
        }
    }

    fn verify_issued_by(&self, issuer: &Certificate) -> Result<(), IssueProblem> {
        if self.issuer() != issuer.subject() {
            return Err(IssueProblem::Name);
        }
        self.signed.verify(&self.der, issuer)
    }
}
