# For trying clients of the KBS protocol: takes the evidence of Trustee's sample attester, which anybody can write. It says nothing of
# any machine. A verifier takes it only if it was started for it, too (--allow-simulated): no policy can widen that.
#
# What this policy cannot do: tell a guest from anybody else. It takes no hardware's evidence, so that one policy never lets both in;
# it claims no more than that the evidence was made for this session; and the status is never affirming, whatever a policy claims.
package cloister.appraisal

about := {
	"name": "sample",
	"dated": "2026-11-23",
	"text": "For trying clients: the sample attester's evidence, which anybody can write and which proves nothing.",
	"sources": ["Confidential Containers, guest-components: the sample attester", "draft-ietf-rats-ar4si-10 (trustworthiness claims)"],
}

limits := {"sample": {
	# Said in so many words, since everything that follows from it is worth nothing.
	"allow": true,
	# What the attester calls itself today.
	"svns": ["1"],
}}

# One claim has to affirm or nothing could be accepted; it says that the evidence answers this session.
trust_vector := {"instance-identity": 97} if {
	count(failed) > 0
} else := {"instance-identity": 2} if {
	"sample_binding" in passed
} else := {"instance-identity": 0}

failed := {check.name | some check in input.record.checks; check.result == "fail"}

passed := {check.name | some check in input.record.checks; check.result == "pass"}

deny contains {"code": "other_tee", "reason": "this policy is for the sample attester's evidence, and for nothing else"} if {
	not input.tee == "sample"
}

# --- tests: cloister policy test sample.rego ---------------------------------------------------------------------------------

bound := {"tee": "sample", "record": {"checks": [{"name": "sample_binding", "result": "pass"}]}}

test_sample_alone_is_taken_and_said_so if {
	object.keys(limits) == {"sample"}
	limits.sample.allow == true
	denied := deny with input as bound
	count(denied) == 0
}

test_bound_evidence_affirms_that_alone if {
	vector := trust_vector with input as bound
	vector == {"instance-identity": 2}
}

test_anything_wrong_contraindicates if {
	vector := trust_vector with input as {"tee": "sample", "record": {"checks": [{"name": "sample_svn", "result": "fail"}]}}
	vector == {"instance-identity": 97}
}

test_record_of_nothing_affirms_nothing if {
	vector := trust_vector with input as {"tee": "sample", "record": {"checks": []}}
	vector == {"instance-identity": 0}
}

test_other_evidence_is_denied if {
	every tee in ["snp", "tdx", "tpm", "simulated"] {
		denied := deny with input as object.union(bound, {"tee": tee})
		{denial.code | some denial in denied} == {"other_tee"}
	}
}
