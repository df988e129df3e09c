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

impl Shown {
    pub(super) fn of(tee: &TeeConfig, sources: &Sources<'_>) -> Result<Self, PlanError> {
        refuse_settings_of_another(tee)?;
        let policy = GuestPolicy::STRICT.with_smt(tee.smt).with_debug(tee.debug);
        let id_block = match &tee.id_block {
            Some(_) => Some(id_block(sources, policy)?),
            None => None,
        };
        Ok(Self {
            policy,
            host_data: told(tee, sources, &SHA256, tee.host_data)?,
            id: id_block.as_ref().map_or(tee.id, id_fields),
            id_block,
            td: td_parameters(tee, sources)?,
        })
    }
}

impl Shown {
    /// Takes the policy of an IGVM file, which must not open to the host what the configuration does not.
    pub(super) fn take_policy(
        &mut self,
        tee: &TeeConfig,
        policy: GuestPolicy,
    ) -> Result<(), PlanError> {
        if policy.debug_allowed() != tee.debug {
            return Err(PlanError::IgvmDebug { policy });
        }
        if let Some(signed) = &self.id_block
            && signed.block.policy.get() != policy.bits()
        {
            let signed = GuestPolicy::from_bits(signed.block.policy.get());
            return Err(PlanError::IdBlockPolicy {
                signed,
                planned: policy,
            });
        }
        self.policy = policy;
        Ok(())
    }

    /// Takes the ID block of an IGVM file.
    pub(super) fn take_id_block(&mut self, signed: SignedIdBlock) {
        self.id = id_fields(&signed);
        self.id_block = Some(signed);
    }
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
    match foreign {
        Some((key, ..)) => Err(PlanError::SettingOfAnotherTee { key, kind }),
        None => Ok(()),
    }
}

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

fn id_block(sources: &Sources<'_>, policy: GuestPolicy) -> Result<SignedIdBlock, PlanError> {
    let block = IdBlock::read_from_bytes(sources.id_block)
        .map_err(|_| wrong_length(Source::IdBlock, sources.id_block, 96))?;
    let auth = IdAuth::read_from_bytes(sources.id_auth)
        .map_err(|_| wrong_length(Source::IdAuth, sources.id_auth, 4096))?;
    if block.version.get() != ID_BLOCK_VERSION {
        return Err(PlanError::IdBlockVersion(block.version.get()));
    }
    let signed = GuestPolicy::from_bits(block.policy.get());
    if signed != policy {
        return Err(PlanError::IdBlockPolicy {
            signed,
            planned: policy,
        });
    }
    Ok(SignedIdBlock {
        block,
        auth: Box::new(auth),
    })
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
