//! What the guest says on its console.

use vmm_self_test_guest::{LINE, TD_INFO_BYTES};

/// Where it finds itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// In an ordinary VM.
    Plain,
    /// Under SEV-SNP, with this SEV_STATUS.
    Snp(u64),
    /// In a TD of which the TDX module says this.
    Tdx(Box<TdInfo>),
    /// In a TD whose report the TDX module refused with this code.
    TdxWithoutReport(u64),
}

/// The beginning of TDINFO_STRUCT (Intel TDX module 1.5 ABI, 348551).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdInfo {
    /// The digest of the launch, in lower-case hexadecimal.
    pub mrtd: String,
    /// RTMR0 to RTMR3, likewise.
    pub rtmrs: Vec<String>,
}

/// Hexadecimal digits of a measurement.
const DIGEST: usize = 2 * 48;
const MRTD: usize = 2 * 16;
const RTMR0: usize = 2 * 208;

impl Word {
    /// Out of a console; `None`: it says nothing that can be understood.
    pub fn of(console: &str) -> Option<Self> {
        let mut lines = console.lines();
        let word = lines.find_map(|line| line.trim_end().strip_prefix(LINE))?;
        if word == "plain" {
            return Some(Self::Plain);
        }
        if let Some(status) = word.strip_prefix("snp sev-status=") {
            return Some(Self::Snp(number(status)?));
        }
        let info = word.strip_prefix("tdx td-info=")?;
        if info.len() == 16 {
            return Some(Self::TdxWithoutReport(number(info)?));
        }
        let is_whole = info.len() == 2 * TD_INFO_BYTES && info.bytes().all(is_digit);
        let digest = |at: usize| info[at..at + DIGEST].to_owned();
        is_whole.then(|| {
            Self::Tdx(Box::new(TdInfo {
                mrtd: digest(MRTD),
                rtmrs: (0..4).map(|index| digest(RTMR0 + index * DIGEST)).collect(),
            }))
        })
    }
}

fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// Sixteen digits.
fn number(text: &str) -> Option<u64> {
    let is_whole = text.len() == 16 && text.bytes().all(is_digit);
    is_whole
        .then(|| u64::from_str_radix(text, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_from_any_line_of_the_console() {
        let console = |word: &str| Word::of(&format!("other\r\n{LINE}{word}\r\nmore"));
        assert_eq!(console("plain"), Some(Word::Plain));
        assert_eq!(
            console("snp sev-status=0000000000000005"),
            Some(Word::Snp(5))
        );
        let refused = console("tdx td-info=c000010000000000");
        assert_eq!(refused, Some(Word::TdxWithoutReport(0xc000_0100_0000_0000)));
        assert_eq!(Word::of("cloister-shim: no"), None);
    }

    #[test]
    fn measurements_are_where_the_structure_has_them() {
        let mut info = vec![0; TD_INFO_BYTES];
        info[16..64].fill(0x11);
        for (index, value) in (0_usize..).zip([0x20, 0x21, 0x22, 0x23]) {
            info[208 + 48 * index..][..48].fill(value);
        }
        let word = Word::of(&format!("{LINE}tdx td-info={}\n", hex::encode(info)));
        let Some(Word::Tdx(info)) = word else {
            panic!("{word:?}");
        };
        assert_eq!(info.mrtd, "11".repeat(48));
        let rtmrs = ["20", "21", "22", "23"].map(|byte| byte.repeat(48));
        assert_eq!(info.rtmrs, rtmrs);
    }

    #[test]
    fn words_that_are_cut_or_more_are_none() {
        for word in [
            "",
            "plainly",
            "snp sev-status=",
            "snp sev-status=5",
            "snp sev-status=+000000000000005",
            "snp sev-status=00000000000000050",
            "tdx td-info=",
            "tdx td-info=00\u{e9}",
        ] {
            assert_eq!(Word::of(&format!("{LINE}{word}")), None, "{word}");
        }
        let long = "0".repeat(2 * TD_INFO_BYTES);
        for digits in [&long[1..], &format!("{long}0"), &format!("{long}00")] {
            assert_eq!(Word::of(&format!("{LINE}tdx td-info={digits}")), None);
        }
        let foreign = "\u{e9}".repeat(TD_INFO_BYTES);
        assert_eq!(Word::of(&format!("{LINE}tdx td-info={foreign}")), None);
    }
}
