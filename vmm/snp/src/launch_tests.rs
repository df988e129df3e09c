use std::io;

use measured_boot_snp_abi::{CpuidFunction, CpuidPage};
use rustix::io::Errno;
use vmm_kernel_abi::sev::Command;
use vmm_kvm::{KvmError, SevError};
use zerocopy::IntoBytes as _;
use zerocopy::little_endian::U32;

use super::*;

/// A kernel that notes what it is asked, and answers as it is told to.
#[derive(Default)]
struct Kernel {
    asked: Vec<String>,
    /// Pages that each LAUNCH_UPDATE takes; all that are left when this is used up.
    takes: Vec<u64>,
    /// The answer of the call with this number, from 0.
    refuses: Option<(usize, Errno, u32)>,
    /// Writes to the source of a page that it refuses.
    corrects: Option<(usize, u8)>,
    /// Says that it did more than it was asked for.
    miscounts: bool,
}

impl Kernel {
    fn ask(&mut self, what: String, command: Command) -> Result<(), SevError> {
        let number = self.asked.len();
        self.asked.push(what);
        match self.refuses {
            Some((at, errno, firmware)) if at == number => Err(SevError::Refused {
                command,
                firmware,
                source: io::Error::from(errno),
            }),
            _ => Ok(()),
        }
    }
}

impl Calls for Kernel {
    fn init(&mut self, features: u64) -> Result<(), SevError> {
        self.ask(format!("INIT2 {features:#x}"), Command::Init2)
    }

    fn enable_certificates(&mut self) -> Result<(), SevError> {
        self.ask("ENABLE_REQ_CERTS".to_owned(), Command::EnableReqCerts)
    }

    fn start(&mut self, policy: u64) -> Result<(), SevError> {
        self.ask(format!("START {policy:#x}"), Command::LaunchStart)
    }

    fn make_private(&mut self, pages: PageRange) -> Result<(), KvmError> {
        self.asked
            .push(format!("PRIVATE {:#x} {}", pages.start(), pages.pages()));
        Ok(())
    }

    fn update(&mut self, update: &mut SnpUpdate, source: &mut PageBuffer) -> Result<(), SevError> {
        let SnpUpdate {
            first_frame,
            left,
            page_type,
        } = *update;
        assert!(left > 0, "a call without pages is refused by newer kernels");
        match page_type {
            PageType::Zero => assert_eq!(source.pages(), 0, "zeros are not copied"),
            _ => assert!((left..=1024).contains(&(source.pages() as u64))),
        }
        let what = format!("UPDATE {first_frame:#x} {left} {page_type:?}");
        let answered = self.ask(what, Command::LaunchUpdate);
        if answered.is_err() {
            if let Some((at, byte)) = self.corrects {
                let mut corrected = source.bytes().to_vec();
                corrected[at] = byte;
                *source = PageBuffer::new(&corrected, source.pages()).unwrap();
            }
            return answered;
        }
        let taken = if self.takes.is_empty() {
            left
        } else {
            self.takes.remove(0)
        };
        update.left -= taken;
        update.first_frame += taken + u64::from(self.miscounts);
        Ok(())
    }

    fn finish(&mut self, finish: &SnpFinish<'_>) -> Result<(), SevError> {
        let what = format!(
            "FINISH id {} author {}",
            finish.id.is_some(),
            finish.has_author
        );
        self.ask(what, Command::LaunchFinish)
    }
}

const OFFER: Offer = Offer {
    vmsa_features: 0x20,
    policy_bits: None,
    certificates: true,
};

fn beginning() -> Beginning {
    Beginning {
        sev_features: 1,
        policy: 0x3_0000,
        ram: RamLayout::from_zero(64 << 20),
        wants_certificates: false,
    }
}

fn run(page_type: PageType, count: u64, bytes: &[u8]) -> PageRun<'_> {
    PageRun {
        component: "shim",
        gpa: 0x1_0000,
        count,
        page_type,
        bytes,
    }
}

#[test]
fn launch_makes_the_calls_in_the_order_that_the_kernel_demands() {
    let mut kernel = Kernel::default();
    begin(&mut kernel, &OFFER, &beginning()).unwrap();
    load(&mut kernel, &run(PageType::Normal, 2, &[1; 5000])).unwrap();
    load(&mut kernel, &run(PageType::Zero, 3, &[])).unwrap();
    let ending = SnpFinish {
        host_data: [0; 32],
        id: None,
        has_author: false,
    };
    finish(&mut kernel, &ending).unwrap();
    assert_eq!(
        kernel.asked,
        [
            "INIT2 0x0",
            "START 0x30000",
            "PRIVATE 0x0 16384",
            "UPDATE 0x10 2 Normal",
            "UPDATE 0x10 3 Zero",
            "FINISH id false author false",
        ]
    );
}

#[test]
fn every_range_of_memory_is_made_private() {
    let with_a_hole = Beginning {
        ram: RamLayout::new(&[0..64 << 20, 1 << 32..(1 << 32) + 0x2000]),
        ..beginning()
    };
    let mut kernel = Kernel::default();
    begin(&mut kernel, &OFFER, &with_a_hole).unwrap();
    assert_eq!(
        kernel.asked[2..],
        ["PRIVATE 0x0 16384", "PRIVATE 0x100000000 2"]
    );
}

#[test]
fn certificates_are_enabled_between_init_and_start_and_only_where_the_kernel_has_them() {
    let wanted = Beginning {
        wants_certificates: true,
        ..beginning()
    };
    let mut kernel = Kernel::default();
    begin(&mut kernel, &OFFER, &wanted).unwrap();
    assert_eq!(
        kernel.asked[..3],
        ["INIT2 0x0", "ENABLE_REQ_CERTS", "START 0x30000"]
    );
    let without = Offer {
        certificates: false,
        ..OFFER
    };
    let mut kernel = Kernel::default();
    begin(&mut kernel, &without, &wanted).unwrap();
    assert_eq!(kernel.asked[..2], ["INIT2 0x0", "START 0x30000"]);
}

#[test]
fn snp_active_is_never_passed_and_other_features_only_if_offered() {
    let with = |sev_features| Beginning {
        sev_features,
        ..beginning()
    };
    let mut kernel = Kernel::default();
    begin(&mut kernel, &OFFER, &with(0x21)).unwrap();
    assert_eq!(kernel.asked[0], "INIT2 0x20");
    for (features, expected) in [(0x41, "offers 0x20"), (0x20, "lack SNP_ACTIVE")] {
        let mut kernel = Kernel::default();
        let refused = begin(&mut kernel, &OFFER, &with(features))
            .unwrap_err()
            .to_string();
        assert!(refused.contains(expected), "{refused}");
        assert!(kernel.asked.is_empty());
    }
}

#[test]
fn step_that_fails_is_the_last_one() {
    for (number, expected) in [(0, "INIT2"), (1, "LAUNCH_START")] {
        let mut kernel = Kernel {
            refuses: Some((number, Errno::INVAL, 0)),
            ..Kernel::default()
        };
        let refused = begin(&mut kernel, &OFFER, &beginning())
            .unwrap_err()
            .to_string();
        assert!(refused.starts_with(expected), "{refused}");
        assert_eq!(kernel.asked.len(), number + 1);
    }
}

#[test]
fn partial_progress_goes_on_where_the_kernel_stopped() {
    let mut kernel = Kernel {
        takes: vec![1, 0, 2],
        ..Kernel::default()
    };
    load(&mut kernel, &run(PageType::Normal, 5, &[1; 20000])).unwrap();
    assert_eq!(
        kernel.asked,
        [
            "UPDATE 0x10 5 Normal",
            "UPDATE 0x11 4 Normal",
            "UPDATE 0x11 4 Normal",
            "UPDATE 0x13 2 Normal",
        ]
    );
}

#[test]
fn failure_after_the_first_page_is_told_at_the_next_call() {
    let mut kernel = Kernel {
        takes: vec![1],
        refuses: Some((1, Errno::IO, 0x1a)),
        ..Kernel::default()
    };
    let refused = load(&mut kernel, &run(PageType::Normal, 2, &[])).unwrap_err();
    assert!(
        refused.to_string().contains("INVALID_PAGE_STATE"),
        "{refused}"
    );
}

#[test]
fn kernel_that_asks_to_be_asked_again_is_asked_again() {
    let mut kernel = Kernel {
        refuses: Some((0, Errno::AGAIN, 0)),
        ..Kernel::default()
    };
    load(&mut kernel, &run(PageType::Normal, 1, &[])).unwrap();
    assert_eq!(kernel.asked.len(), 2);
}

#[test]
fn kernel_that_does_nothing_is_not_asked_for_ever() {
    let mut kernel = Kernel {
        takes: vec![0; 5000],
        ..Kernel::default()
    };
    let refused = load(&mut kernel, &run(PageType::Normal, 1, &[])).unwrap_err();
    assert!(matches!(refused, SnpError::NoProgress { .. }), "{refused}");
    assert_eq!(kernel.asked.len(), 1001);
}

#[test]
fn kernel_that_loses_count_is_not_believed() {
    let mut kernel = Kernel {
        miscounts: true,
        ..Kernel::default()
    };
    let refused = load(&mut kernel, &run(PageType::Normal, 2, &[])).unwrap_err();
    assert!(matches!(refused, SnpError::LostCount { .. }), "{refused}");
}

#[test]
fn count_that_does_not_add_up_is_none() {
    let at = |first_frame, left| SnpUpdate {
        first_frame,
        left,
        page_type: PageType::Normal,
    };
    let check = |after| check_count("shim", at(0x10, 4), after);
    for (first_frame, left) in [(0x10, 4), (0x11, 3), (0x14, 0)] {
        assert!(check(at(first_frame, left)).is_ok());
    }
    for (first_frame, left) in [
        (0x10, 5),
        (0xf, 5),
        (0x10, 0),
        (0x11, 4),
        (0x15, 0),
        (0x10, u64::MAX),
        (u64::MAX, 0),
    ] {
        let refused = check(at(first_frame, left));
        assert!(
            matches!(refused, Err(SnpError::LostCount { .. })),
            "{first_frame:#x} {left}"
        );
    }
}

#[test]
fn long_run_is_copied_a_part_at_a_time_and_zeros_not_at_all() {
    let mut kernel = Kernel::default();
    let bytes = vec![1; 1030 * 4096];
    load(&mut kernel, &run(PageType::Normal, 1040, &bytes)).unwrap();
    load(&mut kernel, &run(PageType::Zero, 5000, &[])).unwrap();
    assert_eq!(
        kernel.asked,
        [
            "UPDATE 0x10 1024 Normal",
            "UPDATE 0x410 16 Normal",
            "UPDATE 0x10 5000 Zero"
        ]
    );
    assert!(load(&mut kernel, &run(PageType::Zero, 1, &[1])).is_err());
}

#[test]
fn only_an_error_without_the_firmwares_word_may_be_a_signal() {
    let refused = |firmware, errno: Errno| {
        SnpError::from(SevError::Refused {
            command: Command::LaunchUpdate,
            firmware,
            source: errno.into(),
        })
    };
    assert!(refused(0, Errno::IO).may_be_a_signal());
    assert!(refused(0, Errno::INTR).may_be_a_signal());
    // BAD_SIGNATURE; an error of our own.
    assert!(!refused(10, Errno::IO).may_be_a_signal());
    assert!(!refused(0, Errno::INVAL).may_be_a_signal());
    assert!(!SnpError::Lack(crate::Lack::NoDevice).may_be_a_signal());
}

#[test]
fn refused_cpuid_page_shows_its_corrections_and_is_not_tried_again() {
    let function = CpuidFunction {
        eax_in: U32::new(7),
        ebx: U32::new(2),
        ..CpuidFunction::default()
    };
    let page = CpuidPage::new(&[function]).unwrap();
    let mut kernel = Kernel {
        refuses: Some((0, Errno::IO, 0x16)),
        // EBX of the first function.
        corrects: Some((0x10 + 0x1c, 3)),
        ..Kernel::default()
    };
    let refused = load(&mut kernel, &run(PageType::Cpuid, 1, page.as_bytes())).unwrap_err();
    let said = refused.to_string();
    assert!(
        said.contains("leaf 0x7.0: EBX planned 00000002, taken 00000003"),
        "{said}"
    );
    assert_eq!(kernel.asked.len(), 1);
}

#[test]
fn same_status_for_another_page_shows_no_corrections() {
    let mut kernel = Kernel {
        refuses: Some((0, Errno::IO, 0x16)),
        ..Kernel::default()
    };
    let refused = load(&mut kernel, &run(PageType::Normal, 1, &[])).unwrap_err();
    assert!(matches!(refused, SnpError::Command(_)), "{refused}");
}

#[test]
fn cpuid_page_refused_for_another_reason_shows_no_corrections() {
    let page = CpuidPage::new(&[CpuidFunction::default()]).unwrap();
    let mut kernel = Kernel {
        refuses: Some((0, Errno::IO, 0x1a)),
        ..Kernel::default()
    };
    let refused = load(&mut kernel, &run(PageType::Cpuid, 1, page.as_bytes())).unwrap_err();
    assert!(matches!(refused, SnpError::Command(_)), "{refused}");
}

#[test]
fn pages_that_no_launch_takes_are_refused_before_the_kernel_is_asked() {
    let mut kernel = Kernel::default();
    let mut misplaced = run(PageType::Normal, 1, &[]);
    misplaced.gpa += 1;
    for run in [
        run(PageType::Vmsa, 1, &[]),
        run(PageType::Normal, 0, &[]),
        run(PageType::Normal, 1, &[0; 4097]),
        misplaced,
    ] {
        assert!(load(&mut kernel, &run).is_err(), "{run:?}");
    }
    assert!(kernel.asked.is_empty());
}
