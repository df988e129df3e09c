//! Which system calls stop the program.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// The calls that stop a program: `ioctl`s by their number, and others whatever their arguments.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    /// Numbers of `ioctl`s.
    pub ioctls: Vec<u32>,
    /// Numbers of other system calls.
    pub calls: Vec<i64>,
}

impl Watched {
    /// As arguments for the launcher.
    pub fn to_arguments(&self) -> [String; 2] {
        [join(&self.ioctls), join(&self.calls)]
    }

    /// From the launcher's arguments.
    ///
    /// # Errors
    /// No list of numbers.
    pub fn from_arguments(ioctls: &str, calls: &str) -> Result<Self, std::num::ParseIntError> {
        Ok(Self {
            ioctls: split(ioctls)?,
            calls: split(calls)?,
        })
    }
}

fn join<T: ToString>(numbers: &[T]) -> String {
    let numbers: Vec<_> = numbers.iter().map(T::to_string).collect();
    numbers.join(",")
}

fn split<T: std::str::FromStr>(text: &str) -> Result<Vec<T>, T::Err> {
    text.split(',')
        .filter(|number| !number.is_empty())
        .map(str::parse)
        .collect()
}

/// Puts this process under the filter: from now on every watched call stops it, or fails with ENOSYS where
/// nobody traces it.
///
/// # Errors
/// The filter is too long, or the kernel refuses it.
pub fn install_filter(watched: &Watched) -> Result<(), Box<dyn std::error::Error>> {
    // The second argument is the request; the kernel ignores its upper half, so the filter does too.
    let ioctls = watched
        .ioctls
        .iter()
        .map(|&number| {
            let request =
                SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, number.into())?;
            SeccompRule::new(vec![request])
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        watched.calls.iter().map(|&call| (call, vec![])).collect();
    rules.insert(nix::libc::SYS_ioctl, ioctls);
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Trace(0),
        TargetArch::x86_64,
    )?;
    Ok(seccompiler::apply_filter(&BpfProgram::try_from(filter)?)?)
}
