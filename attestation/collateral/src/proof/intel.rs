//! Intel's documents and lists, each by itself.
//!
//! Sources: Intel *Provisioning Certification Service API* 4, *SGX PCK Certificate and CRL Profile* 1.5.

use attestation_certificates::{Certificate, Crl, Observation, Validity};
use attestation_tdx::{Collateral, Piece, ProvenCollateral, TdxRejection, TrustedRoot};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Beside;
use crate::error::Unproven;
use crate::{Document, PckCa, Subject};

/// What `/tdx/certification/v4/tcb` answers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TcbAnswer<'a> {
    #[serde(borrow, rename = "tcbInfo")]
    text: &'a RawValue,
    signature: &'a str,
}

/// What `/tdx/certification/v4/qe/identity` answers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityAnswer<'a> {
    #[serde(borrow, rename = "enclaveIdentity")]
    text: &'a RawValue,
    signature: &'a str,
}

/// Proves one document or list, with the root's list where that is kept: pieces that come by requests of their own are
/// kept by themselves.
pub(crate) fn prove(
    root: &TrustedRoot,
    document: &Document,
    beside: &Beside,
) -> Result<(Validity, Observation), Unproven> {
    let mut set = empty();
    if let Some(list) = &beside.root_list {
        set.root_ca_crl = list.body().to_vec();
    }
    put(&mut set, document)?;
    let proven = ProvenCollateral::prove(set, root);
    let own = pieces_of(&document.subject);
    let reasons: Vec<_> = proven
        .problems()
        .iter()
        .filter(|reason| piece_of(reason).is_some_and(|piece| own.contains(&piece)))
        .map(ToString::to_string)
        .collect();
    if !reasons.is_empty() {
        return Err(Unproven::NotGenuine(reasons.join("; ")));
    }
    let observed = proven.observations().iter();
    let mut observed = observed.filter(|(piece, _)| own.contains(piece));
    let Some((_, observation)) = observed.next() else {
        return Err(Unproven::Unreadable("it says nothing of itself".to_owned()));
    };
    let whole = Validity {
        not_before: 0,
        not_after: u64::MAX,
    };
    let dates = proven.dates();
    let dates = dates.filter(|(piece, ..)| own.contains(piece) || *piece == Piece::Root);
    let mut validity = dates.fold(whole, |all, (_, not_before, not_after)| {
        all.and(Validity {
            not_before,
            not_after,
        })
    });
    match &document.subject {
        Subject::TcbInfo(fmspc) => is_of(*fmspc, observation)?,
        Subject::PckList(ca) => {
            validity = validity.and(prove_ca(*ca, document, root, beside)?);
        }
        _ => {}
    }
    Ok((validity, *observation))
}

/// The pieces put together: what a quote is judged with.
pub(crate) fn assemble(documents: &[&Document; 4]) -> Result<Collateral, Unproven> {
    let mut set = empty();
    for document in documents {
        put(&mut set, document)?;
    }
    Ok(set)
}

pub(crate) fn empty() -> Collateral {
    Collateral {
        pck_crl_issuer_chain: String::new(),
        root_ca_crl: Vec::new(),
        pck_crl: Vec::new(),
        tcb_info_issuer_chain: String::new(),
        tcb_info: String::new(),
        tcb_info_signature: Vec::new(),
        qe_identity_issuer_chain: String::new(),
        qe_identity: String::new(),
        qe_identity_signature: Vec::new(),
        pck_certificate_chain: None,
    }
}

fn put(set: &mut Collateral, document: &Document) -> Result<(), Unproven> {
    let chain = || {
        let chain = document.issuer_chain.clone();
        chain
            .ok_or_else(|| Unproven::Unreadable("its signer's certificates are missing".to_owned()))
    };
    let body = document.body.as_slice();
    match &document.subject {
        Subject::RootList => set.root_ca_crl = body.to_vec(),
        Subject::PckList(_) => {
            set.pck_crl = body.to_vec();
            set.pck_crl_issuer_chain = chain()?;
        }
        Subject::QeIdentity => {
            let answer: IdentityAnswer<'_> = read(body)?;
            set.qe_identity = answer.text.get().to_owned();
            set.qe_identity_signature = signature(answer.signature)?;
            set.qe_identity_issuer_chain = chain()?;
        }
        Subject::TcbInfo(_) => {
            let answer: TcbAnswer<'_> = read(body)?;
            set.tcb_info = answer.text.get().to_owned();
            set.tcb_info_signature = signature(answer.signature)?;
            set.tcb_info_issuer_chain = chain()?;
        }
        Subject::AmdList(_) | Subject::AmdChain(..) | Subject::Vcek(_) => {
            return Err(Unproven::OtherSubject("it is AMD's".to_owned()));
        }
    }
    Ok(())
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Unproven> {
    serde_json::from_slice(body).map_err(|error| {
        Unproven::Unreadable(format!(
            "not the JSON of the service (line {}, column {})",
            error.line(),
            error.column()
        ))
    })
}

fn signature(digits: &str) -> Result<Vec<u8>, Unproven> {
    hex::decode(digits)
        .map_err(|_| Unproven::Unreadable("its signature is not hexadecimal digits".to_owned()))
}

/// Which pieces vouch for a subject, itself included.
fn pieces_of(subject: &Subject) -> &'static [Piece] {
    match subject {
        Subject::RootList => &[Piece::RootCrl, Piece::Root],
        Subject::PckList(_) => &[Piece::PckCrl, Piece::PckCrlChain, Piece::PckCa],
        Subject::QeIdentity => &[Piece::QeIdentity, Piece::QeSigner, Piece::QeSignerChain],
        _ => &[Piece::TcbInfo, Piece::TcbSigner, Piece::TcbSignerChain],
    }
}

/// Whose fault something is.
pub(crate) fn piece_of(reason: &TdxRejection) -> Option<Piece> {
    Some(match reason {
        TdxRejection::Document { document, .. } => *document,
        TdxRejection::Unreadable { chain, .. }
        | TdxRejection::RootNotTrusted { chain }
        | TdxRejection::Chain { chain, .. } => *chain,
        TdxRejection::CertificateName { certificate } | TdxRejection::Revoked { certificate } => {
            *certificate
        }
        TdxRejection::CollateralSignature { piece } => *piece,
        TdxRejection::RevocationList { list, .. } => *list,
        _ => return None,
    })
}

fn is_of(asked: [u8; 6], observation: &Observation) -> Result<(), Unproven> {
    match observation {
        Observation::TcbInfo { fmspc, .. } if *fmspc == asked => Ok(()),
        Observation::TcbInfo { fmspc, .. } => Err(Unproven::OtherSubject(format!(
            "FMSPC {}",
            hex::encode_upper(fmspc)
        ))),
        _ => Err(Unproven::OtherSubject("no TCB info".to_owned())),
    }
}

/// Proves the CA above a PCK list: a quote's own chain proves it there, and here there is no quote.
fn prove_ca(
    asked: PckCa,
    document: &Document,
    root: &TrustedRoot,
    beside: &Beside,
) -> Result<Validity, Unproven> {
    let pem = document.issuer_chain.as_deref().unwrap_or_default();
    let all = Certificate::bundle(pem.as_bytes());
    let all = all.map_err(|error| Unproven::Unreadable(error.to_string()))?;
    let ca = all
        .first()
        .ok_or_else(|| Unproven::Unreadable("no CA".to_owned()))?;
    ca.verify_issued_by(root.certificate())
        .map_err(|problem| Unproven::NotGenuine(format!("the PCK CA: {problem}")))?;
    if ca.subject_common_name() != Some(asked.common_name()) {
        return Err(Unproven::OtherSubject("another CA's list".to_owned()));
    }
    if !ca.basic_constraints().is_some_and(|it| it.authority) {
        return Err(Unproven::NotGenuine(
            "the PCK CA is no authority".to_owned(),
        ));
    }
    let list = beside.root_list.as_ref().map(|list| Crl::read(list.body()));
    if list.is_some_and(|list| list.is_ok_and(|list| list.revokes(ca))) {
        return Err(Unproven::NotGenuine(
            "the root has revoked the CA".to_owned(),
        ));
    }
    Ok(ca.validity())
}
