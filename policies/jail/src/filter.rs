//! A profile's allow-list as a seccomp program.

use std::collections::BTreeMap;

use policies_profiles::{Condition, Profile, Rule, Test, Width};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use thiserror::Error;

use crate::syscalls;

/// A seccomp allow-list, compiled. Whatever it does not allow kills the whole process.
#[derive(Clone, Debug)]
pub struct Filter {
    profile: String,
    program: BpfProgram,
}

/// Why a filter could not be made or installed.
#[derive(Debug, Error)]
pub enum FilterError {
    /// A rule names no system call of this architecture.
    #[error(
        "profile {profile}: {syscall} is not a known system call; see policies/jail/src/syscalls.rs"
    )]
    UnknownSyscall {
        /// The profile.
        profile: String,
        /// The name.
        syscall: String,
    },
    /// The list cannot be compiled.
    #[error("profile {profile} cannot be compiled into a seccomp filter")]
    Compile {
        /// The profile.
        profile: String,
        /// Why.
        source: seccompiler::BackendError,
    },
    /// The kernel refuses it.
    #[error(
        "cannot install the seccomp filter of profile {profile}; the kernel needs CONFIG_SECCOMP_FILTER"
    )]
    Install {
        /// The profile.
        profile: String,
        /// Why.
        source: seccompiler::Error,
    },
}

impl Filter {
    /// Compiles a profile's list.
    pub fn compile(profile: &Profile) -> Result<Self, FilterError> {
        let mut calls: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
        for rule in profile.rules() {
            let number =
                syscalls::number(rule.name()).ok_or_else(|| FilterError::UnknownSyscall {
                    profile: profile.name().to_owned(),
                    syscall: rule.name().to_owned(),
                })?;
            let alternatives = calls.entry(number).or_default();
            // No alternatives at all is what seccompiler takes as "whatever the arguments"; a
            // profile never has such a rule beside one with conditions.
            if !rule.conditions().is_empty() {
                alternatives.push(compile_rule(profile, rule)?);
            }
        }
        let program = SeccompFilter::new(
            calls,
            SeccompAction::KillProcess,
            SeccompAction::Allow,
            TargetArch::x86_64,
        )
        .and_then(BpfProgram::try_from)
        .map_err(|source| compile_error(profile, source))?;
        Ok(Filter {
            profile: profile.name().to_owned(),
            program,
        })
    }

    /// Puts the calling thread, and all threads that it makes from now on, under this filter, on top
    /// of those that it already has.
    ///
    /// A filter that is already there must allow `seccomp` and `prctl`: so threads install theirs
    /// before, not after, their maker does.
    pub fn install(&self) -> Result<(), FilterError> {
        seccompiler::apply_filter(&self.program).map_err(|source| FilterError::Install {
            profile: self.profile.clone(),
            source,
        })
    }

    /// Puts every thread of this process under this filter, those that run already and those to come, or none.
    ///
    /// `clone3` is answered "no such call" first, also where the profile allows it: its flags lie in memory, which no filter
    /// sees, and the C library asks for threads by `clone` then, whose flags a rule can compare.
    pub fn install_on_all_threads(&self) -> Result<(), FilterError> {
        let failed = |source| FilterError::Install {
            profile: self.profile.clone(),
            source,
        };
        let no_clone3 = without_clone3().map_err(|source| FilterError::Compile {
            profile: self.profile.clone(),
            source,
        })?;
        seccompiler::apply_filter_all_threads(&no_clone3).map_err(failed)?;
        seccompiler::apply_filter_all_threads(&self.program).map_err(failed)
    }
}

/// Of two filters' answers the stricter one holds: ENOSYS before "allowed", and death before ENOSYS (seccomp(2)).
fn without_clone3() -> Result<BpfProgram, seccompiler::BackendError> {
    let no_such_call = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let calls = BTreeMap::from([(libc::SYS_clone3, vec![])]);
    let filter = SeccompFilter::new(
        calls,
        SeccompAction::Allow,
        no_such_call,
        TargetArch::x86_64,
    )?;
    BpfProgram::try_from(filter)
}

fn compile_rule(profile: &Profile, rule: &Rule) -> Result<SeccompRule, FilterError> {
    rule.conditions()
        .iter()
        .map(compile_condition)
        .collect::<Result<Vec<_>, _>>()
        .and_then(SeccompRule::new)
        .map_err(|source| compile_error(profile, source))
}

fn compile_condition(condition: &Condition) -> Result<SeccompCondition, seccompiler::BackendError> {
    let width = match condition.width {
        Width::Bits32 => SeccompCmpArgLen::Dword,
        Width::Bits64 => SeccompCmpArgLen::Qword,
    };
    let (comparison, value) = match condition.test {
        Test::Equals(value) => (SeccompCmpOp::Eq, value),
        Test::Without(bits) => (SeccompCmpOp::MaskedEq(bits), 0),
    };
    SeccompCondition::new(condition.argument, width, comparison, value)
}

fn compile_error(profile: &Profile, source: seccompiler::BackendError) -> FilterError {
    FilterError::Compile {
        profile: profile.name().to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use policies_profiles::Program;

    use super::*;

    #[test]
    fn filter_every_built_in_profile_compiles() {
        for program in Program::ALL {
            Filter::compile(&program.profile()).unwrap();
        }
    }

    #[test]
    fn filter_with_a_call_that_no_process_may_make_does_not_compile() {
        for syscall in ["mount", "ptrace", "init_module", "execve", "no-such-call"] {
            let text = format!(
                r#"
                name = "demo"
                description = "for tests"
                [limits]
                open_files = {{ at_most = 8, reason = "a few" }}
                processes = {{ at_most = 1, reason = "itself" }}
                file_size = {{ at_most = 0, reason = "none" }}
                address_space = {{ at_most = 4096, reason = "a page" }}
                [[syscall]]
                name = "{syscall}"
                reason = "none"
                "#
            );
            let profile = Profile::from_toml(&text).unwrap();
            assert!(matches!(
                Filter::compile(&profile),
                Err(FilterError::UnknownSyscall { .. })
            ));
        }
    }
}
