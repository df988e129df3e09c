//! By whom administrators are proven: the file that the operator writes (docs/access.md).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use attestation_access::{
    CertificateRule, ClientCertificates, InvalidCertificateRules, InvalidIssuer, Issuer,
    IssuerSettings, TenantName,
};
use attestation_collateral::{Address, AddressError};
use attestation_evidence::encoding::FormatVersion;
use attestation_oidc::{
    InvalidOidcIssuer, InvalidRoots, OidcIssuer, Patience, Source, TrustedRoots,
};
use serde::Deserialize;

/// By whom people and programs are proven, beside the bootstrap tokens.
#[derive(Debug, Default)]
pub struct Authorities {
    /// Rules for client certificates: the whole verifier's, and each tenant's own.
    pub certificates: Vec<ClientCertificates>,
    /// Issuers of tokens, likewise.
    pub issuers: Vec<OidcIssuer>,
    /// The authorities (PEM) that have to vouch for client certificates; without any, TLS asks for none.
    pub client_ca: Option<Vec<u8>>,
    /// What is read while the verifier runs.
    pub files: Vec<PathBuf>,
    /// The ports of issuers that are asked.
    pub ports: Vec<u16>,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "version")]
    _version: FormatVersion<1>,
    #[serde(default)]
    client_ca: Option<PathBuf>,
    #[serde(flatten)]
    verifier: Group,
    #[serde(default)]
    tenants: Vec<OfTenant>,
}

/// What the whole verifier, or a tenant, believes.
#[derive(Default, Deserialize)]
struct Group {
    #[serde(default)]
    certificates: Vec<CertificateRule>,
    #[serde(default)]
    issuers: Vec<WrittenIssuer>,
}

/// A tenant's own: it lets nobody in anywhere else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfTenant {
    name: TenantName,
    #[serde(flatten)]
    own: Group,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenIssuer {
    settings: IssuerSettings,
    keys: Keys,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Keys {
    /// A JSON Web Key Set.
    File(PathBuf),
    /// The issuer itself; the authorities (PEM) that vouch for its server.
    Discovery(PathBuf),
}

/// Why administrators cannot be proven so.
#[derive(Debug, thiserror::Error)]
pub enum AuthoritiesError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is not such a file.
    #[error("{path} does not say who administers; docs/access.md shows how")]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Where and what.
        source: serde_json::Error,
    },
    /// Rules that cannot be meant.
    #[error("the rules for client certificates")]
    Certificates(#[from] InvalidCertificateRules),
    /// Rules without authorities.
    #[error("there are rules for client certificates and no `client_ca` that vouches for any")]
    NoClientCa,
    /// An issuer that cannot be meant.
    #[error("the issuer `{name}`")]
    Issuer {
        /// Which.
        name: TenantName,
        /// Why.
        source: InvalidIssuer,
    },
    /// An issuer that cannot be asked.
    #[error("the issuer `{name}`")]
    Oidc {
        /// Which.
        name: TenantName,
        /// Why.
        source: InvalidOidcIssuer,
    },
    /// Its address.
    #[error("the issuer `{name}`")]
    Address {
        /// Which.
        name: TenantName,
        /// Why.
        source: AddressError,
    },
    /// Who vouches for it.
    #[error("{path}")]
    Roots {
        /// The file.
        path: PathBuf,
        /// Why.
        source: InvalidRoots,
    },
    /// Two issuers of one name.
    #[error("two issuers are called `{0}`")]
    Twice(TenantName),
}

impl Authorities {
    /// Reads the file, and those that it names, which are beside it unless they say where.
    ///
    /// # Errors
    /// A file cannot be read, or says what cannot be meant.
    pub fn read(path: &Path) -> Result<Self, AuthoritiesError> {
        let text = bytes(path)?;
        let file: File =
            serde_json::from_slice(&text).map_err(|source| AuthoritiesError::Syntax {
                path: path.to_owned(),
                source,
            })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut authorities = Self::default();
        if let Some(ca) = &file.client_ca {
            authorities.client_ca = Some(bytes(&folder.join(ca))?);
        }
        authorities.add(None, file.verifier, folder)?;
        for tenant in file.tenants {
            authorities.add(Some(&tenant.name), tenant.own, folder)?;
        }
        Ok(authorities)
    }

    fn add(
        &mut self,
        tenant: Option<&TenantName>,
        group: Group,
        folder: &Path,
    ) -> Result<(), AuthoritiesError> {
        if !group.certificates.is_empty() {
            if self.client_ca.is_none() {
                return Err(AuthoritiesError::NoClientCa);
            }
            self.certificates.push(match tenant {
                None => ClientCertificates::new(group.certificates)?,
                Some(tenant) => ClientCertificates::of_tenant(tenant.clone(), group.certificates)?,
            });
        }
        for written in group.issuers {
            self.add_issuer(tenant, written, folder)?;
        }
        Ok(())
    }

    fn add_issuer(
        &mut self,
        tenant: Option<&TenantName>,
        written: WrittenIssuer,
        folder: &Path,
    ) -> Result<(), AuthoritiesError> {
        let name = written.settings.name.clone();
        let address = written.settings.issuer.clone();
        let issuer = match tenant {
            None => Issuer::new(written.settings),
            Some(tenant) => Issuer::of_tenant(tenant, written.settings),
        };
        let issuer = issuer.map_err(|source| AuthoritiesError::Issuer {
            name: name.clone(),
            source,
        })?;
        let mut others = self.issuers.iter().map(OidcIssuer::issuer);
        if others.any(|other| other.settings().issuer == issuer.settings().issuer) {
            return Err(AuthoritiesError::Twice(name));
        }
        let source = match written.keys {
            Keys::File(file) => {
                let file = folder.join(file);
                self.files.push(file.clone());
                Source::File(file)
            }
            Keys::Discovery(roots) => {
                let roots = folder.join(roots);
                let pem = bytes(&roots)?;
                let trusted =
                    TrustedRoots::from_pem(&pem).map_err(|source| AuthoritiesError::Roots {
                        path: roots,
                        source,
                    })?;
                let address: Address =
                    address
                        .parse()
                        .map_err(|source| AuthoritiesError::Address {
                            name: name.clone(),
                            source,
                        })?;
                self.ports.push(address.port());
                Source::Discovery(trusted)
            }
        };
        let made = OidcIssuer::new(issuer, source, Patience::default());
        let made = made.map_err(|source| AuthoritiesError::Oidc { name, source })?;
        self.issuers.push(made);
        Ok(())
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, AuthoritiesError> {
    fs::read(path).map_err(|source| AuthoritiesError::Read {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = r#"{"certificate": {"uri": "spiffe://corp.example/ci"}, "name": "ci",
        "grants": [{"tenant": {"name": "alpha", "role": "policy-author"}}]}"#;
    const ISSUER: &str = r#"{"keys": {"file": "keys.json"}, "settings": {"name": "corp",
        "issuer": "https://login.corp.example", "audience": "cloister-verifier",
        "rules": [{"grants": {"claim": ["groups"], "values": {"ops": ["operator"]}}}]}}"#;

    fn read(text: &str) -> Result<Authorities, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), "some authority").unwrap();
        let path = folder.path().join("access.json");
        fs::write(&path, text).unwrap();
        Authorities::read(&path).map_err(|error| crate::service::chain(&error))
    }

    #[test]
    fn file_with_certificates_and_issuers_is_read() {
        let text = format!(
            r#"{{"version": 1, "client_ca": "ca.pem", "certificates": [{RULE}], "issuers": [{ISSUER}],
                "tenants": [{{"name": "alpha", "certificates": [{RULE}]}}]}}"#
        );
        let authorities = read(&text).unwrap();

        assert_eq!(authorities.certificates.len(), 2);
        assert_eq!(authorities.issuers.len(), 1);
        assert_eq!(authorities.client_ca.unwrap(), b"some authority");
        assert!(authorities.files[0].ends_with("keys.json"));
        assert!(authorities.ports.is_empty());
        let nobody = read(r#"{"version": 1}"#).unwrap();
        assert!(nobody.certificates.is_empty() && nobody.issuers.is_empty());
    }

    #[test]
    fn file_that_cannot_be_meant_is_refused_with_the_reason() {
        for (text, why) in [
            (r#"{"version": 2}"#.to_owned(), "does not say who"),
            (r#"{"version": 1, "issuer": []}"#.to_owned(), "issuer"),
            (
                r#"{"version": 1, "tenants": [{"name": "alpha", "issuer": []}]}"#.to_owned(),
                "issuer",
            ),
            (
                format!(r#"{{"version": 1, "certificates": [{RULE}]}}"#),
                "no `client_ca`",
            ),
            (
                format!(r#"{{"version": 1, "issuers": [{ISSUER}, {ISSUER}]}}"#),
                "two issuers",
            ),
            (
                format!(
                    r#"{{"version": 1, "tenants": [{{"name": "alpha", "issuers": [{ISSUER}]}}]}}"#
                ),
                "issuer `corp`",
            ),
            (
                format!(
                    r#"{{"version": 1, "client_ca": "ca.pem", "tenants": [{{"name": "beta", "certificates": [{RULE}]}}]}}"#
                ),
                "alpha",
            ),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
