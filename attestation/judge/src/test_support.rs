//! A simulated TEE with keys of its own, and inputs that are accepted: where tests begin.
//!
//! A test takes [`Scene::new`], spoils one thing, and sees the one check fail that is about it.
//! Reports are written at the offsets of AMD 56860, table "ATTESTATION_REPORT Structure", by
//! number: a second opinion on the structure that the checks read.

pub mod launch;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use attestation_appraisal::Policy;
use attestation_certificates::Seen;
use attestation_evidence::encoding::FormatVersion;
use attestation_evidence::{
    CertChain, Nonce, RuntimeData, SimulatedEvidence, Tee, TeePublicKey, report_data_binding,
};
use attestation_verdict::{CheckResult, Rejection, RejectionRecord};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, date_time_ymd,
};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};

use crate::{
    Attempt, Case, Collateral, Exchange, Freshness, IssuedSession, NonceState, Protocol,
    ReferenceValue, References, Session, SimulatedTrust, Source, Trust, Verdict, judge,
};

/// A time at which everything made here is valid: 2026-11-22T12:00:00Z.
pub const NOW: u64 = 1_795_348_800;

/// The first and last second of the certificates: 2026-01-01 and 2036-01-01.
pub const CERTIFICATES_NOT_BEFORE: u64 = 1_767_225_600;
/// See [`CERTIFICATES_NOT_BEFORE`].
pub const CERTIFICATES_NOT_AFTER: u64 = 2_082_758_400;

/// Guest policy: SMT allowed (bit 16), the reserved bit that must be 1 (bit 17), nothing else.
pub const GUEST_POLICY: u64 = 0x3_0000;

/// Where fields lie in a report.
pub mod offset {
    #![allow(missing_docs, reason = "the names are the document's")]
    pub const VERSION: usize = 0x000;
    pub const GUEST_SVN: usize = 0x004;
    pub const POLICY: usize = 0x008;
    pub const VMPL: usize = 0x030;
    pub const SIGNATURE_ALGO: usize = 0x034;
    pub const PLATFORM_INFO: usize = 0x040;
    pub const KEY_INFO: usize = 0x048;
    pub const REPORT_DATA: usize = 0x050;
    pub const MEASUREMENT: usize = 0x090;
    pub const HOST_DATA: usize = 0x0C0;
    pub const REPORT_ID_MA: usize = 0x160;
    pub const CPUID_FAM_ID: usize = 0x188;
    pub const CHIP_ID: usize = 0x1A0;
    pub const SIGNATURE: usize = 0x2A0;
}

const REPORT_LENGTH: usize = 1184;
const R: Range<usize> = 0x2A0..0x2A0 + 48;
const S: Range<usize> = 0x2A0 + 72..0x2A0 + 72 + 48;

/// A software secure processor: a chain of certificates and the key that signs reports.
pub struct SimulatedTee {
    vcek: EcdsaKeyPair,
    chain: CertChain,
}

impl SimulatedTee {
    /// Fresh keys and certificates.
    #[must_use]
    pub fn generate() -> Self {
        ChainParams::default().into_tee()
    }

    /// The certificates.
    #[must_use]
    pub fn chain(&self) -> &CertChain {
        &self.chain
    }

    /// The root, DER.
    #[must_use]
    pub fn ark(&self) -> &[u8] {
        &self.chain.ark
    }

    /// Signs the report in place, over whatever stands in it.
    pub fn sign(&self, report: &mut [u8]) {
        let signature = self
            .vcek
            .sign(&SystemRandom::new(), &report[..offset::SIGNATURE])
            .expect("ring signs any message");
        report[offset::SIGNATURE..].fill(0);
        let (r, s) = signature.as_ref().split_at(48);
        let little_endian = |number: &[u8]| number.iter().rev().copied().collect::<Vec<u8>>();
        report[R].copy_from_slice(&little_endian(r));
        report[S].copy_from_slice(&little_endian(s));
    }

    /// A signed report, as a guest with this launch digest gets it for this REPORT_DATA.
    #[must_use]
    pub fn report(&self, launch_digest: &[u8; 48], report_data: &[u8; 64]) -> Vec<u8> {
        let mut report = unsigned_report(launch_digest, report_data);
        self.sign(&mut report);
        report
    }

    /// What a guest with this launch digest and key sends in answer to this nonce, in a case that is accepted.
    #[must_use]
    pub fn attest(&self, launch_digest: [u8; 48], nonce: Nonce, tee_pubkey: TeePublicKey) -> Input {
        let runtime_data = RuntimeData { nonce, tee_pubkey };
        let report = self.report(&launch_digest, &report_data_binding(&runtime_data, ""));
        Input {
            tee: Tee::Simulated,
            primary_evidence: self.evidence(report).to_json(),
            additional_evidence: String::new(),
            init_data: None,
            runtime_data,
            protocol: Protocol::Kbs,
            session: session(nonce),
            trust: Trust {
                simulated: SimulatedTrust::Allowed {
                    ark: self.ark().to_vec(),
                },
                ..Trust::default()
            },
            collateral: Collateral::default(),
            seen: None,
            policy: SIMULATED.to_owned(),
            references: vec![reference(launch_digest)],
            now: NOW,
        }
    }

    /// Primary evidence around a report, with this TEE's certificates and no manifest.
    #[must_use]
    pub fn evidence(&self, report: Vec<u8>) -> SimulatedEvidence {
        SimulatedEvidence {
            attestation_report: report,
            cert_chain: self.chain.clone(),
            manifest: None,
        }
    }
}

/// A report of version 3 that is right in every field, and not signed.
#[must_use]
pub fn unsigned_report(launch_digest: &[u8; 48], report_data: &[u8; 64]) -> Vec<u8> {
    let mut report = vec![0; REPORT_LENGTH];
    let mut put = |at: usize, bytes: &[u8]| report[at..at + bytes.len()].copy_from_slice(bytes);
    put(offset::VERSION, &3_u32.to_le_bytes());
    put(offset::POLICY, &GUEST_POLICY.to_le_bytes());
    put(offset::SIGNATURE_ALGO, &1_u32.to_le_bytes());
    put(offset::PLATFORM_INFO, &1_u64.to_le_bytes());
    put(offset::REPORT_DATA, report_data);
    put(offset::MEASUREMENT, launch_digest);
    put(offset::REPORT_ID_MA, &[0xFF; 32]);
    put(offset::CPUID_FAM_ID, &[0x19, 0x01, 0x01]);
    put(offset::CHIP_ID, b"SIMULATED");
    report
}

/// What the certificates of a TEE say; tests spoil one member.
pub struct ChainParams {
    /// The ARK's certificate.
    pub ark: CertificateParams,
    /// What the ASK's certificate says of its issuer.
    pub ark_as_issuer: CertificateParams,
    /// The ASK's certificate.
    pub ask: CertificateParams,
    /// What the VCEK's certificate says of its issuer.
    pub ask_as_issuer: CertificateParams,
    /// The VCEK's certificate.
    pub vcek: CertificateParams,
}

impl Default for ChainParams {
    fn default() -> Self {
        Self {
            ark: authority("simulated ARK", 1),
            ark_as_issuer: authority("simulated ARK", 1),
            ask: authority("simulated ASK", 0),
            ask_as_issuer: authority("simulated ASK", 0),
            vcek: named("simulated VCEK"),
        }
    }
}

impl ChainParams {
    /// A TEE with fresh keys and these certificates.
    #[must_use]
    pub fn into_tee(self) -> SimulatedTee {
        let vcek_key = key();
        let chain = self.certify(&vcek_key);
        SimulatedTee {
            vcek: signing_key(&vcek_key),
            chain,
        }
    }

    /// A TEE whose VCEK certificate holds a P-256 key, which no report is signed with.
    #[must_use]
    pub fn into_tee_with_p256_vcek(self) -> SimulatedTee {
        let p256 = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("ring makes P-256 keys");
        let chain = self.certify(&p256);
        SimulatedTee {
            vcek: signing_key(&key()),
            chain,
        }
    }

    fn certify(self, vcek_key: &KeyPair) -> CertChain {
        let (ark_key, ask_key) = (key(), key());
        let ark = self.ark.self_signed(&ark_key);
        let ark_issuer = Issuer::new(self.ark_as_issuer, ark_key);
        let ask = self.ask.signed_by(&ask_key, &ark_issuer);
        let ask_issuer = Issuer::new(self.ask_as_issuer, ask_key);
        let vcek = self.vcek.signed_by(vcek_key, &ask_issuer);
        let [vcek, ask, ark] =
            [vcek, ask, ark].map(|made| made.expect("the parameters are complete").der().to_vec());
        CertChain { vcek, ask, ark }
    }
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("ring makes P-384 keys")
}

fn signing_key(key: &KeyPair) -> EcdsaKeyPair {
    EcdsaKeyPair::from_pkcs8(
        &ECDSA_P384_SHA384_FIXED_SIGNING,
        &key.serialize_der(),
        &SystemRandom::new(),
    )
    .expect("rcgen writes keys that ring reads")
}

fn authority(name: &str, path_length: u8) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_length));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2036, 1, 1);
    params
}

/// The shipped policy for simulated evidence.
pub const SIMULATED: &str = include_str!("../../../policies/appraisal/simulated.rego");

/// The shipped policy for simulated evidence with other limits, or other words, in it.
///
/// # Panics
/// If what is to be replaced is not there once.
#[must_use]
pub fn policy_with(from: &str, to: &str) -> String {
    assert_eq!(SIMULATED.matches(from).count(), 1, "{from}");
    SIMULATED.replace(from, to)
}

/// A policy, parsed once for all tests of a process.
///
/// # Panics
/// If it is none.
#[must_use]
pub fn parsed(source: &str) -> Arc<Policy> {
    static PARSED: Mutex<BTreeMap<String, Arc<Policy>>> = Mutex::new(BTreeMap::new());
    let mut parsed = PARSED.lock().unwrap_or_else(PoisonError::into_inner);
    let parse = || Arc::new(Policy::from_rego(source).expect("a test has a policy"));
    Arc::clone(parsed.entry(source.to_owned()).or_insert_with(parse))
}

/// A reference value named `demo` for this simulated launch, valid around [`NOW`], without a manifest.
#[must_use]
pub fn reference(launch_digest: [u8; 48]) -> ReferenceValue {
    ReferenceValue {
        version: FormatVersion,
        name: "demo".to_owned(),
        tee: Tee::Simulated,
        launch_digest: Some(launch_digest),
        rtmrs: [None; 4],
        min_svn: None,
        not_before: NOW - 3600,
        not_after: NOW + 3600,
        revoked: None,
        source: Source::Plain,
        manifest: None,
    }
}

/// Init data of these lines under `[data]`, as a client sends it, and the HOST_DATA of a guest that was started with it.
///
/// # Panics
/// Never: SHA-256 has 32 bytes.
#[must_use]
pub fn init_data(data: &str) -> (String, [u8; 32]) {
    let body = format!("version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n{data}\n");
    let digest = ring::digest::digest(&ring::digest::SHA256, body.as_bytes());
    let sent = serde_json::json!({"format": "toml", "body": body}).to_string();
    (sent, digest.as_ref().try_into().expect("32 bytes"))
}

/// A session with this nonce, fresh, good for five minutes from [`NOW`].
#[must_use]
pub fn session(nonce: Nonce) -> Session {
    Session::Issued(IssuedSession {
        nonce,
        state: NonceState::Fresh,
        expires_at: NOW + 300,
    })
}

/// A case before it is one: tests spoil a member.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the members are those of a case")]
pub struct Input {
    pub tee: Tee,
    pub primary_evidence: String,
    pub additional_evidence: String,
    pub init_data: Option<String>,
    pub runtime_data: RuntimeData,
    pub protocol: Protocol,
    pub session: Session,
    pub trust: Trust,
    pub collateral: Collateral,
    pub seen: Option<Seen>,
    pub policy: String,
    pub references: Vec<ReferenceValue>,
    pub now: u64,
}

impl Input {
    /// The case.
    #[must_use]
    pub fn case(&self) -> Case {
        Case {
            tee: self.tee,
            evidence: self.primary_evidence.clone(),
            exchange: Exchange {
                additional_evidence: self.additional_evidence.clone(),
                init_data: self.init_data.clone(),
                freshness: Freshness::Session(Attempt {
                    session: self.session.clone(),
                    runtime_data: self.runtime_data.clone(),
                    protocol: self.protocol.clone(),
                }),
            },
            trust: self.trust.clone(),
            collateral: self.collateral.clone(),
            seen: self.seen.clone(),
            policy: parsed(&self.policy),
            references: Arc::new(References::new(self.references.clone())),
            now: self.now,
        }
    }

    /// Judged.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        judge(&self.case())
    }
}

/// A whole attestation: the TEE that made it and the input that is accepted.
pub struct Scene {
    /// The TEE whose root the input trusts.
    pub tee: SimulatedTee,
    /// Accepted as it stands.
    pub input: Input,
}

impl Scene {
    /// A guest with this launch digest and key answers this nonce under fresh keys.
    #[must_use]
    pub fn new(launch_digest: [u8; 48], nonce: Nonce, tee_pubkey: TeePublicKey) -> Self {
        Self::of(SimulatedTee::generate(), launch_digest, nonce, tee_pubkey)
    }

    /// The same on a TEE that exists.
    #[must_use]
    pub fn of(
        tee: SimulatedTee,
        launch_digest: [u8; 48],
        nonce: Nonce,
        tee_pubkey: TeePublicKey,
    ) -> Self {
        let input = tee.attest(launch_digest, nonce, tee_pubkey);
        Self { tee, input }
    }

    /// With arbitrary digest, nonce and key: for tests that are not about them.
    #[must_use]
    pub fn any() -> Self {
        Self::any_on(SimulatedTee::generate())
    }

    /// [`Scene::any`] on a TEE that exists.
    #[must_use]
    pub fn any_on(tee: SimulatedTee) -> Self {
        let key = TeePublicKey::from_coordinates([2; 32], [3; 32]);
        Self::of(tee, [1; 48], Nonce::from_bytes([4; 32]), key)
    }

    /// The evidence in the input.
    ///
    /// # Panics
    /// If a test has put something there that is no simulated evidence.
    #[must_use]
    pub fn evidence(&self) -> SimulatedEvidence {
        SimulatedEvidence::from_json(&self.input.primary_evidence).expect("a test made it")
    }

    /// Changes the input.
    #[must_use]
    pub fn with_input(mut self, change: impl FnOnce(&mut Input)) -> Self {
        change(&mut self.input);
        self
    }

    /// Changes the evidence in the input.
    #[must_use]
    pub fn with_evidence(mut self, change: impl FnOnce(&mut SimulatedEvidence)) -> Self {
        let mut evidence = self.evidence();
        change(&mut evidence);
        self.input.primary_evidence = evidence.to_json();
        self
    }

    /// Changes the report and has the TEE sign it again.
    #[must_use]
    pub fn with_report(self, change: impl FnOnce(&mut [u8])) -> Self {
        let mut report = self.evidence().attestation_report;
        change(&mut report);
        self.tee.sign(&mut report);
        self.with_evidence(|evidence| evidence.attestation_report = report)
    }

    /// The one reason why the input is refused, the policy's and the reference value's own aside.
    ///
    /// # Panics
    /// If it is accepted, or any other check did not pass.
    #[must_use]
    #[track_caller]
    pub fn refused_only_by(&self, check: &str) -> Refusal {
        self.refused_by(check, &[])
    }

    /// The same, where these other checks have nothing to look at.
    ///
    /// # Panics
    /// If it is accepted, or any other check has another result.
    #[must_use]
    #[track_caller]
    pub fn refused_by(&self, check: &str, not_checked: &[&str]) -> Refusal {
        let verdict = self.input.verdict();
        let record = verdict.record();
        for outcome in &record.checks {
            // `reference` says by name what the simulated TEE's own checks say of the launch.
            let own = matches!(outcome.name.as_str(), "policy" | "reference");
            let expected = if outcome.name == check {
                CheckResult::Fail
            } else if not_checked.contains(&outcome.name.as_str()) {
                CheckResult::NotChecked
            } else if own {
                continue;
            } else {
                CheckResult::Pass
            };
            assert_eq!(
                outcome.result, expected,
                "{}: {}",
                outcome.name, outcome.reason
            );
        }
        let of_it = record.rejections.iter().filter(|one| one.check == check);
        let of_it: Vec<_> = of_it.collect();
        let [rejection] = of_it[..] else {
            panic!("not one rejection but {:?}", record.rejections);
        };
        assert!(verdict.accepted().is_none() && !verdict.is_accepted());
        Refusal(rejection.clone())
    }
}

/// A reason to refuse, as records have it; it can be compared with the reason itself.
#[derive(Debug, Clone)]
pub struct Refusal(pub RejectionRecord);

impl<R: Rejection> PartialEq<R> for Refusal {
    fn eq(&self, rejection: &R) -> bool {
        use attestation_verdict::Check as _;
        self.0.check == rejection.check().name()
            && self.0.code == rejection.code()
            && self.0.reason == rejection.to_string()
    }
}
