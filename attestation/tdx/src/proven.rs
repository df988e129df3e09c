//! Collateral proven once, for many quotes.

use crate::chain::{Dated, Proof};
use crate::documents::{PlatformDocument, QeDocument};
use crate::pck::{ProvenPck, p256};
use crate::{Collateral, Piece, Quote, TdxRejection, TrustedRoot};
use attestation_certificates::{Certificate, Crl, Observation, QuotingIdentity, Tee};
use ring::digest::{Context, SHA256};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

const SIGNER: &[&str] = &["Intel SGX TCB Signing"];

/// What the bytes of some collateral prove under one root, whatever the time: its dates are kept beside it and judged
/// for each quote. So a quote costs its own signatures only.
///
/// It is made of any collateral, good or bad: what is wrong with it is kept too, and refuses every quote.
#[derive(Debug, Clone)]
pub struct ProvenCollateral {
    pub(crate) source: Collateral,
    pub(crate) root: TrustedRoot,
    pub(crate) tcb_info: Option<PlatformDocument>,
    pub(crate) qe_identity: Option<QeDocument>,
    pub(crate) pck_ca: Option<Certificate>,
    pub(crate) root_crl: Option<Crl>,
    pub(crate) pck_crl: Option<Crl>,
    pub(crate) observations: Vec<(Piece, Observation)>,
    pub(crate) proof: Proof,
    /// The collateral's own PCK chain.
    pub(crate) own_pck: Option<ProvenPck>,
    /// A chain that a quote brought.
    pub(crate) quote_pck: Option<ProvenPck>,
    key: [u8; 32],
}

impl ProvenCollateral {
    /// Proves every signature of `collateral` under `root`.
    pub fn prove(collateral: Collateral, root: &TrustedRoot) -> Self {
        let mut proof = Proof::default();
        let top = &root.certificate;
        proof.date(Piece::Root, top);
        let root_crl = proof.read_list(Piece::RootCrl, &collateral.root_ca_crl, top);
        proof.not_revoked(Piece::Root, top, (Piece::RootCrl, root_crl.as_ref()));
        let pck_ca = pck_ca(&mut proof, &collateral, root);
        let pck_crl = pck_ca
            .as_ref()
            .and_then(|ca| proof.read_list(Piece::PckCrl, &collateral.pck_crl, ca));
        let (tcb_info, qe_identity) = documents(&mut proof, &collateral);
        let signers = Signers {
            root,
            root_crl: root_crl.as_ref(),
        };
        signers.prove(&mut proof, &Signed::tcb_info(&collateral));
        signers.prove(&mut proof, &Signed::qe_identity(&collateral));
        let own_pck = collateral
            .pck_certificate_chain
            .as_ref()
            .map(|pem| ProvenPck::prove(pem.as_bytes(), root, root_crl.as_ref(), pck_crl.as_ref()));
        let mut proven = Self {
            key: key(&collateral, root),
            source: collateral,
            root: root.clone(),
            tcb_info,
            qe_identity,
            pck_ca,
            root_crl,
            pck_crl,
            observations: Vec::new(),
            proof,
            own_pck,
            quote_pck: None,
        };
        proven.observations = proven.observe();
        proven
    }

    /// With the PCK chain that this quote brings proven too, so that other quotes of the same platform need not prove
    /// it again.
    #[must_use]
    pub fn with_chain_of(mut self, quote: &[u8]) -> Self {
        let chain = Quote::read(quote).ok().and_then(|quote| quote.pck_chain);
        if let Some(pem) = chain {
            self.quote_pck = Some(self.prove_chain(pem));
        }
        self
    }

    pub(crate) fn prove_chain(&self, pem: &[u8]) -> ProvenPck {
        ProvenPck::prove(
            pem,
            &self.root,
            self.root_crl.as_ref(),
            self.pck_crl.as_ref(),
        )
    }

    /// SHA-256 over every byte of the collateral and the root: the same key is the same proof.
    pub const fn key(&self) -> [u8; 32] {
        self.key
    }

    /// From the first second to the last, both inclusive, within which every piece is valid, and with it the PCK
    /// chains that were proven. The first is later than the last if there is no such second.
    pub fn window(&self) -> (u64, u64) {
        let chains = [&self.own_pck, &self.quote_pck].into_iter().flatten();
        let dated = self
            .proof
            .dated
            .iter()
            .chain(chains.flat_map(|pck| &pck.proof.dated));
        dated.fold((0, u64::MAX), |(from, until), dated| {
            (from.max(dated.from), until.min(dated.until))
        })
    }

    /// Everything that is wrong with it whatever the time, PCK chains left aside. Each reason names its piece.
    pub fn problems(&self) -> &[TdxRejection] {
        &self.proof.reasons
    }

    /// The first and the last second of each piece, both inclusive, PCK chains left aside.
    pub fn dates(&self) -> impl Iterator<Item = (Piece, u64, u64)> {
        let dated = self.proof.dated.iter();
        dated.map(|dated| (dated.piece, dated.from, dated.until))
    }

    /// How new each piece that can be read is. It says nothing of whether the piece is genuine.
    pub fn observations(&self) -> &[(Piece, Observation)] {
        &self.observations
    }

    /// How new each piece is. To be remembered only where the pieces are proven.
    fn observe(&self) -> Vec<(Piece, Observation)> {
        let tcb_info = self.tcb_info.as_ref().map(|document| Observation::TcbInfo {
            tee: Tee::Tdx,
            fmspc: document.fmspc,
            evaluation: document.info.tcb_evaluation_data_number,
            issued: document.issued,
        });
        let identity = self
            .qe_identity
            .as_ref()
            .map(|document| Observation::Identity {
                identity: QuotingIdentity::TdQe,
                evaluation: document.identity.tcb_evaluation_data_number,
                issued: document.issued,
            });
        let root_crl = self.root_crl.as_ref();
        let root_crl = root_crl.map(|crl| Observation::of_crl(crl, &self.root.certificate));
        let pck_crl = self.pck_crl.as_ref().zip(self.pck_ca.as_ref());
        let pck_crl = pck_crl.map(|(crl, ca)| Observation::of_crl(crl, ca));
        [
            (Piece::TcbInfo, tcb_info),
            (Piece::QeIdentity, identity),
            (Piece::RootCrl, root_crl),
            (Piece::PckCrl, pck_crl),
        ]
        .into_iter()
        .filter_map(|(piece, observation)| Some((piece, observation?)))
        .collect()
    }
}

fn pck_ca(proof: &mut Proof, collateral: &Collateral, root: &TrustedRoot) -> Option<Certificate> {
    let chain = proof.read_chain(
        Piece::PckCrlChain,
        collateral.pck_crl_issuer_chain.as_bytes(),
    );
    let [ca, top]: [Certificate; 2] = chain?;
    if top != root.certificate {
        proof.refuse(TdxRejection::RootNotTrusted {
            chain: Piece::PckCrlChain,
        });
    }
    Some(ca)
}

fn documents(
    proof: &mut Proof,
    collateral: &Collateral,
) -> (Option<PlatformDocument>, Option<QeDocument>) {
    let tcb_info = PlatformDocument::read(&collateral.tcb_info);
    let qe_identity = QeDocument::read(&collateral.qe_identity);
    let dates = [
        (
            Piece::TcbInfo,
            tcb_info
                .as_ref()
                .map(|document| (document.issued, document.next)),
        ),
        (
            Piece::QeIdentity,
            qe_identity
                .as_ref()
                .map(|document| (document.issued, document.next)),
        ),
    ];
    for (piece, dates) in dates {
        match dates {
            Ok((from, until)) => proof.dated.push(Dated { piece, from, until }),
            Err(problem) => proof.refuse(TdxRejection::Document {
                document: piece,
                problem,
            }),
        }
    }
    (tcb_info.ok(), qe_identity.ok())
}

/// A signed document, and who says to have signed it.
struct Signed<'a> {
    piece: Piece,
    text: &'a str,
    signature: &'a [u8],
    signer: Piece,
    chain: Piece,
    pem: &'a str,
}

impl<'a> Signed<'a> {
    fn tcb_info(collateral: &'a Collateral) -> Self {
        Self {
            piece: Piece::TcbInfo,
            text: &collateral.tcb_info,
            signature: &collateral.tcb_info_signature,
            signer: Piece::TcbSigner,
            chain: Piece::TcbSignerChain,
            pem: &collateral.tcb_info_issuer_chain,
        }
    }

    fn qe_identity(collateral: &'a Collateral) -> Self {
        Self {
            piece: Piece::QeIdentity,
            text: &collateral.qe_identity,
            signature: &collateral.qe_identity_signature,
            signer: Piece::QeSigner,
            chain: Piece::QeSignerChain,
            pem: &collateral.qe_identity_issuer_chain,
        }
    }
}

struct Signers<'a> {
    root: &'a TrustedRoot,
    root_crl: Option<&'a Crl>,
}

impl Signers<'_> {
    fn prove(&self, proof: &mut Proof, signed: &Signed<'_>) {
        let Some(chain) = proof.read_chain::<2>(signed.chain, signed.pem.as_bytes()) else {
            proof.refuse(TdxRejection::CollateralSignature {
                piece: signed.piece,
            });
            return;
        };
        let signer = &chain[0];
        proof.lead_to_root(signed.chain, &chain, self.root);
        proof.name(signed.signer, signer, SIGNER);
        proof.date(signed.signer, signer);
        proof.not_revoked(signed.signer, signer, (Piece::RootCrl, self.root_crl));
        // The text is verified as the bytes that came.
        let holds = p256(signer).is_some_and(|key| {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
                .verify(signed.text.as_bytes(), signed.signature)
                .is_ok()
        });
        if !holds {
            proof.refuse(TdxRejection::CollateralSignature {
                piece: signed.piece,
            });
        }
    }
}

fn key(collateral: &Collateral, root: &TrustedRoot) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    let pck = collateral.pck_certificate_chain.as_deref();
    let parts = [
        root.certificate.der(),
        collateral.pck_crl_issuer_chain.as_bytes(),
        &collateral.root_ca_crl,
        &collateral.pck_crl,
        collateral.tcb_info_issuer_chain.as_bytes(),
        collateral.tcb_info.as_bytes(),
        &collateral.tcb_info_signature,
        collateral.qe_identity_issuer_chain.as_bytes(),
        collateral.qe_identity.as_bytes(),
        &collateral.qe_identity_signature,
        &[u8::from(pck.is_some())],
        pck.unwrap_or_default().as_bytes(),
    ];
    for part in parts {
        // The length before each part: no two different collaterals give the same bytes.
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        context.update(part);
    }
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}
