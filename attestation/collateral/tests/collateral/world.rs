//! Where tests begin: a clock that stands still, a directory, and vendors with real answers or with some made up.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use attestation_collateral::{
    Budget, Collateral, Product, Settings, SnpQuestion, Surroundings, TdxQuestion, VekKind,
};
use attestation_snp::test_support::{Chip, chip_id};
use attestation_tdx::TrustedRoot;
use attestation_tdx::test_support::Scene;
use measured_boot_snp_abi::TcbVersion;
use tempfile::TempDir;

use crate::server::{Reply, Server};

/// 2025-06-19T12:35:00Z: everything real is in its dates.
pub const REAL: u64 = 1_750_336_500;
/// 2026-11-22T12:00:00Z: everything made up is.
pub const MADE: u64 = 1_795_348_800;
/// Long enough for everything that goes well.
pub const WITHIN: Duration = Duration::from_secs(20);

/// Time passes when somebody waits, or a test says so.
#[derive(Debug)]
pub struct Clock {
    now: AtomicU64,
    /// Milliseconds.
    elapsed: AtomicU64,
    pub random: AtomicU64,
    pub waits: Mutex<Vec<Duration>>,
}

impl Clock {
    fn at(now: u64) -> Arc<Self> {
        Arc::new(Self {
            now: AtomicU64::new(now * 1000),
            elapsed: AtomicU64::new(0),
            random: AtomicU64::new(0),
            waits: Mutex::new(Vec::new()),
        })
    }

    pub fn pass(&self, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).expect("short");
        self.now.fetch_add(millis, Ordering::SeqCst);
        self.elapsed.fetch_add(millis, Ordering::SeqCst);
    }

    pub fn waited(&self) -> Vec<Duration> {
        std::mem::take(&mut self.waits.lock().expect("no thread panicked"))
    }
}

impl Surroundings for Clock {
    fn now(&self) -> u64 {
        self.now.load(Ordering::SeqCst) / 1000
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.elapsed.load(Ordering::SeqCst))
    }

    fn wait(&self, duration: Duration) {
        self.waits
            .lock()
            .expect("no thread panicked")
            .push(duration);
        self.pass(duration);
    }

    fn random(&self) -> u64 {
        self.random.load(Ordering::SeqCst)
    }
}

/// A directory, a clock and a vendor.
pub struct World {
    pub clock: Arc<Clock>,
    pub server: Server,
    pub settings: Settings,
    pub folder: TempDir,
}

impl World {
    pub fn at(now: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::plain();
        let mut settings = Settings::new(folder.path().join("kept"));
        let address = server.address();
        settings.vendors.amd = address.parse().expect("it is this machine");
        settings.vendors.intel = address.parse().expect("it is this machine");
        let list = format!("{address}/IntelSGXRootCA.der");
        settings.vendors.intel_root_list = list.parse().expect("it is this machine");
        settings.budget = Budget {
            burst: 10,
            every: Duration::from_secs(60),
        };
        Self {
            clock: Clock::at(now),
            server,
            settings,
            folder,
        }
    }

    /// With the vendors' real answers; `None`, and a word, where the vectors are not there.
    pub fn real() -> Option<Self> {
        let world = Self::at(REAL);
        for (path, reply) in real_answers()? {
            world.server.set(&path, reply);
        }
        Some(world)
    }

    pub fn open(&self) -> Collateral {
        self.try_open().expect("it can be opened")
    }

    pub fn try_open(&self) -> Result<Collateral, attestation_collateral::OpenError> {
        let clock: Arc<dyn Surroundings> = self.clock.clone();
        Collateral::open_with(self.settings.clone(), clock)
    }

    /// The same world from another directory, where nobody is asked.
    pub fn without_network(&self) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = self.settings.clone();
        settings.directory = folder.path().join("kept");
        settings.offline = true;
        Self {
            clock: Arc::clone(&self.clock),
            server: self.server.clone(),
            settings,
            folder,
        }
    }

    pub fn directory(&self) -> &Path {
        &self.settings.directory
    }
}

/// A file of the vectors.
pub fn vector(name: &str) -> Option<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let bytes = std::fs::read(root.join(name));
    if bytes.is_err() {
        println!("skipped: ../shared/vectors/{name} is not there");
    }
    bytes.ok()
}

/// The real report of a Milan machine.
pub fn milan_report() -> Option<Vec<u8>> {
    let digits = vector("virtee-sev/tests/certs_data/report_milan.hex")?;
    Some(hex::decode(digits.trim_ascii()).expect("it is hexadecimal"))
}

pub fn milan_vcek() -> Option<Vec<u8>> {
    vector("virtee-sev/tests/certs_data/vcek_milan.der")
}

/// What is asked for the real report.
pub fn milan_question() -> Option<SnpQuestion> {
    let report = milan_report()?;
    Some(SnpQuestion {
        product: None,
        chip_id: report[0x1A0..0x1E0].try_into().expect("64 bytes"),
        tcb: TcbVersion(report[0x180..0x188].try_into().expect("8 bytes")),
        kind: VekKind::Vcek,
        brought: None,
    })
}

pub fn milan_path() -> Option<String> {
    let chip = hex::encode(milan_question()?.chip_id);
    Some(format!(
        "/vcek/v1/Milan/{chip}?blSPL=3&teeSPL=0&snpSPL=8&ucodeSPL=115"
    ))
}

pub const MILAN_LIST: &str = "/vcek/v1/Milan/crl";
pub const ROOT_LIST: &str = "/IntelSGXRootCA.der";
pub const PCK_LIST: &str = "/sgx/certification/v4/pckcrl?ca=platform&encoding=der";
pub const IDENTITY: &str = "/tdx/certification/v4/qe/identity?update=standard";
pub const TCB_INFO: &str = "/tdx/certification/v4/tcb?fmspc=B0C06F000000&update=standard";

/// The platform of the real quote, and of the quotes that are made up.
pub const PLATFORM: TdxQuestion = TdxQuestion {
    fmspc: [0xB0, 0xC0, 0x6F, 0, 0, 0],
    ca: attestation_collateral::PckCa::Platform,
};

fn real_answers() -> Option<Vec<(String, Reply)>> {
    let lists = Path::new(env!("CARGO_MANIFEST_DIR")).join("../certificates/tests/amd-lists");
    let list = |name| std::fs::read(lists.join(name)).expect("it is in the tree");
    let mut all = vec![
        (milan_path()?, Reply::body(milan_vcek()?)),
        (MILAN_LIST.to_owned(), Reply::body(list("milan.der"))),
        (
            "/vcek/v1/Genoa/crl".to_owned(),
            Reply::body(list("genoa.der")),
        ),
        (
            "/vcek/v1/Milan/cert_chain".to_owned(),
            Reply::body(vector("virtee-sev/tests/certs_data/cert_chain_milan")?),
        ),
    ];
    let json = vector("dcap-qvl-0.7.1/sample/tdx_quote_collateral.json")?;
    let collateral = attestation_tdx::Collateral::read(&json).expect("it is collateral");
    all.extend(intel_answers(&collateral));
    Some(all)
}

/// Collateral as Intel's service answers it, piece by piece.
pub fn intel_answers(collateral: &attestation_tdx::Collateral) -> Vec<(String, Reply)> {
    let signed = |name: &str, text: &str, signature: &[u8]| {
        format!(
            "{{\"{name}\":{text},\"signature\":\"{}\"}}",
            hex::encode(signature)
        )
        .into_bytes()
    };
    let with_chain = |header, chain: &str, body| Reply::Good(vec![(header, encoded(chain))], body);
    let c = collateral;
    [
        (ROOT_LIST, Reply::body(c.root_ca_crl.clone())),
        (
            PCK_LIST,
            with_chain(
                "SGX-PCK-CRL-Issuer-Chain",
                &c.pck_crl_issuer_chain,
                c.pck_crl.clone(),
            ),
        ),
        (
            IDENTITY,
            with_chain(
                "SGX-Enclave-Identity-Issuer-Chain",
                &c.qe_identity_issuer_chain,
                signed("enclaveIdentity", &c.qe_identity, &c.qe_identity_signature),
            ),
        ),
        (
            TCB_INFO,
            with_chain(
                "TCB-Info-Issuer-Chain",
                &c.tcb_info_issuer_chain,
                signed("tcbInfo", &c.tcb_info, &c.tcb_info_signature),
            ),
        ),
    ]
    .map(|(path, reply)| (path.to_owned(), reply))
    .to_vec()
}

/// Percent-encoded, as Intel's service has its headers.
fn encoded(pem: &str) -> String {
    pem.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Intel's answers under a root made up; a test changes one and answers again.
pub struct Intel {
    pub scene: Scene,
    /// Each making signs the root anew; this is the one that is trusted.
    pub root: Vec<u8>,
}

impl Intel {
    /// And a world that trusts its root.
    pub fn new() -> (Self, World) {
        let mut world = World::at(MADE);
        let scene = Scene::new();
        let root = scene.make().root;
        let intel = Self { scene, root };
        intel.answer(&world);
        world.settings.intel = TrustedRoot::named(&intel.root).expect("it is a certificate");
        (intel, world)
    }

    /// Answers with the scene as it is now.
    pub fn answer(&self, world: &World) {
        for (path, reply) in intel_answers(&self.collateral(&self.scene)) {
            world.server.set(&path, reply);
        }
    }

    /// What a scene with the same keys comes to, its chains ending in the trusted root.
    pub fn collateral(&self, scene: &Scene) -> attestation_tdx::Collateral {
        let mut made = scene.make().collateral;
        for chain in [
            &mut made.pck_crl_issuer_chain,
            &mut made.tcb_info_issuer_chain,
            &mut made.qe_identity_issuer_chain,
        ] {
            let first = first_block(chain);
            *chain = first + &pem(&[&self.root]);
        }
        made
    }

    /// What one question would be answered of another scene.
    pub fn reply_of(&self, scene: &Scene, path: &str) -> Reply {
        let all = intel_answers(&self.collateral(scene));
        let found = all.into_iter().find(|(it, _)| it == path);
        found.expect("it answers that").1
    }

    /// Lists with these numbers.
    pub fn number_lists(&mut self, number: u64) {
        self.scene.root_crl.number = number;
        self.scene.pck_crl.number = number;
    }
}

/// A world that trusts the root of this chip, and answers for it.
pub fn world_of(chip: &Chip) -> World {
    let mut world = World::at(MADE);
    world.settings.amd = chip.anchors();
    let name = chip.product.name();
    let server = &world.server;
    server.set(&vcek_path(chip.product), Reply::body(chip.vek.clone()));
    server.set(
        &format!("/vcek/v1/{name}/cert_chain"),
        Reply::body(pem(&[&chip.issuer, &chip.ark])),
    );
    server.set(
        &format!("/vcek/v1/{name}/crl"),
        Reply::body(chip.crl(true, 5, &[])),
    );
    world
}

/// What is asked for a report of a chip that was made up.
pub fn made_question(product: Product) -> SnpQuestion {
    SnpQuestion {
        product: Some(product),
        chip_id: chip_id(product),
        tcb: match product {
            Product::Turin => TcbVersion::turin(7, 4, 1, 24, 219),
            Product::Milan | Product::Genoa => TcbVersion::milan(4, 1, 24, 219),
        },
        kind: VekKind::Vcek,
        brought: None,
    }
}

pub fn vcek_path(product: Product) -> String {
    let id = hex::encode(&chip_id(product)[..product.chip_id_length()]);
    let fmc = match product {
        Product::Turin => "fmcSPL=7&",
        Product::Milan | Product::Genoa => "",
    };
    format!(
        "/vcek/v1/{}/{id}?{fmc}blSPL=4&teeSPL=1&snpSPL=24&ucodeSPL=219",
        product.name()
    )
}

/// The first certificate of a chain.
pub fn first_block(pem: &str) -> String {
    let end = "-----END CERTIFICATE-----\n";
    let (first, _) = pem.split_once(end).expect("a chain");
    format!("{first}{end}")
}

pub fn pem(certificates: &[&[u8]]) -> String {
    use base64::Engine as _;
    let blocks = certificates.iter().map(|der| {
        let digits = base64::engine::general_purpose::STANDARD.encode(der);
        let lines: Vec<_> = digits
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            lines.join("\n")
        )
    });
    blocks.collect()
}
