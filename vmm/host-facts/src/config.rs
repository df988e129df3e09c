//! What a kernel was built with.

use std::collections::BTreeMap;

use crate::table::OPTIONS;

/// A kernel's configuration has some ten thousand lines.
const MOST_LINES: usize = 100_000;
const PREFIX: &str = "CONFIG_";
const UNSET: &str = " is not set";

/// The options that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config(BTreeMap<String, String>);

/// Why a file is no kernel's configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// An option is there twice.
    #[error("the kernel's configuration has {0} twice")]
    Twice(String),
    /// It is longer than any.
    #[error("the kernel's configuration has more than {MOST_LINES} lines")]
    Lines,
    /// Not one option of KVM or of the processor is in it.
    #[error("the file has no option of an x86-64 kernel in it")]
    Foreign,
}

/// Of a whole configuration, the lines that matter here.
///
/// # Errors
/// It is longer than any, or not one of a kernel for x86-64.
pub fn kept(text: &str) -> Result<String, ConfigError> {
    let mut kept = String::new();
    let mut is_kernel = false;
    for (number, line) in text.lines().enumerate() {
        if number >= MOST_LINES {
            return Err(ConfigError::Lines);
        }
        is_kernel |= line.trim_end() == "CONFIG_X86_64=y";
        let matters = option(line).is_some_and(|(name, _)| OPTIONS.contains(&name));
        if matters {
            kept.push_str(line.trim_end());
            kept.push('\n');
        }
    }
    if !is_kernel {
        return Err(ConfigError::Foreign);
    }
    Ok(kept)
}

/// An option and its value; `n` for one that is not set.
fn option(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_end();
    let unset = line
        .strip_prefix("# ")
        .and_then(|rest| rest.strip_suffix(UNSET));
    let (name, value) = match unset {
        Some(name) => (name, "n"),
        None => line.split_once('=')?,
    };
    Some((name.strip_prefix(PREFIX)?, value))
}

impl Config {
    /// Reads the lines that were kept.
    pub fn read(text: &str) -> Result<Self, ConfigError> {
        let mut options = BTreeMap::new();
        for line in text.lines().take(MOST_LINES) {
            let Some((name, value)) = option(line) else {
                continue;
            };
            if options.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(ConfigError::Twice(crate::shown(name)));
            }
        }
        Ok(Self(options))
    }

    /// `y`, `m`, `n` or another value. An option that the file does not have is not set: what depends on an option that
    /// is not set is left out of the file.
    pub fn value(&self, option: &str) -> &str {
        self.0.get(option).map_or("n", String::as_str)
    }

    /// Built in or a module.
    pub fn has(&self, option: &str) -> bool {
        matches!(self.value(option), "y" | "m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "#\n# Linux/x86 6.12 Kernel Configuration\n#\nCONFIG_X86_64=y\nCONFIG_KVM_AMD=m\n# CONFIG_AMD_IOMMU is not set\nCONFIG_LOCALVERSION=\"\"\n";

    #[test]
    fn only_lines_that_matter_are_kept_and_read() {
        let kept = kept(TEXT).unwrap();
        assert_eq!(kept, "CONFIG_KVM_AMD=m\n# CONFIG_AMD_IOMMU is not set\n");
        let config = Config::read(&kept).unwrap();
        assert_eq!(config.value("KVM_AMD"), "m");
        assert!(!config.has("AMD_IOMMU") && !config.has("KVM_AMD_SEV"));
    }

    #[test]
    fn another_architecture_and_endless_files_are_refused() {
        assert_eq!(kept("CONFIG_ARM64=y\n"), Err(ConfigError::Foreign));
        assert_eq!(kept(&"\n".repeat(MOST_LINES + 1)), Err(ConfigError::Lines));
    }

    #[test]
    fn option_that_is_there_twice_is_refused() {
        let twice = Config::read("CONFIG_KVM=y\n# CONFIG_KVM is not set\n");
        assert_eq!(twice, Err(ConfigError::Twice("KVM".to_owned())));
    }
}
