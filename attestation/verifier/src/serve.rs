//! `cloister-verifier serve`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::Context;
use attestation_confinement::Begun;
use attestation_judge::{SampleTrust, SimulatedTrust, Trust};
use attestation_service::{
    Clock, Config, DataDir, Fault, Journal, KeySource, MetricsListener, Server, Service, Settings,
    counted, router, simulated_trust,
};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::confinement;

/// At the end, work that nobody can be answered any more gets this long.
const LAST_COMMIT: Duration = Duration::from_secs(2);

/// How often the directory of collateral is looked at.
const COLLATERAL_EVERY: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub struct Args {
    /// The directory that `cloister-verifier init` made.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The configuration [default: verifier.toml of the data directory, if it is there]. What is said here goes before what
    /// the file says.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the configuration that would be in force, each member with what it is for, and end.
    #[arg(long)]
    print_config: bool,
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8443].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Accept evidence of simulated TEEs and of the sample attester, which protect nothing, where the policy does too.
    #[arg(long)]
    allow_simulated: bool,
    /// The root certificate (PEM) under which evidence of simulated TEEs is accepted; without one, none is.
    #[arg(long, value_name = "FILE", requires = "allow_simulated")]
    simulated_root: Option<PathBuf>,
    /// The registered policy by which all evidence is appraised [default: strict].
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// Write the address to this file once requests are answered; removed at the end.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// TEST ONLY: pause-in-appraisal=FILE, pause-before-release=FILE or pause-before-answer=FILE waits
    /// while FILE exists.
    #[arg(long, value_name = "MOMENT=FILE", hide = true)]
    fault: Vec<Fault>,
}

#[derive(Serialize)]
struct Listening<'a> {
    address: SocketAddr,
    policy: &'a str,
    simulated: &'static str,
    metrics: Option<SocketAddr>,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = config(&args)?;
    if args.print_config {
        print!("{}", config.explained());
        return Ok(ExitCode::SUCCESS);
    }
    config.check()?;
    let settings = Settings {
        trust: trust(&config)?,
        policy: config.policy.clone(),
        authorities: config.authorities(&args.data_dir)?,
        collateral: config.collateral(&args.data_dir)?,
        database: config.location(&args.data_dir)?,
        faults: args.fault,
    };
    // Whether it is a verifier's directory is said before what is missing in it.
    DataDir::open(&args.data_dir)?;
    // A token's process is started while this one still may start any.
    let source = KeySource::open_to_serve(&config.key_place(&args.data_dir)?)?;
    // Asked before: what limits this process's share of the machine is in files that it reads no more.
    let cores = available_parallelism().map_or(1, usize::from);
    // The first step is taken while there is one thread. The configuration, the simulated root and the database's password
    // are read; the data directory, the keys in it and the store are opened under it.
    let begun = confinement::of(
        &args.data_dir,
        &config,
        &settings,
        args.ready_file.as_deref(),
    )?
    .begin()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores)
        .enable_all()
        .build()?;
    let journal = Journal::stderr(Clock::System);
    let served = runtime.block_on(serve(
        &args.data_dir,
        &config,
        args.ready_file,
        (settings, source),
        begun,
        &journal,
    ));
    // Time for a commit under way; an appraisal may take longer, and nobody waits for it any more.
    // What it would still write, it writes whole or, with the process gone, not at all.
    runtime.shutdown_timeout(LAST_COMMIT);
    journal.settle();
    served.map(|()| ExitCode::SUCCESS)
}

/// Whom the verifier trusts: vendors, and where it was told so, evidence that proves nothing.
fn trust(config: &Config) -> anyhow::Result<Trust> {
    if !config.simulated.allow {
        return Ok(Trust::default());
    }
    let root = &config.simulated.root;
    Ok(Trust {
        simulated: match root.as_os_str().is_empty() {
            true => SimulatedTrust::Refused,
            false => simulated_trust(root)?,
        },
        sample: SampleTrust::Allowed,
        ..Trust::default()
    })
}

/// What the file says, and then the command line.
fn config(args: &Args) -> anyhow::Result<Config> {
    let mut config = Config::load(&args.data_dir, args.config.as_deref())?;
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    if let Some(policy) = &args.policy {
        config.policy.clone_from(policy);
    }
    if let Some(root) = &args.simulated_root {
        config.simulated.root.clone_from(root);
    }
    config.simulated.allow |= args.allow_simulated;
    Ok(config)
}

async fn serve(
    data_dir: &Path,
    config: &Config,
    ready_file: Option<PathBuf>,
    (settings, source): (Settings, KeySource),
    begun: Begun,
    journal: &Journal,
) -> anyhow::Result<()> {
    // Before anything is opened: a signal during the start must not be lost.
    let stop = stop_signal()?;
    let limits = config.limits()?;
    let policy = settings.policy.clone();
    let simulated = match (&settings.trust.sample, &settings.trust.simulated) {
        (SampleTrust::Refused, _) => "refused",
        (_, SimulatedTrust::Refused) => "samples allowed, which anybody can write",
        (_, SimulatedTrust::Allowed { .. }) => {
            "allowed, and samples: such evidence protects nothing"
        }
    };
    let client_ca = settings.authorities.client_ca.clone();
    let service = start(data_dir.to_owned(), settings, source, journal.clone()).await?;
    let metrics = Arc::clone(service.metrics());
    let server = Server::bind_for(
        config.listen,
        data_dir,
        limits,
        journal.clone(),
        client_ca.as_deref(),
    )
    .await?;
    let address = server.address();
    let shown = match config.metrics()? {
        Some(address) => Some(MetricsListener::bind(address).await?),
        None => None,
    };
    let _ready = ready_file
        .map(|path| ReadyFile::write(path, address))
        .transpose()?;
    // All is open and bound, and nobody is answered yet.
    confinement::finish(begun, journal, &metrics)?;
    journal.info(
        "listening",
        &Listening {
            address,
            policy: &policy,
            simulated,
            metrics: shown.as_ref().map(MetricsListener::address),
        },
    );
    if let Some(shown) = shown {
        // Until the runtime ends.
        tokio::spawn(shown.run(Arc::clone(&metrics)));
    }
    let service = Arc::new(service);
    tokio::spawn(keep_collateral_new(Arc::clone(&service)));
    let app = counted(router(service, &limits), metrics);
    server.run(app, stop).await;
    journal.info("stopped", &serde_json::json!({}));
    Ok(())
}

/// Looks now and then, until the runtime ends.
async fn keep_collateral_new(service: Arc<Service>) {
    let mut due = tokio::time::interval(COLLATERAL_EVERY);
    loop {
        due.tick().await;
        let service = Arc::clone(&service);
        let refreshed = tokio::task::spawn_blocking(move || service.refresh_collateral());
        if refreshed.await.is_err() {
            return;
        }
    }
}

/// Blocks, on the whole log: in a thread that may.
async fn start(
    data_dir: PathBuf,
    settings: Settings,
    source: KeySource,
    journal: Journal,
) -> anyhow::Result<Service> {
    let start = move || Service::start(&data_dir, settings, source, journal, Clock::System);
    Ok(tokio::task::spawn_blocking(start).await??)
}

/// Ready when SIGTERM or SIGINT has come.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Says where the server listens, as long as it does.
struct ReadyFile(PathBuf);

impl ReadyFile {
    /// Written beside and renamed, so that a reader sees the whole line or no file.
    fn write(path: PathBuf, address: SocketAddr) -> anyhow::Result<Self> {
        let mut draft = path.clone().into_os_string();
        draft.push(".making");
        std::fs::write(&draft, format!("{address}\n"))
            .and_then(|()| std::fs::rename(&draft, &path))
            .with_context(|| format!("cannot write {} (--ready-file)", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _ = std::fs::remove_file(&self.0);
    }
}
