//! A TD's last words.
//!
//! Sources: Intel GHCI for TDX 1.5 (348552), section 3.4 (`TDG.VP.VMCALL<ReportFatalError>`); Linux 6.16
//! Documentation/virt/kvm/api.rst, KVM_SYSTEM_EVENT_TDX_FATAL: the registers in x86's own order.

use std::fmt;

use vmm_kernel_abi::exit::{EVENT_TDX_FATAL, SystemEvent};

const RCX: usize = 1;
const R12: usize = 12;
const R13: usize = 13;

/// The registers that hold the text, in its order: R14, R15, RBX, RDI, RSI, R8, R9, RDX.
const TEXT: [usize; 8] = [14, 15, 3, 7, 6, 8, 9, 2];

/// R12 bit 63: R13 is the address of a page with more.
const HAS_PAGE: u64 = 1 << 63;

/// ReportFatalError. All of it is the guest's to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FatalError {
    code: u64,
    text: String,
    page: Option<u64>,
}

impl FatalError {
    /// Out of KVM's event; `None` if it is another event. Registers that KVM does not tell are zero.
    #[must_use]
    pub fn of(event: &SystemEvent) -> Option<Self> {
        if event.kind != EVENT_TDX_FATAL {
            return None;
        }
        let told = event.data().unwrap_or_default();
        let register = |at: usize| told.get(at).copied().unwrap_or_default();
        Some(Self::of_registers(&std::array::from_fn(register)))
    }

    /// From the registers RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15. A register that RCX does not
    /// hand over has no text; neither has what follows the first zero byte.
    #[must_use]
    pub fn of_registers(registers: &[u64; 16]) -> Self {
        let handed_over = |register: &&usize| registers[RCX] >> **register & 1 == 1;
        let text: Vec<_> = TEXT
            .iter()
            .filter(handed_over)
            .flat_map(|register| registers[*register].to_le_bytes())
            .take_while(|byte| *byte != 0)
            .collect();
        let code = registers[R12];
        Self {
            code,
            text: text.escape_ascii().to_string(),
            page: (code & HAS_PAGE != 0).then_some(registers[R13]),
        }
    }

    /// R12: zero in its low 16 bits, if the guest keeps to the document.
    #[must_use]
    pub fn code(&self) -> u64 {
        self.code
    }

    /// At most 64 bytes of the guest, everything that is not printable ASCII escaped.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for FatalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, text, page } = self;
        write!(f, "the guest reported a fatal error, code {code:#x}")?;
        if !text.is_empty() {
            write!(f, ": \"{text}\"")?;
        }
        match page {
            // It may be private, and is for a debugger: it is not read.
            Some(page) => write!(f, " (more, unread, at {page:#x})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Registers whose names are the text that they hold; all are handed over.
    fn named() -> [u64; 16] {
        let mut registers = [0; 16];
        for (register, name) in TEXT.iter().zip([
            *b"R14 R14 ",
            *b"R15 R15 ",
            *b"RBX RBX ",
            *b"RDI RDI ",
            *b"RSI RSI ",
            *b"R8  R8  ",
            *b"R9  R9  ",
            *b"RDX RDX ",
        ]) {
            registers[*register] = u64::from_le_bytes(name);
        }
        registers[RCX] = 0xffcc;
        registers
    }

    #[test]
    fn text_is_read_in_the_documents_order() {
        let fatal = FatalError::of_registers(&named());
        let expected = "R14 R14 R15 R15 RBX RBX RDI RDI RSI RSI R8  R8  R9  R9  RDX RDX ";
        assert_eq!((fatal.text(), fatal.code()), (expected, 0));
    }

    #[test]
    fn registers_that_are_not_handed_over_have_no_text() {
        let mut registers = named();
        registers[RCX] = 1 << 15 | 1 << 2;
        assert_eq!(
            FatalError::of_registers(&registers).text(),
            "R15 R15 RDX RDX "
        );
        registers[RCX] = 0;
        let fatal = FatalError::of_registers(&registers);
        assert_eq!(
            fatal.to_string(),
            "the guest reported a fatal error, code 0x0"
        );
    }

    #[test]
    fn text_ends_at_its_zero_byte_and_is_escaped() {
        let mut registers = named();
        registers[14] = u64::from_le_bytes(*b"\x1b[2J\r\n\"\0");
        registers[R12] = 0x1_0000;
        let fatal = FatalError::of_registers(&registers);
        assert_eq!(fatal.text(), r#"\x1b[2J\r\n\""#);
        assert!(fatal.to_string().is_ascii());
        registers[14] = u64::MAX;
        assert_eq!(
            &FatalError::of_registers(&registers).text()[..8],
            r"\xff\xff"
        );
    }

    #[test]
    fn event_of_another_kind_is_none_and_one_without_registers_says_nothing() {
        let event = |kind, ndata| SystemEvent {
            kind,
            ndata,
            words: named(),
        };
        assert_eq!(FatalError::of(&event(6, 16)), None);
        let text = |ndata| FatalError::of(&event(7, ndata)).unwrap().text;
        assert_eq!(text(16).len(), 64);
        // R15, of which nothing is told, is the zero that ends the text.
        assert_eq!(text(15), "R14 R14 ");
        for ndata in [0, 2, 14, 17, u32::MAX] {
            assert_eq!(text(ndata), "", "{ndata} registers");
        }
    }

    #[test]
    fn page_of_details_is_named_and_not_read() {
        let mut registers = named();
        registers[R12] = 1 << 63 | 0x2_0000;
        registers[R13] = 0x1234_5000;
        let said = FatalError::of_registers(&registers).to_string();
        assert!(said.ends_with("(more, unread, at 0x12345000)"), "{said}");
        registers[R12] = 0x2_0000;
        assert!(
            !FatalError::of_registers(&registers)
                .to_string()
                .contains("unread")
        );
    }
}
