//! The certificates and lists that come with a report, as files hold them.

use crate::Anchors;
use attestation_certificates::{Certificate, Crl, FormatError};
use ring::digest::{Context, SHA384};
use thiserror::Error;

/// How many certificates and lists may come along: a chain is three.
const MAX_FILES: usize = 16;

/// What is to endorse a signing key: read, and not yet proven.
#[derive(Debug, Clone)]
pub struct Endorsement<'a> {
    pub(crate) vek: Option<Certificate>,
    /// `None` where only what is built in is to be used.
    pub(crate) chain: Option<Vec<Certificate>>,
    pub(crate) crls: Vec<Crl>,
    pub(crate) anchors: &'a Anchors,
    pub(crate) key: EndorsementKey,
}

/// What a proof was made of: SHA-384 over every byte of it. Proofs can be kept by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndorsementKey([u8; 48]);

/// Something that came along cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EndorsementError {
    /// The signing key's certificate.
    #[error("the VEK certificate cannot be read: {0}")]
    Vek(#[source] FormatError),
    /// A bundle in which it cannot be told from the others.
    #[error(
        "the VEK file has {0} certificates that are no authority's, where exactly one is the VEK's"
    )]
    NotOneVek(usize),
    /// A certificate above it.
    #[error("the chain cannot be read: {0}")]
    Chain(#[source] FormatError),
    /// A revocation list.
    #[error("the revocation list cannot be read: {0}")]
    Crl(#[source] FormatError),
    /// More than anybody needs.
    #[error("more than {MAX_FILES} certificates or lists came along")]
    TooMany,
}

impl EndorsementKey {
    /// Of files and roots, without reading them: whoever keeps proofs looks here first.
    #[must_use]
    pub fn of(vek: Option<&[u8]>, chain: &[&[u8]], crls: &[&[u8]], anchors: &Anchors) -> Self {
        let mut context = Context::new(&SHA384);
        let roots: Vec<&[u8]> = anchors.ders().collect();
        let built_in = [u8::from(anchors.are_built_in())];
        let vek: Vec<&[u8]> = vek.into_iter().collect();
        for group in [&[&built_in[..]], &roots[..], &vek, chain, crls] {
            // Lengths in front: no two groupings of the same bytes have the same key.
            context.update(&group.len().to_le_bytes());
            for file in group {
                context.update(&file.len().to_le_bytes());
                context.update(file);
            }
        }
        let digest = context.finish();
        Self(*digest.as_ref().first_chunk().expect("SHA-384 has 48 bytes"))
    }
}

impl<'a> Endorsement<'a> {
    /// Reads what came along, each file PEM or DER: the signing key's certificate, with its chain or without; the
    /// certificates above it, in any order, none where the built-in ones are meant; revocation lists.
    ///
    /// # Errors
    /// A file is not what it is given as, or there are too many.
    pub fn read(
        vek: Option<&[u8]>,
        chain: &[&[u8]],
        crls: &[&[u8]],
        anchors: &'a Anchors,
    ) -> Result<Self, EndorsementError> {
        let key = EndorsementKey::of(vek, chain, crls, anchors);
        if chain.len() > MAX_FILES || crls.len() > MAX_FILES {
            return Err(EndorsementError::TooMany);
        }
        let (vek, above) = vek.map(read_vek).transpose()?.unzip();
        let mut above: Vec<Certificate> = above.unwrap_or_default();
        for file in chain {
            above.extend(Certificate::bundle(file).map_err(EndorsementError::Chain)?);
            if above.len() > MAX_FILES {
                return Err(EndorsementError::TooMany);
            }
        }
        let crls: Result<_, _> = crls.iter().map(|file| Crl::read(file)).collect();
        Ok(Self {
            vek,
            chain: Some(above).filter(|above| !above.is_empty()),
            crls: crls.map_err(EndorsementError::Crl)?,
            anchors,
            key,
        })
    }
}

/// The one certificate that is no authority's, and the others.
fn read_vek(file: &[u8]) -> Result<(Certificate, Vec<Certificate>), EndorsementError> {
    let mut all = Certificate::bundle(file).map_err(EndorsementError::Vek)?;
    if all.len() == 1 {
        // Whatever it is: judged, with a reason.
        return Ok((all.remove(0), all));
    }
    let is_authority = |one: &Certificate| one.basic_constraints().is_some_and(|it| it.authority);
    let (above, mut leaves): (Vec<_>, Vec<_>) = all.into_iter().partition(is_authority);
    match (leaves.pop(), leaves.len()) {
        (Some(vek), 0) => Ok((vek, above)),
        (leaf, more) => Err(EndorsementError::NotOneVek(
            more + usize::from(leaf.is_some()),
        )),
    }
}
