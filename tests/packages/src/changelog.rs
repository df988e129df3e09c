//! The newest entry of a Debian changelog (Debian Policy 4.6.2, 4.4).

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::run;

/// What the newest entry says.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The package.
    pub package: String,
    /// Its version, with Debian's revision.
    pub version: String,
    /// When it was made.
    date: String,
}

impl Entry {
    /// Reads it.
    ///
    /// # Errors
    /// The file is not there, or does not begin with an entry.
    pub fn newest(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} begins with no entry", path.display()))
    }

    /// `NAME (VERSION) suite; urgency=…` and, behind the changes, ` -- NAME <ADDRESS>  DATE`.
    fn parse(text: &str) -> Option<Self> {
        let (package, rest) = text.split_once(" (")?;
        let (version, _) = rest.split_once(')')?;
        let signed = text.lines().find(|line| line.starts_with(" -- "))?;
        let (_, date) = signed.split_once(">  ")?;
        Some(Self {
            package: package.to_owned(),
            version: version.to_owned(),
            date: date.to_owned(),
        })
    }

    /// The programs have to be those that the changelog speaks of.
    ///
    /// # Errors
    /// They are of another version.
    pub fn check_version(&self, programs: &str) -> Result<()> {
        let (upstream, _) = self
            .version
            .rsplit_once('-')
            .with_context(|| format!("{}: no Debian revision", self.version))?;
        ensure!(
            upstream == programs,
            "the changelog of {} is at {}, the programs are {programs}: write an entry",
            self.package,
            self.version
        );
        Ok(())
    }

    /// The time of everything in the package, in Unix seconds: `SOURCE_DATE_EPOCH`, otherwise the entry's date.
    ///
    /// # Errors
    /// It is no time, or lies ahead: `dpkg-deb` makes younger files older, and never the other way.
    pub fn epoch(&self, now: u64) -> Result<u64> {
        let text = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(text) => text,
            Err(_) => String::from_utf8(run::output(
                Command::new("date").args(["--utc", "+%s", "--date", &self.date]),
            )?)?,
        };
        let epoch = text
            .trim()
            .parse()
            .with_context(|| format!("SOURCE_DATE_EPOCH: «{}»", text.trim()))?;
        ensure!(
            epoch <= now,
            "SOURCE_DATE_EPOCH, or the date of the changelog's newest entry, lies ahead of this machine's clock"
        );
        Ok(epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "some-thing (1.2.0-3) unstable; urgency=medium\n\n  * A.\n\n -- A Name <a@b.c>  Thu, 01 Jan 2026 00:00:10 +0000\n\nsome-thing (1.1.0-1) unstable; urgency=low\n\n -- A Name <a@b.c>  Wed, 01 Jan 2025 00:00:00 +0000\n";

    #[test]
    fn newest_entry_gives_package_version_and_date() {
        let entry = Entry::parse(TEXT).unwrap();
        assert_eq!(entry.package, "some-thing");
        assert_eq!(entry.version, "1.2.0-3");
        assert_eq!(entry.date, "Thu, 01 Jan 2026 00:00:10 +0000");
        assert_eq!(Entry::parse("nothing"), None);
    }

    #[test]
    fn programs_of_another_version_than_the_changelog_says_are_refused() {
        let entry = Entry::parse(TEXT).unwrap();
        entry.check_version("1.2.0").unwrap();
        let why = entry.check_version("1.3.0").unwrap_err().to_string();
        assert!(why.contains("1.2.0-3"), "{why}");
    }

    #[test]
    fn date_ahead_of_the_clock_is_refused() {
        let entry = Entry::parse(TEXT).unwrap();
        assert_eq!(entry.epoch(1_767_225_610).unwrap(), 1_767_225_610);
        entry.epoch(1_767_225_609).unwrap_err();
    }
}
