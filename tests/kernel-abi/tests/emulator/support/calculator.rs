//! Our calculator, and what signs ID blocks.

use std::path::Path;

use measured_boot_digest::OneByOne;
use measured_boot_id_block::IdKey;
use measured_boot_igvm::{Igvm, PlatformKind};
use measured_boot_image::{IgvmPlatform, build_igvm};
use measured_boot_plan::{LaunchConfig, NamedFile, Sources, plan};
use measured_boot_snp_abi::{GuestPolicy, IdBlock};
use measured_boot_snp_launch::{SnpLaunch, ZeroPages};
use measured_boot_tdx_launch::predicted_digest;
use p384::SecretKey;
use p384::pkcs8::LineEnding;
use tests_kernel_abi::machine::Folder;
use zerocopy::IntoBytes as _;

/// The digest that the calculator has for the folder's VM.
pub fn digest(folder: &Folder) -> [u8; 48] {
    with_inputs(folder, |config, sources| {
        let plan = plan(config, sources).expect("it can be planned");
        predicted_digest(&plan, sources).0
    })
}

/// What `cloister-image igvm` makes of the folder's VM for this TEE.
pub fn wrapped(folder: &Folder, platform: IgvmPlatform) -> Vec<u8> {
    with_inputs(folder, |config, sources| {
        build_igvm(config, sources, &[platform]).expect("it can be wrapped")
    })
}

/// What `cloister measure snp --igvm` says of a file.
pub fn igvm_digest(file: &[u8]) -> [u8; 48] {
    let igvm = Igvm::read(file).expect("an IGVM file");
    let loading = igvm.loading(PlatformKind::SevSnp).expect("for SEV-SNP");
    let launch = SnpLaunch::of_igvm(&loading, ZeroPages::Normal).expect("a launch");
    launch.measure(&OneByOne).digest().0
}

fn with_inputs<R>(folder: &Folder, answer: impl FnOnce(&LaunchConfig, &Sources<'_>) -> R) -> R {
    with_inputs_in(&folder.path(""), answer)
}

/// What `answer` makes of the configuration in `folder` and of the files that it names.
pub fn with_inputs_in<R>(
    folder: &Path,
    answer: impl FnOnce(&LaunchConfig, &Sources<'_>) -> R,
) -> R {
    let text = std::fs::read_to_string(folder.join("vm.toml")).expect("it was written");
    let config = LaunchConfig::from_toml(&text).expect("it can be read");
    let files: Vec<_> = config
        .files()
        .into_iter()
        .map(|NamedFile { source, path }| {
            let path = folder.join(path.expect("every file is named"));
            (source, std::fs::read(path).expect("it was written"))
        })
        .collect();
    let sources = files
        .iter()
        .fold(Sources::default(), |all, (source, bytes)| {
            all.with(*source, bytes)
        });
    answer(&config, &sources)
}

/// The policy of a guest whose configuration says nothing of it.
pub const POLICY: u64 = 0x3_0000;

/// Writes an ID block for this digest and policy, signed by a key, and the key by an author's.
pub fn sign(folder: &Folder, digest: [u8; 48], policy: u64, has_author: bool) {
    let (block, auth) = identity(digest, policy, has_author);
    folder.write("id-block.bin", &block);
    folder.write("id-auth.bin", &auth);
}

/// The bytes of an ID block and of its authentication.
pub fn identity(digest: [u8; 48], policy: u64, has_author: bool) -> (Vec<u8>, Vec<u8>) {
    let block = IdBlock::new(digest, GuestPolicy::from_bits(policy));
    let author = has_author.then(|| key(9));
    let auth = key(7).sign(&block, author.as_ref());
    (block.as_bytes().to_vec(), auth.as_bytes().to_vec())
}

/// Lines of the configuration that name what [`sign`] writes.
pub const SIGNED: &str = "id_block = \"id-block.bin\"\nid_auth = \"id-auth.bin\"\n";

fn key(seed: u8) -> IdKey {
    let secret = SecretKey::from_slice(&[seed; 48]).expect("a number below the order");
    let pem = secret
        .to_sec1_pem(LineEnding::LF)
        .expect("it can be written");
    IdKey::from_pem(&pem).expect("it can be read")
}
