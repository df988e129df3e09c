//! What the tests of every command need: the program run, vectors, a folder, and what a verdict says.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// The folders of vectors, as arguments name them.
const FOLDERS: [(&str, &str); 6] = [
    ("@trustee/", "trustee/deps/verifier/test_data/"),
    ("@virtee/", "virtee-sev/tests/certs_data/"),
    ("@sev/", "go-sev-guest/verify/testdata/"),
    ("@tdx/", "go-tdx-guest/testdata/"),
    ("@dcap/", "dcap-qvl-0.7.1/sample/"),
    ("@intel/", "intel-qvl/sampleData/"),
];

/// A folder with files to be named.
pub struct Folder(TempDir);

impl Folder {
    pub fn empty() -> Self {
        Self(tempfile::tempdir().expect("a folder can be made"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The file's path as an argument.
    pub fn named(&self, name: &str) -> String {
        argument(&self.path(name))
    }

    /// Writes a file and returns its path as an argument.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), bytes).expect("the file can be written");
        self.named(name)
    }

    /// What lies in it, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("it is there");
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("readable").file_name();
        let mut names: Vec<String> = entries
            .map(|entry| name(entry).into_string().expect("text"))
            .collect();
        names.sort();
        names
    }

    /// A new private key in `NAME.pem` and its public half in `NAME.pub`; nothing where there is no openssl.
    pub fn key_pair(&self, name: &str, curve: &str) -> Option<()> {
        let (private, public) = (format!("{name}.pem"), format!("{name}.pub"));
        let curve = format!("ec_paramgen_curve:{curve}");
        let make = [
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            &curve,
            "-out",
            &private,
        ];
        let derive = ["pkey", "-in", &private, "-pubout", "-out", &public];
        let made = self.openssl(&make)? && self.openssl(&derive)?;
        assert!(made, "openssl makes keys of {curve}");
        Some(())
    }

    /// Whether openssl, run in it, ends well; nothing where there is none.
    pub fn openssl(&self, arguments: &[&str]) -> Option<bool> {
        let mut command = Command::new("openssl");
        let Ok(output) = command.args(arguments).current_dir(self.0.path()).output() else {
            println!("skipped: there is no openssl");
            return None;
        };
        Some(output.status.success())
    }
}

/// The program, with no arguments yet.
pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_cloister-verify"))
}

/// Runs the program.
pub fn run(arguments: &[&str]) -> Output {
    program()
        .args(arguments)
        .output()
        .expect("the program runs")
}

/// Runs a command line: words with `@` in front are vectors, `{}` stands for the words of `more`, in order.
/// Nothing where a vector is not there.
pub fn run_line(line: &str, more: &[&str]) -> Option<Output> {
    let mut more = more.iter();
    let words = line.split_whitespace().map(|word| match word {
        "{}" => Some((*more.next().expect("a word for each place")).to_owned()),
        word if word.starts_with('@') => vector(word),
        word => Some(word.to_owned()),
    });
    let words: Vec<_> = words.collect::<Option<_>>()?;
    assert!(more.next().is_none(), "a place for each word: {line}");
    Some(run(&words.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// A vector as an argument, if it is there.
pub fn vector(name: &str) -> Option<String> {
    let path = vector_path(name);
    if path.exists() {
        return Some(argument(&path));
    }
    println!("skipped: {} is not there", path.display());
    None
}

/// The bytes of a vector, if it is there.
pub fn vector_bytes(name: &str) -> Option<Vec<u8>> {
    vector(name).map(|path| std::fs::read(path).expect("it can be read"))
}

fn vector_path(name: &str) -> PathBuf {
    let folder = FOLDERS.iter().find(|(mark, _)| name.starts_with(mark));
    let (mark, folder) = folder.unwrap_or_else(|| panic!("{name} names a folder of vectors"));
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    vectors.join(folder).join(&name[mark.len()..])
}

fn argument(path: &Path) -> String {
    path.to_str().expect("text").to_owned()
}

/// What was printed by a run that ended so.
pub fn stdout(output: &Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(code), "{said}{printed}");
    printed.into_owned()
}

/// What was said of a run that ended so, with nothing on stdout.
pub fn error(output: &Output, code: i32) -> String {
    assert_eq!(stdout(output, code), "");
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// The one document that was printed by a run that ended so.
pub fn document(output: &Output, code: i32) -> Value {
    serde_json::from_str(&stdout(output, code)).expect("one JSON document")
}

/// The names of the checks with this result.
pub fn checks<'a>(document: &'a Value, result: &str) -> Vec<&'a str> {
    let checks = document["checks"].as_array().expect("a list");
    let found = checks.iter().filter(|check| check["result"] == result);
    found
        .map(|check| check["name"].as_str().expect("text"))
        .collect()
}

/// A check's result and reason.
pub fn check<'a>(document: &'a Value, name: &str) -> (&'a str, &'a str) {
    let checks = document["checks"].as_array().expect("a list");
    let found = checks.iter().find(|check| check["name"] == name);
    let check = found.unwrap_or_else(|| panic!("{name} is not among the checks"));
    let text = |key: &str| check[key].as_str().expect("text");
    (text("result"), text("reason"))
}
