//! From reference values to CBOR.
//!
//! Maps are put in order by the library, which is checked against another one in the tests; what it wrote
//! is read again by [`scan`](crate::scan) before anybody signs it.

use serde_cbor::Value;

use crate::format::{self, tag};
use crate::{Alternative, ReferenceSet, Tee, Validity};

/// The bytes of a value.
pub fn bytes(value: &Value) -> Vec<u8> {
    serde_cbor::to_vec(value).expect("numbers of 64 bits, strings, lists and tags can be written")
}

pub fn map<const N: usize>(entries: [(u64, Value); N]) -> Value {
    Value::Map(entries.map(|(key, value)| (key.into(), value)).into())
}

pub fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub fn tagged(tag: u64, value: Value) -> Value {
    Value::Tag(tag, Box::new(value))
}

/// `validity-map`
pub fn validity(validity: Validity) -> Value {
    let time = |seconds: u64| tagged(tag::TIME, seconds.into());
    map([
        (0, time(validity.not_before)),
        (1, time(validity.not_after)),
    ])
}

impl ReferenceSet {
    /// `tagged-unsigned-corim-map`
    pub(crate) fn corim(&self) -> Vec<u8> {
        let comids = self.alternatives.iter().map(|launch| self.comid(launch));
        let corim = map([
            (0, text(&self.id())),
            (1, Value::Array(comids.collect())),
            (3, tagged(tag::URI, text(format::PROFILE))),
            (4, validity(self.validity)),
        ]);
        bytes(&tagged(tag::CORIM, corim))
    }

    /// `tagged-concise-mid-tag`: one for each launch, so that one can be withdrawn.
    fn comid(&self, launch: &Alternative) -> Value {
        let id = format!("{}/vcpus/{}", self.id(), launch.vcpus);
        let triple = |claims| Value::Array(vec![environment(self.tee), Value::Array(claims)]);
        let triples = map([
            (0, Value::Array(vec![triple(self.evidence(launch))])),
            (1, Value::Array(vec![triple(self.endorsed())])),
        ]);
        let identity = map([(0, text(&id)), (1, 0u64.into())]);
        let comid = map([(1, identity), (4, triples)]);
        tagged(tag::COMID, Value::Bytes(bytes(&comid)))
    }

    /// What evidence has to show.
    fn evidence(&self, launch: &Alternative) -> Vec<Value> {
        let digest = map([(2, digests(&launch.digest))]);
        if self.tee == Tee::Tdx {
            let rtmrs = launch.rtmrs.iter().zip(0u64..);
            let rtmrs =
                rtmrs.filter_map(|(rtmr, number)| Some((number.into(), digests(rtmr.as_ref()?))));
            let rtmrs = Value::Map(rtmrs.collect());
            let mut claims = vec![claim(text(format::MRTD), digest)];
            if launch.rtmrs != [None; 4] {
                claims.push(claim(text(format::RTMR), map([(14, rtmrs)])));
            }
            return claims;
        }
        let svn = self.min_svn.map(|svn| {
            let svn = tagged(tag::MIN_SVN, svn.into());
            claim(format::GUEST_SVN.into(), map([(1, svn)]))
        });
        let digest = claim(format::MEASUREMENT.into(), digest);
        [Some(digest), svn].into_iter().flatten().collect()
    }

    /// What the signer says beyond that.
    fn endorsed(&self) -> Vec<Value> {
        let name = text(&self.workload.name);
        let workload = match &self.workload.version {
            Some(version) => map([(0, map([(0, text(version))])), (11, name)]),
            None => map([(11, name)]),
        };
        let sbom = self.sbom.as_ref().map(|sbom| {
            let value = map([(2, digests(&sbom.sha384)), (11, text(&sbom.file))]);
            claim(text(format::SBOM), value)
        });
        let workload = claim(text(format::WORKLOAD), workload);
        [Some(workload), sbom].into_iter().flatten().collect()
    }
}

/// `environment-map`
fn environment(tee: Tee) -> Value {
    let class = match format::vendor_and_model(tee) {
        None => map([(
            0,
            tagged(tag::OID, Value::Bytes(format::SNP_CLASS.to_vec())),
        )]),
        Some((vendor, model)) => map([(1, text(vendor)), (2, text(model))]),
    };
    map([(0, class)])
}

/// `measurement-map`
fn claim(key: Value, value: Value) -> Value {
    map([(0, key), (1, value)])
}

/// `digests-type`
fn digests(sha384: &[u8; 48]) -> Value {
    let digest = vec![format::SHA384.into(), Value::Bytes(sha384.to_vec())];
    Value::Array(vec![Value::Array(digest)])
}
