//! A whole verifier on loopback, and a guest that talks to it over real TLS.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use attestation_audit::{Anchors, AuditReport, audit};
use attestation_evidence::VerifierPins;
use attestation_judge::test_support::{NOW, SimulatedTee, reference};
use attestation_judge::{SampleTrust, SimulatedTrust, Trust};
pub use attestation_service::test_support::{
    Guest, OpenedSession, RESOURCE, error_of, expect_error, people, policy, policy_named,
    policy_without_smt,
};
use attestation_service::{
    Answer, Authorities, Client, Clock, Config, DataDir, Database, Errand, Fault, Journal, KeyDesk,
    KeyDeskError, KeySource, KeysConfig, Limits, NewVerifier, Request, Server, Service, Settings,
    StartError, bootstrap, export, init, names, router,
};
use tokio::sync::oneshot;

/// The launch digest of the guest that the reference value `demo` allows.
pub const DIGEST: [u8; 48] = [0x5A; 48];
pub const SECRET: &[u8] = b"{\"the disk\": \"key\"}";

/// How many entries a log begins with: the keys that `init` made.
pub const BORN: u64 = 4;

/// A data directory, and what the tests know about it.
pub struct Place {
    _parent: tempfile::TempDir,
    pub data_dir: PathBuf,
    pub pins: VerifierPins,
    pub admin_token: String,
    pub tee: Arc<SimulatedTee>,
}

impl Place {
    pub fn new() -> Self {
        Self::on(Database::default())
    }

    /// Whose store is somewhere else than in the directory.
    pub fn on(database: Database) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let data_dir = parent.path().join("verifier");
        let new = NewVerifier {
            name: "cloister-verifier".to_owned(),
            also: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
            vsock_port: 8443,
            resource: RESOURCE.parse().unwrap(),
            tenant: "default".parse().unwrap(),
            now: NOW,
            database,
            keys: KeysConfig::default(),
        };
        let pins = init(&data_dir, &new).unwrap();
        let admin_token = std::fs::read_to_string(data_dir.join(names::ADMIN_TOKEN)).unwrap();
        let tee = Arc::new(SimulatedTee::generate());
        let admin_token = admin_token.trim_end().to_owned();
        Self {
            _parent: parent,
            data_dir,
            pins,
            admin_token,
            tee,
        }
    }

    pub fn trust(&self) -> SimulatedTrust {
        SimulatedTrust::Allowed {
            ark: self.tee.ark().to_vec(),
        }
    }

    /// Another machine with the same keys and the same database.
    pub fn replica(&self) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let data_dir = parent.path().join("verifier");
        std::fs::create_dir(&data_dir).unwrap();
        let private = std::fs::metadata(&self.data_dir).unwrap().permissions();
        std::fs::set_permissions(&data_dir, private).unwrap();
        for file in std::fs::read_dir(&self.data_dir).unwrap().flatten() {
            std::fs::copy(file.path(), data_dir.join(file.file_name())).unwrap();
        }
        if self.access().exists() {
            people::write(parent.path());
        }
        Self {
            _parent: parent,
            data_dir,
            pins: self.pins.clone(),
            admin_token: self.admin_token.clone(),
            tee: Arc::clone(&self.tee),
        }
    }

    /// A new token for everything within a tenant, good for so many days.
    pub fn bootstrap(&self, tenant: &str, days: u64) -> String {
        let dir = DataDir::open(&self.data_dir).unwrap();
        let grants = bootstrap::grants_in(&tenant.parse().unwrap());
        let made = bootstrap::add(&dir, grants, NOW, days).unwrap();
        made.token.to_string()
    }

    /// Who is proven beside the bootstrap token: whoever [`people`] sign for.
    fn authorities(&self) -> Authorities {
        match self.access().exists() {
            true => Authorities::read(&self.access()).unwrap(),
            false => Authorities::default(),
        }
    }

    fn access(&self) -> PathBuf {
        self.data_dir.with_file_name(people::ACCESS)
    }

    /// Has the tokens of two issuers believed.
    pub fn believes_people(self) -> Self {
        people::write(self.data_dir.parent().unwrap());
        self
    }

    pub fn store(&self) -> PathBuf {
        self.data_dir.join(names::STORE)
    }

    /// A second hand on the store, as an intruder or a broken disk would have it.
    pub fn tamper(&self, sql: &str) {
        self.open_store().execute_batch(sql).unwrap();
    }

    pub fn open_store(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.store()).unwrap()
    }

    pub fn serve(&self) -> Verifier<'_> {
        self.serve_with(self.trust())
    }

    pub fn serve_with(&self, simulated: SimulatedTrust) -> Verifier<'_> {
        Verifier::start(self, simulated, Limits::default(), vec![]).unwrap()
    }

    pub fn serve_within(&self, limits: Limits) -> Verifier<'_> {
        Verifier::start(self, self.trust(), limits, vec![]).unwrap()
    }

    /// A verifier whose appraisals, once made, wait while this file exists.
    pub fn serve_pausing(&self, file: &Path) -> Verifier<'_> {
        self.serve_pausing_within(file, Limits::default())
    }

    pub fn serve_pausing_within(&self, file: &Path, limits: Limits) -> Verifier<'_> {
        self.start(limits, &[file])
    }

    /// The same at each of these files, one after the other.
    pub fn serve_pausing_at(&self, files: &[&Path]) -> Verifier<'_> {
        self.start(Limits::default(), files)
    }

    fn start(&self, limits: Limits, pauses: &[&Path]) -> Verifier<'_> {
        let fault = |file: &&Path| format!("pause-in-appraisal={}", file.display());
        let faults = pauses.iter().map(|file| fault(file).parse().unwrap());
        Verifier::start(self, self.trust(), limits, faults.collect()).unwrap()
    }

    /// What `cloister-verifier key` does.
    pub fn key_desk(&self) -> KeyDesk {
        self.key_desk_with(vec![]).unwrap()
    }

    /// The same, pausing.
    pub fn key_desk_with(&self, faults: Vec<Fault>) -> Result<KeyDesk, KeyDeskError> {
        let config = Config::load(&self.data_dir, None).unwrap();
        let keys = config.key_place(&self.data_dir).unwrap();
        let errand = Errand {
            source: KeySource::open(&keys).unwrap().on("here"),
            database: config.location(&self.data_dir).unwrap(),
            by: "console:test".to_owned(),
            now: NOW,
            faults,
        };
        KeyDesk::open(&self.data_dir, errand)
    }

    /// On a machine of another name.
    pub fn serve_on(&self, machine: &str) -> Verifier<'_> {
        let machine = Some(machine);
        Verifier::start_on(self, self.trust(), Limits::default(), vec![], machine).unwrap()
    }

    /// Why the verifier does not start.
    pub fn serve_error(&self) -> String {
        let Err(error) = Verifier::start(self, self.trust(), Limits::default(), vec![]) else {
            panic!("the verifier started");
        };
        error.to_string()
    }
}

/// A running verifier; stops in order when dropped.
pub struct Verifier<'a> {
    pub place: &'a Place,
    pub url: String,
    pub clock: Arc<AtomicU64>,
    journal: Journal,
    lines: Lines,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl<'a> Verifier<'a> {
    fn start(
        place: &'a Place,
        simulated: SimulatedTrust,
        limits: Limits,
        faults: Vec<Fault>,
    ) -> Result<Self, StartError> {
        Self::start_on(place, simulated, limits, faults, None)
    }

    fn start_on(
        place: &'a Place,
        simulated: SimulatedTrust,
        limits: Limits,
        faults: Vec<Fault>,
        machine: Option<&str>,
    ) -> Result<Self, StartError> {
        let clock = Arc::new(AtomicU64::new(NOW));
        let lines = Lines::default();
        let journal = Journal::new(lines.clone(), Clock::Set(Arc::clone(&clock)));
        let settings = Settings {
            trust: Trust {
                sample: match simulated {
                    SimulatedTrust::Refused => SampleTrust::Refused,
                    SimulatedTrust::Allowed { .. } => SampleTrust::Allowed,
                },
                simulated,
                ..Trust::default()
            },
            policy: "demo".to_owned(),
            authorities: place.authorities(),
            collateral: Config::default().collateral(&place.data_dir).unwrap(),
            database: Config::load(&place.data_dir, None)
                .unwrap()
                .location(&place.data_dir)
                .unwrap(),
            faults,
        };
        let keys = Config::load(&place.data_dir, None)
            .unwrap()
            .key_place(&place.data_dir)
            .unwrap();
        let mut source = KeySource::open_to_serve(&keys).unwrap();
        if let Some(machine) = machine {
            source = source.on(machine);
        }
        let service = Service::start(
            &place.data_dir,
            settings,
            source,
            journal.clone(),
            Clock::Set(Arc::clone(&clock)),
        )?;
        let (stop, stopped) = oneshot::channel();
        let (url_out, url_in) = std::sync::mpsc::channel();
        let data_dir = place.data_dir.clone();
        let shared = journal.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let any_port = "127.0.0.1:0".parse().unwrap();
                let server = Server::bind(any_port, &data_dir, limits, shared)
                    .await
                    .unwrap();
                url_out
                    .send(format!("https://{}", server.address()))
                    .unwrap();
                let stopped = async { stopped.await.unwrap_or(()) };
                server
                    .run(router(Arc::new(service), &limits), stopped)
                    .await;
            });
        });
        let url = url_in.recv().unwrap();
        Ok(Self {
            place,
            url,
            clock,
            journal,
            lines,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Policy, reference value and secret are registered.
    pub fn furnished(self) -> Self {
        self.put_policy();
        self.put_reference(DIGEST);
        let path = format!("/v1/secrets/{RESOURCE}?references=demo");
        assert_eq!(self.put(&path, SECRET).status, 200);
        self
    }

    pub fn put_policy(&self) {
        let body = policy().into_bytes();
        assert_eq!(self.put("/v1/policies/demo", &body).status, 200);
    }

    pub fn put_reference(&self, digest: [u8; 48]) {
        let body = serde_json::to_vec(&reference(digest)).unwrap();
        assert_eq!(self.put("/v1/reference-values/demo", &body).status, 200);
    }

    pub fn put(&self, path: &str, body: &[u8]) -> Answer {
        let client = self.client().with_bearer(&self.place.admin_token);
        client
            .send(&Request {
                method: "PUT",
                path,
                body: Some(body),
                cookie: None,
            })
            .unwrap()
    }

    pub fn get(&self, path: &str) -> Answer {
        self.client()
            .send(&Request {
                method: "GET",
                path,
                ..Request::default()
            })
            .unwrap()
    }

    /// A request of whoever holds this bearer token.
    pub fn send(&self, bearer: &str, method: &str, path: &str, body: Option<&[u8]>) -> Answer {
        let client = self.client().with_bearer(bearer);
        client
            .send(&Request {
                method,
                path,
                body,
                cookie: None,
            })
            .unwrap()
    }

    /// A request of the first administrator of the tenant `default`.
    pub fn administer(&self, method: &str, path: &str, body: Option<&[u8]>) -> Answer {
        self.send(&self.place.admin_token, method, path, body)
    }

    /// What the administrator is answered that asks for this.
    #[track_caller]
    pub fn look(&self, path: &str) -> serde_json::Value {
        let answer = self.administer("GET", path, None);
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// A client without a token.
    pub fn client(&self) -> Client {
        let pins = &self.place.pins;
        Client::new(&self.url, &pins.server_name, pins.tls_spki_sha256).unwrap()
    }

    pub fn guest(&self) -> Guest<'_> {
        self.guest_with_key([7; 32])
    }

    pub fn guest_with_key(&self, key: [u8; 32]) -> Guest<'_> {
        Guest::new(self.client(), &self.place.tee, key, DIGEST)
    }

    /// A log entry, as its JSON says it; the first behind those of `init` is 0.
    pub fn entry(&self, index: u64) -> serde_json::Value {
        let client = self.client().with_bearer(&self.place.admin_token);
        let path = format!("/v1/audit/entries/{}", BORN + index);
        let request = Request {
            method: "GET",
            path: &path,
            ..Request::default()
        };
        serde_json::from_slice(&client.send(&request).unwrap().body).unwrap()
    }

    /// Exports the log and has the auditor judge it.
    pub fn audit(&self) -> AuditReport {
        let out = self.place.data_dir.with_extension("bundle");
        // Of an audit before.
        let _ = std::fs::remove_dir_all(&out);
        export(&self.place.data_dir, &out).unwrap();
        let log_key = self.place.pins.log_key.parse().unwrap();
        let anchors = Anchors {
            simulated_roots: &[self.place.tee.ark()],
            allow_sample: true,
            ..Anchors::hardware_alone(&log_key)
        };
        audit(&files_of(&out), &anchors).unwrap()
    }

    pub fn set_clock(&self, now: u64) {
        self.clock.store(now, Ordering::SeqCst);
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Waits for a line of the journal that contains `text`.
    pub fn wait_for_line(&self, text: &str) {
        let start = std::time::Instant::now();
        while !self.journal().contains(text) {
            assert!(start.elapsed().as_secs() < 10, "no line `{text}`");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    pub fn journal(&self) -> String {
        self.journal.settle();
        self.lines.text()
    }

    /// How many entries there are behind those of `init`.
    pub fn log_size(&self) -> u64 {
        let checkpoint = self.get("/v1/audit/checkpoint").body;
        let text = String::from_utf8(checkpoint).unwrap();
        let size: u64 = text.lines().nth(1).unwrap().parse().unwrap();
        size - BORN
    }

    pub fn stop(mut self) {
        self.halt();
    }

    fn halt(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Verifier<'_> {
    fn drop(&mut self) {
        self.halt();
    }
}

/// Reads a directory into the auditor's form.
pub fn files_of(root: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut files = std::collections::BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
