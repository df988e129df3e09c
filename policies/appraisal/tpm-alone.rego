# For a TPM's quote that no TEE's report vouches for: a bare machine's TPM, or a virtual one whose key the relying party names or whose
# certifier it names (Google's Shielded VMs). It says what was booted, to whoever trusts the machine's owner.
#
# What this policy cannot do: nothing is said of who reads the memory, and a virtual TPM says what its host lets it say. It claims
# nothing of hardware or memory, and nothing of what was booted unless PCR values are expected and match.
package cloister.appraisal

import data.cloister.strict

about := {
	"name": "tpm-alone",
	"dated": "2026-11-23",
	"text": "What a TPM says was booted, by a key that the relying party names; nothing of who can read the memory.",
	"sources": ["TCG Trusted Platform Module Library, part 1 (attestation)", "draft-ietf-rats-ar4si-10"],
}

limits := object.union(strict.limits, {"tpm": {
	"allow_without_tee": true,
	# Secure Boot is in the configuration that a TEE's report binds, and without a TEE there is none. What was booted is in the PCRs.
	"require_secure_boot": false,
}})

trust_vector := strict.trust_vector

deny contains denial if {
	some denial in strict.deny
	denial.code != "tpm_alone"
}

# What a TPM alone is asked for is what was booted.
deny contains {"code": "launch_unknown", "reason": "no PCR values are expected: a TPM alone says nothing else"} if {
	input.tee == "tpm"
	not "tpm_pcrs" in strict.passed
}

# --- tests -------------------------------------------------------------------------------------------------------------------

quoted := {"tee": "tpm", "record": {"checks": [{"name": name, "result": "pass"} |
	some name in {"tpm_signature", "tpm_ak", "tpm_pcrs"}
]}}

test_expected_boot_by_a_named_key_affirms_that_alone if {
	vector := trust_vector with input as quoted
	vector == {"instance-identity": 2, "configuration": 0, "executables": 3, "hardware": 0, "runtime-opaque": 0}
	denied := deny with input as quoted
	count(denied) == 0
}

test_boot_that_nobody_expects_is_denied if {
	evidence := {"tee": "tpm", "record": {"checks": [{"name": "tpm_signature", "result": "pass"}, {"name": "tpm_pcrs", "result": "not_checked"}]}}
	denied := deny with input as evidence
	{denial.code | some denial in denied} == {"launch_unknown"}
}

test_key_without_a_tee_is_allowed_and_all_else_is_strict if {
	limits.tpm.allow_without_tee
	not limits.tpm.require_secure_boot
	own := ["allow_without_tee", "require_secure_boot"]
	object.remove(limits.tpm, own) == object.remove(strict.limits.tpm, own)
	limits.snp == strict.limits.snp
	limits.tdx == strict.limits.tdx
}
