//! Hosts that stage something else than was measured, or change it while it is read.

use measured_boot_shim_abi::{Piece, PieceKind, Refusal};
use serde_json::json;
use tests_shim_models::{Kind, Launch, Outcome};

use crate::hostile::{assert_refused, trick};
use crate::support::{emulator, launch, pieces, run};

/// Changes the first byte of a piece in shared memory.
fn spoil(launch: &mut Launch, piece: &Piece) {
    let source = piece.source.get();
    let holds = |(start, bytes): &&mut (u64, Vec<u8>)| {
        (*start..*start + u64::try_from(bytes.len()).unwrap()).contains(&source)
    };
    let (start, bytes) = launch.shared.iter_mut().find(holds).unwrap();
    let offset = usize::try_from(source - *start).unwrap();
    bytes[offset] ^= 1;
}

fn kernel_piece(launch: &Launch) -> Piece {
    let mut pieces = pieces(launch).into_iter();
    let kernel = pieces.find(|piece| piece.kind.get() == PieceKind::Kernel as u32);
    kernel.unwrap()
}

fn mismatch(piece: &Piece) -> Refusal {
    match PieceKind::from_number(piece.kind.get()).unwrap() {
        PieceKind::Kernel => Refusal::KernelHash,
        PieceKind::Initrd => Refusal::InitrdHash,
        PieceKind::Cmdline => Refusal::CmdlineHash,
        PieceKind::Acpi => Refusal::AcpiHash,
    }
}

#[test]
fn kernel_initrd_cmdline_or_acpi_other_than_measured_is_refused() {
    let Some(python) = emulator() else { return };
    for kind in [Kind::Snp, Kind::Tdx] {
        let pieces = pieces(&launch(kind, 1));
        assert_eq!(pieces.len(), 5, "two segments of a kernel, and three more");
        for piece in pieces {
            let mut launch = launch(kind, 1);
            spoil(&mut launch, &piece);
            assert_refused(&launch, &python, mismatch(&piece), "a byte of a piece");
        }
    }
}

/// The host changes a byte behind the place that the shim reads from: its copy is made already. Ahead of
/// it, the change is in the copy, and seen.
#[test]
fn change_while_the_shim_copies_is_in_the_checked_copy_or_nowhere() {
    let Some(python) = emulator() else { return };
    let change = |armed_by: u64, gpa: u64| {
        let mut launch = launch(Kind::Snp, 1);
        let piece = kernel_piece(&launch);
        launch.digest = vec![(piece.destination.get(), piece.length.get())];
        let source = piece.source.get();
        let change = json!([{ "armed_by": source + armed_by, "gpa": source + gpa, "bytes": "ee" }]);
        trick(&mut launch, "change_after_access", change);
        (run(&launch, &python), hex::encode(piece.sha384))
    };
    let (ended, digest) = change(0x300, 0x100);
    assert_eq!(ended.outcome(), Outcome::Entered);
    assert_eq!(
        ended.digests,
        [digest],
        "what is entered is what was measured"
    );
    let (ended, _) = change(0x100, 0x300);
    let refused = Outcome::Refused {
        refusal: Some(Refusal::KernelHash),
        text: String::new(),
    };
    assert_eq!(ended.outcome(), refused);
}

/// Without a TEE there is nobody to keep a secret from, but the wrong kernel still ends in a sentence.
#[test]
fn plain_vm_says_on_its_serial_port_why_it_ends() {
    let Some(python) = emulator() else { return };
    let mut launch = launch(Kind::Plain, 1);
    let kernel = kernel_piece(&launch);
    spoil(&mut launch, &kernel);
    let expected = Outcome::Refused {
        refusal: None,
        text: format!("cloister-shim: {}\r\n", Refusal::KernelHash.sentence()),
    };
    assert_eq!(run(&launch, &python).outcome(), expected);
}
