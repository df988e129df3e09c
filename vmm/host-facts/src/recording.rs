//! What a host answered, as raw text: everything that a judgement rests on, in one document.
//!
//! It is TOML, so that a person can read what is sent, and write one by hand. Nothing in it is secret: of the kernel's
//! command line and log only known lines are kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::questions::{self, Section};
use crate::reading::Reading;

/// The only version of the document so far.
const VERSION: u32 = 1;
/// A recording is some tens of kilobytes; a longer one is none.
const MOST_BYTES: usize = 1 << 20;

/// What came of one question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// This text.
    Told(String),
    /// There is no such thing.
    Absent {
        /// Why it is known to be absent.
        absent: String,
    },
    /// Nobody could look.
    Unread {
        /// Why not.
        unread: String,
    },
}

/// Everything that was asked, with what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    version: u32,
    /// Where it comes from: a machine, or a document.
    pub origin: String,
    /// Set where a person wrote the recording: what is not listed is absent.
    #[serde(default, skip_serializing_if = "is_false")]
    rest_is_absent: bool,
    /// Text of files and folders, by path.
    #[serde(default)]
    files: BTreeMap<String, Answer>,
    /// CPUID leaves: `8000001f.0`, to four words in hexadecimal, EAX first.
    #[serde(default)]
    cpuid: BTreeMap<String, Answer>,
    /// Model-specific registers of CPU 0, in hexadecimal.
    #[serde(default)]
    msr: BTreeMap<String, Answer>,
    /// What /dev/kvm says: `api`, `capability 235`, `attribute 1.0`; in decimal or 0x and hexadecimal.
    #[serde(default)]
    kvm: BTreeMap<String, Answer>,
    /// What /dev/sev says: `SNP_PLATFORM_STATUS`, its bytes in hexadecimal.
    #[serde(default)]
    sev: BTreeMap<String, Answer>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Why a document is no recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It is far too long.
    #[error("a recording has at most {MOST_BYTES} bytes, and this has {0}")]
    TooLong(usize),
    /// It is not the TOML that was expected.
    #[error("it is no recording of a host")]
    Form(#[source] Box<toml::de::Error>),
    /// Another version of the format.
    #[error("its version is {0}, and only {VERSION} is known")]
    Version(u32),
    /// A question that nobody asks.
    #[error("it answers «{key}» in [{section}], which is never asked")]
    Unasked {
        /// Of which section.
        section: &'static str,
        /// Its name, escaped.
        key: String,
    },
}

impl Recording {
    /// One without answers yet.
    #[must_use]
    pub fn new(origin: &str) -> Self {
        Self {
            version: VERSION,
            origin: origin.to_owned(),
            rest_is_absent: false,
            files: BTreeMap::new(),
            cpuid: BTreeMap::new(),
            msr: BTreeMap::new(),
            kvm: BTreeMap::new(),
            sev: BTreeMap::new(),
        }
    }

    /// Reads a document.
    ///
    /// # Errors
    /// It is too long, in another form or of another version, or answers what is not asked.
    pub fn from_toml(text: &str) -> Result<Self, RecordingError> {
        if text.len() > MOST_BYTES {
            return Err(RecordingError::TooLong(text.len()));
        }
        let recording: Self =
            toml::from_str(text).map_err(|error| RecordingError::Form(Box::new(error)))?;
        if recording.version != VERSION {
            return Err(RecordingError::Version(recording.version));
        }
        recording.check_asked()?;
        Ok(recording)
    }

    fn check_asked(&self) -> Result<(), RecordingError> {
        for section in Section::ALL {
            let asked = questions::keys(section);
            let unasked = self
                .section(section)
                .keys()
                .find(|key| !asked.contains(key));
            if let Some(key) = unasked {
                let key = crate::shown(key);
                let section = section.name();
                return Err(RecordingError::Unasked { section, key });
            }
        }
        Ok(())
    }

    /// The document.
    ///
    /// # Errors
    /// Never: maps of text have a form in TOML.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }

    /// Writes an answer down.
    pub fn put(&mut self, section: Section, key: &str, answer: Answer) {
        self.section_mut(section).insert(key.to_owned(), answer);
    }

    /// What came of a question.
    #[must_use]
    pub fn get(&self, section: Section, key: &str) -> Reading<&str> {
        match self.section(section).get(key) {
            Some(Answer::Told(text)) => Reading::Told(text),
            Some(Answer::Absent { .. }) => Reading::Absent,
            Some(Answer::Unread { unread }) => Reading::Unread(unread.clone()),
            None if self.rest_is_absent => Reading::Absent,
            None => Reading::Unread("it was not asked".to_owned()),
        }
    }

    fn section(&self, section: Section) -> &BTreeMap<String, Answer> {
        match section {
            Section::Files => &self.files,
            Section::Cpuid => &self.cpuid,
            Section::Msr => &self.msr,
            Section::Kvm => &self.kvm,
            Section::Sev => &self.sev,
        }
    }

    fn section_mut(&mut self, section: Section) -> &mut BTreeMap<String, Answer> {
        match section {
            Section::Files => &mut self.files,
            Section::Cpuid => &mut self.cpuid,
            Section::Msr => &mut self.msr,
            Section::Kvm => &mut self.kvm,
            Section::Sev => &mut self.sev,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recording_written_and_read_again_is_the_same() {
        let mut recording = Recording::new("a test");
        let told = Answer::Told("Y\n\"two\" lines '''".to_owned());
        recording.put(Section::Files, questions::COMMAND_LINE, told);
        let why = "permission denied".to_owned();
        recording.put(Section::Msr, "c0010010", Answer::Unread { unread: why });
        let absent = "no such device".to_owned();
        recording.put(Section::Kvm, "api", Answer::Absent { absent });
        let again = Recording::from_toml(&recording.to_toml().unwrap()).unwrap();
        assert_eq!(again, recording);
    }

    #[test]
    fn what_was_not_asked_is_unread_and_not_absent() {
        let recording = Recording::new("a test");
        let read = recording.get(Section::Files, questions::CPUINFO);
        assert_eq!(read, Reading::Unread("it was not asked".to_owned()));
    }

    #[test]
    fn document_of_another_version_or_form_is_refused() {
        let refused = |text: &str| Recording::from_toml(text).unwrap_err().to_string();
        assert!(refused("version = 2\norigin = 'x'").contains("its version is 2"));
        assert!(refused("version = 1").contains("no recording"));
        assert!(refused("version = 1\norigin = ''\nmore = 1").contains("no recording"));
        assert!(refused(&" ".repeat(MOST_BYTES + 1)).contains("at most"));
        let unasked = "version = 1\norigin = ''\n[msr]\n\"10\" = '0'";
        assert!(
            refused(unasked).contains("«10» in [msr]"),
            "{}",
            refused(unasked)
        );
    }
}
