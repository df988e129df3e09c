//! From CBOR to reference values.

use crate::comid::Comid;
use crate::cursor::{Cursor, Walk};
use crate::format::tag;
use crate::{Alternative, CorimRejection, PROFILE, ReferenceSet, SetFault, Validity};

impl ReferenceSet {
    /// Reads a CoRIM, which begins `offset` bytes into its file, without asking who signed it.
    ///
    /// What is taken here is written again with the same bytes.
    ///
    /// # Errors
    /// The first thing for which it is not taken.
    pub fn from_corim(corim: &[u8], offset: usize) -> Result<Self, CorimRejection> {
        read(Cursor::new(corim, offset)?)
    }
}

/// `tagged-unsigned-corim-map`
fn read(mut at: Cursor<'_>) -> Walk<ReferenceSet> {
    at.tag(tag::CORIM, "a CoRIM (tag 501)")?;
    let mut corim = at.map("the CoRIM's map")?;
    at.key(&mut corim, 0, "the CoRIM's id (0)")?;
    let (id_offset, id) = (at.offset(), at.text("the CoRIM's id, a text")?);
    at.key(&mut corim, 1, "the CoRIM's tags (1)")?;
    let comids = comids(&mut at)?;
    at.key(&mut corim, 3, "the CoRIM's profile (3)")?;
    profile(&mut at)?;
    at.key(&mut corim, 4, "the CoRIM's validity (4)")?;
    let validity = validity(&mut at)?;
    at.end_of_map(&corim, "the end of the CoRIM's map")?;
    let set = joined(&comids, validity)?;
    if set.id() != id {
        return Err(contradiction(id_offset, "the CoRIM's id"));
    }
    set.check()?;
    Ok(set)
}

fn contradiction(offset: usize, what: &'static str) -> CorimRejection {
    CorimRejection::Contradiction { offset, what }
}

/// The CoMIDs, not read yet: what they mean is the profile's to say.
fn comids<'a>(at: &mut Cursor<'a>) -> Walk<Vec<Cursor<'a>>> {
    let count = at.list("the list of CoMIDs")?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > ReferenceSet::MAX_ALTERNATIVES {
        return Err(SetFault::TooManyAlternatives(count).into());
    }
    let comid = |_| {
        at.tag(tag::COMID, "a CoMID (tag 506)")?;
        Ok(at.nested("a CoMID, as bytes")?.1)
    };
    (0..count).map(comid).collect()
}

fn profile(at: &mut Cursor<'_>) -> Walk<()> {
    let offset = at.offset();
    let found = at
        .tag(tag::URI, "a profile")
        .and_then(|()| at.text("a URI"));
    match found {
        Ok(PROFILE) => Ok(()),
        _ => Err(CorimRejection::Profile { offset }),
    }
}

/// `validity-map`
pub fn validity(at: &mut Cursor<'_>) -> Walk<Validity> {
    let mut map = at.map("a validity")?;
    at.key(&mut map, 0, "the beginning of the validity (0)")?;
    let not_before = time(at)?;
    at.key(&mut map, 1, "the end of the validity (1)")?;
    let not_after = time(at)?;
    at.end_of_map(&map, "the end of the validity")?;
    Ok(Validity {
        not_before,
        not_after,
    })
}

fn time(at: &mut Cursor<'_>) -> Walk<u64> {
    at.tag(tag::TIME, "a time (tag 1)")?;
    at.number("a time in seconds")
}

/// The set that all of them are of. They are read one by one, so that only their launches are kept.
fn joined(comids: &[Cursor<'_>], validity: Validity) -> Walk<ReferenceSet> {
    let first = Comid::read(*comids.first().ok_or(SetFault::NoAlternative)?)?;
    let mut set = ReferenceSet {
        workload: first.workload,
        tee: first.tee,
        alternatives: Vec::with_capacity(comids.len()),
        validity,
        min_svn: first.min_svn,
        sbom: first.sbom,
    };
    let id = set.id();
    for comid in comids {
        let launch = launch(Comid::read(*comid)?, &set, &id)?;
        set.alternatives.push(launch);
    }
    Ok(set)
}

/// The launch of a CoMID that says of the rest what the set does.
fn launch(comid: Comid<'_>, set: &ReferenceSet, id: &str) -> Walk<Alternative> {
    let differs = [
        (comid.tee != set.tee, "a CoMID's environment"),
        (comid.min_svn != set.min_svn, "a CoMID's minimum guest SVN"),
        (comid.workload != set.workload, "a CoMID's workload"),
        (comid.sbom != set.sbom, "a CoMID's bill of materials"),
    ];
    if let Some((_, what)) = differs.into_iter().find(|(differs, _)| *differs) {
        return Err(contradiction(comid.offset, what));
    }
    let vcpus = vcpus(id, comid.id);
    Ok(Alternative {
        vcpus: vcpus.ok_or_else(|| contradiction(comid.offset, "a CoMID's id"))?,
        digest: comid.digest,
        rtmrs: comid.rtmrs,
    })
}

/// The count in a CoMID's id, if it is one of this CoRIM's.
fn vcpus(corim: &str, comid: &str) -> Option<u32> {
    let count = comid.strip_prefix(corim)?.strip_prefix("/vcpus/")?;
    let number: u32 = count.parse().ok()?;
    (number.to_string() == count).then_some(number)
}
