//! One thing at a time: kept, or asked for.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use attestation_certificates::Seen;
use attestation_tdx::ProvenCollateral;
use ring::digest::{SHA256, digest};

use crate::cache::{Cache, Entry};
use crate::client::Client;
use crate::error::{CollateralError, OpenError, ShelfError, Unproven};
use crate::patience::Patience;
use crate::proof::{Beside, Proven, Roots};
use crate::shelf::{Begun, Kept, Shelf};
use crate::{
    Document, Machine, Note, Product, Settings, Subject, Surroundings, TdxQuestion, answer,
};

/// How often somebody who waits for another's answer looks at the clock.
const GLANCE: Duration = Duration::from_millis(50);

/// What is kept of AMD's and Intel's certificates and collateral, and the way to more of it.
pub struct Collateral {
    pub(crate) settings: Settings,
    pub(crate) roots: Roots,
    pub(crate) shelf: Shelf,
    /// Nobody is asked where there is none.
    client: Option<Client>,
    pub(crate) surroundings: Arc<dyn Surroundings>,
    state: Mutex<State>,
    arrived: Condvar,
}

pub(crate) struct State {
    pub cache: Cache,
    pub seen: Seen,
    pub patience: Patience,
    /// What is being asked for, by name.
    flights: HashSet<String>,
    /// Pieces that were proven together.
    pub sets: BTreeMap<TdxQuestion, TdxSet>,
}

/// Pieces, and what they prove together.
pub(crate) type TdxSet = ([Arc<Proven>; 4], Arc<ProvenCollateral>);

/// What came of looking for a newer one.
#[derive(Debug)]
pub struct Refreshed {
    /// Of what.
    pub subject: Subject,
    /// Why the one that was there stays, if it does.
    pub stays: Option<String>,
}

/// A piece that is in its dates.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub proven: Arc<Proven>,
    /// Why it is not newer.
    pub note: Option<Note>,
}

/// What to do next about a subject.
enum Step {
    Serve(Held),
    Fail(CollateralError),
    /// Somebody asks already.
    Listen,
    Sleep(Duration),
    /// It is this caller's to ask.
    Ask(Option<Entry>),
}

impl Collateral {
    /// Opens the directory, or begins it, and reads what is kept there.
    ///
    /// # Errors
    /// The directory or the CA file cannot be used.
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        Self::open_with(settings, Arc::new(Machine::default()))
    }

    /// The same with another clock.
    ///
    /// # Errors
    /// As [`Collateral::open`].
    pub fn open_with(
        settings: Settings,
        surroundings: Arc<dyn Surroundings>,
    ) -> Result<Self, OpenError> {
        let client = match settings.offline {
            true => None,
            false => Some(Client::new(
                settings.ca_file.as_deref(),
                settings.vendors.are_all_plain(),
            )?),
        };
        let shelf = Shelf::open(&settings.directory, &begun(&settings))?;
        let state = State {
            cache: Cache::new(settings.most_veks),
            seen: shelf.seen()?,
            patience: Patience::new(settings.budget, settings.remember_missing),
            flights: HashSet::new(),
            sets: BTreeMap::new(),
        };
        let collateral = Self {
            roots: Roots {
                amd: settings.amd.clone(),
                intel: settings.intel.clone(),
            },
            settings,
            shelf,
            client,
            surroundings,
            state: Mutex::new(state),
            arrived: Condvar::new(),
        };
        collateral.read_back()?;
        Ok(collateral)
    }

    /// The newest of each piece that was ever kept here: whoever judges refuses older ones.
    pub fn seen(&self) -> Seen {
        self.state().seen.clone()
    }

    /// Takes up what others have put into the directory, then asks for a newer one of everything that is due, for at most
    /// so long each.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn refresh(&self, within: Duration) -> Result<Vec<Refreshed>, ShelfError> {
        self.raise(&self.shelf.seen()?);
        self.read_back()?;
        let now = self.surroundings.now();
        let due: Vec<_> = {
            let state = self.state();
            let all = state.cache.all().into_iter();
            let due = all.filter(|entry| entry.is_due(now, self.settings.refresh_every));
            due.map(|entry| entry.proven.document.subject.clone())
                .collect()
        };
        let refreshed = due.into_iter().map(|subject| {
            let until = self.surroundings.elapsed() + within;
            let stays = match self.ensure(&subject, until) {
                Ok(held) => held.note.map(|note| note.says),
                Err(error) => Some(error.to_string()),
            };
            Refreshed { subject, stays }
        });
        Ok(refreshed.collect())
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in it is left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A piece that is in its dates, before `until` (of [`Surroundings::elapsed`]).
    pub(crate) fn ensure(
        &self,
        subject: &Subject,
        until: Duration,
    ) -> Result<Held, CollateralError> {
        let mut last = None;
        loop {
            match self.step(subject, until) {
                Step::Serve(held) => return Ok(held),
                Step::Fail(error) => return Err(last.unwrap_or(error)),
                Step::Listen => self.listen(),
                Step::Sleep(duration) => self.surroundings.wait(duration),
                Step::Ask(kept) => match (self.ask(subject, kept.as_ref(), until), kept) {
                    (Ok(proven), _) => return Ok(Held { proven, note: None }),
                    (Err(error), Some(kept)) => return Ok(Held::of(&kept, Some(&error))),
                    (Err(error), None) if is_passing(&error) => last = Some(error),
                    (Err(error), None) => return Err(error),
                },
            }
        }
    }

    fn step(&self, subject: &Subject, until: Duration) -> Step {
        let (now, elapsed) = (self.surroundings.now(), self.surroundings.elapsed());
        let mut state = self.state();
        let kept = state.cache.find(subject, now);
        if let Some(kept) = &kept
            && !kept.is_due(now, self.settings.refresh_every)
        {
            return Step::Serve(Held::of(kept, None));
        }
        if state.flights.contains(&subject.to_string()) {
            return match kept {
                Some(kept) => Step::Serve(Held::of(&kept, None)),
                None if elapsed >= until => Step::Fail(CollateralError::Waited {
                    what: subject.describe(),
                }),
                None => Step::Listen,
            };
        }
        if let Some(trouble) = state.patience.trouble(subject, elapsed) {
            let left = trouble.until.saturating_sub(elapsed);
            return match (kept, &trouble.error) {
                (Some(kept), error) => Step::Serve(Held::of(&kept, Some(error))),
                (None, CollateralError::Missing { .. }) => Step::Fail(trouble.error.clone()),
                (None, error) if trouble.until >= until || !is_passing(error) => {
                    Step::Fail(backing_off(subject, left, error))
                }
                (None, _) => Step::Sleep(left),
            };
        }
        if !state.cache.knows(subject)
            && subject.is_named_by_evidence()
            && self.client.is_some()
            && let Err(left) = state.patience.spend(subject.vendor(), elapsed)
        {
            return Step::Fail(CollateralError::Budget {
                vendor: subject.vendor(),
                what: subject.describe(),
                seconds: whole_seconds(left),
            });
        }
        state.flights.insert(subject.to_string());
        Step::Ask(kept)
    }

    /// Until somebody's answer is there, or a moment has passed.
    fn listen(&self) {
        let state = self.state();
        // Whoever is woken looks again, whatever woke them.
        drop(self.arrived.wait_timeout(state, GLANCE));
    }

    /// Looks into the directory, then asks the vendor: the one who does so for this subject.
    fn ask(
        &self,
        subject: &Subject,
        kept: Option<&Entry>,
        until: Duration,
    ) -> Result<Arc<Proven>, CollateralError> {
        let flight = Flight {
            collateral: self,
            name: subject.to_string(),
        };
        let asked = self
            .look_up(subject, kept)
            .map_or_else(|| self.ask_vendor(subject, kept, until), Ok);
        let elapsed = self.surroundings.elapsed();
        let mut state = self.state();
        match &asked {
            Ok(_) => state.patience.forgive(subject),
            Err(CollateralError::Offline { .. } | CollateralError::Shelf(_)) => {}
            Err(error) => {
                let random = self.surroundings.random();
                state.patience.blame(subject, error, elapsed, random);
            }
        }
        drop(state);
        // Not before it is written down what came of it: who waited looks there.
        drop(flight);
        asked
    }

    /// What another run has kept meanwhile.
    fn look_up(&self, subject: &Subject, kept: Option<&Entry>) -> Option<Arc<Proven>> {
        let now = self.surroundings.now();
        let document = self.shelf.document(subject, now).ok()??;
        let seen = self.shelf.seen().ok()?;
        let is_newer = kept.is_none_or(|kept| document.fetched > kept.fetched);
        if !is_newer {
            return None;
        }
        self.raise(&seen);
        let proven = self.prove(document).ok()?;
        self.take_up(&proven).ok()?;
        let entry = self.state().cache.find(subject, now)?;
        let good = !entry.is_due(now, self.settings.refresh_every) || self.client.is_none();
        good.then_some(entry.proven)
    }

    fn ask_vendor(
        &self,
        subject: &Subject,
        kept: Option<&Entry>,
        until: Duration,
    ) -> Result<Arc<Proven>, CollateralError> {
        let vendor = subject.vendor();
        let Some(client) = &self.client else {
            return match kept {
                Some(kept) => Ok(Arc::clone(&kept.proven)),
                None => Err(CollateralError::Offline {
                    vendor,
                    what: subject.describe(),
                }),
            };
        };
        let mut left = until.saturating_sub(self.surroundings.elapsed());
        if kept.is_some() {
            left = left.min(self.settings.refresh_patience);
        }
        let address = subject.address(&self.settings.vendors);
        let came = client.get(&address, subject.chain_header(), subject.most_bytes(), left);
        let document = answer::document(subject, &address, came, self.surroundings.now())?;
        self.accept(document, &vendor.to_string())
    }

    /// Proves a document, and keeps it if nothing newer was seen.
    pub(crate) fn accept(
        &self,
        document: Document,
        from: &str,
    ) -> Result<Arc<Proven>, CollateralError> {
        let what = document.subject.describe();
        let proven = self
            .prove(document)
            .map_err(|why| CollateralError::Unproven {
                what: what.clone(),
                source_name: from.to_owned(),
                why,
            })?;
        let older = |older| CollateralError::Older {
            what: what.clone(),
            source_name: from.to_owned(),
            older,
        };
        let evicted = self.is_new(&proven).map_err(older)?;
        if let Some(kept) = self.later_certificate(&proven) {
            return Ok(kept);
        }
        match self
            .shelf
            .keep(&proven.document, proven.observation, &evicted)?
        {
            Kept::Older(found) => return Err(older(found)),
            Kept::New(seen) => self.raise(&seen),
        }
        self.take_up(&proven).map_err(older)?;
        Ok(proven)
    }

    /// Whether nothing newer was seen; then, what it crowds out.
    fn is_new(&self, proven: &Proven) -> Result<Vec<Subject>, attestation_certificates::Older> {
        let state = self.state();
        if let Some(observation) = &proven.observation {
            state.seen.check(observation)?;
        }
        Ok(state.cache.crowded_out_by(&proven.document.subject))
    }

    /// Certificates have no number that says which is newer: the one that begins later is.
    fn later_certificate(&self, proven: &Proven) -> Option<Arc<Proven>> {
        let now = self.surroundings.now();
        let state = self.state();
        let kept = state.cache.peek(&proven.document.subject, now)?;
        let is_certificate = proven.observation.is_none();
        let is_later = kept.validity.not_before > proven.validity.not_before;
        (is_certificate && is_later).then(|| Arc::clone(kept))
    }

    /// Proves a document beside what is kept.
    pub(crate) fn prove(&self, document: Document) -> Result<Arc<Proven>, Unproven> {
        let now = self.surroundings.now();
        let beside = self.beside(&document.subject, now);
        self.roots.prove(document, &beside, now).map(Arc::new)
    }

    fn beside(&self, subject: &Subject, now: u64) -> Beside {
        let state = self.state();
        let kept = |subject: &Subject| state.cache.peek(subject, now).cloned();
        match subject {
            Subject::Vcek(vcek) => Beside {
                chain: kept(&Subject::AmdChain(
                    vcek.product,
                    attestation_snp::VekKind::Vcek,
                )),
                root_list: None,
            },
            Subject::AmdChain(product, _) => Beside {
                root_list: kept(&Subject::AmdList(*product)),
                chain: None,
            },
            Subject::AmdList(_) | Subject::RootList => Beside::default(),
            Subject::PckList(_) | Subject::QeIdentity | Subject::TcbInfo(_) => Beside {
                root_list: kept(&Subject::RootList),
                chain: None,
            },
        }
    }

    /// Puts what was proven into memory.
    pub(crate) fn take_up(
        &self,
        proven: &Arc<Proven>,
    ) -> Result<(), attestation_certificates::Older> {
        let mut state = self.state();
        if let Some(observation) = proven.observation {
            state.seen.check(&observation)?;
            if let Ok(newer) = state.seen.with([observation]) {
                state.seen = newer;
            }
        }
        state.cache.put(Arc::clone(proven));
        Ok(())
    }

    /// With what others have seen.
    fn raise(&self, seen: &Seen) {
        let mut state = self.state();
        // More than is remembered is left out: what is there stays.
        if let Ok(newer) = state.seen.with(seen.observations().copied()) {
            state.seen = newer;
        }
    }
}

/// While it lives, nobody else asks for the same.
struct Flight<'a> {
    collateral: &'a Collateral,
    name: String,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.collateral.state().flights.remove(&self.name);
        self.collateral.arrived.notify_all();
    }
}

impl Held {
    fn of(kept: &Entry, because: Option<&CollateralError>) -> Self {
        let subject = &kept.proven.document.subject;
        Self {
            proven: Arc::clone(&kept.proven),
            note: because.map(|error| Note {
                what: subject.describe(),
                says: format!("kept, in its dates, and not newer since: {error}"),
            }),
        }
    }
}

fn begun(settings: &Settings) -> Begun {
    let hash = |bytes: &[u8]| hex::encode(digest(&SHA256, bytes));
    let amd = Product::ALL.into_iter();
    let amd = amd.filter_map(|product| settings.amd.root_of(product));
    let amd: Vec<u8> = amd.flat_map(|root| root.der().to_vec()).collect();
    Begun {
        version: 1,
        channel: settings.vendors.channel.name().to_owned(),
        intel_root: hash(settings.intel.certificate().der()),
        amd_roots: hash(&amd),
    }
}

/// Whether it may be another answer the next time.
const fn is_passing(error: &CollateralError) -> bool {
    matches!(
        error,
        CollateralError::Busy { .. }
            | CollateralError::Status { .. }
            | CollateralError::Unreachable { .. }
            | CollateralError::Cut { .. }
            | CollateralError::TooSlow { .. }
    )
}

fn backing_off(subject: &Subject, left: Duration, error: &CollateralError) -> CollateralError {
    CollateralError::BackingOff {
        vendor: subject.vendor(),
        what: subject.describe(),
        seconds: whole_seconds(left),
        because: error.to_string(),
    }
}

/// Rounded up: after so many seconds it is over.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

impl fmt::Debug for Collateral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collateral")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
