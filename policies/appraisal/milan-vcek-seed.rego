# Against forged reports of EPYC 7003 (Milan). "Insecure Despite Proven Updated" (arXiv 2605.12990, May 2026): by software alone
# (MilanLaunchy, then BadFuse) a host reads the fused root seed of its chip. Every VCEK of the chip, of old and of future
# firmware, derives from it: reports for any TCB can then be signed anywhere, and no minimum of a TCB helps. "One Glitch to Rule
# Them All" (CCS 2021, arXiv 2108.04575) did it to Zen 1 to 3 by glitching the secure processor's voltage.
#
# What helps: not to believe the generation. A VLEK does not help, since the same secure processor holds it. What this policy
# cannot do: it does not tell chips whose seed was read from others, nor does it say that a later generation is sound.
package cloister.appraisal

import data.cloister.strict

about := {
	"name": "milan-vcek-seed",
	"dated": "2026-11-23",
	"text": "Strict, and no report of a generation whose root seeds can be read out.",
	"sources": [
		"https://arxiv.org/abs/2605.12990",
		"https://arxiv.org/abs/2108.04575",
	],
}

# Generations whose seeds can be read out.
broken := {"milan"}

limits := object.union(strict.limits, {"snp": {"products": sound}})

sound := [product | some product in strict.limits.snp.products; not product in broken]

trust_vector := strict.trust_vector

deny contains denial if some denial in strict.deny

deny contains {"code": "generation_broken", "reason": sprintf("root seeds of %s chips can be read out, so that its reports can be forged (arXiv 2605.12990)", [product])} if {
	some product in broken
	product in named
}

# By its certificates' chain, and by the CPU that the report names.
named contains input.snp.product

named contains "milan" if {
	input.snp.cpu.family == 25
	input.snp.cpu.model < 16
}

# --- tests -------------------------------------------------------------------------------------------------------------------

test_milan_is_no_accepted_product if {
	limits.snp.products == ["genoa", "turin"]
}

test_milan_is_denied_by_its_chain_or_its_cpu if {
	every claims in [{"product": "milan"}, {"product": null, "cpu": {"family": 25, "model": 1}}] {
		denied := deny with input as {"tee": "snp", "snp": claims}
		{denial.code | some denial in denied} == {"generation_broken"}
	}
}

test_later_generations_are_not_denied if {
	every claims in [
		{"product": "genoa", "cpu": {"family": 25, "model": 17}},
		{"product": "turin", "cpu": {"family": 26, "model": 2}},
		{"product": "genoa", "cpu": null},
	] {
		denied := deny with input as {"tee": "snp", "snp": claims}
		count(denied) == 0
	}
}

test_other_tees_are_not_denied if {
	denied := deny with input as {"tee": "tdx", "tdx": {}}
	count(denied) == 0
}

test_strict_reasons_stay if {
	denied := deny with input as {"tee": "tpm", "tpm": {}}
	{denial.code | some denial in denied} == {"tpm_alone"}
}
