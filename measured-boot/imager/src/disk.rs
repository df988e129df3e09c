//! `cloister-image disk`.

use std::path::PathBuf;

use anyhow::Context;
use measured_boot_image::{DiskRequest, build_disk, finish_disk};
use rustix::rand::{GetRandomFlags, getrandom};
use zeroize::Zeroizing;

use crate::clear_drafts;
use crate::report::Report;

const FOR_TESTS: &str = "For tests only: the same disk again (never for a disk with secrets)";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// File that the guest finds as payload.bin
    #[arg(long, value_name = "FILE")]
    file: PathBuf,

    /// Disk to write: ext4 on dm-verity inside dm-crypt
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// File for the disk's secret (key and verity root hash), written with mode 0600
    #[arg(long, value_name = "FILE")]
    secret_out: PathBuf,

    /// Replace existing files: the old disk and its secret are lost. A run that is killed in between
    /// leaves SECRET.new. Where the new disk has its name already, that is its secret, and the next run
    /// renames it; where the old disk is still there, it opens nothing, and the next run asks you to
    /// remove it
    #[arg(long)]
    force: bool,

    /// Make the plain file system in a nameless file in DIR, not in memory, which takes as much as the
    /// disk. What DIR lies on must be encrypted or temporary: its freed blocks are not wiped
    #[arg(long, value_name = "DIR")]
    work_dir: Option<PathBuf>,

    /// Key of dm-crypt, 64 bytes. Other users see it among the processes, and a key that repeats
    /// protects neither disk. Default: random
    #[arg(long, value_name = "HEX", value_parser = hex_bytes::<64>, help_heading = FOR_TESTS)]
    key_hex: Option<Bytes<64>>,

    /// Salt of dm-verity, 32 bytes. Default: random
    #[arg(long, value_name = "HEX", value_parser = hex_bytes::<32>, help_heading = FOR_TESTS)]
    salt_hex: Option<Bytes<32>>,

    /// UUID of the file system and of dm-verity, dashes or not. Default: random
    #[arg(long, value_name = "UUID", value_parser = hex_bytes::<16>, help_heading = FOR_TESTS)]
    uuid: Option<Bytes<16>>,

    /// TEST ONLY: this process stops itself when so many steps of the naming are done
    #[arg(long, value_name = "STEPS", hide = true)]
    fault_stop_after: Option<usize>,
}

/// Erased when dropped, and never printed.
#[derive(Clone)]
struct Bytes<const N: usize>(Zeroizing<[u8; N]>);

impl<const N: usize> std::fmt::Debug for Bytes<N> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{N} bytes")
    }
}

pub fn run(args: &Args) -> anyhow::Result<Report> {
    clear_drafts(&args.out);
    clear_drafts(&args.secret_out);
    finish(args)?;
    if let Some(steps) = args.fault_stop_after {
        eprintln!("test fault enabled: stops itself after step {steps} of the naming");
    }
    let request = DiskRequest {
        payload: &args.file,
        image: &args.out,
        secret: &args.secret_out,
        replace: args.force,
        work_dir: args.work_dir.as_deref(),
        crypt_key: given_or_random(args.key_hex.as_ref())?,
        verity_salt: given_or_random(args.salt_hex.as_ref())?.to_vec(),
        uuid: match &args.uuid {
            Some(given) => *given.0,
            None => random_uuid()?,
        },
        stop_after: args.fault_stop_after,
    };
    let disk = build_disk(&request)
        .with_context(|| format!("no disk built from {}", args.file.display()))?;
    Ok(Report::default()
        .with("disk", args.out.display().to_string())
        .with("disk_bytes", disk.disk_bytes)
        .with("disk_sha256", disk.disk_sha256)
        .with("data_blocks", disk.data_blocks)
        .with("payload_bytes", disk.payload_bytes)
        .with("payload_sha256", disk.payload_sha256)
        .with("secret", args.secret_out.display().to_string()))
}

/// The pair of a run that died between disk and secret becomes whole, whatever comes after.
fn finish(args: &Args) -> anyhow::Result<()> {
    let (out, secret) = (&args.out, &args.secret_out);
    let finished = finish_disk(out, secret).context("an earlier run was cut off")?;
    if finished {
        eprintln!(
            "finished an earlier run: {} opens {}",
            secret.display(),
            out.display()
        );
    }
    Ok(())
}

fn given_or_random<const N: usize>(given: Option<&Bytes<N>>) -> anyhow::Result<Zeroizing<[u8; N]>> {
    given.map_or_else(random, |bytes| Ok(bytes.0.clone()))
}

/// From the kernel's generator, which is the only one that is seeded before any program runs.
fn random<const N: usize>() -> anyhow::Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    let count = getrandom(&mut *bytes, GetRandomFlags::empty())
        .context("the kernel gives no random bytes")?;
    anyhow::ensure!(count == N, "the kernel gave {count} random bytes, not {N}");
    Ok(bytes)
}

/// RFC 9562, 5.4: version 4, variant 10.
fn random_uuid() -> anyhow::Result<[u8; 16]> {
    let mut uuid = *random::<16>()?;
    uuid[6] = uuid[6] & 0x0f | 0x40;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    Ok(uuid)
}

fn hex_bytes<const N: usize>(text: &str) -> Result<Bytes<N>, String> {
    let digits = Zeroizing::new(text.replace('-', ""));
    let mut bytes = Zeroizing::new([0; N]);
    hex::decode_to_slice(digits.as_bytes(), &mut *bytes)
        .map_err(|_| format!("expected {} hexadecimal digits", 2 * N))?;
    Ok(Bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuid_with_dashes_is_read() {
        let uuid = hex_bytes::<16>("00112233-4455-6677-8899-aabbccddeeff").unwrap();
        assert_eq!(uuid.0[..3], [0x00, 0x11, 0x22]);
    }

    #[test]
    fn hex_of_another_length_refused() {
        for text in ["", "00", "zz", &"0".repeat(63), &"0".repeat(66)] {
            assert!(hex_bytes::<32>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn random_uuid_is_version_4_and_differs() {
        let (one, two) = (random_uuid().unwrap(), random_uuid().unwrap());
        assert_eq!((one[6] >> 4, one[8] >> 6), (4, 2));
        assert_ne!(one, two);
    }
}
