//! Files that are written: none may be another's that the same command line names.

use clap::{ArgMatches, Command};
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::page::shown;

/// Options whose files are written.
const WRITTEN: [&str; 2] = ["state", "ear"];

/// As many as the kernel follows (path_resolution(7)).
const MOST_LINKS: u32 = 40;

/// A file, by whatever path.
#[derive(PartialEq, Eq)]
enum Place {
    /// Device and inode.
    There(u64, u64),
    /// Not there yet: those of its folder, and its name.
    Coming(u64, u64, OsString),
}

/// What is wrong with a command line that names a file which is written a second time.
pub fn of(command: &Command, matches: &ArgMatches) -> Option<String> {
    let (name, matches) = matches.subcommand()?;
    let files = named(command.find_subcommand(name)?, matches);
    let written = files.iter().filter(|(option, _)| WRITTEN.contains(option));
    let clash = written.flat_map(|one| files.iter().map(move |other| (one, other)));
    let mut clash = clash.filter(|(one, other)| one.0 != other.0 && is_same(one.1, other.1));
    let ((option, path), (other, _)) = clash.next()?;
    let path = shown(&path.display().to_string());
    Some(format!(
        "--{option} {path} is the file of --{other}, too, and would be written over it: name another"
    ))
}

/// Every file that an option names.
fn named<'a>(command: &'a Command, matches: &'a ArgMatches) -> Vec<(&'a str, &'a Path)> {
    let files = command.get_arguments().flat_map(|argument| {
        // Options of other types name no files.
        let files = matches.try_get_many::<PathBuf>(argument.get_id().as_str());
        let files = files.ok().flatten().into_iter().flatten();
        files.filter_map(|file| Some((argument.get_long()?, file.as_path())))
    });
    files.collect()
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (place(one, MOST_LINKS), place(other, MOST_LINKS)) {
        (Some(one), Some(other)) => one == other,
        // Where neither can be looked at, nothing can be written.
        _ => one == other,
    }
}

/// Where writing to a path ends, over as many links at the most.
fn place(path: &Path, links: u32) -> Option<Place> {
    if let Ok(found) = path.metadata() {
        return Some(Place::There(found.dev(), found.ino()));
    }
    let folder = match path.parent()? {
        none if none == Path::new("") => Path::new("."),
        folder => folder,
    };
    if let Ok(target) = path.read_link() {
        return place(&folder.join(target), links.checked_sub(1)?);
    }
    let folder = folder.metadata().ok()?;
    let name = path.file_name()?.to_owned();
    Some(Place::Coming(folder.dev(), folder.ino(), name))
}
