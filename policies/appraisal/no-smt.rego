# Against whatever leaks from one thread of a core to the other: caches, predictors, buffers, execution ports. With SMT the
# other thread may be the host's, or another tenant's. SQUIP (CVE-2021-46778, AMD-SB-1039) is one of many, and the next one is
# closed too.
#
# What this policy cannot do: threads of other cores still share caches and memory, and the host may look at a guest's core
# between two of its instructions (single-stepping).
package cloister.appraisal

import data.cloister.strict

about := {
	"name": "no-smt",
	"dated": "2026-11-23",
	"text": "Strict, on platforms that run one thread a core.",
	"sources": [
		"CVE-2021-46778, AMD-SB-1039 (SQUIP, IEEE S&P 2023)",
		"AMD 56860 revision 1.58, guest policy bit 16 and PLATFORM_INFO bit 0",
		"Intel SGX PCK Certificate and CRL Profile, SMT Enabled",
	],
}

limits := object.union(strict.limits, demands)

# The guest policy forbids SMT for the guest's whole life; the platform's bit says how it is now.
demands := {
	"snp": {"allow_smt": false, "require_smt_disabled": true},
	"tdx": {"allow_smt": false},
}

trust_vector := strict.trust_vector

deny := strict.deny

# --- tests -------------------------------------------------------------------------------------------------------------------

test_smt_is_refused_of_both_tees if {
	limits.snp.allow_smt == false
	limits.snp.require_smt_disabled
	limits.tdx.allow_smt == false
}

test_all_else_is_strict if {
	object.remove(limits.snp, ["allow_smt", "require_smt_disabled"]) == object.remove(strict.limits.snp, ["allow_smt", "require_smt_disabled"])
	object.remove(limits.tdx, ["allow_smt"]) == object.remove(strict.limits.tdx, ["allow_smt"])
}
