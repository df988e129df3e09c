//! From certificates and lists to a key that may sign reports.

use crate::anchors::Root;
use crate::endorsement::EndorsementKey;
use crate::names::VekKind;
use crate::vek::Vek;
use crate::{CertificateName, Endorsement, SnpRejection};
use attestation_certificates::{
    Certificate, ChainProblem, Crl, CrlIssuer, Observation, Validity, prove_chain,
};
use measured_boot_snp_abi::{Product, TcbComponents};

/// What became of an endorsement. It depends on the endorsement's bytes alone, on no time: whoever keeps it by
/// [`Proof::key`] saves all but one signature of the next report under it. [`crate::judge`] looks at the dates.
#[derive(Debug, Clone)]
pub enum Proof {
    /// The chain leads to a trusted root.
    Proven(ProvenVek),
    /// It does not.
    Unproven(Unproven),
}

/// A signing key that a trusted root vouches for.
#[derive(Debug, Clone)]
pub struct ProvenVek {
    pub(crate) vek: Vek,
    pub(crate) kind: VekKind,
    pub(crate) product: Product,
    pub(crate) root_is_built_in: bool,
    pub(crate) dated: Vec<(CertificateName, Validity)>,
    pub(crate) lists: Vec<ProvenList>,
    /// Who may revoke something of the chain: the issuer of the VEK, and the root.
    pub(crate) revokers: [(CertificateName, CrlIssuer); 2],
    /// Whether the issuer of the VEK is one that was revoked when this was built.
    pub(crate) issuer_is_known_revoked: bool,
    key: EndorsementKey,
}

/// A signing key, or none, that nobody vouches for.
#[derive(Debug, Clone)]
pub struct Unproven {
    pub(crate) vek: Option<Vek>,
    pub(crate) reasons: (SnpRejection, Vec<SnpRejection>),
    key: EndorsementKey,
}

/// A revocation list that came along.
#[derive(Debug, Clone)]
pub(crate) struct ProvenList {
    /// What is wrong with it at any time, and what it revokes.
    pub(crate) reasons: Vec<SnpRejection>,
    pub(crate) whose: ListOf,
    pub(crate) this_update: u64,
    pub(crate) next_update: u64,
    /// `None` where nobody proved whose it is.
    pub(crate) observation: Option<Observation>,
}

/// Who made a revocation list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListOf {
    /// The root, who certifies the ASK and the ASVK.
    Root,
    /// Who certifies the VEK, or nobody whom the chain knows.
    Issuer,
    /// A trusted root that the chain does not end in: the list says nothing of it and is set aside.
    OtherRoot,
}

impl Proof {
    /// The bytes that it was made of.
    pub const fn key(&self) -> EndorsementKey {
        match self {
            Self::Proven(proven) => proven.key,
            Self::Unproven(unproven) => unproven.key,
        }
    }

    /// The proven key, if it is one.
    pub const fn proven(&self) -> Option<&ProvenVek> {
        match self {
            Self::Proven(proven) => Some(proven),
            Self::Unproven(_) => None,
        }
    }

    pub(crate) const fn vek(&self) -> Option<&Vek> {
        match self {
            Self::Proven(proven) => Some(&proven.vek),
            Self::Unproven(unproven) => unproven.vek.as_ref(),
        }
    }
}

impl Unproven {
    /// Why not: always at least one reason.
    pub fn reasons(&self) -> impl Iterator<Item = &SnpRejection> {
        let (first, others) = &self.reasons;
        std::iter::once(first).chain(others)
    }
}

impl ProvenVek {
    /// The product that its chain is of.
    pub const fn product(&self) -> Product {
        self.product
    }

    /// Which kind of key it is.
    pub const fn kind(&self) -> VekKind {
        self.kind
    }

    /// The chip that the key is of, 8 or 64 bytes, where its certificate names one.
    pub fn chip_id(&self) -> Option<&[u8]> {
        self.vek.chip_id.as_ref().ok()?.as_deref()
    }

    /// The TCB that the key is for, where its certificate can be read.
    pub fn tcb(&self) -> Option<TcbComponents> {
        self.vek.tcb.ok()
    }

    /// When every certificate is valid and every list in force: outside of it, no report is accepted.
    pub fn validity(&self) -> Validity {
        let lists = self.lists.iter().filter(|list| list.counts());
        let lists = lists.map(|list| Validity {
            not_before: list.this_update,
            not_after: list.next_update,
        });
        let certificates = self.dated.iter().map(|(_, validity)| *validity);
        certificates
            .chain(lists)
            .fold(self.vek.validity, Validity::and)
    }

    /// What to remember, once a verdict was reached, so that no older list is accepted later: a list that revokes
    /// something is what an attacker keeps back next time. Lists that were not proven are none of it, nor are those of
    /// an issuer that the root revoked.
    pub fn observations(&self) -> impl Iterator<Item = Observation> {
        let listed = self.lists.iter().any(ProvenList::revokes_issuer);
        let issuer_is_revoked = listed || self.issuer_is_known_revoked;
        let good = self.lists.iter();
        let good = good.filter(move |list| list.is_of_root() || !issuer_is_revoked);
        good.filter_map(|list| list.observation)
    }
}

impl ProvenList {
    /// Whether it says anything of the chain.
    pub(crate) fn counts(&self) -> bool {
        self.whose != ListOf::OtherRoot
    }

    pub(crate) fn is_of_root(&self) -> bool {
        self.whose == ListOf::Root
    }

    fn revokes_issuer(&self) -> bool {
        let is_issuer = |reason: &SnpRejection| matches!(reason, SnpRejection::Revoked { certificate } if *certificate != CertificateName::Vek);
        self.is_of_root() && self.reasons.iter().any(is_issuer)
    }
}

/// The certificates from the signing key to the root.
struct Path<'a> {
    vek: &'a Certificate,
    kind: VekKind,
    issuer: &'a Certificate,
    root: &'a Root,
}

impl Endorsement<'_> {
    /// Proves what can be proven without a time: chain, names, signatures of lists.
    #[must_use]
    pub fn prove(&self) -> Proof {
        let vek = self.vek.as_ref().map(Vek::of);
        let path = self.path(vek.as_ref());
        let reasons = match &path {
            Ok(path) => self.problems(path, vek.as_ref()),
            Err(reason) => vec![reason.clone()],
        };
        let mut reasons = reasons.into_iter();
        match (path, vek, reasons.next()) {
            (Ok(path), Some(vek), None) => Proof::Proven(ProvenVek {
                vek,
                kind: path.kind,
                product: path.root.product,
                root_is_built_in: self.anchors.are_built_in(),
                dated: path.dated().to_vec(),
                lists: self.crls.iter().map(|crl| self.list(&path, crl)).collect(),
                revokers: path.revokers(),
                issuer_is_known_revoked: path.root.has_revoked(path.issuer),
                key: self.key,
            }),
            (_, vek, first) => Proof::Unproven(Unproven {
                vek,
                reasons: (first.unwrap_or(SnpRejection::VekMissing), reasons.collect()),
                key: self.key,
            }),
        }
    }

    /// Who certified whom, by names: what is proven of it is another question.
    fn path(&self, read: Option<&Vek>) -> Result<Path<'_>, SnpRejection> {
        let vek = self.vek.as_ref().ok_or(SnpRejection::VekMissing)?;
        let kind = read.and_then(|vek| vek.kind).ok_or(SnpRejection::VekName)?;
        let certificate = CertificateName::issuer_of(kind);
        let above = match &self.chain {
            Some(chain) => chain.as_slice(),
            None => self.anchors.intermediates(),
        };
        let of_name: Vec<_> = above
            .iter()
            .filter(|one| one.subject() == vek.issuer())
            .collect();
        // Of several with this name, the one that signed is meant. Of one, the signature is looked at once, below.
        let signed = |one: &&&Certificate| of_name.len() > 1 && vek.verify_issued_by(one).is_ok();
        let issuer = of_name.iter().find(signed).or(of_name.first());
        let issuer = issuer.ok_or(SnpRejection::IssuerMissing { certificate })?;
        let root = self.anchors.root(issuer.issuer());
        let root = root.ok_or(SnpRejection::RootNotTrusted)?;
        Ok(Path {
            vek,
            kind,
            issuer,
            root,
        })
    }

    fn problems(&self, path: &Path<'_>, read: Option<&Vek>) -> Vec<SnpRejection> {
        let mut reasons = path.problems();
        if read.is_none_or(|vek| vek.key.is_none()) {
            reasons.push(SnpRejection::VekKey);
        }
        let others = self.chain.iter().flatten();
        reasons.extend(others.filter_map(|other| self.misfit(path, other)));
        reasons
    }

    /// Why a certificate that came along has no business in this chain.
    fn misfit(&self, path: &Path<'_>, other: &Certificate) -> Option<SnpRejection> {
        let is = |one: &Certificate| one.der() == other.der();
        if is(path.vek) || is(path.issuer) || is(&path.root.certificate) {
            return None;
        }
        if other.subject() == other.issuer() {
            let trusted = self.anchors.contain(other);
            return Some(if trusted {
                SnpRejection::ChainOfOtherProduct
            } else {
                SnpRejection::RootNotTrusted
            });
        }
        // The bundles that AMD's users pass around have ASK and ASVK beside each other.
        let of_this_root = other.verify_issued_by(&path.root.certificate).is_ok();
        (!of_this_root).then_some(SnpRejection::ChainUnrelated)
    }

    /// What a list says of this path. AMD's keys all have serial number 0, so a list says something of who is its
    /// issuer's own only.
    fn list(&self, path: &Path<'_>, crl: &Crl) -> ProvenList {
        let (whose, maker) = self.maker(path, crl);
        let problems = crl.prove(maker, 0).err().unwrap_or_default();
        let problems = problems.iter().filter(|problem| !problem.is_about_dates());
        let mut reasons: Vec<_> = problems
            .map(|problem| SnpRejection::Crl { problem: *problem })
            .collect();
        let proven = reasons.is_empty();
        for (certificate, name) in path.certificates() {
            if proven && crl.revokes(certificate) {
                reasons.push(SnpRejection::Revoked { certificate: name });
            }
        }
        let remembered = proven && whose != ListOf::OtherRoot;
        ProvenList {
            reasons,
            whose,
            this_update: crl.this_update(),
            next_update: crl.next_update().unwrap_or(crl.this_update()),
            observation: remembered.then(|| Observation::of_crl(crl, maker)),
        }
    }

    /// Who has to have made a list, by its name. Whoever collects the lists of several products hands over all.
    fn maker<'a>(&'a self, path: &Path<'a>, crl: &Crl) -> (ListOf, &'a Certificate) {
        match self.anchors.root(crl.issuer()) {
            Some(root) if crl.issuer() == path.root.certificate.subject() => {
                (ListOf::Root, &root.certificate)
            }
            Some(other) => (ListOf::OtherRoot, &other.certificate),
            None => (ListOf::Issuer, path.issuer),
        }
    }
}

impl Path<'_> {
    fn names(&self) -> [CertificateName; 3] {
        let issuer = CertificateName::issuer_of(self.kind);
        [CertificateName::Vek, issuer, CertificateName::Ark]
    }

    fn certificates(&self) -> [(&Certificate, CertificateName); 3] {
        let [vek, issuer, ark] = self.names();
        let root = &self.root.certificate;
        [(self.vek, vek), (self.issuer, issuer), (root, ark)]
    }

    fn dated(&self) -> [(CertificateName, Validity); 3] {
        self.certificates()
            .map(|(certificate, name)| (name, certificate.validity()))
    }

    fn revokers(&self) -> [(CertificateName, CrlIssuer); 2] {
        let [_, issuer, root] = self.certificates();
        [issuer, root].map(|(certificate, name)| (name, CrlIssuer::of(certificate)))
    }

    fn problems(&self) -> Vec<SnpRejection> {
        let mut reasons = Vec::new();
        let name = self.kind.issuer_name(self.root.product);
        if self.issuer.subject_common_name() != Some(name.as_str()) {
            reasons.push(SnpRejection::IssuerName { kind: self.kind });
        }
        // Dates have a check of their own, which needs to know the time.
        let root = &self.root.certificate;
        let answer = prove_chain(&[self.vek, self.issuer, root], &[root], 0);
        let problems = answer.err().unwrap_or_default();
        let problems = problems.iter().filter(|problem| !problem.is_about_dates());
        reasons.extend(problems.map(|problem| self.rejection(*problem)));
        reasons
    }

    fn rejection(&self, problem: ChainProblem) -> SnpRejection {
        let certificate = |place: usize| self.names().get(place).copied();
        match problem {
            ChainProblem::Certificate { place, problem } => SnpRejection::Certificate {
                certificate: certificate(place).unwrap_or(CertificateName::Ark),
                problem,
            },
            ChainProblem::Root | ChainProblem::Empty | ChainProblem::TooLong(_) => {
                SnpRejection::RootNotTrusted
            }
        }
    }
}
