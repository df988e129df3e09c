# Against whoever has hands on the machine. Interposers on the memory's bus read, replay and alias ciphertext below everything
# that firmware checks: Battering RAM (2025, DDR4, SEV-SNP and SGX), WireTap (2025, DDR4, SGX's attestation key), TEE.fail (2025,
# DDR5, TDX's attestation key and SEV-SNP, ciphertext hiding on). AMD and Intel say that physical attacks are outside of what
# their TEEs defend; no report shows them, and no firmware mends them. A chip whose key was taken is a genuine chip: its key
# signs wherever it is.
#
# What helps: to know which chips stand in a building that one trusts, and to believe no other. That is this policy: lists of
# chips, empty here, so that it accepts nothing until its owner has written his own in. What it cannot do: it does not protect
# the listed ones from who enters the building; and a VLEK, which names no chip, cannot be on a list and is refused.
package cloister.appraisal

import data.cloister.strict

about := {
	"name": "chip-allow-list",
	"dated": "2026-11-23",
	"text": "Strict, on chips that are listed here.",
	"sources": [
		"https://batteringram.eu",
		"https://wiretap.fail",
		"https://tee.fail",
		"AMD 57230 revision 0.5 (HWID of a VCEK's certificate); Intel SGX PCK Certificate and CRL Profile (PPID)",
	],
}

# HWID of the VCEK's certificate: 128 hexadecimal digits, 16 of Turin.
amd_chips := []

# PPID of the PCK certificate: 32 hexadecimal digits.
intel_platforms := set()

# Why some chips are not believed though they are genuine: known keys, sold boards.
amd_chips_lost := []

limits := object.union(strict.limits, {"snp": demands(amd_chips, amd_chips_lost)})

# For policies that bring lists of their own.
demands(chips, lost) := {"chip_allow": chips, "chip_deny": lost, "signing_keys": ["vcek"]}

trust_vector := strict.trust_vector

deny contains denial if some denial in strict.deny

deny contains denial if some denial in unlisted(intel_platforms)

# Reasons against a TDX platform that is not in the set.
unlisted(platforms) := {reason | input.tdx; not ppid in platforms; reason := platform_unlisted}

platform_unlisted := {"code": "platform_unlisted", "reason": "the platform's PPID is not one of those that the policy lists"}

default ppid := "none"

ppid := input.tdx.platform.ppid

# --- tests -------------------------------------------------------------------------------------------------------------------

test_chip_list_is_put_to_the_judge if {
	found := demands(["aa"], ["bb"])
	found == {"chip_allow": ["aa"], "chip_deny": ["bb"], "signing_keys": ["vcek"]}
}

test_empty_list_accepts_no_chip if {
	limits.snp.chip_allow == []
	limits.snp.signing_keys == ["vcek"]
}

test_unlisted_platform_is_denied if {
	every claims in [{"platform": {"ppid": "00"}}, {"platform": null}, {}] {
		denied := deny with input as {"tee": "tdx", "tdx": claims}
		{denial.code | some denial in denied} == {"platform_unlisted"}
	}
}

test_listed_platform_is_not_denied if {
	denied := unlisted({"ab"}) with input as {"tee": "tdx", "tdx": {"platform": {"ppid": "ab"}}}
	count(denied) == 0
}

test_platforms_are_not_asked_of_snp if {
	denied := deny with input as {"tee": "snp", "snp": {}}
	count(denied) == 0
}
