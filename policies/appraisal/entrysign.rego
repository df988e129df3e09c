# Against EntrySign: CPUs of Zen 1 to 5 checked the signature of microcode with a hash (AES-CMAC under a key that is the same in
# every chip) for which anybody can find collisions. A host's administrator loads microcode of his own, and with it reads and
# changes guests.
#
# What helps: microcode of at least the version from which on the CPU loads nothing signed so. Its last byte is the microcode
# part of the TCB, from which the VCEK derives: a chip with the old one cannot sign for the new one. The numbers are one more
# than those at which Linux stops trusting the signature (arch/x86/kernel/cpu/microcode/amd.c, get_cutoff_revision). What this
# policy cannot do: it trusts the committed TCB; a chip whose seed was read out forges that too (milan-vcek-seed).
package cloister.appraisal

import data.cloister.strict

about := {
	"name": "entrysign",
	"dated": "2026-11-23",
	"text": "Strict, on chips that load no microcode but their vendor's.",
	"sources": [
		"CVE-2024-56161, AMD-SB-3019; CVE-2024-36347, AMD-SB-7033",
		"https://github.com/google/security-research/security/advisories/GHSA-4xq7-4mgh-gp6w",
		"Linux, arch/x86/kernel/cpu/microcode/amd.c, get_cutoff_revision",
	],
}

# The least last byte of the microcode's version, by family, model and stepping.
fixed := {
	[25, 1, 0]: 123, # 0x0A00107B
	[25, 1, 1]: 219, # 0x0A0011DB, Milan
	[25, 1, 2]: 68, # 0x0A001244, Milan-X
	[25, 17, 1]: 84, # 0x0A101154, Genoa
	[25, 17, 2]: 79, # 0x0A10124F, Genoa-X
	[25, 160, 1]: 23, # 0x0AA00117, Bergamo, Siena
	[25, 160, 2]: 25, # 0x0AA00219, Bergamo, Siena
	[26, 2, 1]: 71, # 0x0B002147, Turin
	[26, 17, 0]: 71, # 0x0B101047, Turin Dense
}

# A CPU that is not in the list, and a report of version 2, which does not tell its CPU, meet nothing. Let them name it by
# newer firmware.
impossible := 255

default least := 255

least := object.get(fixed, [[input.snp.cpu.family, input.snp.cpu.model, input.snp.cpu.stepping]], impossible)

limits := object.union(strict.limits, {"snp": {"minimum_tcb": minimum}})

# Of all four: firmware can be taken back to the committed one, and the guest may have been launched on an older one.
minimum := {tcb: object.union(parts, {"microcode": least}) | some tcb, parts in strict.limits.snp.minimum_tcb}

trust_vector := strict.trust_vector

deny := strict.deny

# --- tests -------------------------------------------------------------------------------------------------------------------

least_of(cpu) := found if {
	minimum_tcb := limits.snp.minimum_tcb with input as {"tee": "snp", "snp": {"cpu": cpu}}
	all := {parts.microcode | some parts in minimum_tcb}
	count(all) == 1
	some found in all
}

test_each_cpu_needs_its_own_microcode if {
	least_of({"family": 25, "model": 1, "stepping": 1, "known": true}) == 219
	least_of({"family": 25, "model": 17, "stepping": 1, "known": true}) == 84
	least_of({"family": 26, "model": 2, "stepping": 1, "known": true}) == 71
}

test_cpu_that_is_not_named_or_not_listed_meets_nothing if {
	every cpu in [null, {}, {"family": 25, "model": 1, "stepping": 9}, {"family": 27, "model": 1, "stepping": 1}] {
		least_of(cpu) == 255
	}
}

test_all_four_versions_are_held_to_it if {
	found := limits.snp.minimum_tcb with input as {"tee": "snp", "snp": {"cpu": {"family": 25, "model": 1, "stepping": 2}}}
	object.keys(found) == {"reported", "committed", "current", "launch"}
	every parts in found { parts == {"fmc": 0, "boot_loader": 0, "tee": 0, "snp": 0, "microcode": 68} }
}
