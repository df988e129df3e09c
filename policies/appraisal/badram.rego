# Against BadRAM (De Meulemeester et al., IEEE S&P 2025): whoever can write a DIMM's SPD chip, once, makes it claim twice its
# size. Two addresses then mean the same cell, and the host reads and replays a guest's ciphertext past the RMP's checks,
# attestation included.
#
# What helps: firmware that tries for aliases at boot and reports it, PLATFORM_INFO bit 5 (ALIAS_CHECK_COMPLETE), and firmware
# of at least the version that has the check. What this policy cannot do: an interposer that aliases after boot passes the
# check (Battering RAM, 2025; see chip-allow-list).
package cloister.appraisal

import data.cloister.strict

about := {
	"name": "badram",
	"dated": "2026-11-23",
	"text": "Strict, on platforms whose firmware has looked for aliased memory.",
	"sources": [
		"CVE-2024-21944, AMD-SB-3015: fixed in SEV firmware 1.55.22 (EPYC 7003) and 1.55.38 (EPYC 9004)",
		"https://badram.eu",
		"AMD 56860 revision 1.58, PLATFORM_INFO",
	],
}

limits := object.union(strict.limits, {"snp": demands})

# Turin came with the check. A chip of no known product gets no limits that it could meet.
demands := {"require_alias_check": true, "minimum_firmware": object.get(fixed, product, impossible)}

fixed := {
	"milan": {"major": 1, "minor": 55, "build": 22},
	"genoa": {"major": 1, "minor": 55, "build": 38},
	"turin": {"major": 1, "minor": 55, "build": 0},
}

impossible := {"major": 255, "minor": 255, "build": 255}

default product := "unknown"

product := input.snp.product

trust_vector := strict.trust_vector

deny := strict.deny

# --- tests -------------------------------------------------------------------------------------------------------------------

test_alias_check_is_demanded_of_every_product if {
	every name in ["milan", "genoa", "turin"] {
		found := limits.snp with input as {"tee": "snp", "snp": {"product": name}}
		found.require_alias_check
	}
}

test_each_product_needs_its_own_firmware if {
	milan := limits.snp with input as {"tee": "snp", "snp": {"product": "milan"}}
	milan.minimum_firmware == {"major": 1, "minor": 55, "build": 22}
	genoa := limits.snp with input as {"tee": "snp", "snp": {"product": "genoa"}}
	genoa.minimum_firmware == {"major": 1, "minor": 55, "build": 38}
}

test_unknown_product_meets_nothing if {
	every claims in [{"product": "venice"}, {"product": null}, {}] {
		found := limits.snp with input as {"tee": "snp", "snp": claims}
		found.minimum_firmware.major == 255
	}
}

test_all_else_is_strict if {
	found := limits with input as {"tee": "tdx", "tdx": {}}
	found.tdx == strict.limits.tdx
	found.tpm == strict.limits.tpm
	object.remove(found.snp, ["require_alias_check", "minimum_firmware"]) == object.remove(strict.limits.snp, ["require_alias_check", "minimum_firmware"])
}
