//! `cloister-verifier put`: the administrators' client.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use attestation_access::TenantName;
use attestation_appraisal::Policy;
use attestation_evidence::{ErrorBody, ResourcePath, VerifierPins};
use attestation_judge::ReferenceValue;
use attestation_service::{Client, Request, names};
use clap::Subcommand;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::output::Output;

/// A byte more than any request may hold, so that the verifier says so of what is too long.
const ROOM: usize = 4 * 1024 * 1024 + 1;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Register an appraisal policy (Rego) under the name in it.
    Policy {
        /// The policy; `-` reads standard input.
        file: PathBuf,
        #[command(flatten)]
        to: Recipient,
    },
    /// Register a reference value (JSON) under the name in it.
    Reference {
        /// The reference value; `-` reads standard input.
        file: PathBuf,
        #[command(flatten)]
        to: Recipient,
    },
    /// Make a tenant. Needs an operator's token: that of `cloister-verifier bootstrap --tenant NAME`, say.
    Tenant {
        /// Its name: a-z, 0-9 and -, a letter first.
        name: TenantName,
        #[command(flatten)]
        to: Recipient,
    },
    /// Register a secret, or its next version.
    Secret {
        /// The secret's name, REPOSITORY/TYPE/TAG.
        resource: ResourcePath,
        /// The secret; `-` reads standard input.
        file: PathBuf,
        /// A reference value: guests that match it may have the secret. Repeat it for more.
        #[arg(long = "reference", value_name = "NAME", required = true)]
        references: Vec<String>,
        /// The policy that must have accepted them, if not the server's own.
        #[arg(long, value_name = "NAME")]
        policy: Option<String>,
        #[command(flatten)]
        to: Recipient,
    },
}

/// The verifier that is told, and how its answer is printed.
#[derive(clap::Args)]
struct Recipient {
    /// Where the verifier listens.
    #[arg(long, default_value = "https://127.0.0.1:8443")]
    url: String,
    /// The verifier's pins; its TLS key must be the one in them.
    #[arg(long, value_name = "FILE", required_unless_present = "data_dir")]
    pins: Option<PathBuf>,
    /// The tenant whose it is to be, if not that of the pins: `default`, where they name none.
    #[arg(long, value_name = "NAME")]
    tenant: Option<TenantName>,
    /// The file that holds an administrator's bearer token.
    #[arg(long, value_name = "FILE", required_unless_present = "data_dir")]
    admin_token_file: Option<PathBuf>,
    /// On the verifier's own machine: take pins and token from here.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let to = args.what.recipient();
    let pins = pins(to)?;
    let (path, body) = request(&args.what, &pins)?;
    let answer = client(to, &pins)?.send(&Request {
        method: "PUT",
        path: &path,
        body: Some(&body),
        ..Request::default()
    })?;
    if !matches!(answer.status, 200 | 202) {
        let detail = ErrorBody::from_json(&answer.body).map(|error| error.detail);
        let detail = detail.unwrap_or_else(|_| format!("HTTP status {}", answer.status));
        bail!("the verifier refused the registration: {detail}");
    }
    match answer.status {
        202 => print_proposed(to.output, &answer.body)?,
        _ => print(to.output, &answer.body)?,
    }
    Ok(ExitCode::SUCCESS)
}

impl What {
    fn recipient(&self) -> &Recipient {
        match self {
            Self::Policy { to, .. }
            | Self::Reference { to, .. }
            | Self::Tenant { to, .. }
            | Self::Secret { to, .. } => to,
        }
    }
}

/// Path and body of the request.
fn request(what: &What, pins: &VerifierPins) -> anyhow::Result<(String, Zeroizing<Vec<u8>>)> {
    if let What::Tenant { name, .. } = what {
        return Ok((format!("/v1/tenants/{name}"), Zeroizing::default()));
    }
    let (path, body) = within_a_tenant(what)?;
    let prefix = match &what.recipient().tenant {
        Some(tenant) => format!("/t/{tenant}"),
        None => pins.prefix(),
    };
    Ok((format!("{prefix}{path}"), body))
}

/// Of what a tenant has. Documents are read here too: a slip is found before it is sent.
fn within_a_tenant(what: &What) -> anyhow::Result<(String, Zeroizing<Vec<u8>>)> {
    match what {
        What::Policy { file, .. } => {
            let body = read(file)?;
            let refused = || format!("{} cannot be registered", file.display());
            let text = std::str::from_utf8(&body).with_context(refused)?;
            let policy = Policy::from_rego(text).with_context(refused)?;
            let name = segment(&policy.about().name)?;
            Ok((format!("/v1/policies/{name}"), body))
        }
        What::Reference { file, .. } => {
            let body = read(file)?;
            let reference = ReferenceValue::from_plain(&body)
                .with_context(|| format!("{} cannot be registered", file.display()))?;
            Ok((
                format!("/v1/reference-values/{}", segment(&reference.name)?),
                body,
            ))
        }
        What::Secret {
            resource,
            file,
            references,
            policy,
            ..
        } => {
            let names: anyhow::Result<Vec<_>> =
                references.iter().map(|name| segment(name)).collect();
            let mut path = format!("/v1/secrets/{resource}?references={}", names?.join(","));
            if let Some(policy) = policy {
                path = format!("{path}&policy={}", segment(policy)?);
            }
            Ok((path, read(file)?))
        }
        What::Tenant { .. } => bail!("a tenant is not within a tenant"),
    }
}

/// A name that stands in a URL as it is.
fn segment(name: &str) -> anyhow::Result<&str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || !name.bytes().all(allowed) {
        bail!(
            "`{}` is no name: use A-Z a-z 0-9 - _ .",
            name.escape_default()
        );
    }
    Ok(name)
}

/// The file that was given, or the one of this name in the data directory.
fn file(to: &Recipient, given: &Option<PathBuf>, name: &str) -> anyhow::Result<PathBuf> {
    let default = || to.data_dir.as_ref().map(|dir| dir.join(name));
    given
        .clone()
        .or_else(default)
        .context("give --pins and --admin-token-file, or --data-dir")
}

fn pins(to: &Recipient) -> anyhow::Result<VerifierPins> {
    let pins = file(to, &to.pins, names::PINS)?;
    VerifierPins::from_json(&read(&pins)?)
        .with_context(|| format!("{} (--pins) cannot be used", pins.display()))
}

fn client(to: &Recipient, pins: &VerifierPins) -> anyhow::Result<Client> {
    let token = read(&file(to, &to.admin_token_file, names::ADMIN_TOKEN)?)?;
    let token = std::str::from_utf8(&token).context("the admin token is not text")?;
    let client = Client::new(&to.url, &pins.server_name, pins.tls_spki_sha256)?;
    Ok(client.with_bearer(token.trim_end()))
}

/// Reads into one place, which is wiped: a buffer that grows leaves copies of a secret behind.
fn read(file: &Path) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(ROOM));
    let rest = u64::try_from(ROOM)?;
    if file == Path::new("-") {
        std::io::stdin()
            .take(rest)
            .read_to_end(&mut bytes)
            .context("cannot read standard input")?;
    } else {
        File::open(file)
            .and_then(|file| file.take(rest).read_to_end(&mut bytes))
            .with_context(|| format!("cannot read {}", file.display()))?;
    }
    Ok(bytes)
}

fn print(output: Output, body: &[u8]) -> anyhow::Result<()> {
    #[derive(Deserialize)]
    struct Registered {
        name: String,
        version: Option<u64>,
        log_index: u64,
    }
    let document: serde_json::Value =
        serde_json::from_slice(body).context("the verifier's answer is not JSON")?;
    let Registered {
        name,
        version,
        log_index,
    } = Registered::deserialize(&document)
        .context("the verifier's answer is not that of a registration")?;
    let version = version.map_or(String::new(), |version| format!(" version {version}"));
    output.print(
        &document,
        &format!("registered {name}{version}, log index {log_index}"),
    )
}

/// What waits for a second person, and what that one has to say.
fn print_proposed(output: Output, body: &[u8]) -> anyhow::Result<()> {
    #[derive(Deserialize)]
    struct Proposed {
        change: String,
        target: String,
        digest: String,
    }
    let document: serde_json::Value =
        serde_json::from_slice(body).context("the verifier's answer is not JSON")?;
    let Proposed {
        change,
        target,
        digest,
    } = Proposed::deserialize(&document)
        .context("the verifier's answer is not that of a proposal")?;
    output.print(
        &document,
        &format!(
            "proposed {target} as change {change}, digest {digest}: nothing is done until another person approves it \
             (POST /v1/changes/{change}/approve)"
        ),
    )
}
