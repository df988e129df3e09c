//! All that is counted.

use std::time::Duration;

use attestation_evidence::Tee;

use crate::exposition::Samples;
use crate::labels::{
    Area, AttestationOutcome, CollateralOutcome, Label, Limit, PolicyOutcome, Resource,
    StatusClass, StoreTrouble, Vendor,
};
use crate::value::{Alone, By, ByTwo, Collect, Counter, Gauge, Histogram, Info, Named, States};

/// Of HTTP requests, in microseconds: Trustee's.
const REQUEST_TIMES: &[u64] = &[500, 1_000, 5_000, 10_000, 50_000, 500_000, 1_000_000];
/// Of bodies, in bytes: Trustee's.
const BODY_SIZES: &[u64] = &[32, 128, 512, 2_048, 8_192];
/// Of a commit to the disk, in microseconds.
const COMMIT_TIMES: &[u64] = &[
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
];
/// Of writers that share a commit.
const COMMIT_WRITERS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128];

/// The one plug-in: what Trustee calls so are paths below `/kbs/v0/resource`.
const PLUGIN: &str = "resource";

/// Which build of the verifier this is.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    /// Its version.
    pub version: &'static str,
    /// The commit that it was built of; empty where that is not known.
    pub git_hash: &'static str,
    /// When; empty for a build that anybody can repeat, which has no date.
    pub date: &'static str,
}

/// What documents say of a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documented {
    /// Its name.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// What it says.
    pub help: &'static str,
}

/// All that is counted. Threads share one.
#[derive(Debug)]
pub struct Metrics {
    build: Info,
    http_requests: Counter,
    http_durations: Histogram,
    http_request_sizes: Histogram,
    http_response_sizes: Histogram,
    http_active: Gauge,
    http_answers: ByTwo<Area, StatusClass>,
    auth_requests: Counter,
    auth_successes: Counter,
    auth_errors: Counter,
    attestation_requests: Counter,
    attestation_successes: By<Tee, Counter>,
    attestation_failures: By<Tee, Counter>,
    attestation_errors: Counter,
    reads: Named<Alone>,
    writes: Named<Alone>,
    deletes: Named<Alone>,
    plugin_requests: Plugin<Counter>,
    plugin_errors: Plugin<Counter>,
    policy_evaluations: Counter,
    policy_approvals: Counter,
    policy_violations: Counter,
    policy_errors: Counter,
    verdicts: Named<AttestationOutcome>,
    releases: Named<Alone>,
    challenges_refused: By<Limit, Counter>,
    nonces_burned: Counter,
    nonces_burned_before: Counter,
    log_entries: Gauge,
    log_bytes: Counter,
    commits: Histogram,
    commit_writers: Histogram,
    store_errors: By<StoreTrouble, Counter>,
    fail_closed: Gauge,
    collateral_fetches: ByTwo<Vendor, CollateralOutcome>,
    collateral_newest: By<Vendor, Gauge>,
    confined: States,
}

/// A number of the one plug-in.
#[derive(Debug, Default)]
struct Plugin<N>(N);

impl Collect for Plugin<Counter> {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }

    fn write(&self, to: &mut Samples<'_>) {
        use crate::value::Single;
        let value = crate::exposition::Value::Whole(self.0.single());
        to.sample("", &[("plugin_name", PLUGIN)], value);
    }
}

impl Metrics {
    /// Nothing was counted yet.
    #[must_use]
    pub fn new(build: Build) -> Self {
        let text = |text: &str| if text.is_empty() { "unknown" } else { text }.to_owned();
        Self {
            build: Info(vec![
                ("version", text(build.version)),
                ("git_hash", text(build.git_hash)),
                ("build_date", text(build.date)),
            ]),
            http_requests: Counter::default(),
            http_durations: Histogram::of_seconds(REQUEST_TIMES),
            http_request_sizes: Histogram::of(BODY_SIZES),
            http_response_sizes: Histogram::of(BODY_SIZES),
            http_active: Gauge::default(),
            http_answers: ByTwo::new("area", "status"),
            auth_requests: Counter::default(),
            auth_successes: Counter::default(),
            auth_errors: Counter::default(),
            attestation_requests: Counter::default(),
            attestation_successes: By::new("tee_type"),
            attestation_failures: By::new("tee_type"),
            attestation_errors: Counter::default(),
            reads: Named::new("resource_path"),
            writes: Named::new("resource_path"),
            deletes: Named::new("resource_path"),
            plugin_requests: Plugin::default(),
            plugin_errors: Plugin::default(),
            policy_evaluations: Counter::default(),
            policy_approvals: Counter::default(),
            policy_violations: Counter::default(),
            policy_errors: Counter::default(),
            verdicts: Named::by("tenant", "outcome"),
            releases: Named::new("tenant"),
            challenges_refused: By::new("limit"),
            nonces_burned: Counter::default(),
            nonces_burned_before: Counter::default(),
            log_entries: Gauge::default(),
            log_bytes: Counter::default(),
            commits: Histogram::of_seconds(COMMIT_TIMES),
            commit_writers: Histogram::of(COMMIT_WRITERS),
            store_errors: By::new("trouble"),
            fail_closed: Gauge::default(),
            collateral_fetches: ByTwo::new("vendor", "outcome"),
            collateral_newest: By::new("vendor"),
            confined: States::new("layer"),
        }
    }

    /// A request of a guest's came: it is under way until [`Self::guest_request_ended`].
    pub fn guest_request_began(&self, bytes: u64) {
        self.http_active.up();
        self.http_requests.increment();
        self.http_request_sizes.observe(bytes);
    }

    /// It was answered with so many bytes; `None` if the client left before.
    pub fn guest_request_ended(&self, took: Duration, bytes: Option<u64>) {
        self.http_active.down();
        self.http_durations.time(took);
        if let Some(bytes) = bytes {
            self.http_response_sizes.observe(bytes);
        }
    }

    /// A request of anybody's was answered.
    pub fn answered(&self, area: Area, status: StatusClass) {
        self.http_answers.at(area, status).increment();
    }

    /// A guest asked for a challenge.
    pub fn challenge_requested(&self) {
        self.auth_requests.increment();
    }

    /// It got one.
    pub fn challenged(&self) {
        self.auth_successes.increment();
    }

    /// It got none: its request was not understood, or the verifier failed.
    pub fn challenge_failed(&self) {
        self.auth_errors.increment();
    }

    /// It got none: it, its tenant or everybody asks too often. An error of Trustee's, too.
    pub fn challenge_limited(&self, limit: Limit) {
        self.auth_errors.increment();
        self.challenges_refused.at(limit).increment();
    }

    /// An attempt used up a challenge, or one that was used up before.
    pub fn nonce_burned(&self, is_first: bool) {
        match is_first {
            true => self.nonces_burned.increment(),
            false => self.nonces_burned_before.increment(),
        }
    }

    /// A guest sent evidence.
    pub fn attestation_requested(&self) {
        self.attestation_requests.increment();
    }

    /// It was judged, and the verdict is in the log.
    pub fn attested(&self, tee: Tee, tenant: Label<'_>, outcome: AttestationOutcome) {
        match outcome {
            AttestationOutcome::Accepted => self.attestation_successes.at(tee).increment(),
            AttestationOutcome::Refused => self.attestation_failures.at(tee).increment(),
        }
        self.verdicts.increment_with(tenant, outcome);
    }

    /// It was not judged: not understood, too late, or the verifier failed.
    pub fn attestation_failed(&self) {
        self.attestation_errors.increment();
    }

    /// A policy said whether a resource may be released.
    pub fn policy_evaluated(&self, outcome: PolicyOutcome) {
        self.policy_evaluations.increment();
        match outcome {
            PolicyOutcome::Approved => self.policy_approvals.increment(),
            PolicyOutcome::Violated => self.policy_violations.increment(),
            PolicyOutcome::Failed => self.policy_errors.increment(),
        }
    }

    /// A guest asked for a resource.
    pub fn resource_requested(&self) {
        self.plugin_requests.0.increment();
    }

    /// It got none.
    pub fn resource_refused(&self) {
        self.plugin_errors.0.increment();
    }

    /// Something was done with a resource, `REPOSITORY/TYPE/TAG`.
    pub fn resource(&self, what: Resource, path: Label<'_>) {
        match what {
            Resource::Read => self.reads.increment(path),
            Resource::Write => self.writes.increment(path),
            Resource::Delete => self.deletes.increment(path),
        }
    }

    /// A secret was released, and the log says so.
    pub fn released(&self, tenant: Label<'_>, path: Label<'_>) {
        self.releases.increment(tenant);
        self.resource(Resource::Read, path);
    }

    /// The log has so many entries.
    pub fn log_is(&self, entries: u64) {
        self.log_entries.set(entries);
    }

    /// What was appended to the log has so many bytes.
    pub fn log_grew(&self, bytes: u64) {
        self.log_bytes.add(bytes);
    }

    /// So many writers shared a commit, which took so long.
    pub fn committed(&self, took: Duration, writers: u64) {
        self.commits.time(took);
        self.commit_writers.observe(writers);
    }

    /// The store failed.
    pub fn store_failed(&self, trouble: StoreTrouble) {
        self.store_errors.at(trouble).increment();
    }

    /// Whether the verifier releases nothing any more, until it is started anew.
    pub fn fails_closed(&self, is_so: bool) {
        self.fail_closed.set(u64::from(is_so));
    }

    /// A vendor was asked.
    pub fn collateral(&self, vendor: Vendor, outcome: CollateralOutcome) {
        self.collateral_fetches.at(vendor, outcome).increment();
    }

    /// Of which second since 1970 the oldest collateral is that a verdict would rest on now.
    pub fn collateral_is_of(&self, vendor: Vendor, second: u64) {
        self.collateral_newest.at(vendor).set(second);
    }

    /// Whether a layer of the confinement holds.
    pub fn confined(&self, layer: &'static str, holds: bool) {
        self.confined.set(layer, holds);
    }

    /// The text that Prometheus reads: [`crate::CONTENT_TYPE`].
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(16 * 1024);
        for (name, help, number) in self.families() {
            number.write(&mut Samples::of(&mut text, name, number.kind(), help));
        }
        text
    }

    /// What there is, for documents.
    #[must_use]
    pub fn documented(&self) -> Vec<Documented> {
        let families = self.families().into_iter();
        let documented = families.map(|(name, help, number)| Documented {
            name,
            kind: number.kind(),
            help,
        });
        documented.collect()
    }

    fn families(&self) -> Vec<(&'static str, &'static str, &dyn Collect)> {
        [self.trustees(), self.ours()].concat()
    }

    /// By Trustee's names, so that what watches a Trustee watches this.
    #[rustfmt::skip]
    fn trustees(&self) -> Vec<(&'static str, &'static str, &dyn Collect)> {
        vec![
            ("kbs_build_info", "Which build this is.", &self.build),
            ("kbs_http_requests_total", "Requests of guests.", &self.http_requests),
            ("kbs_http_request_duration_seconds", "From a guest's request to its answer.", &self.http_durations),
            ("kbs_http_request_size_bytes", "Bodies of guests' requests.", &self.http_request_sizes),
            ("kbs_http_response_size_bytes", "Bodies of the answers to them.", &self.http_response_sizes),
            ("kbs_http_active_connections", "Requests of guests that are under way.", &self.http_active),
            ("kbs_auth_requests_total", "Requests for a challenge.", &self.auth_requests),
            ("kbs_auth_successes_total", "Challenges that were given.", &self.auth_successes),
            ("kbs_auth_errors_total", "Requests for a challenge that got none.", &self.auth_errors),
            ("kbs_attestation_requests_total", "Attempts to attest.", &self.attestation_requests),
            ("kbs_attestation_successes_total", "Evidence that was judged and accepted.", &self.attestation_successes),
            ("kbs_attestation_failures_total", "Evidence that was judged and refused.", &self.attestation_failures),
            ("kbs_attestation_errors_total", "Attempts that were not judged.", &self.attestation_errors),
            ("kbs_resource_reads_total", "Resources that were released.", &self.reads),
            ("kbs_resource_writes_total", "Resources that were put.", &self.writes),
            ("kbs_resource_deletes_total", "Resources that were removed.", &self.deletes),
            ("kbs_plugin_requests_total", "Requests for a resource.", &self.plugin_requests),
            ("kbs_plugin_errors_total", "Requests for a resource that got none.", &self.plugin_errors),
            ("kbs_policy_evaluations_total", "Times that a policy was asked of a resource.", &self.policy_evaluations),
            ("kbs_policy_approvals_total", "Times that it allowed it.", &self.policy_approvals),
            ("kbs_policy_violations_total", "Times that it refused it.", &self.policy_violations),
            ("kbs_policy_errors_total", "Times that it could not be evaluated, which refuses.", &self.policy_errors),
        ]
    }

    #[rustfmt::skip]
    fn ours(&self) -> Vec<(&'static str, &'static str, &dyn Collect)> {
        vec![
            ("cloister_verifier_http_answers_total", "Requests of anybody, by what they were for and how they were answered.", &self.http_answers),
            ("cloister_verifier_verdicts_total", "Verdicts in the log, by tenant.", &self.verdicts),
            ("cloister_verifier_releases_total", "Releases in the log, by tenant.", &self.releases),
            ("cloister_verifier_challenges_refused_total", "Challenges that were not given, by whose limit was reached.", &self.challenges_refused),
            ("cloister_verifier_nonces_burned_total", "Challenges that an attempt used up.", &self.nonces_burned),
            ("cloister_verifier_nonces_burned_before_total", "Attempts with a challenge that was used up before: replays, or clients that try again.", &self.nonces_burned_before),
            ("cloister_verifier_log_entries", "Entries of the log, all replicas' together.", &self.log_entries),
            ("cloister_verifier_log_bytes_total", "Bytes that this process appended to the log.", &self.log_bytes),
            ("cloister_verifier_commit_duration_seconds", "A commit to the store, until it is on the disk. Its count by time is the commits a second.", &self.commits),
            ("cloister_verifier_commit_writers", "Writers that shared a commit.", &self.commit_writers),
            ("cloister_verifier_store_errors_total", "Failures of the store, by what they mean.", &self.store_errors),
            ("cloister_verifier_fail_closed", "1 where nothing is released any more until a restart has verified the log. Wake somebody.", &self.fail_closed),
            ("cloister_verifier_collateral_fetches_total", "Questions to a vendor, by what came of them.", &self.collateral_fetches),
            ("cloister_verifier_collateral_timestamp_seconds", "Of which time the oldest collateral in use is; 0 where there is none. Its age is time() less this.", &self.collateral_newest),
            ("cloister_verifier_confined", "1 for each layer of the confinement that holds.", &self.confined),
        ]
    }
}
