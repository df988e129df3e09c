# For demonstrations and tests on machines without SEV-SNP or TDX: takes evidence of the simulated TEE, which protects nothing. A
# verifier takes it only if it was started for it, too (--allow-simulated): no policy can widen that.
#
# What this policy cannot do: make anything of it true of hardware. It takes no hardware's evidence, so that one policy never lets
# both in; it claims nothing of hardware and memory; and the status is never affirming, whatever a policy claims.
package cloister.appraisal

about := {
	"name": "simulated",
	"dated": "2026-11-23",
	"text": "For demonstrations: a simulated TEE, which proves nothing about hardware and protects nothing.",
	"sources": ["AMD 56860 revision 1.58 (the report's format)", "draft-ietf-rats-ar4si-10 (trustworthiness claims)"],
}

limits := {"simulated": simulated}

simulated := {
	# As in strict: a demonstration that lets a guest in which is open to debugging would demonstrate nothing.
	"allow_debug": false,
	# As in strict: nothing here measures a migration agent.
	"allow_migration": false,
	# The simulated TEE runs on whatever machine is at hand, and launches ask for SMT unless told otherwise. There is no side
	# channel to close where there is no protection.
	"allow_smt": true,
	# As in strict: a simulated guest has one level, 0, and a report of another is not from it.
	"max_vmpl": 0,
}

# Asked like strict's claims. What is genuine and who can read the memory nobody claims here.
trust_vector := {name: value |
	some name, question in questions
	value := claimed(question)
}

questions := {
	"instance-identity": {
		"needs": {"signature", "certificate_chain", "binding"},
		"asks": {"tee_allowed", "nonce", "binding", "certificate_chain", "certificate_dates", "signature", "report_format", "evidence"},
		"good": 2, "bad": 97,
	},
	"configuration": {
		"needs": {"signature", "debug", "vmpl", "policy_bits"},
		"asks": {"debug", "vmpl", "policy_bits", "additional_evidence", "init_data"},
		"good": 3, "bad": 96,
	},
	"executables": {
		"needs": {"signature", "launch_digest", "reference"},
		"asks": {"launch_digest", "reference_validity", "reference"},
		"good": 3, "bad": 33,
	},
}

claimed(question) := question.bad if {
	count(intersection({question.asks, failed})) > 0
} else := question.good if {
	intersection({question.needs, passed}) == question.needs
} else := 0

failed := {check.name | some check in input.record.checks; check.result == "fail"}

passed := {check.name | some check in input.record.checks; check.result == "pass"}

deny contains {"code": "other_tee", "reason": "this policy is for simulated evidence, and for nothing else"} if {
	not input.tee == "simulated"
}

# --- tests: cloister policy test simulated.rego ------------------------------------------------------------------------------

good := {"tee": "simulated", "record": {"checks": [{"name": name, "result": "pass"} |
	some name in {"signature", "certificate_chain", "binding", "debug", "vmpl", "policy_bits", "launch_digest", "reference"}
]}}

test_simulated_tee_alone_is_taken if {
	object.keys(limits) == {"simulated"}
	denied := deny with input as good
	count(denied) == 0
}

test_nothing_but_smt_is_allowed if {
	limits.simulated == {"allow_debug": false, "allow_migration": false, "allow_smt": true, "max_vmpl": 0}
}

test_hardware_and_memory_are_never_claimed if {
	vector := trust_vector with input as good
	vector == {"instance-identity": 2, "configuration": 3, "executables": 3}
}

test_unknown_launch_is_not_recognised if {
	evidence := {"tee": "simulated", "record": {"checks": [{"name": "launch_digest", "result": "fail"}]}}
	vector := trust_vector with input as evidence
	vector.executables == 33
}

test_record_of_nothing_affirms_nothing if {
	vector := trust_vector with input as {"tee": "simulated", "record": {"checks": []}}
	every value in vector { value == 0 }
}

test_other_evidence_is_denied if {
	every tee in ["snp", "tdx", "tpm", "sample"] {
		denied := deny with input as object.union(good, {"tee": tee})
		{denial.code | some denial in denied} == {"other_tee"}
	}
}
