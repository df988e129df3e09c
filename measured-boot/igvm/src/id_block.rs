//! The ID block inside a file (IGVM_VHS_SNP_ID_BLOCK): the same fields as the firmware's two structures,
//! in another order, without the policy and without most of the padding.

use crate::IgvmFault;
use crate::fault::Rule;
use crate::structure::Structure;
use measured_boot_reader::{CutShort, Reader};
use measured_boot_snp_abi::{EcdsaPublicKey, EcdsaSignature, GuestPolicy, IdAuth, IdBlock};
use zerocopy::FromZeros;
use zerocopy::little_endian::U32;

/// An ID block as the file has it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SnpIdBlock<'a> {
    /// Where its contents are in the file.
    pub offset: usize,
    bytes: &'a [u8],
}

/// An ID block as the secure processor takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirmwareIdBlock {
    /// The block.
    pub block: IdBlock,
    /// What authenticates it.
    pub auth: IdAuth,
}

impl std::fmt::Debug for SnpIdBlock<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SnpIdBlock at {:#x}", self.offset)
    }
}

impl<'a> SnpIdBlock<'a> {
    /// Its mask, and the block.
    pub(crate) fn read(structure: &Structure<'a>) -> Result<(u32, Self), IgvmFault> {
        let mut body = structure.body;
        let offset = body.offset();
        let mask = body.u32()?;
        let (author, reserved) = (body.u8()?, body.array::<3>()?);
        if author > 1 || reserved != [0; 3] {
            return Err(Rule::Reserved.at(offset + 4));
        }
        let bytes = structure.body.clone().rest();
        let keys = [252..256, 548..552];
        let author_parts = (author == 0).then_some(400..696);
        for place in keys.into_iter().chain(author_parts) {
            if bytes[place.clone()].iter().any(|byte| *byte != 0) {
                return Err(Rule::Reserved.at(offset + place.start));
            }
        }
        Ok((mask, Self { offset, bytes }))
    }

    /// Both structures as the secure processor is given them, with the guest's policy.
    pub fn for_firmware(&self, policy: u64) -> FirmwareIdBlock {
        let reader = Reader::part(self.bytes, self.offset);
        filled(reader, policy).expect("696 bytes were read")
    }
}

fn filled(mut reader: Reader<'_>, policy: u64) -> Result<FirmwareIdBlock, CutShort> {
    let _mask = reader.u32()?;
    let has_author = reader.u32()? & 0xFF != 0;
    let launch_digest = reader.array()?;
    let (family_id, image_id) = (reader.array()?, reader.array()?);
    let (version, guest_svn) = (reader.u32()?, reader.u32()?);
    let (id_algorithm, author_algorithm) = (reader.u32()?, reader.u32()?);
    let mut auth = IdAuth {
        id_key_algorithm: U32::new(id_algorithm),
        author_key_algorithm: U32::new(author_algorithm),
        id_block_signature: signature(&mut reader)?,
        id_key: key(&mut reader)?,
        ..IdAuth::new_zeroed()
    };
    if has_author {
        auth.id_key_signature = signature(&mut reader)?;
        auth.author_key = key(&mut reader)?;
    }
    let block = IdBlock {
        family_id,
        image_id,
        version: U32::new(version),
        guest_svn: U32::new(guest_svn),
        ..IdBlock::new(launch_digest, GuestPolicy::from_bits(policy))
    };
    Ok(FirmwareIdBlock { block, auth })
}

fn signature(reader: &mut Reader<'_>) -> Result<EcdsaSignature, CutShort> {
    Ok(EcdsaSignature {
        r: reader.array()?,
        s: reader.array()?,
        reserved: [0; 368],
    })
}

/// The file's key has four reserved bytes that the firmware's has not.
fn key(reader: &mut Reader<'_>) -> Result<EcdsaPublicKey, CutShort> {
    let curve = reader.u32()?;
    reader.u32()?;
    Ok(EcdsaPublicKey {
        curve: U32::new(curve),
        x: reader.array()?,
        y: reader.array()?,
        reserved: [0; 880],
    })
}
