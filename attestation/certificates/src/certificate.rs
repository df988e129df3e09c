//! One certificate (RFC 5280, 4.1).

use std::ops::Range;

use crate::der::{Der, SEQUENCE, Value, context};
use crate::extensions::{self, BASIC_CONSTRAINTS, KEY_USAGE};
use crate::signed::{Frame, Signed};
use crate::{
    BasicConstraints, FormatError, IssueProblem, KeyUsage, Number, Oid, PublicKey,
    SignatureAlgorithm, Validity, format, name, pem,
};

const LABEL: &str = "CERTIFICATE";
const VERSION_3: u32 = 2;

/// A certificate, read but not proven: [`Certificate::verify_issued_by`] and [`crate::prove_chain`] prove it.
///
/// Version 3 only; every value is strict DER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    signed: Signed,
    serial: Number,
    issuer: Name,
    subject: Name,
    validity: Validity,
    public_key: PublicKey,
    public_key_info: Range<usize>,
    extensions: Vec<Extension>,
    basic_constraints: Option<BasicConstraints>,
    key_usage: Option<KeyUsage>,
}

/// A name: where its DER is, and the common name in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    raw: Range<usize>,
    common_name: Option<String>,
}

/// One extension: its identifier, whether it is critical, and where its content is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Extension {
    identifier: Range<usize>,
    critical: bool,
    content: Range<usize>,
}

impl Certificate {
    /// The most bytes of one, as DER.
    pub const MAX_LENGTH: usize = 16 * 1024;

    /// The most of them in one bundle.
    pub const MAX_BUNDLE: usize = 16;

    /// Exactly one certificate, PEM or DER.
    ///
    /// # Errors
    /// It is none, or more than one, or anything follows it.
    pub fn read(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut all = Self::bundle(bytes)?;
        match (all.pop(), all.len()) {
            (Some(one), 0) => Ok(one),
            (_, more) => Err(FormatError::NotOne { found: more + 1 }),
        }
    }

    /// One certificate or more, in any order, at most [`Certificate::MAX_BUNDLE`]: PEM blocks, or DER one after
    /// another.
    ///
    /// # Errors
    /// There is none, are too many, or anything is among or behind them.
    pub fn bundle(bytes: &[u8]) -> Result<Vec<Self>, FormatError> {
        // Each byte of DER takes less than two of PEM.
        let limit = 2 * Self::MAX_BUNDLE * Self::MAX_LENGTH;
        format::check_size(bytes, limit)?;
        if pem::looks_like_pem(bytes) {
            let blocks = pem::decode(bytes, LABEL, Self::MAX_BUNDLE)?;
            return blocks.iter().map(|der| Self::from_der(der)).collect();
        }
        let mut der = Der::new(bytes);
        let mut all = Vec::new();
        while !der.is_empty() {
            if all.len() == Self::MAX_BUNDLE {
                let limit = Self::MAX_BUNDLE;
                return Err(FormatError::TooMany { limit });
            }
            all.push(Self::from_der(der.value(SEQUENCE)?.raw)?);
        }
        Ok(all)
    }

    /// Exactly one certificate, DER.
    ///
    /// # Errors
    /// It is none, or anything follows it.
    pub fn from_der(bytes: &[u8]) -> Result<Self, FormatError> {
        format::check_size(bytes, Self::MAX_LENGTH)?;
        let frame = Frame::read(bytes)?;
        let mut signed_part = frame.content.inside();
        read_version(&mut signed_part)?;
        let serial = signed_part.number()?;
        let inner_algorithm = signed_part.value(SEQUENCE)?;
        let issuer = Name::read(&mut signed_part)?;
        let validity = Validity::read(signed_part.inside(SEQUENCE)?)?;
        let subject = Name::read(&mut signed_part)?;
        let public_key_info = signed_part.value(SEQUENCE)?;
        let mut certificate = Self {
            signed: frame.signed(inner_algorithm)?,
            serial,
            issuer,
            subject,
            validity,
            public_key: PublicKey::read(public_key_info.inside())?,
            public_key_info: public_key_info.raw_range(),
            extensions: Vec::new(),
            basic_constraints: None,
            key_usage: None,
            der: bytes.to_vec(),
        };
        if let Some(around) = signed_part.optional(context(3))? {
            certificate.take_extensions(around)?;
        }
        signed_part.end()?;
        Ok(certificate)
    }

    fn take_extensions(&mut self, around: Value<'_>) -> Result<(), FormatError> {
        let mut around = around.inside();
        for extension in extensions::read(&mut around)? {
            if extension.identifier == BASIC_CONSTRAINTS {
                self.basic_constraints = Some(BasicConstraints::read(extension.content)?);
            } else if extension.identifier == KEY_USAGE {
                self.key_usage = Some(KeyUsage::read(extension.content)?);
            }
            self.extensions.push(Extension {
                identifier: extension.identifier.content_range(),
                critical: extension.critical,
                content: extension.content.content_range(),
            });
        }
        Ok(around.end()?)
    }

    /// The exact bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The issuer's name: its exact DER.
    pub fn issuer(&self) -> &[u8] {
        &self.der[self.issuer.raw.clone()]
    }

    /// The subject's name: its exact DER.
    pub fn subject(&self) -> &[u8] {
        &self.der[self.subject.raw.clone()]
    }

    /// The issuer's common name, if there is exactly one. Before the chain is proven, anybody may have written it.
    pub fn issuer_common_name(&self) -> Option<&str> {
        self.issuer.common_name.as_deref()
    }

    /// The subject's common name, likewise.
    pub fn subject_common_name(&self) -> Option<&str> {
        self.subject.common_name.as_deref()
    }

    /// The serial number: AMD's leaves have 0.
    pub const fn serial(&self) -> Number {
        self.serial
    }

    /// The dates.
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// The key that is certified.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The key that is certified: the exact DER of its `SubjectPublicKeyInfo`.
    pub fn public_key_info(&self) -> &[u8] {
        &self.der[self.public_key_info.clone()]
    }

    /// How it is signed.
    pub const fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.signed.algorithm()
    }

    /// What the OCTET STRING of an extension holds. None is there twice.
    pub fn extension(&self, identifier: Oid) -> Option<&[u8]> {
        let is_it = |extension: &&Extension| {
            self.der[extension.identifier.clone()] == *identifier.as_bytes()
        };
        let found = self.extensions.iter().find(is_it)?;
        Some(&self.der[found.content.clone()])
    }

    /// Whether it is an authority, if it says so.
    pub const fn basic_constraints(&self) -> Option<BasicConstraints> {
        self.basic_constraints
    }

    /// What its key may be used for, if it says so.
    pub const fn key_usage(&self) -> Option<KeyUsage> {
        self.key_usage
    }

    /// Whether there is a critical extension that nothing here looks at: who does not know it must refuse (RFC 5280,
    /// 4.2).
    pub fn has_unknown_critical_extension(&self) -> bool {
        let known = [BASIC_CONSTRAINTS, KEY_USAGE];
        self.extensions.iter().any(|extension| {
            let identifier = &self.der[extension.identifier.clone()];
            extension.critical && !known.iter().any(|oid| oid.as_bytes() == identifier)
        })
    }

    /// Whether `issuer` issued it: names, algorithms and signature. Nothing is said of dates, of what `issuer` may
    /// sign, or of who it is: [`crate::prove_chain`] does.
    ///
    /// # Errors
    /// It did not.
    pub fn verify_issued_by(&self, issuer: &Self) -> Result<(), IssueProblem> {
        if self.issuer() != issuer.subject() {
            return Err(IssueProblem::Name);
        }
        self.signed.verify(&self.der, issuer)
    }
}

impl Name {
    fn read(der: &mut Der<'_>) -> Result<Self, FormatError> {
        let value = der.value(SEQUENCE)?;
        Ok(Self {
            raw: value.raw_range(),
            common_name: name::common_name(value)?.map(str::to_owned),
        })
    }
}

/// `[0] { 2 }`: version 3, the one that has extensions.
fn read_version(der: &mut Der<'_>) -> Result<(), FormatError> {
    let offset = der.offset();
    let Some(around) = der.optional(context(0))? else {
        return Err(FormatError::Version { offset });
    };
    let mut inside = around.inside();
    let version = inside.u32()?;
    inside.end()?;
    if version == VERSION_3 {
        Ok(())
    } else {
        Err(FormatError::Version { offset })
    }
}
