//! One CoMID: one launch, and what is said of it.

use crate::cursor::{Cursor, Walk};
use crate::format::{self, tag};
use crate::{CorimRejection, Sbom, Tee, Workload};

/// One launch, and what is said of it.
pub struct Comid<'a> {
    pub offset: usize,
    pub id: &'a str,
    pub tee: Tee,
    pub digest: [u8; 48],
    pub rtmrs: [Option<[u8; 48]>; 4],
    pub min_svn: Option<u32>,
    pub workload: Workload,
    pub sbom: Option<Sbom>,
}

impl<'a> Comid<'a> {
    /// `concise-mid-tag`
    pub fn read(mut at: Cursor<'a>) -> Walk<Self> {
        let offset = at.offset();
        let mut comid = at.map("the CoMID's map")?;
        at.key(&mut comid, 1, "the CoMID's identity (1)")?;
        let id = identity(&mut at)?;
        at.key(&mut comid, 4, "the CoMID's triples (4)")?;
        let mut triples = at.map("the CoMID's triples")?;
        at.key(&mut triples, 0, "reference triples (0)")?;
        let tee = triple(&mut at)?;
        let (digest, rtmrs, min_svn) = evidence(&mut at, tee)?;
        at.key(&mut triples, 1, "endorsed triples (1)")?;
        let endorsed_offset = at.offset();
        if triple(&mut at)? != tee {
            return Err(CorimRejection::Contradiction {
                offset: endorsed_offset,
                what: "an environment",
            });
        }
        let (workload, sbom) = endorsed(&mut at)?;
        at.end_of_map(&triples, "the end of the triples")?;
        at.end_of_map(&comid, "the end of the CoMID")?;
        Ok(Self {
            offset,
            id,
            tee,
            digest,
            rtmrs,
            min_svn,
            workload,
            sbom,
        })
    }
}

/// `tag-identity-map`
fn identity<'a>(at: &mut Cursor<'a>) -> Walk<&'a str> {
    let mut map = at.map("the CoMID's identity")?;
    at.key(&mut map, 0, "the CoMID's id (0)")?;
    let id = at.text("the CoMID's id, a text")?;
    at.key(&mut map, 1, "the CoMID's version (1)")?;
    at.exactly(0, "the CoMID's version, 0")?;
    at.end_of_map(&map, "the end of the identity")?;
    Ok(id)
}

/// One triple's environment; its claims come next.
fn triple(at: &mut Cursor<'_>) -> Walk<Tee> {
    at.list_of(1, "one triple")?;
    at.list_of(2, "an environment and claims")?;
    environment(at)
}

/// `environment-map`
fn environment(at: &mut Cursor<'_>) -> Walk<Tee> {
    let unknown = at.expected("the environment of SEV-SNP, of TDX or of the simulated TEE");
    let mut environment = at.map("an environment")?;
    at.key(&mut environment, 0, "the environment's class (0)")?;
    let mut class = at.map("a class")?;
    let found = if at.optional_key(&mut class, 0) {
        at.tag(tag::OID, "an OID (tag 111)")?;
        (at.bytes("an OID")? == format::SNP_CLASS).then_some(Tee::Snp)
    } else {
        at.key(&mut class, 1, "the class's vendor (1)")?;
        let vendor = at.text("a vendor")?;
        at.key(&mut class, 2, "the class's model (2)")?;
        let named = Some((vendor, at.text("a model")?));
        [Tee::Tdx, Tee::Simulated]
            .into_iter()
            .find(|tee| format::vendor_and_model(*tee) == named)
    };
    at.end_of_map(&class, "the end of the class")?;
    at.end_of_map(&environment, "the end of the environment")?;
    found.ok_or(unknown)
}

type Evidence = ([u8; 48], [Option<[u8; 48]>; 4], Option<u32>);

/// What evidence has to show.
fn evidence(at: &mut Cursor<'_>, tee: Tee) -> Walk<Evidence> {
    let too_many = at.expected("one claim or two");
    let count = at.list("claims")?;
    if !(1..=2).contains(&count) {
        return Err(too_many);
    }
    let of_a_td = tee == Tee::Tdx;
    claim(at)?;
    if of_a_td {
        at.exact_text(format::MRTD, "the claim mrtd")?;
    } else {
        at.exactly(format::MEASUREMENT, "the claim MEASUREMENT (641)")?;
    }
    let digest = value(at, 2, "digests (2)", digest)?;
    if count == 1 {
        return Ok((digest, [None; 4], None));
    }
    claim(at)?;
    if of_a_td {
        at.exact_text(format::RTMR, "the claim rtmr")?;
        let rtmrs = value(at, 14, "integrity registers (14)", rtmrs)?;
        return Ok((digest, rtmrs, None));
    }
    at.exactly(format::GUEST_SVN, "the claim GUEST_SVN (1)")?;
    let svn = value(at, 1, "an SVN (1)", min_svn)?;
    Ok((digest, [None; 4], Some(svn)))
}

/// What the signer says beyond that.
fn endorsed(at: &mut Cursor<'_>) -> Walk<(Workload, Option<Sbom>)> {
    let too_many = at.expected("one claim or two");
    let count = at.list("claims")?;
    if !(1..=2).contains(&count) {
        return Err(too_many);
    }
    claim(at)?;
    at.exact_text(format::WORKLOAD, "the claim workload")?;
    let workload = workload(at)?;
    let sbom = (count == 2).then(|| sbom(at)).transpose()?;
    Ok((workload, sbom))
}

/// `measurement-map` up to its key, which comes next.
fn claim(at: &mut Cursor<'_>) -> Walk<()> {
    let two = at.expected("a claim's key and value");
    let mut map = at.map("a claim")?;
    at.key(&mut map, 0, "the claim's key (0)")?;
    // The value's key, 1, is read with the value.
    map.is_last().then_some(()).ok_or(two)
}

/// A claim's value that says one thing.
fn value<T>(
    at: &mut Cursor<'_>,
    key: u64,
    wanted: &'static str,
    read: impl FnOnce(&mut Cursor<'_>) -> Walk<T>,
) -> Walk<T> {
    at.exactly(1, "the claim's value (1)")?;
    let mut map = at.map("the claim's value")?;
    at.key(&mut map, key, wanted)?;
    let value = read(at)?;
    at.end_of_map(&map, "the end of the claim's value")?;
    Ok(value)
}

/// `digests-type` with SHA-384 alone.
fn digest(at: &mut Cursor<'_>) -> Walk<[u8; 48]> {
    at.list_of(1, "one digest")?;
    at.list_of(2, "an algorithm and a digest")?;
    at.exactly(format::SHA384, "SHA-384 (7)")?;
    at.fixed_bytes("a digest of 48 bytes")
}

/// `integrity-registers`
fn rtmrs(at: &mut Cursor<'_>) -> Walk<[Option<[u8; 48]>; 4]> {
    let none = at.expected("an RTMR at least");
    let mut map = at.map("integrity registers")?;
    let mut rtmrs = [None; 4];
    for (rtmr, number) in rtmrs.iter_mut().zip(0..) {
        if at.optional_key(&mut map, number) {
            *rtmr = Some(digest(at)?);
        }
    }
    at.end_of_map(&map, "an RTMR from 0 to 3")?;
    (rtmrs != [None; 4]).then_some(rtmrs).ok_or(none)
}

fn min_svn(at: &mut Cursor<'_>) -> Walk<u32> {
    at.tag(tag::MIN_SVN, "a minimum SVN (tag 553)")?;
    let too_large = at.expected("an SVN of 32 bits");
    u32::try_from(at.number("an SVN")?).map_err(|_| too_large)
}

fn workload(at: &mut Cursor<'_>) -> Walk<Workload> {
    at.exactly(1, "the claim's value (1)")?;
    let mut map = at.map("the workload")?;
    let version = at.optional_key(&mut map, 0).then(|| version(at));
    let version = version.transpose()?;
    at.key(&mut map, 11, "the workload's name (11)")?;
    let name = at.text("the workload's name")?.to_owned();
    at.end_of_map(&map, "the end of the workload")?;
    Ok(Workload { name, version })
}

/// `version-map`
fn version(at: &mut Cursor<'_>) -> Walk<String> {
    let mut map = at.map("a version")?;
    at.key(&mut map, 0, "the version's text (0)")?;
    let version = at.text("the version's text")?.to_owned();
    at.end_of_map(&map, "the end of the version")?;
    Ok(version)
}

fn sbom(at: &mut Cursor<'_>) -> Walk<Sbom> {
    claim(at)?;
    at.exact_text(format::SBOM, "the claim sbom")?;
    at.exactly(1, "the claim's value (1)")?;
    let mut map = at.map("the bill of materials")?;
    at.key(&mut map, 2, "digests (2)")?;
    let sha384 = digest(at)?;
    at.key(&mut map, 11, "the file's name (11)")?;
    let file = at.text("the file's name")?.to_owned();
    at.end_of_map(&map, "the end of the bill of materials")?;
    Ok(Sbom { file, sha384 })
}
