//! From the configuration file to the prediction.

use anyhow::{Context, Result};
use measured_boot_digest::{
    ComponentDigest, CoverageRow, LaunchDigest, Manifest, coverage, sha384,
};
use measured_boot_page_hash::AllCores;
use measured_boot_plan::{LaunchConfig, LaunchPlan, NamedFile, Source, Sources, TeeKind, plan};
use measured_boot_snp_abi::{PAGE_SIZE, PageType};
use measured_boot_tdx_launch::{BootPlan, Register, predicted_digest};
use serde::Serialize;
use std::path::{Path, PathBuf};

use crate::files::{self, FileBytes};

/// What will be launched, and what its report will say.
pub struct Prediction {
    pub plan: LaunchPlan,
    pub manifest: Manifest,
    /// Of a TD, MRTD.
    pub launch_digest: LaunchDigest,
    /// What our boot shim extends the registers of a TD by. Whatever else a TD starts, an IGVM file for one,
    /// extends them by its own rules.
    pub registers: Option<BootPlan>,
    pub coverage: Vec<CoverageRow>,
}

impl Prediction {
    /// Reads a configuration and the files that it names, relative to it, and predicts.
    pub fn of(path: &Path) -> Result<Self> {
        let planned = Planned::of(path)?;
        let (plan, sources) = (&planned.plan, planned.sources());
        let manifest = Manifest::from_plan_hashed_by(plan, &sources, &AllCores::new());
        let is_td = plan.tee.0 == TeeKind::Tdx;
        Ok(Self {
            launch_digest: match is_td {
                true => predicted_digest(plan, &sources),
                false => manifest.recompute(),
            },
            registers: is_td.then(|| BootPlan::of_shim(plan, &sources)).flatten(),
            coverage: coverage(&planned.plan),
            manifest,
            plan: planned.plan,
        })
    }

    /// Whether it is of a TD.
    pub fn is_td(&self) -> bool {
        self.plan.tee.0 == TeeKind::Tdx
    }

    /// Its components, in measuring order. The state of a TD's vCPUs is in no register.
    pub fn components(&self) -> Vec<ComponentDigest> {
        let is_shown = |one: &ComponentDigest| !self.is_td() || !one.name.starts_with("vcpu");
        let components = components(&self.manifest).into_iter();
        components.filter(is_shown).collect()
    }

    /// What the launch would be refused for, though its digest is this.
    pub fn warning(&self) -> Option<String> {
        let signed = self.plan.id_block.0.as_ref()?;
        let held = LaunchDigest(signed.block.launch_digest);
        (held != self.launch_digest).then(|| {
            format!(
                "the ID block is of another launch, and so this one would be refused: sign one for this digest by \
                 `cloister measure id-block`\n  the block's digest: {held}"
            )
        })
    }

    /// A register's value, where it is known: of a TD through our boot shim.
    pub fn register(&self, register: Register) -> Option<[u8; 48]> {
        self.registers.as_ref()?.value(register).ok()
    }

    /// The JSON document.
    pub fn document(&self) -> Document<'_> {
        let tee = self.plan.tee.0;
        let register = |register| self.register(register).map(hex::encode);
        Document {
            name: &self.plan.name.0,
            tee: tee.name(),
            simulated: tee == TeeKind::Simulated,
            boot_protocol: self.plan.boot.0.name(),
            vcpus: self.plan.vcpus.0.len(),
            memory_bytes: self.plan.memory_bytes.0,
            policy: self.plan.policy.0.to_string(),
            launch_digest: self.launch_digest.to_string(),
            rtmr0: register(Register::Rtmr0),
            rtmr1: register(Register::Rtmr1),
            rtmr2: register(Register::Rtmr2),
            rtmr3: register(Register::Rtmr3),
            components: self.components().iter().map(Component::of).collect(),
            coverage: &self.coverage,
        }
    }
}

/// A plan and the files that it was made from.
pub struct Planned {
    pub config: LaunchConfig,
    files: Vec<(Source, FileBytes)>,
    pub plan: LaunchPlan,
}

impl Planned {
    /// Reads a configuration and the files that it names, relative to it, and plans.
    pub fn of(path: &Path) -> Result<Self> {
        let text = files::text(path).with_context(|| {
            format!(
                "{}: the configuration cannot be read; name a vm.toml",
                path.display()
            )
        })?;
        let config = LaunchConfig::from_toml(&text)
            .with_context(|| format!("{}: the configuration is not understood", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let named = config.files().into_iter().map(
            |NamedFile {
                 source,
                 path: named,
             }| {
                let file = named.map_or_else(shim_beside_program, |named| folder.join(named));
                Ok((source, read(source, path, &file)?))
            },
        );
        let files: Vec<_> = named.collect::<Result<_>>()?;
        let plan = plan(&config, &sources_of(&files))
            .with_context(|| format!("{}: the launch cannot be planned", path.display()))?;
        Ok(Self {
            config,
            files,
            plan,
        })
    }

    /// The files.
    pub fn sources(&self) -> Sources<'_> {
        sources_of(&self.files)
    }
}

fn sources_of(files: &[(Source, FileBytes)]) -> Sources<'_> {
    let none = Sources::default();
    files
        .iter()
        .fold(none, |all, (source, bytes)| all.with(*source, bytes))
}

/// The boot shim that comes with this program: `cloister-shim` in the same directory.
fn shim_beside_program() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program.with_file_name("cloister-shim")
}

/// What `--output json` prints.
#[derive(Serialize)]
pub struct Document<'a> {
    name: &'a str,
    tee: &'static str,
    simulated: bool,
    boot_protocol: &'static str,
    vcpus: usize,
    memory_bytes: u64,
    policy: String,
    launch_digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtmr0: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtmr1: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtmr2: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtmr3: Option<String>,
    components: Vec<Component>,
    coverage: &'a [CoverageRow],
}

/// A component as JSON.
#[derive(Serialize)]
pub struct Component {
    name: String,
    gpa: String,
    pages: u64,
    sha384: Option<String>,
    /// The component whose measured bytes hold this digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    through: Option<&'static str>,
}

impl Component {
    /// From what was measured.
    pub fn of(component: &ComponentDigest) -> Self {
        Self {
            name: component.name.clone(),
            gpa: format!("{:#x}", component.gpa),
            pages: component.pages,
            sha384: component.sha384.map(hex::encode),
            through: component.through,
        }
    }
}

/// Reads a file that a key of the configuration names.
fn read(source: Source, config: &Path, path: &Path) -> Result<FileBytes> {
    let remedy = match source {
        Source::Shim => "`cargo xtask shim` builds it and puts it beside the programs",
        _ => "correct the path or make the file",
    };
    files::contents(path).with_context(|| {
        let (config, key, path) = (config.display(), source.key(), path.display());
        format!("{config}: {key}: {path} cannot be read; {remedy}")
    })
}

/// The components of a manifest. Pages that are measured as zeros have the digest of zeros.
pub fn components(manifest: &Manifest) -> Vec<ComponentDigest> {
    let zeros: Vec<_> = manifest
        .parts()
        .filter(|part| part.page_type == PageType::Zero)
        .map(|part| part.gpa)
        .collect();
    let mut components = manifest.components();
    for one in &mut components {
        if one.through.is_none() && zeros.contains(&one.gpa) {
            one.sha384 = Some(zero_pages(one.pages));
        }
    }
    components
}

/// SHA-384 over the digests of so many pages of zeros.
pub fn zero_pages(pages: u64) -> [u8; 48] {
    let page = sha384(&[0; PAGE_SIZE]);
    let digests: Vec<_> = (0..pages).flat_map(|_| page).collect();
    sha384(&digests)
}
