//! A profile and how it is read.

use std::collections::BTreeSet;

use serde::Deserialize;
use thiserror::Error;

use crate::Rule;

/// What one kind of process may do.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    name: String,
    description: String,
    limits: Limits,
    #[serde(rename = "syscall")]
    syscalls: Vec<Rule>,
}

/// Rules that are added to a profile. Its limits stay.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    name: String,
    description: String,
    #[serde(rename = "syscall")]
    syscalls: Vec<Rule>,
}

/// Resource limits. Core dumps are always off, since they would hold guest memory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// RLIMIT_NOFILE: one more than the highest descriptor number.
    pub open_files: Limit,
    /// RLIMIT_NPROC: processes and threads of this process's own user.
    pub processes: Limit,
    /// RLIMIT_FSIZE: bytes that any file may be grown to.
    pub file_size: Limit,
    /// RLIMIT_AS: bytes of addresses, whatever is mapped there. Page tables cost memory too.
    pub address_space: Limit,
    /// Bytes of heap that a process takes before it is confined; it then has no call to get more,
    /// and dies if it needs it. Without this its list must allow what the allocator calls.
    pub heap: Option<Limit>,
}

/// One limit, soft and hard alike.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// The most that the process may have.
    pub at_most: u64,
    /// Whether it is beside as many bytes as its guest has of memory: see [`Profile::for_guest`].
    #[serde(default)]
    pub beside_guest_memory: bool,
    /// Why so much.
    pub reason: String,
}

/// Why a profile is not one.
#[derive(Debug, Error)]
pub enum ProfileError {
    /// Not TOML, or not in a profile's shape.
    #[error("the profile cannot be read")]
    Format(#[source] Box<toml::de::Error>),
    /// A rule, a limit or the profile does not say why.
    #[error("profile {profile}: {what} gives no reason; say why it is needed")]
    NoReason {
        /// The profile.
        profile: String,
        /// What lacks it.
        what: String,
    },
    /// Nothing would be allowed, or rather: somebody forgot the list.
    #[error("profile {profile} lists no system calls")]
    Empty {
        /// The profile.
        profile: String,
    },
    /// A rule is there twice, or one without conditions makes another pointless.
    #[error("profile {profile}: another rule for {syscall} already allows this one; remove it")]
    Redundant {
        /// The profile.
        profile: String,
        /// The system call.
        syscall: String,
    },
    /// A condition cannot be met or speaks of no argument.
    #[error("profile {profile}: rule for {syscall}: {problem}")]
    Condition {
        /// The profile.
        profile: String,
        /// The system call.
        syscall: String,
        /// What is wrong, and what to do.
        problem: String,
    },
}

impl Profile {
    /// Reads a profile.
    pub fn from_toml(text: &str) -> Result<Self, ProfileError> {
        let profile: Profile =
            toml::from_str(text).map_err(|source| ProfileError::Format(Box::new(source)))?;
        profile.check_reasons()?;
        profile.check_rules()?;
        Ok(profile)
    }

    /// The same for a process whose guest has so many bytes of memory: its limits are what it may have in all.
    #[must_use]
    pub fn for_guest(mut self, memory_bytes: u64) -> Self {
        let Limits {
            file_size,
            address_space,
            ..
        } = &mut self.limits;
        for limit in [file_size, address_space] {
            if std::mem::take(&mut limit.beside_guest_memory) {
                limit.at_most = limit.at_most.saturating_add(memory_bytes);
            }
        }
        self
    }

    /// The same with a part's rules too, under the part's name.
    pub fn with_part(mut self, text: &str) -> Result<Self, ProfileError> {
        let Part {
            name,
            description,
            syscalls,
        } = toml::from_str(text).map_err(|source| ProfileError::Format(Box::new(source)))?;
        if syscalls.is_empty() {
            return Err(ProfileError::Empty { profile: name });
        }
        self.name = name;
        self.description = description;
        self.syscalls.extend(syscalls);
        self.check_reasons()?;
        self.check_rules()?;
        Ok(self)
    }

    /// Its short name, the file's.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the process is.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Its resource limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The allow-list: a call passes when any rule of its name holds.
    pub fn rules(&self) -> &[Rule] {
        &self.syscalls
    }

    /// The rules that allow a call with these arguments, as positions in [`Self::rules`].
    pub fn allowing(&self, syscall: &str, arguments: &[u64; 6]) -> Vec<usize> {
        self.syscalls
            .iter()
            .enumerate()
            .filter(|(_, rule)| rule.name() == syscall && rule.holds(arguments))
            .map(|(position, _)| position)
            .collect()
    }

    fn check_reasons(&self) -> Result<(), ProfileError> {
        let limits = &self.limits;
        let limits = [
            ("limit open_files", Some(&limits.open_files)),
            ("limit processes", Some(&limits.processes)),
            ("limit file_size", Some(&limits.file_size)),
            ("limit address_space", Some(&limits.address_space)),
            ("limit heap", limits.heap.as_ref()),
        ];
        let silent_limit = limits
            .iter()
            .filter_map(|(name, limit)| limit.map(|limit| (name, limit)))
            .find(|(_, limit)| limit.reason.trim().is_empty())
            .map(|(name, _)| (*name).to_owned());
        let silent_rule = self
            .syscalls
            .iter()
            .find(|rule| rule.reason().trim().is_empty())
            .map(|rule| format!("the rule for {}", rule.name()));
        let silent = self.description.trim().is_empty();
        let silent_profile = silent.then(|| "its description".to_owned());
        match silent_limit.or(silent_rule).or(silent_profile) {
            None => Ok(()),
            Some(what) => Err(ProfileError::NoReason {
                profile: self.name.clone(),
                what,
            }),
        }
    }

    fn check_rules(&self) -> Result<(), ProfileError> {
        let profile = || self.name.clone();
        if self.syscalls.is_empty() {
            return Err(ProfileError::Empty { profile: profile() });
        }
        let mut unconditional = BTreeSet::new();
        for (position, rule) in self.syscalls.iter().enumerate() {
            rule.check().map_err(|problem| ProfileError::Condition {
                profile: profile(),
                syscall: rule.name().to_owned(),
                problem,
            })?;
            let earlier = &self.syscalls[..position];
            let repeated = earlier.iter().any(|other| other.same_call(rule));
            let any_earlier = earlier.iter().any(|other| other.name() == rule.name());
            if repeated
                || unconditional.contains(rule.name())
                || rule.conditions().is_empty() && any_earlier
            {
                return Err(ProfileError::Redundant {
                    profile: profile(),
                    syscall: rule.name().to_owned(),
                });
            }
            if rule.conditions().is_empty() {
                unconditional.insert(rule.name());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Test, Width};

    const HEAD: &str = r#"
name = "demo"
description = "for tests"
[limits]
open_files = { at_most = 8, reason = "a few" }
processes = { at_most = 1, reason = "itself" }
file_size = { at_most = 0, reason = "none" }
address_space = { at_most = 4096, reason = "a page" }
"#;

    fn read(rules: &str) -> Result<Profile, ProfileError> {
        Profile::from_toml(&format!("{HEAD}{rules}"))
    }

    #[test]
    fn limits_that_are_beside_guest_memory_have_it_added_once() {
        let beside = HEAD.replace(
            "at_most = 4096,",
            "at_most = 4096, beside_guest_memory = true,",
        );
        let read = |text: &str| Profile::from_toml(&format!("{text}{}", rule("read", ""))).unwrap();
        let of = |profile: Profile| {
            let limits = profile.limits();
            (limits.file_size.at_most, limits.address_space.at_most)
        };
        assert_eq!(of(read(&beside)), (0, 4096));
        let scaled = read(&beside).for_guest(1 << 30);
        assert_eq!(of(scaled.clone()), (0, (1 << 30) + 4096));
        assert_eq!(of(scaled.for_guest(1 << 30)), (0, (1 << 30) + 4096));
        assert_eq!(of(read(HEAD).for_guest(1 << 30)), (0, 4096));
    }

    fn rule(name: &str, conditions: &str) -> String {
        format!("[[syscall]]\nname = \"{name}\"\nreason = \"why\"\nwhen = [{conditions}]\n")
    }

    #[test]
    fn profile_well_formed_is_read() {
        let profile = read(&rule("ioctl", "{ argument = 1, width = 32, equals = 7 }")).unwrap();
        assert_eq!(profile.name(), "demo");
        assert_eq!(profile.limits().open_files.at_most, 8);
        let condition = &profile.rules()[0].conditions()[0];
        assert_eq!(condition.width, Width::Bits32);
        assert_eq!(condition.test, Test::Equals(7));
    }

    #[test]
    fn profile_without_rules_is_refused() {
        assert!(matches!(read("syscall = []"), Err(ProfileError::Format(_))));
        let head = HEAD.replace("[limits]", "syscall = []\n[limits]");
        assert!(matches!(
            Profile::from_toml(&head),
            Err(ProfileError::Empty { .. })
        ));
    }

    #[test]
    fn profile_with_an_unknown_key_is_refused() {
        for extra in ["jail = false\n", "[[syscalls]]\nname = \"read\"\n"] {
            assert!(matches!(
                Profile::from_toml(&format!("{extra}{HEAD}{}", rule("read", ""))),
                Err(ProfileError::Format(_))
            ));
        }
    }

    #[test]
    fn profile_that_does_not_say_why_is_refused() {
        let silent_rule = "[[syscall]]\nname = \"read\"\nreason = \" \"\n";
        assert!(matches!(
            read(silent_rule),
            Err(ProfileError::NoReason { what, .. }) if what.contains("read")
        ));
        for reason in ["for tests", "a few", "itself", "none", "a page"] {
            let text = format!("{HEAD}{}", rule("read", "")).replace(reason, "");
            assert!(matches!(
                Profile::from_toml(&text),
                Err(ProfileError::NoReason { .. })
            ));
        }
    }

    #[test]
    fn profile_with_a_rule_that_another_covers_is_refused() {
        let narrow = rule("read", "{ argument = 2, equals = 8 }");
        let other = rule("read", "{ argument = 2, equals = 16 }");
        let wide = rule("read", "");
        for rules in [
            format!("{narrow}{narrow}"),
            format!("{narrow}{wide}"),
            format!("{wide}{narrow}"),
            format!("{wide}{wide}"),
        ] {
            assert!(matches!(read(&rules), Err(ProfileError::Redundant { .. })));
        }
        assert!(read(&format!("{narrow}{other}")).is_ok());
    }

    #[test]
    fn condition_that_means_nothing_is_refused() {
        for condition in [
            "{ argument = 6, equals = 1 }",
            "{ argument = 0 }",
            "{ argument = 0, equals = 1, without = 1 }",
            "{ argument = 0, width = 16, equals = 1 }",
            "{ argument = 0, width = 32, equals = 0x1_0000_0000 }",
            "{ argument = 0, without = 0 }",
            "{ argument = 0, equals = 1, means = 2 }",
        ] {
            assert!(read(&rule("read", condition)).is_err(), "{condition}");
        }
    }

    fn part(description: &str, rules: &str) -> String {
        format!("name = \"part\"\ndescription = \"{description}\"\n{rules}")
    }

    #[test]
    fn part_adds_its_rules_and_gives_its_name() {
        let whole = read(&rule("read", "")).unwrap();
        let text = part("for tests", &rule("write", ""));
        let both = whole.clone().with_part(&text).unwrap();
        assert_eq!((both.name(), both.limits()), ("part", whole.limits()));
        assert_eq!(both.allowing("read", &[0; 6]), [0]);
        assert_eq!(both.allowing("write", &[0; 6]), [1]);
    }

    #[test]
    fn part_is_held_to_the_same_as_a_profile() {
        let add = |text: &str| read(&rule("read", "")).unwrap().with_part(text);
        assert!(matches!(
            add(&part("for tests", &rule("read", ""))),
            Err(ProfileError::Redundant { .. })
        ));
        assert!(matches!(
            add(&part("", &rule("write", ""))),
            Err(ProfileError::NoReason { .. })
        ));
        let empty = "name = \"part\"\ndescription = \"for tests\"\nsyscall = []\n";
        assert!(matches!(add(empty), Err(ProfileError::Empty { .. })));
        let limits = format!("{HEAD}{}", rule("write", ""));
        assert!(matches!(add(&limits), Err(ProfileError::Format(_))));
    }

    #[test]
    fn allowing_names_the_rules_that_hold() {
        let profile = read(&format!(
            "{}{}{}",
            rule("read", "{ argument = 2, equals = 8 }"),
            rule("read", "{ argument = 0, width = 32, equals = 2 }"),
            rule("mmap", "{ argument = 2, without = 4 }"),
        ))
        .unwrap();
        assert_eq!(profile.allowing("read", &[1, 0, 8, 0, 0, 0]), [0]);
        assert_eq!(profile.allowing("read", &[2, 0, 8, 0, 0, 0]), [0, 1]);
        // An int argument: what is above 32 bits does not count.
        assert_eq!(profile.allowing("read", &[1 << 32 | 2, 0, 9, 0, 0, 0]), [1]);
        assert_eq!(profile.allowing("mmap", &[0, 0, 3, 0, 0, 0]), [2]);
        assert_eq!(profile.allowing("mmap", &[0, 0, 7, 0, 0, 0]), [0; 0]);
        assert_eq!(profile.allowing("write", &[0; 6]), [0; 0]);
    }
}
