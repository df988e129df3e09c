//! `cloister-verifier init`.

use std::path::{PathBuf, absolute};
use std::process::ExitCode;

use anyhow::Context;
use attestation_access::TenantName;
use attestation_evidence::{ResourcePath, VerifierPins};
use attestation_service::{Clock, Database, KeysConfig, NewVerifier, init, names};
use serde::Serialize;

use crate::making;
use crate::output::Output;

#[derive(clap::Args)]
pub struct Args {
    /// The directory to make; it must not exist, or be empty.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Name of the log and of the TLS certificate: a DNS name.
    #[arg(long, default_value = "cloister-verifier")]
    name: String,
    /// Another DNS name or IP address by which clients call it; may be given more than once. Guests of this project pin its
    /// key and need none, clients of others look for it in the certificate.
    #[arg(long, value_name = "NAME")]
    san: Vec<String>,
    /// The vsock port of the host that leads guests to this verifier.
    #[arg(long, value_name = "PORT", default_value_t = 8443)]
    vsock_port: u32,
    /// The secret that guests ask for.
    #[arg(
        long,
        value_name = "REPOSITORY/TYPE/TAG",
        default_value = "default/disk/data"
    )]
    resource: ResourcePath,
    /// The tenant whose first administrator gets the token in admin.token.
    #[arg(long, value_name = "NAME", default_value = "default")]
    tenant: TenantName,
    /// The PostgreSQL database that is to hold the log, for several verifiers on one: postgres://USER@HOST/NAME. A file of
    /// the directory holds it if not given.
    #[arg(
        long,
        value_name = "URL",
        default_value = "",
        hide_default_value = true
    )]
    database: String,
    /// The file that holds that database's password.
    #[arg(long, value_name = "FILE", requires = "database")]
    database_password_file: Option<PathBuf>,
    /// The file that is to open the ring of keys, of 32 bytes or more: a credential that is kept elsewhere. The file
    /// `unseal` of the directory does if not given.
    #[arg(long, value_name = "FILE", conflicts_with = "pkcs11_module")]
    unseal_credential: Option<PathBuf>,
    /// The PKCS#11 module of a token that is to have the keys.
    #[arg(long, value_name = "FILE", requires_all = ["token", "pin_file"])]
    pkcs11_module: Option<PathBuf>,
    /// The token's label.
    #[arg(long, value_name = "LABEL", requires = "pkcs11_module")]
    token: Option<String>,
    /// A private file with the token's PIN.
    #[arg(long, value_name = "FILE", requires = "pkcs11_module")]
    pin_file: Option<PathBuf>,
    /// A variable of the module's environment, which has no other; may be given more than once.
    #[arg(long, value_name = "NAME=VALUE", requires = "pkcs11_module")]
    pkcs11_env: Vec<String>,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
    #[command(flatten)]
    fault: making::Fault,
}

#[derive(Serialize)]
struct Made<'a> {
    data_dir: &'a PathBuf,
    pins_file: PathBuf,
    pins: &'a VerifierPins,
}

/// Whole paths, since the server is started somewhere else.
fn keys(args: &Args) -> anyhow::Result<KeysConfig> {
    let whole = |path: &Option<PathBuf>| match path {
        None => Ok(PathBuf::new()),
        Some(path) => absolute(path).with_context(|| format!("where is {}", path.display())),
    };
    Ok(KeysConfig {
        credential: whole(&args.unseal_credential)?,
        module: whole(&args.pkcs11_module)?,
        token: args.token.clone().unwrap_or_default(),
        pin_file: whole(&args.pin_file)?,
        environment: args.pkcs11_env.clone(),
        program: PathBuf::new(),
    })
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let new = NewVerifier {
        name: args.name.clone(),
        also: args.san.clone(),
        vsock_port: args.vsock_port,
        resource: args.resource.clone(),
        tenant: args.tenant.clone(),
        now: Clock::System.now(),
        database: Database {
            url: args.database.clone(),
            password_file: args.database_password_file.clone().unwrap_or_default(),
        },
        keys: keys(args)?,
    };
    making::begin(&args.data_dir, &args.fault)?;
    let pins = init(&args.data_dir, &new)?;
    let pins_file = args.data_dir.join(names::PINS);
    let text = format!(
        "made the verifier {}\n  log key  {}\n  pins     {} (goes into guest images)\n\
         Keep a copy of this directory: its keys cannot be made again.",
        args.data_dir.display(),
        pins.log_key,
        pins_file.display(),
    );
    let made = Made {
        data_dir: &args.data_dir,
        pins_file,
        pins: &pins,
    };
    args.output.print(&made, &text).with_context(|| {
        format!(
            "the verifier {} is made, but not all of this answer could be written",
            args.data_dir.display()
        )
    })?;
    Ok(ExitCode::SUCCESS)
}
