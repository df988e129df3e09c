//! A fake tree: its files are named pipes, served by a thread that plays the kernel's part.

use std::thread::{self, JoinHandle};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;

/// What the fake kernel does, in the order in which the agent has to ask.
enum Serve {
    Give(&'static str, &'static [u8]),
    Take(&'static str),
}
use Serve::{Give, Take};

struct FakeTree {
    entry: PathBuf,
    kernel: JoinHandle<Vec<u8>>,
    _directory: tempfile::TempDir,
}

fn fake_tree(steps: Vec<Serve>) -> FakeTree {
    let directory = tempfile::tempdir().unwrap();
    let entry = directory.path().join(ENTRY);
    fs::create_dir(&entry).unwrap();
    for name in ["provider", "generation", "inblob", "outblob", "auxblob"] {
        mknodat(CWD, entry.join(name), FileType::Fifo, Mode::RWXU, 0).unwrap();
    }
    let served = entry.clone();
    let kernel = thread::spawn(move || {
        let mut taken = Vec::new();
        for step in steps {
            match step {
                Give(name, value) => fs::write(served.join(name), value).unwrap(),
                Take(name) => taken = fs::read(served.join(name)).unwrap(),
            }
            // The reader of a pipe must have closed it before the next writer opens it.
            thread::sleep(std::time::Duration::from_millis(20));
        }
        taken
    });
    FakeTree {
        entry,
        kernel,
        _directory: directory,
    }
}

#[test]
fn snp_report_over_our_data_collected() {
    let tree = fake_tree(vec![
        Give("provider", b"sev_guest\n"),
        Give("generation", b"4\n"),
        Take("inblob"),
        Give("outblob", b"report"),
        Give("auxblob", b"certificates"),
        Give("generation", b"5\n"),
    ]);
    let mut source = ConfigfsTsm::at(tree.entry).unwrap();
    assert_eq!(source.tee(), Tee::Snp);
    let evidence = source.collect(&[9; 64]).unwrap();
    let expected = Evidence::Hardware {
        tee: Tee::Snp,
        report: b"report".to_vec(),
        auxiliary: b"certificates".to_vec(),
    };
    assert_eq!(evidence, expected);
    assert_eq!(tree.kernel.join().unwrap(), [9; 64]);
}

#[test]
fn tdx_quote_has_no_auxiliary_file() {
    let tree = fake_tree(vec![
        Give("provider", b"tdx_guest\n"),
        Give("generation", b"0\n"),
        Take("inblob"),
        Give("outblob", b"quote"),
        Give("generation", b"1\n"),
    ]);
    let mut source = ConfigfsTsm::at(tree.entry).unwrap();
    let evidence = source.collect(&[9; 64]).unwrap();
    assert!(
        matches!(&evidence, Evidence::Hardware { tee: Tee::Tdx, auxiliary, .. } if auxiliary.is_empty())
    );
    let refused = evidence.to_primary_evidence().unwrap_err();
    assert_eq!(
        refused.to_string(),
        "this version has no form to send tdx evidence in"
    );
}

#[test]
fn report_with_another_writer_between_refused() {
    let tree = fake_tree(vec![
        Give("provider", b"tdx_guest\n"),
        Give("generation", b"4\n"),
        Take("inblob"),
        Give("outblob", b"somebody else's"),
        Give("generation", b"6\n"),
    ]);
    let refused = ConfigfsTsm::at(tree.entry).unwrap().collect(&[9; 64]);
    assert!(matches!(
        refused,
        Err(EvidenceError::Generation { ours: 5, found: 6 })
    ));
}

#[test]
fn provider_unknown_refused() {
    let tree = fake_tree(vec![Give("provider", b"arm_cca_guest\n")]);
    let refused = ConfigfsTsm::at(tree.entry).unwrap_err();
    assert!(matches!(refused, EvidenceError::Provider(name) if name == "arm_cca_guest"));
}

#[test]
fn directory_absent_means_no_hardware() {
    assert!(
        ConfigfsTsm::find(Path::new("/nowhere/tsm/report"))
            .unwrap()
            .is_none()
    );
}

#[test]
fn directory_without_provider_refused() {
    let reports = tempfile::tempdir().unwrap();
    let refused = ConfigfsTsm::find(reports.path()).unwrap_err();
    assert!(matches!(
        refused,
        EvidenceError::File { action: "read", .. }
    ));
}
