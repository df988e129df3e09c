//! The configuration's text as serde reads it, before any value is judged.

use super::ConfigError;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: Spanned<String>,
    pub(super) tee: Tee,
    pub(super) boot: Boot,
    pub(super) cpu: Cpu,
    pub(super) memory: Memory,
    #[serde(default, rename = "disk")]
    pub(super) disks: Vec<Disk>,
    pub(super) vsock: Option<Vsock>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tee {
    pub(super) kind: Spanned<String>,
    #[serde(default)]
    pub(super) debug: bool,
    pub(super) smt: Option<bool>,
    pub(super) host_data: Option<Spanned<String>>,
    pub(super) family_id: Option<Spanned<String>>,
    pub(super) image_id: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) guest_svn: u32,
    pub(super) keys: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Boot {
    pub(super) protocol: Spanned<String>,
    pub(super) kernel: String,
    pub(super) initrd: String,
    pub(super) cmdline: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cpu {
    pub(super) count: u32,
    pub(super) model: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Memory {
    pub(super) mib: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Disk {
    pub(super) path: String,
    pub(super) read_only: Spanned<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Vsock {
    pub(super) cid: Spanned<u32>,
    #[serde(default)]
    pub(super) ports: BTreeMap<Spanned<String>, Spanned<String>>,
}

/// Keys outside of any table that must be there.
const TOP_LEVEL: [&str; 5] = ["name", "tee", "boot", "cpu", "memory"];

/// Reads the text; every key must be known and every value of its type.
pub(super) fn read(text: &str) -> Result<File, ConfigError> {
    toml::from_str(text).map_err(|error| explain(text, &error))
}

/// Line of a position in the text, from 1.
pub(super) fn line_of(text: &str, position: usize) -> usize {
    1 + text
        .bytes()
        .take(position)
        .filter(|byte| *byte == b'\n')
        .count()
}

/// A parser's error in the words of a configuration error.
fn explain(text: &str, error: &toml::de::Error) -> ConfigError {
    let span = error.span().unwrap_or(0..0);
    let place = Place::find(text, &span);
    let message = error.message();
    let (key, problem, remedy) = if let Some((unknown, known)) = unknown_field(message) {
        let problem = "there is no such key".to_owned();
        (
            place.key(unknown),
            problem,
            format!("remove it or correct its name: {known}"),
        )
    } else if let Some(missing) = quoted(message, "missing field ") {
        let remedy = format!("add it, as in: {}", example(missing));
        let key = if TOP_LEVEL.contains(&missing) {
            missing.to_owned()
        } else {
            place.key(missing)
        };
        (key, "the key is missing".to_owned(), remedy)
    } else {
        let remedy = "correct this line's TOML".to_owned();
        let key = place.key(place.key_on_line.unwrap_or("the text"));
        match message.split_once(", expected ") {
            Some((problem, expected)) => {
                (key, problem.to_owned(), format!("write {expected} here"))
            }
            None => (key, message.trim().replace('\n', " "), remedy),
        }
    };
    ConfigError {
        line: line_of(text, span.start),
        key,
        problem,
        remedy,
    }
}

/// Where in the text something is: the table that it is in, and the key on its line.
struct Place<'a> {
    table: Option<&'a str>,
    key_on_line: Option<&'a str>,
}

impl<'a> Place<'a> {
    fn find(text: &'a str, span: &Range<usize>) -> Self {
        let line_end = text[span.start..]
            .find('\n')
            .map_or(text.len(), |end| span.start + end);
        let above = &text[..line_end];
        let line = above.lines().next_back().unwrap_or("");
        // The error of a missing key points at the table's header or, at the top level, at it all.
        let whole_text = span.start == 0 && span.end >= text.trim_end().len();
        let table = above
            .lines()
            .rev()
            .find_map(table_header)
            .filter(|_| !whole_text);
        let key_on_line = line.split_once('=').map(|(key, _)| key.trim());
        Self { table, key_on_line }
    }

    /// `name` with its table, unless it is the table's own name that is in question.
    fn key(&self, name: &str) -> String {
        match self.table {
            Some(table) if table != name => format!("{table}.{name}"),
            _ => name.to_owned(),
        }
    }
}

fn table_header(line: &str) -> Option<&str> {
    let header = line.trim().split('#').next()?.trim_end();
    let inner = header.strip_prefix('[')?.strip_suffix(']')?;
    Some(inner.trim_start_matches('[').trim_end_matches(']').trim())
}

/// `unknown field `x`, expected …` as the key and what is known.
fn unknown_field(message: &str) -> Option<(&str, String)> {
    let unknown = quoted(message, "unknown field ")?;
    let (_, known) = message.split_once(", ")?;
    let known = known
        .trim_start_matches("expected ")
        .trim_start_matches("one of ");
    Some((unknown, known.replace('`', "")))
}

fn quoted<'a>(message: &'a str, before: &str) -> Option<&'a str> {
    message
        .strip_prefix(before)?
        .strip_prefix('`')?
        .split('`')
        .next()
}

/// What a missing key may look like.
fn example(key: &str) -> &'static str {
    match key {
        "name" => "name = \"demo\"",
        "tee" => "[tee] with kind = \"simulated\"",
        "kind" => "kind = \"simulated\"",
        "boot" => "[boot] with protocol, kernel, initrd and cmdline",
        "protocol" => "protocol = \"simulated-direct\"",
        "kernel" => "kernel = \"vmlinux\"",
        "initrd" => "initrd = \"initramfs.cpio\"",
        "cmdline" => "cmdline = \"console=ttyS0 quiet\"",
        "cpu" => "[cpu] with count and model",
        "count" => "count = 2",
        "model" => "model = \"x86-64-v2\"",
        "memory" => "[memory] with mib",
        "mib" => "mib = 512",
        "path" => "path = \"data.img\"",
        "read_only" => "read_only = true",
        "cid" => "cid = 3",
        _ => "the documentation's example",
    }
}
