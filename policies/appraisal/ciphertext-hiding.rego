# Against ciphertext side channels: memory is encrypted by address and without a counter, so that equal contents have equal
# ciphertext. A host that reads it over time learns when values repeat, and from a signature's steps the key (CIPHERLEAKS, USENIX
# Security 2021; "A Systematic Look at Ciphertext Side Channels on AMD SEV-SNP", IEEE S&P 2022).
#
# What helps: ciphertext hiding, with which the host reads constants. EPYC 9005 (Turin) has it; hosts have to turn it on. Older
# chips have none: constant-time code that masks what it stores is then the guest's own business. What this policy cannot do:
# whoever taps the memory's bus reads ciphertext whatever the CPU answers (TEE.fail; see chip-allow-list).
package cloister.appraisal

import data.cloister.strict

about := {
	"name": "ciphertext-hiding",
	"dated": "2026-11-23",
	"text": "Strict, on platforms that do not let their host read ciphertext.",
	"sources": [
		"CVE-2020-12966, AMD-SB-1013; CVE-2021-46744, AMD-SB-1033",
		"AMD 56860 revision 1.58, PLATFORM_INFO bit 4",
	],
}

limits := object.union(strict.limits, {"snp": {"require_ciphertext_hiding": true}})

trust_vector := strict.trust_vector

deny := strict.deny

# --- tests -------------------------------------------------------------------------------------------------------------------

test_ciphertext_hiding_is_demanded if {
	limits.snp.require_ciphertext_hiding
}

test_all_else_is_strict if {
	object.remove(limits.snp, ["require_ciphertext_hiding"]) == object.remove(strict.limits.snp, ["require_ciphertext_hiding"])
	limits.tdx == strict.limits.tdx
}
