use std::io;

use super::*;
use crate::capabilities::tests::{host, wanted};

const RAM: u64 = 0x400_0000;

fn ram() -> RamLayout {
    RamLayout::from_zero(RAM)
}

const EAGAIN: i32 = 11;
const EBUSY: i32 = 16;
const EINTR: i32 = 4;
const E2BIG: i32 = 7;
const EINVAL: i32 = 22;

/// A kernel that notes what it is asked, and answers as it is told to.
#[derive(Default)]
struct Kernel {
    asked: Vec<String>,
    /// CPUID entries of its module.
    entries: u32,
    /// What the next calls that may fail are answered, first to last; then success.
    answers: Vec<Answer>,
    /// What was copied: address, first byte, measured.
    pages: Vec<(u64, u8, bool)>,
    /// How many calls come before somebody wants the launch stopped.
    interrupted_after: Option<usize>,
}

/// Of a call that may fail.
#[derive(Clone, Copy)]
enum Answer {
    /// After so many pages, an error.
    Error(u64, i32),
    /// Success after so many pages.
    Pages(u64),
    /// A region of its own invention.
    Lie(TdxRegion),
}

impl Kernel {
    fn answering(answers: &[Answer]) -> Self {
        Self {
            answers: answers.to_vec(),
            ..Self::default()
        }
    }

    fn next(&mut self) -> Option<Answer> {
        (!self.answers.is_empty()).then(|| self.answers.remove(0))
    }

    fn command(&mut self, what: String, command: Command) -> Result<(), TdxError> {
        self.asked.push(what);
        match self.next() {
            Some(Answer::Error(_, errno)) => Err(error(command, errno)),
            _ => Ok(()),
        }
    }
}

fn error(command: Command, errno: i32) -> TdxError {
    TdxError::Refused {
        command,
        vcpu: None,
        hw_error: 0,
        source: io::Error::from_raw_os_error(errno),
    }
}

impl Calls for Kernel {
    fn is_interrupted(&self) -> bool {
        self.interrupted_after
            .is_some_and(|calls| self.asked.len() >= calls)
    }

    fn clocks(&mut self) -> Result<(), KvmError> {
        self.asked.push("clocks".to_owned());
        Ok(())
    }

    fn most_vcpus(&mut self) -> u32 {
        8
    }

    fn capabilities(&mut self, room: u32) -> Result<TdxCapabilities, TdxError> {
        self.asked.push(format!("CAPABILITIES {room}"));
        match room < self.entries {
            true => Err(error(Command::Capabilities, E2BIG)),
            false => Ok(host()),
        }
    }

    fn init_vm(&mut self, parameters: &vmm_kvm::TdxParameters) -> Result<(), TdxError> {
        let what = format!("INIT_VM {:#x}", parameters.attributes);
        self.command(what, Command::InitVm)
    }

    fn make_private(&mut self, pages: PageRange) -> Result<(), KvmError> {
        self.asked
            .push(format!("PRIVATE {:#x} {}", pages.start(), pages.pages()));
        Ok(())
    }

    fn add_private(&mut self, pages: PageRange) -> Result<(), KvmError> {
        self.asked
            .push(format!("SLOT {:#x} {}", pages.start(), pages.pages()));
        Ok(())
    }

    /// As the kernel does it: page by page, and what is left is written back whatever happens.
    fn init_memory(
        &mut self,
        region: &mut TdxRegion,
        source: &PageBuffer,
        is_measured: bool,
    ) -> Result<(), TdxError> {
        let TdxRegion { gpa, left } = *region;
        assert!(left > 0, "the kernel refuses a call without pages");
        self.asked.push(format!("REGION {gpa:#x} {left}"));
        let answer = self.next();
        let pages = match answer {
            Some(Answer::Error(pages, _) | Answer::Pages(pages)) => pages,
            Some(Answer::Lie(lie)) => {
                *region = lie;
                return Ok(());
            }
            None => left,
        };
        for _ in 0..pages {
            let at = source.bytes().len() - usize::try_from(region.left * PAGE).unwrap();
            self.pages
                .push((region.gpa, source.bytes()[at], is_measured));
            region.gpa += PAGE;
            region.left -= 1;
        }
        match answer {
            Some(Answer::Error(_, errno)) => Err(error(Command::InitMemRegion, errno)),
            _ => Ok(()),
        }
    }

    fn finalize(&mut self) -> Result<(), TdxError> {
        self.command("FINALIZE".to_owned(), Command::FinalizeVm)
    }
}

fn begin_on(kernel: &mut Kernel) -> Result<TdxCapabilities, LaunchError> {
    let beginning = Beginning {
        td: &wanted(),
        may_debug: false,
        cpuid: &[],
        vcpus: 2,
        ram: ram(),
    };
    begin(kernel, &beginning)
}

fn run(gpa: u64, count: u64, page_type: PageType, bytes: &[u8]) -> PageRun<'_> {
    PageRun {
        component: "test",
        gpa,
        count,
        page_type,
        bytes,
    }
}

/// Four pages at 0x1000, each of its own number.
fn load_four(kernel: &mut Kernel) -> Result<(), LaunchError> {
    let bytes: Vec<u8> = (1..=4).flat_map(|page| [page; 4096]).collect();
    load(kernel, &run(0x1000, 4, PageType::Normal, &bytes), ram())
}

const FOUR: [(u64, u8, bool); 4] = [
    (0x1000, 1, true),
    (0x2000, 2, true),
    (0x3000, 3, true),
    (0x4000, 4, true),
];

/// Over a hole for devices.
fn with_a_hole() -> RamLayout {
    RamLayout::new(&[0..RAM, 1 << 32..(1 << 32) + 0x2000])
}

#[test]
fn every_range_of_memory_is_made_private() {
    let mut kernel = Kernel::default();
    let beginning = Beginning {
        td: &wanted(),
        may_debug: false,
        cpuid: &[],
        vcpus: 2,
        ram: with_a_hole(),
    };
    begin(&mut kernel, &beginning).unwrap();
    assert_eq!(
        kernel.asked[3..],
        ["PRIVATE 0x0 16384", "PRIVATE 0x100000000 2"]
    );
}

#[test]
fn beginning_is_in_the_kernels_order() {
    let mut kernel = Kernel::default();
    let host = begin_on(&mut kernel).unwrap();
    assert_eq!(host.user_calls, [2, 0]);
    assert_eq!(
        kernel.asked,
        [
            "clocks",
            "CAPABILITIES 16",
            "INIT_VM 0x10000000",
            "PRIVATE 0x0 16384"
        ]
    );
}

#[test]
fn room_for_capabilities_doubles_as_far_as_a_td_takes_entries() {
    let mut kernel = Kernel {
        entries: 100,
        ..Kernel::default()
    };
    begin_on(&mut kernel).unwrap();
    assert_eq!(
        kernel.asked[1..5],
        [
            "CAPABILITIES 16",
            "CAPABILITIES 32",
            "CAPABILITIES 64",
            "CAPABILITIES 128"
        ]
    );
    let mut kernel = Kernel {
        entries: 257,
        ..Kernel::default()
    };
    let refused = begin_on(&mut kernel).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("more CPUID entries than any TD"),
        "{refused}"
    );
    assert_eq!(kernel.asked.last().unwrap(), "CAPABILITIES 256");
}

#[test]
fn more_vcpus_than_the_host_gives_a_td_are_refused_first() {
    let mut kernel = Kernel::default();
    let beginning = Beginning {
        td: &wanted(),
        may_debug: false,
        cpuid: &[],
        vcpus: 9,
        ram: ram(),
    };
    let refused = begin(&mut kernel, &beginning).unwrap_err();
    assert!(matches!(refused, LaunchError::Vcpus { wanted: 9, most: 8 }));
    assert!(kernel.asked.is_empty());
}

#[test]
fn td_that_the_host_could_debug_is_not_made_unless_it_may_be() {
    use vmm_kernel_abi::tdx::attributes::DEBUG;
    let mut td = wanted();
    td.attributes |= DEBUG;
    let mut kernel = Kernel::default();
    let beginning = Beginning {
        td: &td,
        may_debug: false,
        cpuid: &[],
        vcpus: 1,
        ram: ram(),
    };
    let refused = begin(&mut kernel, &beginning).unwrap_err();
    assert!(matches!(refused, LaunchError::Refused(Refusal::Debug)));
    assert_eq!(kernel.asked, ["clocks", "CAPABILITIES 16"]);
}

/// Contention, of which a signal is one kind, is asked again: it has to be looked for.
#[test]
fn launch_that_somebody_wants_stopped_is_not_asked_for_again() {
    let again = [Answer::Error(0, EAGAIN); 100];
    let interrupted = |loaded: Result<_, LaunchError>| {
        assert!(
            matches!(loaded, Err(LaunchError::Interrupted)),
            "{loaded:?}"
        );
    };
    let mut kernel = Kernel::answering(&again);
    kernel.interrupted_after = Some(5);
    interrupted(begin_on(&mut kernel).map(drop));
    assert_eq!(kernel.asked.len(), 5);
    let mut kernel = Kernel::answering(&again);
    kernel.interrupted_after = Some(5);
    interrupted(load(
        &mut kernel,
        &run(0x1000, 4, PageType::Normal, &[1]),
        ram(),
    ));
    assert_eq!(kernel.asked.len(), 5);
    let mut kernel = Kernel::answering(&again);
    kernel.interrupted_after = Some(5);
    interrupted(finish(&mut kernel));
    assert_eq!(kernel.asked.len(), 5);
    // Memory is made private bit by bit.
    let mut kernel = Kernel {
        interrupted_after: Some(3),
        ..Kernel::default()
    };
    interrupted(begin_on(&mut kernel).map(drop));
    assert_eq!(kernel.asked.len(), 3);
    // Done is done.
    let mut kernel = Kernel {
        interrupted_after: Some(0),
        ..Kernel::default()
    };
    finish(&mut kernel).unwrap();
}

#[test]
fn init_vm_is_asked_again_for_entropy_alone_and_not_for_ever() {
    let mut kernel = Kernel::answering(&[Answer::Error(0, EAGAIN); 3]);
    begin_on(&mut kernel).unwrap();
    assert_eq!(kernel.asked.len(), 1 + 1 + 4 + 1);
    let mut kernel = Kernel::answering(&[Answer::Error(0, EAGAIN); 20_000]);
    let refused = begin_on(&mut kernel).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("INIT_VM was tried 10000 times"),
        "{refused}"
    );
    assert_eq!(kernel.asked.len(), 2 + 10_000, "and nothing after it");
    for errno in [EBUSY, EINTR, EINVAL] {
        let mut kernel = Kernel::answering(&[Answer::Error(0, errno)]);
        let refused = begin_on(&mut kernel).unwrap_err();
        assert!(matches!(refused, LaunchError::Command(_)), "errno {errno}");
        assert_eq!(kernel.asked.len(), 3, "errno {errno}");
    }
}

#[test]
fn every_page_is_added_once_however_the_kernel_stops() {
    #[rustfmt::skip] // a table: one case a line
    let cases: [(&str, &[Answer], &[&str]); 6] = [
        ("at once", &[], &["0x1000 4"]),
        ("a page at a time", &[Answer::Pages(1), Answer::Pages(2)], &["0x1000 4", "0x2000 3", "0x4000 1"]),
        ("busy at first", &[Answer::Error(0, EBUSY)], &["0x1000 4", "0x1000 4"]),
        ("interrupted after two", &[Answer::Error(2, EINTR)], &["0x1000 4", "0x3000 2"]),
        ("busy after each", &[Answer::Error(1, EAGAIN), Answer::Error(1, EAGAIN)], &["0x1000 4", "0x2000 3", "0x3000 2"]),
        ("error after the last", &[Answer::Error(4, EAGAIN)], &["0x1000 4"]),
    ];
    for (what, answers, asked) in cases {
        let mut kernel = Kernel::answering(answers);
        load_four(&mut kernel).unwrap();
        assert_eq!(kernel.pages, FOUR, "{what}");
        let asked: Vec<_> = asked
            .iter()
            .map(|region| format!("REGION {region}"))
            .collect();
        assert_eq!(kernel.asked, asked, "{what}");
    }
}

#[test]
fn contention_without_progress_ends_after_a_bound() {
    let mut kernel = Kernel::answering(&[Answer::Error(0, EBUSY); 5000]);
    let refused = load_four(&mut kernel).unwrap_err();
    assert!(matches!(
        refused,
        LaunchError::Exhausted {
            tries: BUSY_TRIES,
            ..
        }
    ));
    assert_eq!(kernel.asked.len(), 1000);
    let mut kernel = Kernel::answering(&[Answer::Pages(0); 5000]);
    assert!(matches!(
        load_four(&mut kernel),
        Err(LaunchError::NoProgress { tries: 1000 })
    ));
    assert_eq!(kernel.asked.len(), 1000);
    // Progress starts the count anew.
    let mut answers = vec![Answer::Error(0, EBUSY); 999];
    answers.push(Answer::Error(1, EBUSY));
    answers.extend([Answer::Error(0, EBUSY); 999]);
    let mut kernel = Kernel::answering(&answers);
    load_four(&mut kernel).unwrap();
    assert_eq!(kernel.pages, FOUR);
}

#[test]
fn other_errors_end_the_launch_at_once() {
    for errno in [5, EINVAL, 12, 17] {
        let mut kernel = Kernel::answering(&[Answer::Error(1, errno)]);
        let refused = load_four(&mut kernel).unwrap_err();
        assert!(matches!(refused, LaunchError::Command(_)), "errno {errno}");
        assert_eq!(kernel.asked.len(), 1, "errno {errno}");
    }
}

#[test]
fn kernel_that_contradicts_itself_is_not_believed() {
    for (gpa, left) in [
        (0x1000, 5),
        (0x2000, 4),
        (0x1000, 0),
        (0x5000, 1),
        (0x2000, u64::MAX),
        (u64::MAX, 1),
        (0, 5),
    ] {
        let mut kernel = Kernel::answering(&[Answer::Lie(TdxRegion { gpa, left })]);
        let refused = load_four(&mut kernel).unwrap_err();
        assert!(
            matches!(refused, LaunchError::Progress { .. }),
            "{gpa:#x} {left}"
        );
        assert_eq!(kernel.asked.len(), 1, "{gpa:#x} {left}");
    }
}

#[test]
fn contents_are_measured_by_the_type_of_their_pages() {
    #[rustfmt::skip] // a table: one case a line
    let cases = [
        (PageType::Normal,     Some(true)),
        (PageType::Zero,       Some(true)),
        (PageType::Unmeasured, Some(false)),
        (PageType::Secrets,    None),
        (PageType::Cpuid,      None),
        (PageType::Vmsa,       None),
    ];
    for (page_type, is_measured) in cases {
        let mut kernel = Kernel::default();
        let loaded = load(&mut kernel, &run(0x1000, 1, page_type, &[]), ram());
        assert_eq!(loaded.is_ok(), is_measured.is_some(), "{page_type:?}");
        let pages: Vec<_> = is_measured
            .map(|is_measured| (0x1000, 0, is_measured))
            .into_iter()
            .collect();
        assert_eq!(kernel.pages, pages, "{page_type:?}");
    }
}

#[test]
fn pages_outside_of_memory_get_private_memory_of_their_own() {
    let mut kernel = Kernel::default();
    load(
        &mut kernel,
        &run(0xffff_f000, 1, PageType::Normal, &[7]),
        ram(),
    )
    .unwrap();
    assert_eq!(kernel.asked, ["SLOT 0xfffff000 1", "REGION 0xfffff000 1"]);
    let mut kernel = Kernel::default();
    load(&mut kernel, &run(RAM, 1, PageType::Normal, &[7]), ram()).unwrap();
    assert_eq!(kernel.asked, ["SLOT 0x4000000 1", "REGION 0x4000000 1"]);
    let mut kernel = Kernel::default();
    load(
        &mut kernel,
        &run(RAM - 0x1000, 1, PageType::Normal, &[7]),
        ram(),
    )
    .unwrap();
    assert_eq!(kernel.asked, ["REGION 0x3fff000 1"]);
}

#[test]
fn pages_in_the_hole_get_memory_of_their_own_and_those_above_it_do_not() {
    #[rustfmt::skip] // a table: one case a line
    let cases: [(u64, &[&str]); 4] = [
        (0x1_0000_0000, &["REGION 0x100000000 1"]),
        (0x1_0000_1000, &["REGION 0x100001000 1"]),
        (0xffff_f000,   &["SLOT 0xfffff000 1", "REGION 0xfffff000 1"]),
        (0x1_0000_2000, &["SLOT 0x100002000 1", "REGION 0x100002000 1"]),
    ];
    for (gpa, asked) in cases {
        let mut kernel = Kernel::default();
        let page = run(gpa, 1, PageType::Normal, &[7]);
        load(&mut kernel, &page, with_a_hole()).unwrap();
        assert_eq!(kernel.asked, asked);
    }
}

#[test]
fn large_runs_go_in_parts_with_their_own_bytes() {
    let bytes: Vec<u8> = (0..1030_u64)
        .flat_map(|page| [page.to_le_bytes()[0]; 4096])
        .collect();
    let mut kernel = Kernel::default();
    // The last page of the run is beyond its bytes.
    load(&mut kernel, &run(0, 1031, PageType::Normal, &bytes), ram()).unwrap();
    assert_eq!(kernel.asked, ["REGION 0x0 1024", "REGION 0x400000 7"]);
    assert_eq!(kernel.pages[1023], (0x3f_f000, 0xff, true));
    assert_eq!(kernel.pages[1025], (0x40_1000, 1, true));
    assert_eq!(kernel.pages[1030], (0x40_6000, 0, true));
}

#[test]
fn runs_that_cannot_be_are_refused() {
    let refused = |gpa, count, bytes: &[u8]| {
        let mut kernel = Kernel::default();
        let refused = load(
            &mut kernel,
            &run(gpa, count, PageType::Normal, bytes),
            ram(),
        );
        assert!(kernel.asked.is_empty());
        refused.unwrap_err()
    };
    assert!(matches!(
        refused(0x1000, 1, &[0; 4097]),
        LaunchError::Contents {
            bytes: 4097,
            pages: 1
        }
    ));
    // Before the pages that they would fit into are filled.
    let too_many = vec![0; 1025 * 4096 + 1];
    let refusal = refused(0x1000, 1025, &too_many);
    assert!(matches!(refusal, LaunchError::Contents { pages: 1025, .. }));
    assert!(matches!(refused(0x1000, 0, &[]), LaunchError::Pages(_)));
    assert!(matches!(refused(0x1001, 1, &[]), LaunchError::Pages(_)));
    assert!(matches!(refused(!0xfff, 2, &[]), LaunchError::Pages(_)));
}

#[test]
fn end_is_asked_again_while_the_module_is_busy() {
    let mut kernel = Kernel::answering(&[Answer::Error(0, EBUSY), Answer::Error(0, EAGAIN)]);
    finish(&mut kernel).unwrap();
    assert_eq!(kernel.asked.len(), 3);
    let mut kernel = Kernel::answering(&[Answer::Error(0, EBUSY); 5000]);
    let refused = finish(&mut kernel).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("FINALIZE_VM was tried 1000 times"),
        "{refused}"
    );
    let mut kernel = Kernel::answering(&[Answer::Error(0, EINVAL)]);
    assert!(matches!(finish(&mut kernel), Err(LaunchError::Command(_))));
}
