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
    pub(super) init_data: Option<Spanned<String>>,
    pub(super) family_id: Option<Spanned<String>>,
    pub(super) image_id: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) guest_svn: u32,
    pub(super) id_block: Option<Spanned<String>>,
    pub(super) id_auth: Option<Spanned<String>>,
    pub(super) mrconfigid: Option<Spanned<String>>,
    pub(super) mrowner: Option<Spanned<String>>,
    pub(super) mrownerconfig: Option<Spanned<String>>,
    pub(super) quote_service: Option<Spanned<String>>,
    pub(super) keys: Option<String>,
    pub(super) certificates: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Boot {
    pub(super) protocol: Spanned<String>,
    pub(super) kernel: Option<Spanned<String>>,
    pub(super) initrd: Option<Spanned<String>>,
    pub(super) cmdline: Option<Spanned<String>>,
    pub(super) shim: Option<Spanned<String>>,
    pub(super) acpi: Option<Spanned<String>>,
    pub(super) igvm: Option<Spanned<String>>,
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
        let remedy = match nearest(unknown, &known) {
            Some(meant) => format!("did you mean {meant}? If not, remove it"),
            None => format!("remove it; the keys here are {}", known.join(", ")),
        };
        (place.key(unknown), problem, remedy)
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
                let remedy = format!("write {} here", in_plain_words(expected));
                (key, problem.to_owned(), remedy)
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
fn unknown_field(message: &str) -> Option<(&str, Vec<&str>)> {
    let unknown = quoted(message, "unknown field ")?;
    // Names are between backquotes: every second piece, the unknown one first.
    let known = message.split('`').skip(1).step_by(2).skip(1);
    Some((unknown, known.collect()))
}

/// The known key that differs by the fewest slips of a finger, if those are few for its length.
fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |key: &&str| slips(written.as_bytes(), key.as_bytes());
    let nearest = known.iter().min_by_key(|key| distance(key))?;
    (distance(nearest) <= 1 + nearest.len() / 4).then_some(*nearest)
}

/// Letters added, dropped, replaced, or swapped with their neighbour ("optimal string alignment").
fn slips(one: &[u8], other: &[u8]) -> usize {
    // The distance of the first i letters of one word to the first j of the other.
    let mut distance = vec![vec![0; other.len() + 1]; one.len() + 1];
    for i in 0..=one.len() {
        for j in 0..=other.len() {
            distance[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = distance[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
                let added = distance[i - 1][j].min(distance[i][j - 1]) + 1;
                let crossed =
                    i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1];
                let swapped = if crossed {
                    distance[i - 2][j - 2] + 1
                } else {
                    usize::MAX
                };
                replaced.min(added).min(swapped)
            };
        }
    }
    distance[one.len()][other.len()]
}

/// serde names types as Rust does.
fn in_plain_words(expected: &str) -> &str {
    match expected {
        "u32" | "u64" => "a whole number",
        "a boolean" => "true or false",
        "a string" => "a text in quotation marks",
        other => other,
    }
}

fn quoted<'a>(message: &'a str, before: &str) -> Option<&'a str> {
    message
        .strip_prefix(before)?
        .strip_prefix('`')?
        .split('`')
        .next()
}

/// What a missing key may look like.
pub(super) fn example(key: &str) -> &'static str {
    match key {
        "name" => "name = \"demo\"",
        "tee" => "[tee] with kind = \"simulated\"",
        "kind" => "kind = \"simulated\"",
        "boot" => "[boot] with protocol, kernel, initrd and cmdline",
        "protocol" => "protocol = \"shim\"",
        "kernel" => "kernel = \"vmlinux\"",
        "initrd" => "initrd = \"initramfs.cpio\"",
        "cmdline" => "cmdline = \"console=ttyS0 quiet\"",
        "igvm" => "igvm = \"guest.igvm\"",
        "id_block" => "id_block = \"id-block.bin\"",
        "id_auth" => "id_auth = \"id-auth.bin\"",
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
