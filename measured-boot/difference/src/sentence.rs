//! Differences in words.

mod pages;
mod words;

use crate::{Difference, Shown, Side};
use std::fmt;
use words::{named, shorter, words};

pub(crate) use words::{count, differ, short};

/// What the two sides are called in sentences.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// The first.
    pub a: &'a str,
    /// The second.
    pub b: &'a str,
}

impl Names<'_> {
    /// `A` and `B`.
    pub const AB: Self = Names { a: "A", b: "B" };

    fn of(&self, side: Side) -> &str {
        match side {
            Side::A => self.a,
            Side::B => self.b,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence(&Names::AB))
    }
}

impl Difference {
    /// What differs and how, in one sentence without a full stop.
    #[allow(clippy::too_many_lines, reason = "a table: one sentence a difference")]
    pub fn sentence(&self, names: &Names<'_>) -> String {
        let is = |what: &str, a: &dyn fmt::Display, b: &dyn fmt::Display| {
            format!("{what} is {a} in {}, {b} in {}", names.a, names.b)
        };
        match self {
            Self::VcpuCount { a, b } => is("the number of vCPUs", a, b),
            Self::VmsaField {
                vcpus,
                field: crate::vmsa::OTHER_STATE,
                offset,
                a,
                b,
                ..
            } => is(&format!("{vcpus}: the VMSA's byte {offset:#x}"), a, b),
            Self::VmsaField {
                vcpus, field, a, b, ..
            } => is(&format!("{vcpus}: {field}"), a, b),
            Self::VmsaUnnamed { vcpus } => format!(
                "{vcpus}: a register differs, and there is only a digest to tell by, not which"
            ),
            Self::VmsaAddress { a, b } => is(
                "the address at which VMSAs are measured",
                &format!("{a:#x}"),
                &format!("{b:#x}"),
            ),
            Self::OnlyIn {
                side,
                component,
                gpa,
                pages,
            } => format!(
                "{component} at {gpa:#x}, {}, is only in {}",
                count(*pages, "page"),
                names.of(*side)
            ),
            Self::Moved { component, a, b } => is(
                &format!("{component}: the address"),
                &format!("{a:#x}"),
                &format!("{b:#x}"),
            ),
            Self::Size {
                component,
                a,
                b,
                unit,
            } => is(
                &format!("{component}: the size"),
                &count(*a, unit.trim_end_matches('s')),
                &count(*b, unit.trim_end_matches('s')),
            ),
            Self::FirmwareSize { a, b } => format!(
                "the firmware has {a} bytes in {}, {b} in {}: it ends at 4 GiB, so all of its pages lie elsewhere",
                names.a, names.b
            ),
            Self::PageType {
                component,
                gpa,
                a,
                b,
            } => is(
                &format!("{component} at {gpa:#x}: the type of its pages"),
                a,
                b,
            ),
            Self::Order { position, a, b } => format!(
                "the order of measuring differs: place {} is that of {a} in {}, of {b} in {}",
                position + 1,
                names.a,
                names.b
            ),
            Self::Pages(range) => range.sentence(names),
            Self::Cmdline { only_a, only_b } => words(only_a, only_b, names),
            Self::CmdlineSpelling { a, b } => format!(
                "the command line has the same words in another order or with other blanks: `{a}` in {}, `{b}` in {}",
                names.a, names.b
            ),
            Self::BootParam { field, a, b, .. } => is(&format!("boot_params: {field}"), a, b),
            Self::AcpiTable {
                table,
                field,
                offset,
                a,
                b,
            } => is(
                &format!("ACPI table {table}: {field} at offset {offset:#x}"),
                a,
                b,
            ),
            Self::AcpiTableOnlyIn { side, table, bytes } => format!(
                "ACPI table {table}, {}, is only in {}",
                count(*bytes, "byte"),
                names.of(*side)
            ),
            Self::KernelBanner { a, b } => is(
                "the kernel's banner",
                &format_args!("`{a}`"),
                &format_args!("`{b}`"),
            ),
            Self::InitrdFile { path, a, b } => is(&format!("the initrd's file `{path}`"), a, b),
            Self::HashRow { row, a, b, .. } => is(
                &format!("kernel hash table, row {row}: SHA-256"),
                &short(a),
                &short(b),
            ),
            Self::KernelHashesOnlyIn { side } => format!(
                "only {} hands the firmware a kernel to check: its page of kernel hashes holds a table, the other's is empty",
                names.of(*side)
            ),
            Self::Section { section, a, b, .. } => {
                is(&format!("section {section} of the SEV metadata"), a, b)
            }
            Self::SectionOrder { a, b } => is("the order of the SEV metadata's rows", a, b),
            Self::FooterEntry { entry, a, b } => is(&format!("footer table: {entry}"), a, b),
            Self::FileRange { .. } => self.file_range(names),
            Self::Field { field, a, b, .. } => {
                let (a, b) = shorter(a, b);
                is(field, &a, &b)
            }
            Self::CpuidLeaf { .. } => self.cpuid_leaf(names),
            Self::Digest { register, a, b } => is(&format!("the {register}"), a, b),
            Self::Event {
                register,
                event,
                a,
                b,
                ..
            } => is(
                &format!("{register}, {}: {event}", self.numbers(names)),
                a,
                b,
            ),
            Self::EventOnlyIn {
                side,
                register,
                number,
                event,
                says,
            } => format!(
                "{register}: {event} is only in {} (event {number}): {says}",
                names.of(*side)
            ),
            Self::EventUncovered {
                register,
                what,
                a,
                b,
                ..
            } => is(
                &format!(
                    "{register}, {}: the same digest, and the {what}",
                    self.numbers(names)
                ),
                a,
                b,
            ),
            Self::EventOrder { register, .. } => format!(
                "{register}: the same events in another order, from {} on",
                self.numbers(names)
            ),
            Self::Named { place, says, .. } => format!("{place}: {}", named(says, names)),
        }
    }

    fn file_range(&self, names: &Names<'_>) -> String {
        let Self::FileRange {
            region,
            offset,
            differing,
            span,
            gpa,
            a,
            b,
        } = self
        else {
            return String::new();
        };
        let place = gpa.map_or(String::new(), |gpa| format!(", address {gpa:#x}"));
        let of = if differing == span {
            String::new()
        } else {
            format!(" of {span}")
        };
        format!(
            "{region}: {}{of} from file offset {offset:#x}{place} differ: {a} in {}, {b} in {}",
            count(*differing, "byte"),
            names.a,
            names.b
        )
    }

    fn cpuid_leaf(&self, names: &Names<'_>) -> String {
        let Self::CpuidLeaf {
            leaf,
            subleaf,
            register,
            a,
            b,
            features,
        } = self
        else {
            return String::new();
        };
        let subleaf = subleaf.map_or(String::new(), |subleaf| format!(" subleaf {subleaf:#x}"));
        let features = if features.is_empty() {
            String::new()
        } else {
            format!(" ({})", features.join(", "))
        };
        format!(
            "CPUID leaf {leaf:#x}{subleaf}: {register} is {a} in {}, {b} in {}{features}",
            names.a, names.b
        )
    }

    /// `event 9`, or with the number in each log where they differ.
    fn numbers(&self, names: &Names<'_>) -> String {
        match self {
            Self::Event {
                number_a, number_b, ..
            }
            | Self::EventUncovered {
                number_a, number_b, ..
            }
            | Self::EventOrder {
                number_a, number_b, ..
            } if number_a != number_b => {
                format!("event {number_a} of {}, {number_b} of {}", names.a, names.b)
            }
            Self::Event { number_a, .. }
            | Self::EventUncovered { number_a, .. }
            | Self::EventOrder { number_a, .. } => format!("event {number_a}"),
            _ => String::new(),
        }
    }

    /// Whether a digest shows it, the report beside the digest, or nothing.
    pub fn shown(&self) -> Shown {
        match self {
            Self::Field { shown, .. } | Self::Named { shown, .. } => *shown,
            Self::CpuidLeaf { .. } | Self::EventUncovered { .. } => Shown::Unmeasured,
            _ => Shown::Measured,
        }
    }
}
