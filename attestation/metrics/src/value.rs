//! Numbers that many threads change.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use crate::exposition::{Samples, Value};
use crate::labels::{Closed, Label};

/// So many tenants or resources have a label of their own; the others share [`OTHER`].
pub const NAMED: usize = 200;

/// The label of those that have none of their own, and of what clients name that is not there.
pub const OTHER: &str = "other";

/// What can be written out.
pub(crate) trait Collect {
    /// `counter`, `gauge` or `histogram`.
    fn kind(&self) -> &'static str;
    fn write(&self, to: &mut Samples<'_>);
}

/// Only goes up.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn increment(&self) {
        self.add(1);
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Collect for Counter {
    fn kind(&self) -> &'static str {
        "counter"
    }

    fn write(&self, to: &mut Samples<'_>) {
        to.sample("", &[], Value::Whole(self.value()));
    }
}

/// Goes up and down, never below 0.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn down(&self) {
        // Who goes down has gone up.
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Collect for Gauge {
    fn kind(&self) -> &'static str {
        "gauge"
    }

    fn write(&self, to: &mut Samples<'_>) {
        let value = self.0.load(Ordering::Relaxed);
        to.sample("", &[], Value::Whole(value));
    }
}

/// How often a number fell between two bounds. Numbers are whole: microseconds, bytes, writers.
#[derive(Debug)]
pub(crate) struct Histogram {
    /// Upper bounds, in the numbers' own unit.
    bounds: &'static [u64],
    /// So many of the numbers' unit are one of the shown.
    unit: u64,
    /// One a bound, and one for what is beyond them.
    buckets: Vec<AtomicU64>,
    sum: AtomicU64,
}

/// Microseconds to a second.
const MICROSECONDS: u64 = 1_000_000;

impl Histogram {
    /// Of durations; bounds in microseconds, shown in seconds.
    pub fn of_seconds(bounds: &'static [u64]) -> Self {
        Self::new(bounds, MICROSECONDS)
    }

    /// Of bytes or things.
    pub fn of(bounds: &'static [u64]) -> Self {
        Self::new(bounds, 1)
    }

    fn new(bounds: &'static [u64], unit: u64) -> Self {
        Self {
            bounds,
            unit,
            buckets: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    pub fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.sum.fetch_add(value, Ordering::Relaxed);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
    }

    pub fn time(&self, duration: Duration) {
        self.observe(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    fn shown(&self, value: u64) -> Value {
        match self.unit {
            1 => Value::Whole(value),
            unit => Value::Millionths(value.saturating_mul(MICROSECONDS / unit)),
        }
    }
}

impl Collect for Histogram {
    fn kind(&self) -> &'static str {
        "histogram"
    }

    /// The count is the last bucket's: what is counted meanwhile must not make them differ.
    fn write(&self, to: &mut Samples<'_>) {
        let mut count = 0_u64;
        for (index, bucket) in self.buckets.iter().enumerate() {
            count = count.saturating_add(bucket.load(Ordering::Relaxed));
            let bound = self.bounds.get(index).map(|bound| self.shown(*bound));
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.to_string());
            to.sample("_bucket", &[("le", &bound)], Value::Whole(count));
        }
        let sum = self.shown(self.sum.load(Ordering::Relaxed));
        to.sample("_sum", &[], sum);
        to.sample("_count", &[], Value::Whole(count));
    }
}

/// One number for each value of a label that has few. All are shown from the start, so that a rate can be had of the first.
#[derive(Debug)]
pub(crate) struct By<L, N> {
    label: &'static str,
    numbers: Vec<(&'static str, N)>,
    labels: PhantomData<L>,
}

impl<L: Closed, N: Default> By<L, N> {
    pub fn new(label: &'static str) -> Self {
        let numbers = L::all()
            .into_iter()
            .map(|value| (value.name(), N::default()));
        Self {
            label,
            numbers: numbers.collect(),
            labels: PhantomData,
        }
    }

    pub fn at(&self, value: L) -> &N {
        let found = self.numbers.iter().find(|(name, _)| *name == value.name());
        &found.expect("all values have a number").1
    }
}

/// What has one sample a label.
pub(crate) trait Single {
    const KIND: &'static str;
    fn single(&self) -> u64;
}

impl Single for Counter {
    const KIND: &'static str = "counter";

    fn single(&self) -> u64 {
        self.value()
    }
}

impl Single for Gauge {
    const KIND: &'static str = "gauge";

    fn single(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl<L, N: Single> Collect for By<L, N> {
    fn kind(&self) -> &'static str {
        N::KIND
    }

    fn write(&self, to: &mut Samples<'_>) {
        for (name, number) in &self.numbers {
            to.sample("", &[(self.label, name)], Value::Whole(number.single()));
        }
    }
}

/// One counter for each pair of values of two labels that have few.
#[derive(Debug)]
pub(crate) struct ByTwo<A, B> {
    label: &'static str,
    rows: Vec<(&'static str, By<B, Counter>)>,
    labels: PhantomData<A>,
}

impl<A: Closed, B: Closed> ByTwo<A, B> {
    pub fn new(first: &'static str, second: &'static str) -> Self {
        let rows = A::all().into_iter().map(|a| (a.name(), By::new(second)));
        Self {
            label: first,
            rows: rows.collect(),
            labels: PhantomData,
        }
    }

    pub fn at(&self, a: A, b: B) -> &Counter {
        let found = self.rows.iter().find(|(name, _)| *name == a.name());
        found.expect("all values have a row").1.at(b)
    }
}

impl<A, B> Collect for ByTwo<A, B> {
    fn kind(&self) -> &'static str {
        Counter::KIND
    }

    fn write(&self, to: &mut Samples<'_>) {
        for (a, row) in &self.rows {
            for (b, counter) in &row.numbers {
                let labels = [(self.label, *a), (row.label, *b)];
                to.sample("", &labels, Value::Whole(counter.value()));
            }
        }
    }
}

/// One counter for each tenant or resource, up to [`NAMED`], and for each value of a second label that has few.
#[derive(Debug)]
pub(crate) struct Named<B> {
    label: &'static str,
    second: Option<&'static str>,
    rows: RwLock<BTreeMap<String, Vec<u64>>>,
    labels: PhantomData<B>,
}

/// No second label.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alone;

impl Closed for Alone {
    fn all() -> Vec<Self> {
        vec![Self]
    }

    fn name(self) -> &'static str {
        ""
    }
}

impl Named<Alone> {
    pub fn new(label: &'static str) -> Self {
        Self::with(label, None)
    }

    pub fn increment(&self, label: Label<'_>) {
        self.increment_with(label, Alone);
    }
}

impl<B: Closed> Named<B> {
    pub fn by(label: &'static str, second: &'static str) -> Self {
        Self::with(label, Some(second))
    }

    fn with(label: &'static str, second: Option<&'static str>) -> Self {
        Self {
            label,
            second,
            rows: RwLock::default(),
            labels: PhantomData,
        }
    }

    pub fn increment_with(&self, label: Label<'_>, second: B) {
        let name = match label {
            Label::Known(name) => name,
            Label::Unknown => OTHER,
        };
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        let has_room = rows.len() < NAMED || rows.contains_key(name);
        let name = if has_room { name } else { OTHER };
        let values = B::all();
        let row = rows
            .entry(name.to_owned())
            .or_insert_with(|| vec![0; values.len()]);
        let place = values
            .iter()
            .position(|value| value.name() == second.name());
        if let Some(number) = place.and_then(|place| row.get_mut(place)) {
            *number = number.saturating_add(1);
        }
    }
}

impl<B: Closed> Collect for Named<B> {
    fn kind(&self) -> &'static str {
        Counter::KIND
    }

    fn write(&self, to: &mut Samples<'_>) {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        for (name, numbers) in rows.iter() {
            for (value, number) in B::all().into_iter().zip(numbers) {
                let first = (self.label, name.as_str());
                match self.second {
                    None => to.sample("", &[first], Value::Whole(*number)),
                    Some(second) => {
                        let labels = [first, (second, value.name())];
                        to.sample("", &labels, Value::Whole(*number));
                    }
                }
            }
        }
    }
}

/// The value 1 under labels that say what this is.
#[derive(Debug)]
pub(crate) struct Info(pub Vec<(&'static str, String)>);

impl Collect for Info {
    fn kind(&self) -> &'static str {
        "gauge"
    }

    fn write(&self, to: &mut Samples<'_>) {
        let labels: Vec<_> = self
            .0
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        to.sample("", &labels, Value::Whole(1));
    }
}

/// 0 or 1 for each of some names that are given once.
#[derive(Debug, Default)]
pub(crate) struct States {
    label: &'static str,
    states: RwLock<BTreeMap<&'static str, bool>>,
}

impl States {
    pub fn new(label: &'static str) -> Self {
        Self {
            label,
            states: RwLock::default(),
        }
    }

    pub fn set(&self, name: &'static str, state: bool) {
        let mut states = self.states.write().unwrap_or_else(PoisonError::into_inner);
        states.insert(name, state);
    }
}

impl Collect for States {
    fn kind(&self) -> &'static str {
        "gauge"
    }

    fn write(&self, to: &mut Samples<'_>) {
        let states = self.states.read().unwrap_or_else(PoisonError::into_inner);
        for (name, state) in states.iter() {
            to.sample("", &[(self.label, name)], Value::Whole(u64::from(*state)));
        }
    }
}
