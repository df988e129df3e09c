//! What a plan stages: memory that the host shares with the guest before it starts, outside its RAM.
//!
//! The boot shim copies from there and checks the copy, so what lies there need not be believed. That is
//! why whole files are mapped as they are and not read: what is not copied here costs a launch no time.

use std::fs::File;

use measured_boot_plan::{Content, LaunchPlan, Source, Sources, Staged};
use vmm_kvm::{KvmError, Mapping, Vm};

/// A plan's staged contents, mapped into this process: files are opened for it before this process is
/// confined.
#[derive(Debug, Default)]
pub struct Staging(Vec<(u64, Mapping)>);

impl Staging {
    /// Maps what `plan` stages. `file` is the open file of a source whose bytes are the same as in
    /// `sources`; a source without one is copied.
    ///
    /// # Errors
    /// Memory or addresses are short, or a file has become shorter.
    pub fn prepare<'a>(
        plan: &LaunchPlan,
        sources: &Sources<'_>,
        file: impl Fn(Source) -> Option<&'a File>,
    ) -> Result<Self, KvmError> {
        plan.staged
            .0
            .iter()
            .filter(|staged| staged.content.length() > 0)
            .map(|staged| Ok((staged.start.get(), map(staged, sources, &file)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Shows all of it to the guest, where the plan has it.
    pub(crate) fn lay(self, vm: &Vm) -> Result<(), KvmError> {
        for (gpa, mapping) in self.0 {
            vm.add_shared_slot(gpa, mapping)?;
        }
        Ok(())
    }
}

fn map<'a>(
    staged: &Staged,
    sources: &Sources<'_>,
    file: impl Fn(Source) -> Option<&'a File>,
) -> Result<Mapping, KvmError> {
    match staged.content {
        Content::Zeros(length) => Mapping::zeroed(length),
        Content::File {
            source,
            offset: 0,
            length,
        } if let Some(file) = file(source) => Mapping::of_file(file, length),
        _ => Mapping::holding(staged.content.bytes(sources)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use measured_boot_plan::{Component, Gpa};

    use super::*;

    fn staged(content: Content) -> Staged {
        Staged {
            component: Component::Kernel,
            start: Gpa::new(0xc000_0000),
            content,
        }
    }

    fn part(offset: u64, length: u64) -> Content {
        let source = Source::Kernel;
        Content::File {
            source,
            offset,
            length,
        }
    }

    #[test]
    fn whole_file_is_mapped_and_its_later_end_is_an_error() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 5000]).unwrap();
        let sources = Sources {
            kernel: &[7; 5000],
            ..Sources::default()
        };
        let map = |content| map(&staged(content), &sources, |_| Some(&file));
        assert_eq!(map(part(0, 5000)).unwrap().bytes(), 8192);
        // A part of it lies at another place in its page, and is copied.
        assert_eq!(map(part(1, 4096)).unwrap().bytes(), 4096);
        file.set_len(4999).unwrap();
        assert!(map(part(0, 5000)).is_err());
        file.set_len(100).unwrap();
        assert!(
            map(part(1, 4096)).is_ok(),
            "it is copied from what was read"
        );
    }

    #[test]
    fn source_without_a_file_is_copied() {
        let sources = Sources {
            kernel: &[7; 5000],
            ..Sources::default()
        };
        let mapped = map(&staged(part(0, 5000)), &sources, |_| None).unwrap();
        assert_eq!(mapped.bytes(), 8192);
        let zeros = map(&staged(Content::Zeros(1)), &sources, |_| None).unwrap();
        assert_eq!(zeros.bytes(), 4096);
    }
}
