//! Asks the C compiler.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A C expression, and what we say that it is.
pub struct Fact {
    pub expression: String,
    pub value: u64,
}

/// Why the compiler could not be asked.
pub struct Absent(pub String);

const PACKAGE: &str = "linux-headers-6.12-cloud-amd64";

/// What each expression is by the headers, in order.
pub fn values_of(facts: &[Fact]) -> Result<Vec<u64>, Absent> {
    let headers = headers().ok_or_else(|| {
        Absent(format!(
            "no headers of Linux 6.12: apt-get install {PACKAGE}"
        ))
    })?;
    let folder = tempfile::tempdir().expect("a folder for the program");
    let program = compile(folder.path(), &headers, &source(facts))?;
    let output = Command::new(program).output().expect("the program runs");
    Ok(String::from_utf8(output.stdout)
        .expect("it prints numbers")
        .lines()
        .map(|line| line.parse().expect("a number a line"))
        .collect())
}

/// The newest common headers of 6.12.
fn headers() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/src")
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy());
            name.is_some_and(|name| {
                name.starts_with("linux-headers-6.12.") && name.ends_with("-common")
            })
        })
        .collect();
    found.sort();
    found.pop()
}

fn source(facts: &[Fact]) -> String {
    let mut text = "#include <stdio.h>\n#include <stddef.h>\n#include <linux/kvm.h>\n\
                    #include <linux/kvm_para.h>\n#include <linux/psp-sev.h>\nint main(void) {\n"
        .to_owned();
    for fact in facts {
        let expression = &fact.expression;
        writeln!(
            text,
            "printf(\"%llu\\n\", (unsigned long long)({expression}));"
        )
        .expect("a string grows");
    }
    text + "return 0; }\n"
}

/// Compiles against the kernel's own uapi folders.
///
/// They are not yet what `make headers_install` makes of them: what that would take out is empty here.
fn compile(folder: &Path, headers: &Path, source: &str) -> Result<PathBuf, Absent> {
    let kernel_only = folder.join("kernel-only/linux");
    std::fs::create_dir_all(&kernel_only).expect("a folder in ours");
    for name in ["compiler.h", "compiler_types.h"] {
        std::fs::write(kernel_only.join(name), "").expect("a file in ours");
    }
    let (file, program) = (folder.join("facts.c"), folder.join("facts"));
    std::fs::write(&file, source).expect("a file in ours");
    let output = Command::new("cc")
        .args(["-D__EXPORTED_HEADERS__", "-D__user="])
        .arg("-D__packed=__attribute__((packed))")
        .arg("-I")
        .arg(folder.join("kernel-only"))
        .arg("-I")
        .arg(headers.join("arch/x86/include/uapi"))
        .arg("-I")
        .arg(headers.join("include/uapi"))
        .arg(&file)
        .arg("-o")
        .arg(&program)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Absent(format!("no C compiler: {error}")))?;
    assert!(
        output.status.success(),
        "cc: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(program)
}
