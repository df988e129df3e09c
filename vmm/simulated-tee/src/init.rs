//! Makes the simulated root: ARK signs ASK signs VCEK, the way AMD's chain goes.
//!
//! All three are ECDSA P-384 (AMD's upper two are RSA-4096, which nothing here can generate). The
//! private keys of ARK and ASK are forgotten at once: nobody can ever add to this chain.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use policies_jail::StopsHeld;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DistinguishedName,
    DnType, IsCa, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P384_SHA384,
};
use thiserror::Error;

use crate::identity;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// AMD's VCEKs are valid for seven years, its roots for twenty-five; one span will do here.
const VALID_FOR: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// 1.3.6.1.4.1.3704.1: AMD's arc for what a VCEK certifies (AMD 57230, table 8).
const AMD: [u64; 8] = [1, 3, 6, 1, 4, 1, 3704, 1];

/// Why no root was made.
#[derive(Debug, Error)]
pub enum InitError {
    /// There is something already.
    #[error("{dir} is there already and not empty: remove it, or name another directory")]
    Exists {
        /// The directory.
        dir: PathBuf,
    },
    /// A file or directory cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Signals cannot be held back.
    #[error("cannot hold signals back")]
    Signals(#[source] io::Error),
    /// A key or certificate cannot be made.
    #[error("cannot make the simulated certificates")]
    Certificates(#[from] rcgen::Error),
}

/// Makes `dir` with `vcek.key` (PKCS#8, readable by its owner only), `vcek.der`, `ask.der`,
/// `ark.der` and `ark.pem`. All appear at once, or none: a signal to stop waits meanwhile.
///
/// # Errors
/// `dir` holds something, or cannot be written.
pub fn init(dir: &Path) -> Result<(), InitError> {
    let chain = Chain::generate()?;
    let _held = StopsHeld::begin().map_err(|errno| InitError::Signals(errno.into()))?;
    let partial = partial_name(dir);
    let made = make(&partial, &chain).and_then(|()| {
        fs::rename(&partial, dir).map_err(|source| match source.kind() {
            io::ErrorKind::DirectoryNotEmpty
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::NotADirectory => InitError::Exists {
                dir: dir.to_owned(),
            },
            _ => InitError::Write {
                path: dir.to_owned(),
                source,
            },
        })
    });
    if made.is_err() {
        // What is half made is of no use to anybody; the first error is the one to tell.
        let _ = fs::remove_dir_all(&partial);
    }
    made
}

fn partial_name(dir: &Path) -> PathBuf {
    let mut name = dir.file_name().unwrap_or_default().to_owned();
    name.push(format!(".partial-{}", std::process::id()));
    dir.with_file_name(name)
}

fn make(dir: &Path, chain: &Chain) -> Result<(), InitError> {
    DirBuilder::new()
        .mode(0o700)
        .create(dir)
        .map_err(|source| InitError::Write {
            path: dir.to_owned(),
            source,
        })?;
    write(&dir.join("vcek.key"), 0o600, &chain.vcek_key)?;
    write(&dir.join("vcek.der"), 0o644, &chain.vcek)?;
    write(&dir.join("ask.der"), 0o644, &chain.ask)?;
    write(&dir.join("ark.der"), 0o644, &chain.ark)?;
    write(&dir.join("ark.pem"), 0o644, chain.ark_pem.as_bytes())
}

fn write(path: &Path, mode: u32, content: &[u8]) -> Result<(), InitError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        })
        .map_err(|source| InitError::Write {
            path: path.to_owned(),
            source,
        })
}

struct Chain {
    vcek_key: Vec<u8>,
    vcek: Vec<u8>,
    ask: Vec<u8>,
    ark: Vec<u8>,
    ark_pem: String,
}

impl Chain {
    fn generate() -> Result<Self, rcgen::Error> {
        let new_key = || KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384);
        let ark = CertifiedIssuer::self_signed(authority("simulated ARK", 1), new_key()?)?;
        let ask = CertifiedIssuer::signed_by(authority("simulated ASK", 0), new_key()?, &ark)?;
        let key = new_key()?;
        let vcek = endorsement().signed_by(&key, &ask)?;
        Ok(Self {
            vcek_key: key.serialize_der(),
            vcek: vcek.der().to_vec(),
            ask: ask.der().to_vec(),
            ark: ark.der().to_vec(),
            ark_pem: ark.pem(),
        })
    }
}

fn authority(name: &str, below: u8) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// What AMD's key server puts into a VCEK: the versions that its key was derived from, and the chip.
fn endorsement() -> CertificateParams {
    let mut params = named("simulated VCEK");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.custom_extensions = vec![
        amd(&[2], ia5_string("simulated")),
        amd(&[3, 1], integer(identity::BOOTLOADER)),
        amd(&[3, 2], integer(identity::TEE)),
        amd(&[3, 3], integer(identity::SNP)),
        amd(&[3, 8], integer(identity::MICROCODE)),
        // Bare, without an OCTET STRING of its own, as in AMD's certificates.
        amd(&[4], identity::CHIP_ID.to_vec()),
    ];
    params
}

fn named(name: &str) -> CertificateParams {
    let now = SystemTime::now();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.distinguished_name.push(
        DnType::OrganizationName,
        "Cloister, simulated: not hardware",
    );
    // A verifier whose clock is a little behind must not call it premature.
    params.not_before = (now - DAY).into();
    params.not_after = (now + VALID_FOR).into();
    params.use_authority_key_identifier_extension = true;
    params
}

fn amd(arc: &[u64], content: Vec<u8>) -> CustomExtension {
    CustomExtension::from_oid_content(&[&AMD[..], arc].concat(), content)
}

/// DER INTEGER of a small number.
fn integer(value: u8) -> Vec<u8> {
    if value < 0x80 {
        vec![2, 1, value]
    } else {
        vec![2, 2, 0, value]
    }
}

/// DER IA5String.
fn ia5_string(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("a short constant");
    [&[0x16, length], text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn root_is_made_whole_and_its_key_is_private() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("keys");
        init(&dir).unwrap();
        let mut names: Vec<_> = fs::read_dir(&dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(
            names,
            ["ark.der", "ark.pem", "ask.der", "vcek.der", "vcek.key"]
        );
        let mode = fs::metadata(dir.join("vcek.key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn root_in_a_directory_that_holds_something_is_refused_and_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("keys");
        init(&dir).unwrap();
        let before = fs::read(dir.join("vcek.key")).unwrap();
        assert!(matches!(init(&dir), Err(InitError::Exists { .. })));
        assert_eq!(fs::read(dir.join("vcek.key")).unwrap(), before);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn certificates_all_say_simulated() {
        let chain = Chain::generate().unwrap();
        for certificate in [&chain.vcek, &chain.ask, &chain.ark] {
            let named = certificate.windows(9).any(|bytes| bytes == b"simulated");
            assert!(named, "a certificate must say what it is");
        }
    }
}
