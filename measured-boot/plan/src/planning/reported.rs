//! What a report shows beside the digest.

use crate::{
    IdFields, PlanError, SignedIdBlock, Source, Sources, TdParameters, TeeConfig, TeeKind,
};
use measured_boot_snp_abi::{GuestPolicy, ID_BLOCK_VERSION, IdAuth, IdBlock};
use ring::digest::{Algorithm, SHA256, SHA384, digest};
use zerocopy::FromBytes;

/// XFAM: what a processor without XSAVE has.
const X87_AND_SSE: u64 = 0b11;

pub(super) struct Shown {
    pub(super) policy: GuestPolicy,
    pub(super) host_data: [u8; 32],
    pub(super) id: IdFields,
    pub(super) id_block: Option<SignedIdBlock>,
    pub(super) td: TdParameters,
}

/// What an IGVM file says of itself.
pub(super) struct OfFile {
    pub(super) policy: GuestPolicy,
    pub(super) id_block: Option<SignedIdBlock>,
}

impl Shown {
    /// The policy of an IGVM file stands in the place of the configuration's, and its ID block where the
    /// configuration has none.
    pub(super) fn of(
        tee: &TeeConfig,
        sources: &Sources<'_>,
        file: Option<OfFile>,
    ) -> Result<Self, PlanError> {
        refuse_settings_of_another(tee)?;
        let policy = match &file {
            Some(file) => no_more_open_than(tee, file.policy)?,
            None => GuestPolicy::STRICT.with_smt(tee.smt).with_debug(tee.debug),
        };
        let id_block = match &tee.id_block {
            Some(_) => Some((Source::IdBlock.key(), id_block(sources)?)),
            None => file
                .and_then(|file| file.id_block)
                .map(|block| (Source::Igvm.key(), block)),
        };
        let id_block = id_block
            .map(|(key, signed)| of_this_launch(key, signed, policy))
            .transpose()?;
        Ok(Self {
            policy,
            host_data: told(tee, sources, &SHA256, tee.host_data)?,
            id: id_block.as_ref().map_or(tee.id, id_fields),
            id_block,
            td: td_parameters(tee, sources)?,
        })
    }
}

/// A file must not open to the host what the configuration does not.
fn no_more_open_than(tee: &TeeConfig, policy: GuestPolicy) -> Result<GuestPolicy, PlanError> {
    if policy.debug_allowed() != tee.debug {
        return Err(PlanError::IgvmDebug { policy });
    }
    if policy.smt_allowed() && !tee.smt {
        return Err(PlanError::IgvmSmt { policy });
    }
    Ok(policy)
}

/// A setting that does nothing must not look as if it did something.
fn refuse_settings_of_another(tee: &TeeConfig) -> Result<(), PlanError> {
    use TeeKind::{Simulated, Snp, Tdx};
    let (amd, intel): (&[_], &[_]) = (&[Simulated, Snp], &[Tdx]);
    let settings = [
        ("tee.smt", !tee.smt, amd),
        ("tee.host_data", tee.host_data != [0; 32], amd),
        ("tee.family_id", tee.id.family_id != [0; 16], amd),
        ("tee.image_id", tee.id.image_id != [0; 16], amd),
        ("tee.guest_svn", tee.id.guest_svn != 0, amd),
        ("tee.id_block", tee.id_block.is_some(), &[Snp]),
        ("tee.certificates", tee.certificates.is_some(), &[Snp]),
        ("tee.mrconfigid", tee.mr_config_id != [0; 48], intel),
        ("tee.mrowner", tee.mr_owner != [0; 48], intel),
        ("tee.mrownerconfig", tee.mr_owner_config != [0; 48], intel),
        ("tee.quote_service", tee.quote_service.is_some(), intel),
    ];
    let kind = tee.kind;
    let foreign = settings
        .into_iter()
        .find(|(_, is_set, kinds)| *is_set && !kinds.contains(&kind));
    if let Some((key, ..)) = foreign {
        return Err(PlanError::SettingOfAnotherTee { key, kind });
    }
    let said_by_a_block = settings
        .iter()
        .find(|(key, is_set, _)| *is_set && IDS.contains(key));
    match said_by_a_block {
        Some((key, ..)) if kind == Snp => Err(PlanError::IdWithoutBlock { key }),
        _ => Ok(()),
    }
}

/// What hardware knows of an ID block alone, which then says it.
const IDS: [&str; 3] = ["tee.family_id", "tee.image_id", "tee.guest_svn"];

/// The digest of the init-data, or else what is written.
fn told<const N: usize>(
    tee: &TeeConfig,
    sources: &Sources<'_>,
    algorithm: &'static Algorithm,
    written: [u8; N],
) -> Result<[u8; N], PlanError> {
    if tee.init_data.is_none() {
        return Ok(written);
    }
    if sources.init_data.is_empty() {
        return Err(PlanError::FileEmpty(Source::InitData.key()));
    }
    let hash = digest(algorithm, sources.init_data);
    Ok(*hash
        .as_ref()
        .first_chunk()
        .expect("the digest is as long as the field"))
}

fn id_block(sources: &Sources<'_>) -> Result<SignedIdBlock, PlanError> {
    let block = IdBlock::read_from_bytes(sources.id_block)
        .map_err(|_| wrong_length(Source::IdBlock, sources.id_block, 96))?;
    let auth = IdAuth::read_from_bytes(sources.id_auth)
        .map_err(|_| wrong_length(Source::IdAuth, sources.id_auth, 4096))?;
    Ok(SignedIdBlock {
        block,
        auth: Box::new(auth),
    })
}

/// Whether the firmware would take it, but for its digest and signatures.
fn of_this_launch(
    key: &'static str,
    signed: SignedIdBlock,
    planned: GuestPolicy,
) -> Result<SignedIdBlock, PlanError> {
    let version = signed.block.version.get();
    if version != ID_BLOCK_VERSION {
        return Err(PlanError::IdBlockVersion { key, version });
    }
    let policy = GuestPolicy::from_bits(signed.block.policy.get());
    if policy != planned {
        return Err(PlanError::IdBlockPolicy {
            signed: policy,
            planned,
        });
    }
    Ok(signed)
}

fn wrong_length(source: Source, bytes: &[u8], wanted: usize) -> PlanError {
    PlanError::FileLength {
        key: source.key(),
        length: bytes.len(),
        wanted,
    }
}

fn id_fields(signed: &SignedIdBlock) -> IdFields {
    IdFields {
        family_id: signed.block.family_id,
        image_id: signed.block.image_id,
        guest_svn: signed.block.guest_svn.get(),
    }
}

fn td_parameters(tee: &TeeConfig, sources: &Sources<'_>) -> Result<TdParameters, PlanError> {
    let debug = if tee.debug { TdParameters::DEBUG } else { 0 };
    Ok(TdParameters {
        attributes: TdParameters::SEPT_VE_DISABLE | debug,
        xfam: X87_AND_SSE,
        mr_config_id: told(tee, sources, &SHA384, tee.mr_config_id)?,
        mr_owner: tee.mr_owner,
        mr_owner_config: tee.mr_owner_config,
    })
}
