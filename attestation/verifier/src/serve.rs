//! `cloister-verifier serve`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use attestation_service::{
    Clock, Fault, Journal, Limits, Server, Service, Settings, router, simulated_trust,
};
use attestation_verify::SimulatedTrust;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

/// At the end, work that nobody can be answered any more gets this long.
const LAST_COMMIT: Duration = Duration::from_secs(2);

#[derive(clap::Args)]
pub struct Args {
    /// The directory that `cloister-verifier init` made.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// Accept evidence of simulated TEEs, which protect nothing, where the policy does too.
    #[arg(long, requires = "simulated_root")]
    allow_simulated: bool,
    /// The root certificate (PEM) under which simulated evidence is accepted.
    #[arg(long, value_name = "FILE", requires = "allow_simulated")]
    simulated_root: Option<PathBuf>,
    /// The registered policy by which all evidence is appraised.
    #[arg(long, value_name = "NAME", default_value = "strict")]
    policy: String,
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
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = Settings {
        simulated: match &args.simulated_root {
            Some(root) if args.allow_simulated => simulated_trust(root)?,
            _ => SimulatedTrust::Refused,
        },
        policy: args.policy,
        faults: args.fault,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let journal = Journal::stderr(Clock::System);
    let served = runtime.block_on(serve(
        &args.data_dir,
        args.listen,
        args.ready_file,
        settings,
        &journal,
    ));
    // Time for a commit under way; an appraisal may take longer, and nobody waits for it any more.
    // What it would still write, it writes whole or, with the process gone, not at all.
    runtime.shutdown_timeout(LAST_COMMIT);
    journal.settle();
    served.map(|()| ExitCode::SUCCESS)
}

async fn serve(
    data_dir: &Path,
    listen: SocketAddr,
    ready_file: Option<PathBuf>,
    settings: Settings,
    journal: &Journal,
) -> anyhow::Result<()> {
    // Before anything is opened: a signal during the start must not be lost.
    let stop = stop_signal()?;
    let limits = Limits::default();
    let policy = settings.policy.clone();
    let simulated = match settings.simulated {
        SimulatedTrust::Refused => "refused",
        SimulatedTrust::Allowed { .. } => "allowed: simulated evidence protects nothing",
    };
    let service = Service::start(data_dir, settings, journal.clone(), Clock::System)?;
    let server = Server::bind(listen, data_dir, limits, journal.clone()).await?;
    let address = server.address();
    let _ready = ready_file
        .map(|path| ReadyFile::write(path, address))
        .transpose()?;
    journal.info(
        "listening",
        &Listening {
            address,
            policy: &policy,
            simulated,
        },
    );
    server.run(router(Arc::new(service), &limits), stop).await;
    journal.info("stopped", &serde_json::json!({}));
    Ok(())
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
