//! Signed ID blocks.

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use measured_boot_id_block::{IdKey, Identity, authenticate};
use measured_boot_snp_abi::{GuestPolicy, IdBlock};
use serde::Serialize;
use std::path::{Path, PathBuf};
use zerocopy::IntoBytes;
use zerocopy::little_endian::U32;

use crate::files::read;
use crate::snp::hexadecimal;
use crate::{Output, print, print_json, write_whole};

#[derive(clap::Args)]
pub struct IdBlockArguments {
    /// The launch digest that may bear the identity: 96 hexadecimal digits, or base64.
    #[arg(long, value_name = "HEX", value_parser = bytes::<48>)]
    launch_digest: Bytes<48>,
    /// The private key that signs the block: ECDSA on P-384, PEM.
    #[arg(long, value_name = "FILE")]
    id_key: PathBuf,
    /// The private key that signs the ID key.
    #[arg(long, value_name = "FILE")]
    author_key: Option<PathBuf>,
    /// FAMILY_ID of the guest's reports: 32 hexadecimal digits; zero when not given.
    #[arg(long, value_name = "HEX", value_parser = bytes::<16>)]
    family_id: Option<Bytes<16>>,
    /// IMAGE_ID of the guest's reports: 32 hexadecimal digits; zero when not given.
    #[arg(long, value_name = "HEX", value_parser = bytes::<16>)]
    image_id: Option<Bytes<16>>,
    /// GUEST_SVN of the guest's reports.
    #[arg(long, value_name = "N", default_value_t = 0)]
    guest_svn: u32,
    /// The policy that the guest must be launched with; 0x30000 lets it share a core and no debugger in.
    #[arg(long, value_name = "HEX", default_value = "0x30000", value_parser = hexadecimal)]
    policy: u64,
    /// Write the block, 96 bytes, to FILE.
    #[arg(long, value_name = "FILE")]
    out_block: Option<PathBuf>,
    /// Write the authentication information, 4096 bytes, to FILE.
    #[arg(long, value_name = "FILE")]
    out_auth: Option<PathBuf>,
    /// How to print the result.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy)]
pub struct Bytes<const N: usize>(pub [u8; N]);

/// What is printed.
#[derive(Serialize)]
struct Document {
    launch_digest: String,
    policy: String,
    guest_svn: u32,
    id_key_digest: String,
    author_key_digest: Option<String>,
    id_block: String,
    id_auth: String,
    warnings: Vec<String>,
}

/// Makes and signs an ID block, and prints it.
pub fn sign(arguments: &IdBlockArguments) -> Result<()> {
    let id_key = key("--id-key", &arguments.id_key)?;
    let author = arguments.author_key.as_deref();
    let author = author.map(|path| key("--author-key", path)).transpose()?;
    let policy = GuestPolicy::from_bits(arguments.policy);
    let block = IdBlock {
        family_id: arguments.family_id.map_or([0; 16], |id| id.0),
        image_id: arguments.image_id.map_or([0; 16], |id| id.0),
        guest_svn: U32::new(arguments.guest_svn),
        ..IdBlock::new(arguments.launch_digest.0, policy)
    };
    let auth = id_key.sign(&block, author.as_ref());
    let identity = authenticate(&block, &auth).context("the signed block does not verify")?;
    if let Some(path) = &arguments.out_block {
        write_whole("--out-block", path, block.as_bytes())?;
    }
    if let Some(path) = &arguments.out_auth {
        write_whole("--out-auth", path, auth.as_bytes())?;
    }
    let document = Document::of(&block, auth.as_bytes(), &identity);
    for warning in &document.warnings {
        eprintln!("warning: {warning}");
    }
    match arguments.output {
        Output::Text => print(&document.page()),
        Output::Json => print_json(&document),
    }
}

impl Document {
    fn of(block: &IdBlock, auth: &[u8], identity: &Identity) -> Self {
        Self {
            launch_digest: hex::encode(block.launch_digest),
            policy: format!("{:#x}", block.policy.get()),
            guest_svn: block.guest_svn.get(),
            id_key_digest: hex::encode(identity.id_key_digest),
            author_key_digest: identity.author_key_digest.map(hex::encode),
            id_block: BASE64_STANDARD.encode(block.as_bytes()),
            id_auth: BASE64_STANDARD.encode(auth),
            warnings: warnings(GuestPolicy::from_bits(block.policy.get())),
        }
    }

    /// Without the 4096 bytes of the authentication, which nobody reads.
    fn page(&self) -> String {
        let author = self.author_key_digest.as_deref().unwrap_or("(no author)");
        format!(
            "launch digest      {}\npolicy             {}\nguest SVN          {}\n\
             ID key digest      {}\nauthor key digest  {author}\nID block           {}\n",
            self.launch_digest, self.policy, self.guest_svn, self.id_key_digest, self.id_block
        )
    }
}

/// A block with such a policy can be signed, and no launch can use it.
fn warnings(policy: GuestPolicy) -> Vec<String> {
    let unusable = (!policy.reserved_bits_valid()).then(|| {
        format!("--policy {policy}: no launch has it: bit 17 must be set, and bits that are reserved clear")
    });
    unusable.into_iter().collect()
}

fn key(option: &str, path: &Path) -> Result<IdKey> {
    let place = || format!("{option} {}: not a key to sign with", path.display());
    let file = read(option, path)?;
    let pem = str::from_utf8(&file).with_context(place)?;
    IdKey::from_pem(pem).with_context(place)
}

/// Bytes in hexadecimal, or as base64, which other tools print; their lengths tell them apart.
pub fn bytes<const N: usize>(text: &str) -> Result<Bytes<N>, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let bytes = if digits.len() == 2 * N {
        hex::decode(digits).ok()
    } else {
        BASE64_STANDARD.decode(text).ok()
    };
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .map(Bytes)
        .ok_or_else(|| format!("give {} hexadecimal digits, or {N} bytes as base64", 2 * N))
}
