//! What an SNP report is judged with.

use std::time::Duration;

use attestation_certificates::Certificate;
use attestation_snp::{Endorsement, Product, VekKind};

use crate::error::{CollateralError, Unproven};
use crate::proof::amd;
use crate::question::{Brought, SnpCollateral, SnpQuestion, Source};
use crate::{Collateral, Note, Subject, Vcek};

/// A certificate that leads to a trusted root.
struct Found {
    product: Product,
    vek: Vec<u8>,
    chain: Vec<Vec<u8>>,
    source: Source,
    notes: Vec<Note>,
}

impl Collateral {
    /// What this report is judged with, within this time. The certificate that came with the evidence is taken if it is
    /// proven and of the chip and TCB that the report names; then AMD is asked for none.
    ///
    /// # Errors
    /// There is no certificate, or no revocation list in its dates (unless the settings allow that).
    pub fn snp(
        &self,
        question: &SnpQuestion,
        within: Duration,
    ) -> Result<SnpCollateral, CollateralError> {
        let until = self.surroundings.elapsed() + within;
        let mut found = match self.brought(question, until) {
            Some(found) => found,
            None => self.asked_for(question, until)?,
        };
        let crls = self.lists(found.product, until, &mut found.notes)?;
        self.collateral(found, crls)
    }

    /// Says that the report's signature held under what was found: its certificate then stays longer than those that
    /// whoever sends reports made up.
    pub fn confirm(&self, question: &SnpQuestion, found: &SnpCollateral) {
        if let Ok(vcek) = asked(question, found.product) {
            self.state().cache.confirm(&Subject::Vcek(vcek));
        }
    }

    /// The revocation list of a product, so that it is there when a report comes.
    ///
    /// # Errors
    /// There is none in its dates.
    pub fn snp_list(
        &self,
        product: Product,
        within: Duration,
    ) -> Result<Vec<Note>, CollateralError> {
        let until = self.surroundings.elapsed() + within;
        let held = self.ensure(&Subject::AmdList(product), until)?;
        Ok(held.note.into_iter().collect())
    }

    fn collateral(
        &self,
        found: Found,
        crls: Vec<Vec<u8>>,
    ) -> Result<SnpCollateral, CollateralError> {
        let unreadable = |why: String| CollateralError::Unproven {
            what: "what was found for the report".to_owned(),
            source_name: "what is kept".to_owned(),
            why: Unproven::Unreadable(why),
        };
        let (above, lists) = (slices(&found.chain), slices(&crls));
        let endorsement = Endorsement::read(Some(&found.vek), &above, &lists, &self.roots.amd);
        let proof = endorsement.map_err(|error| unreadable(error.to_string()))?;
        let proof = proof.prove();
        Ok(SnpCollateral {
            product: found.product,
            vek: found.vek,
            chain: found.chain,
            crls,
            proof,
            source: found.source,
            notes: found.notes,
        })
    }

    fn lists(
        &self,
        product: Product,
        until: Duration,
        notes: &mut Vec<Note>,
    ) -> Result<Vec<Vec<u8>>, CollateralError> {
        let subject = Subject::AmdList(product);
        match self.ensure(&subject, until) {
            Ok(held) => {
                notes.extend(held.note);
                Ok(vec![held.proven.body().to_vec()])
            }
            Err(error) if self.settings.allow_no_list => {
                notes.push(Note {
                    what: subject.describe(),
                    says: format!("there is none: {error}"),
                });
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }

    /// What came with the evidence, if it is worth anything.
    fn brought(&self, question: &SnpQuestion, until: Duration) -> Option<Found> {
        let brought = question.brought.as_ref()?;
        let found = self.proven_under(question, brought, brought.chain.clone());
        if found.is_some() || Certificate::bundle(&brought.vek).is_err() {
            return found;
        }
        // AMD may issue by other certificates than those that are built in.
        let products = question.products().into_iter();
        let mut chains = products.filter_map(|product| {
            let subject = Subject::AmdChain(product, question.kind);
            let held = self.ensure(&subject, until).ok()?;
            Some(vec![held.proven.body().to_vec()])
        });
        chains.find_map(|chain| self.proven_under(question, brought, chain))
    }

    fn proven_under(
        &self,
        question: &SnpQuestion,
        brought: &Brought,
        chain: Vec<Vec<u8>>,
    ) -> Option<Found> {
        let above = slices(&chain);
        let endorsement = Endorsement::read(Some(&brought.vek), &above, &[], &self.roots.amd);
        let proof = endorsement.ok()?.prove();
        let proven = proof.proven()?;
        let product = proven.product();
        let is_meant = question.product.is_none_or(|asked| asked == product)
            && proven.kind() == question.kind
            && proven.validity().contains(self.surroundings.now());
        let is_chips = question.kind == VekKind::Vlek
            || asked(question, product)
                .is_ok_and(|asked| amd::is_asked_for(proven, &asked).is_ok());
        (is_meant && is_chips).then(|| Found {
            product,
            vek: brought.vek.clone(),
            chain,
            source: Source::Evidence,
            notes: Vec::new(),
        })
    }

    /// What is kept, or AMD has.
    fn asked_for(&self, question: &SnpQuestion, until: Duration) -> Result<Found, CollateralError> {
        if question.kind == VekKind::Vlek {
            return Err(CollateralError::Vlek);
        }
        if question.chip_id == [0; 64] {
            return Err(CollateralError::MaskedChip);
        }
        let asked: Result<Vec<_>, _> = question
            .products()
            .into_iter()
            .map(|product| asked(question, product))
            .collect();
        let mut asked = asked?;
        // Whose chip it was before, it is still.
        let now = self.surroundings.now();
        asked.sort_by_key(|vcek| {
            let subject = Subject::Vcek(vcek.clone());
            self.state().cache.peek(&subject, now).is_none()
        });
        let mut missing = CollateralError::MaskedChip;
        for vcek in asked {
            match self.vcek(&vcek, until) {
                Err(error @ CollateralError::Missing { .. }) => missing = error,
                found => return found,
            }
        }
        Err(missing)
    }

    fn vcek(&self, vcek: &Vcek, until: Duration) -> Result<Found, CollateralError> {
        let chain = Subject::AmdChain(vcek.product, VekKind::Vcek);
        let subject = Subject::Vcek(vcek.clone());
        if !self.roots.amd.are_built_in() {
            self.ensure(&chain, until)?;
        }
        let held = match self.ensure(&subject, until) {
            Err(CollateralError::Unproven {
                why: Unproven::NotGenuine(_),
                ..
            }) if self.has_none_of(&chain) => {
                // AMD may issue by another ASK than the one that is built in: under that one it may be proven.
                self.ensure(&chain, until)?;
                self.state().patience.forgive(&subject);
                self.ensure(&subject, until)?
            }
            held => held?,
        };
        Ok(Found {
            product: vcek.product,
            chain: self.chain_above(held.proven.body(), &chain),
            vek: held.proven.body().to_vec(),
            source: Source::Vendor,
            notes: held.note.into_iter().collect(),
        })
    }

    fn has_none_of(&self, subject: &Subject) -> bool {
        let now = self.surroundings.now();
        self.state().cache.peek(subject, now).is_none()
    }

    /// Nothing where the built-in certificates are above it.
    fn chain_above(&self, vek: &[u8], chain: &Subject) -> Vec<Vec<u8>> {
        let built_in = amd::prove_vek(&self.roots.amd, vek, None);
        if built_in.is_ok_and(|proof| proof.proven().is_some()) {
            return Vec::new();
        }
        let now = self.surroundings.now();
        let kept = self.state().cache.peek(chain, now).cloned();
        kept.iter().map(|chain| chain.body().to_vec()).collect()
    }
}

/// The key that a report of this product would be signed by.
fn asked(question: &SnpQuestion, product: Product) -> Result<Vcek, CollateralError> {
    let length = product.chip_id_length();
    let (chip_id, behind) = question.chip_id.split_at(length);
    if behind.iter().any(|byte| *byte != 0) {
        return Err(CollateralError::ChipId {
            product: product.name(),
            length,
        });
    }
    Ok(Vcek {
        product,
        chip_id: chip_id.to_vec(),
        tcb: question.tcb.components(product),
    })
}

fn slices(files: &[Vec<u8>]) -> Vec<&[u8]> {
    files.iter().map(Vec::as_slice).collect()
}
