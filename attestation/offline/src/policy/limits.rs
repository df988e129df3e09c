//! What a policy's `limits` are before there is evidence: asked about claims of each TEE, and read as its judge does.

use attestation_appraisal::{Policy, PolicyError, Tee};
use attestation_judge::{SampleLimits, SimulatedLimits};
use attestation_snp::SnpLimits;
use attestation_tdx::TdxLimits;
use attestation_tpm::TpmLimits;
use serde::Serialize;
use serde_json::{Value, json};

/// Claims as the judges make them of real evidence, with zeros for what is one machine's or one guest's.
const SAMPLES: [(Tee, &str); 5] = [
    (Tee::Snp, include_str!("samples/snp.json")),
    (Tee::Tdx, include_str!("samples/tdx.json")),
    (
        Tee::Simulated,
        r#"{"tee": "simulated", "version": 3, "guest_svn": 0, "vmpl": 0, "policy": 196608}"#,
    ),
    (Tee::Sample, r#"{"tee": "sample", "svn": "1"}"#),
    (Tee::Tpm, include_str!("samples/tpm.json")),
];

/// Limits differ by product more than by anything else: name, generation, family and model of each.
const PRODUCTS: [(&str, &str, u8, u8); 3] = [
    ("milan", "zen3", 0x19, 0x01),
    ("genoa", "zen4", 0x19, 0x11),
    ("turin", "zen5", 0x1A, 0x02),
];

/// What a policy's limits for one TEE are.
#[derive(Debug, Serialize)]
pub struct LimitsOutcome {
    pub tee: Tee,
    /// Whether there are any for this TEE: evidence of one without is refused.
    pub given: bool,
    /// Why its judge would not take them.
    pub failure: Option<String>,
}

/// The policy's limits, if they are what the judge of this TEE takes.
pub fn limits(policy: &Policy, tee: Tee, claims: &Value) -> Result<Value, PolicyError> {
    let given = match tee {
        Tee::Snp => policy.limits_as::<SnpLimits>(tee, claims)?.1,
        Tee::Tdx => policy.limits_as::<TdxLimits>(tee, claims)?.1,
        Tee::Simulated => policy.limits_as::<SimulatedLimits>(tee, claims)?.1,
        Tee::Sample => policy.limits_as::<SampleLimits>(tee, claims)?.1,
        Tee::Tpm => policy.limits_as::<TpmLimits>(tee, claims)?.1,
    };
    Ok(given)
}

/// What the policy's limits are for samples of each TEE's claims. That there are none for what proves nothing is as it
/// should be, and not worth a word.
pub fn of_samples(policy: &Policy) -> Vec<LimitsOutcome> {
    let outcomes = SAMPLES.iter().map(|(tee, sample)| {
        let sample = serde_json::from_str(sample).expect("the samples are tested");
        outcome(policy, *tee, &variants(*tee, &sample))
    });
    outcomes
        .filter(|outcome| outcome.given || !outcome.tee.proves_nothing())
        .collect()
}

fn outcome(policy: &Policy, tee: Tee, samples: &[Value]) -> LimitsOutcome {
    let mut outcome = LimitsOutcome {
        tee,
        given: false,
        failure: None,
    };
    for claims in samples {
        match limits(policy, tee, claims) {
            Ok(_) => outcome.given = true,
            // Who takes no evidence of a TEE, or of a product, gives no limits for it.
            Err(PolicyError::Undefined(_)) => {}
            Err(error) => {
                outcome.given = true;
                outcome.failure = Some(error.to_string());
            }
        }
    }
    outcome
}

fn variants(tee: Tee, sample: &Value) -> Vec<Value> {
    let of_product = |(name, generation, family, model)| {
        let mut claims = sample.clone();
        claims["product"] = json!(name);
        claims["generation"] = json!(generation);
        claims["cpu"]["family"] = json!(family);
        claims["cpu"]["model"] = json!(model);
        claims
    };
    match tee {
        Tee::Snp => PRODUCTS.map(of_product).to_vec(),
        _ => vec![sample.clone()],
    }
}
