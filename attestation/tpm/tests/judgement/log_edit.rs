//! A log with digests taken out of it, as whoever sends it may take them out.

pub const SHA384: u16 = 0x0C;

/// The log with those digests alone that are to be kept, by PCR and algorithm; of the algorithms that it declares,
/// those that are kept of PCR 0.
pub fn edited(log: &[u8], keep: impl Fn(u32, u16) -> bool) -> Vec<u8> {
    let sizes = declared(log);
    let left: Vec<_> = sizes
        .iter()
        .filter(|(algorithm, _)| keep(0, *algorithm))
        .collect();
    let mut out = log[..28].to_vec();
    let length = 28 + 4 * left.len() + 1;
    out.extend(u32::try_from(length).expect("short").to_le_bytes());
    out.extend(&log[32..56]);
    out.extend(u32::try_from(left.len()).expect("few").to_le_bytes());
    for (algorithm, size) in left {
        out.extend([*algorithm, *size].map(u16::to_le_bytes).concat());
    }
    out.push(0);
    let mut at = 32 + u32_at(log, 28);
    while at < log.len() {
        at = event(log, at, &sizes, &keep, &mut out);
    }
    out
}

/// TCG_EfiSpecIdEvent: behind 24 bytes, how many algorithms there are, then each with its digests' size.
fn declared(log: &[u8]) -> Vec<(u16, u16)> {
    let places = (0..u32_at(log, 56)).map(|place| 60 + 4 * place);
    places
        .map(|at| (u16_at(log, at), u16_at(log, at + 2)))
        .collect()
}

/// Copies a TCG_PCR_EVENT2 with what is kept of it, and says where the next begins.
fn event(
    log: &[u8],
    first: usize,
    sizes: &[(u16, u16)],
    keep: impl Fn(u32, u16) -> bool,
    out: &mut Vec<u8>,
) -> usize {
    let pcr = u32::from_le_bytes(log[first..first + 4].try_into().expect("4 bytes"));
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut at = first + 12;
    for _ in 0..u32_at(log, first + 8) {
        let algorithm = u16_at(log, at);
        let known = sizes.iter().find(|(declared, _)| *declared == algorithm);
        let end = at + 2 + usize::from(known.expect("it is declared").1);
        if keep(pcr, algorithm) {
            kept.push(&log[at..end]);
        }
        at = end;
    }
    let end = at + 4 + u32_at(log, at);
    out.extend(&log[first..first + 8]);
    out.extend(u32::try_from(kept.len()).expect("few").to_le_bytes());
    out.extend(kept.concat());
    out.extend(&log[at..end]);
    end
}

fn u16_at(log: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(log[at..at + 2].try_into().expect("2 bytes"))
}

fn u32_at(log: &[u8], at: usize) -> usize {
    u32::from_le_bytes(log[at..at + 4].try_into().expect("4 bytes")) as usize
}
