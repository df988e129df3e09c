//! The evidence bundle: exported, replayed by the auditor, and forged in every way that the demo knows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use attestation_ledger::{
    AuditRecord, BundleWriter, CHECKPOINT_FILE, Entry, Hash, MemoryNodes, Outcome, RecordedVerdict,
    SigningKey, TileKind, TreeHead, VerifyingKey, blob_path, decode_entry_bundle, root, tiles,
};
use serde_json::Value;

use crate::demo::Road;
use crate::programs::{Outcome as Ended, Programs, text, word};
use crate::progress::Progress;

/// What the audit came to.
#[derive(Clone, Debug)]
pub struct Audit {
    /// The bundle's folder.
    pub bundle: String,
    /// The signed checkpoint.
    pub checkpoint: String,
    /// The auditor's word.
    pub verdict: String,
    /// How many forged bundles it was shown and did not agree with.
    pub forgeries_caught: usize,
}

/// The auditor, with what it is given from outside the bundle.
#[derive(Clone, Debug)]
pub struct Auditor {
    programs: Programs,
    log_key: String,
    simulated_root: PathBuf,
}

/// Stage 8.
///
/// # Errors
/// When the auditor does not agree with the bundle, or agrees with a forged one.
pub fn export_and_audit(road: &Road, progress: &mut Progress) -> Result<Audit> {
    progress.stage(
        "Evidence",
        "the log is exported and replayed offline by the auditor",
    );
    let folder = road.folder.join("bundle");
    road.verifier.export(&folder)?;
    let auditor = Auditor::of(road)?;
    let bundle = Bundle::read(&folder, &auditor.log_key)?;
    let releases = bundle.releases();
    ensure!(
        releases == 1,
        "the log holds {releases} releases; the genuine guest's is to be the only one"
    );
    for line in bundle.checkpoint()?.lines() {
        progress.line(line);
    }
    let document = auditor.verify(&folder)?.expect_code(0)?.json()?;
    let verdict = text(&document, "/verdict")?.to_owned();
    progress.line(&format!(
        "auditor: {verdict}, {} entries, 1 release",
        bundle.entries.len()
    ));

    let scratch = tempfile::tempdir()?;
    let flipped = auditor.refuses_any_changed_byte(&bundle, scratch.path())?;
    progress.line(&format!(
        "one byte changed in each of {flipped} files in turn: the auditor never agrees"
    ));
    let log_key = fs::read_to_string(road.verifier.folder().join("log.key"))?;
    let key: SigningKey = log_key.trim().parse().context("read the log's key")?;
    auditor.refuses_verdict(
        &bundle.with_false_verdict(&key)?,
        &scratch.path().join("false-verdict"),
    )?;
    progress.line("a false verdict, freshly logged and validly signed: the auditor does not agree");
    Ok(Audit {
        bundle: folder.display().to_string(),
        checkpoint: bundle.checkpoint()?.to_owned(),
        verdict,
        forgeries_caught: flipped + 1,
    })
}

impl Auditor {
    /// The auditor of this road's verifier.
    ///
    /// # Errors
    /// When the verifier's pins cannot be read.
    pub fn of(road: &Road) -> Result<Self> {
        Ok(Self {
            programs: road.programs.clone(),
            log_key: road.verifier.pins()?.log_key,
            simulated_root: road.simulated_root(),
        })
    }

    /// The bundle, with which the auditor agrees.
    ///
    /// # Errors
    /// When it does not.
    pub fn agree(&self, folder: &Path) -> Result<Bundle> {
        self.verify(folder)?.expect_code(0)?;
        Bundle::read(folder, &self.log_key)
    }

    fn verify(&self, bundle: &Path) -> Result<Ended> {
        self.programs.cloister(&[
            "audit",
            "verify",
            word(bundle)?,
            "--log-key",
            &self.log_key,
            "--simulated-root",
            word(&self.simulated_root)?,
            "-o",
            "json",
        ])
    }

    /// Changes the middle byte of each file in turn, and returns how many files there were.
    fn refuses_any_changed_byte(&self, bundle: &Bundle, scratch: &Path) -> Result<usize> {
        let folder = scratch.join("changed");
        write_files(&bundle.files, &folder)?;
        for (path, content) in &bundle.files {
            let mut changed = content.clone();
            let middle = changed.len() / 2;
            let byte = changed
                .get_mut(middle)
                .with_context(|| format!("{path} is empty"))?;
            *byte ^= 1;
            fs::write(folder.join(path), &changed)?;
            self.disagrees(&folder)
                .with_context(|| format!("with one byte of {path} changed"))?;
            fs::write(folder.join(path), content)?;
        }
        Ok(bundle.files.len())
    }

    /// The log, the tree and the signature are in order, and the verdict is not what its evidence says.
    fn refuses_verdict(&self, files: &BTreeMap<String, Vec<u8>>, folder: &Path) -> Result<()> {
        write_files(files, folder)?;
        let said = self.verify(folder)?.expect_code(3)?.json()?;
        let findings = said["findings"].as_array().context("no findings")?;
        ensure!(
            findings.iter().any(|one| one["code"] == "verdict_differs"),
            "the auditor does not name the false verdict: {said}"
        );
        Ok(())
    }

    fn disagrees(&self, folder: &Path) -> Result<()> {
        let ended = self.verify(folder)?;
        match ended.code {
            // Not readable: nothing was judged, so nothing was agreed with.
            1 => Ok(()),
            3 => {
                ensure!(
                    text(&ended.json()?, "/verdict")? == "disagrees",
                    "{}",
                    ended.stdout
                );
                Ok(())
            }
            code => bail!(
                "the auditor ended with {code} on a forged bundle:\n{}",
                ended.stdout
            ),
        }
    }
}

/// An exported bundle in memory.
#[derive(Debug)]
pub struct Bundle {
    files: BTreeMap<String, Vec<u8>>,
    entries: Vec<Entry>,
}

impl Bundle {
    /// Reads an exported bundle, as signed by the log key.
    ///
    /// # Errors
    /// When it is not one.
    pub fn read(folder: &Path, log_key: &str) -> Result<Self> {
        let mut files = BTreeMap::new();
        read_files(folder, folder, &mut files)?;
        let key: VerifyingKey = log_key.parse().context("read the log's public key")?;
        let checkpoint = std::str::from_utf8(file(&files, CHECKPOINT_FILE)?)?;
        let head = TreeHead::open(checkpoint, &key)?;
        let mut entries = Vec::new();
        for tile in tiles(head.size).filter(|tile| tile.kind == TileKind::Entries) {
            for bytes in decode_entry_bundle(file(&files, &tile.to_string())?)? {
                entries.push(Entry::from_bytes(bytes)?);
            }
        }
        Ok(Self { files, entries })
    }

    /// The log's entries, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many secrets left.
    #[must_use]
    pub fn releases(&self) -> usize {
        let releases = self.entries.iter().map(Entry::record);
        releases
            .filter(|record| matches!(record, AuditRecord::Release(_)))
            .count()
    }

    /// The checks that failed in the refusal that gave these reasons, or more of which these are the beginning, since a guest
    /// tells no more than a line of what it hears; by name. `None` when the log holds no such refusal.
    #[must_use]
    pub fn failed_checks(&self, reasons: &str) -> Option<Vec<String>> {
        let mut refusals = self.refusals().filter_map(|verdict| self.document(verdict));
        let refusal = refusals.find(|document| {
            let said = array(document, "rejections");
            let said: Vec<String> = said
                .map(|one| format!("{}: {}", member(one, "check"), member(one, "reason")))
                .collect();
            !reasons.is_empty() && said.join("; ").starts_with(reasons)
        })?;
        let checks = array(&refusal, "checks");
        let failed = checks.filter(|check| member(check, "result") == "fail");
        Some(
            failed
                .map(|check| member(check, "name").to_owned())
                .collect(),
        )
    }

    fn refusals(&self) -> impl DoubleEndedIterator<Item = &RecordedVerdict> {
        self.entries
            .iter()
            .filter_map(|entry| match entry.record() {
                AuditRecord::Verdict(verdict) if verdict.outcome == Outcome::Refused => {
                    Some(&**verdict)
                }
                _ => None,
            })
    }

    /// The document that a verdict's entry names, with every check.
    fn document(&self, verdict: &RecordedVerdict) -> Option<Value> {
        let blob = self.files.get(&blob_path(&verdict.document))?;
        serde_json::from_slice(blob).ok()
    }

    /// The signed checkpoint.
    ///
    /// # Errors
    /// When it is no text.
    pub fn checkpoint(&self) -> Result<&str> {
        Ok(std::str::from_utf8(file(&self.files, CHECKPOINT_FILE)?)?)
    }

    /// The same log with one more entry: a refused verdict, now said to be accepted. Whoever holds the
    /// log's key can make it; the signature is good.
    fn with_false_verdict(&self, key: &SigningKey) -> Result<BTreeMap<String, Vec<u8>>> {
        let mut writer = BundleWriter::new();
        let mut nodes = MemoryNodes::default();
        let forged = Entry::new(AuditRecord::Verdict(Box::new(self.false_verdict()?)))?;
        for entry in self.entries.iter().chain([&forged]) {
            nodes.push(Hash::leaf(entry.as_bytes()));
            writer.push_entry(entry);
        }
        for (_, blob) in self
            .files
            .iter()
            .filter(|(path, _)| path.starts_with("blobs/"))
        {
            writer.add_blob(blob.clone());
        }
        let size = nodes.size();
        let head = TreeHead {
            size,
            root: root(&nodes, size)?,
        };
        Ok(writer.finish(head.sign(key), &key.verifying_key())?)
    }

    fn false_verdict(&self) -> Result<RecordedVerdict> {
        let refused = self.refusals().next_back();
        let mut verdict = refused.context("the log holds no refusal")?.clone();
        verdict.outcome = Outcome::Accepted;
        verdict.rejections.clear();
        Ok(verdict)
    }
}

fn array<'a>(document: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    document[name].as_array().into_iter().flatten()
}

fn member<'a>(document: &'a Value, name: &str) -> &'a str {
    document[name].as_str().unwrap_or_default()
}

fn file<'a>(files: &'a BTreeMap<String, Vec<u8>>, path: &str) -> Result<&'a [u8]> {
    files
        .get(path)
        .map(Vec::as_slice)
        .with_context(|| format!("the bundle has no {path}"))
}

fn read_files(base: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            read_files(base, &path, files)?;
        } else {
            files.insert(word(path.strip_prefix(base)?)?.to_owned(), fs::read(&path)?);
        }
    }
    Ok(())
}

fn write_files(files: &BTreeMap<String, Vec<u8>>, folder: &Path) -> Result<()> {
    for (path, content) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
        fs::write(&path, content)?;
    }
    Ok(())
}
