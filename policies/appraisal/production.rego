# An example of a policy for machines that matter: strict, all that is known against attacks, and minimums. Copy it, read it, and
# put your own numbers where it says so. It refuses EPYC 7003 as a generation, and hosts with SMT.
package cloister.appraisal

import data.cloister.badram
import data.cloister.chip_allow_list
import data.cloister.entrysign
import data.cloister.milan_vcek_seed
import data.cloister.no_smt
import data.cloister.strict

about := {
	"name": "production",
	"dated": "2026-11-23",
	"text": "An example for machines that matter: strict, every policy against a known attack, and minimums.",
	"sources": [
		"INTEL-SA-01436 (TDX module, August 2026), INTEL-SA-01404 (Xeon 6 with TDX, August 2026)",
		"those of badram, entrysign, milan-vcek-seed, no-smt and chip-allow-list",
	],
}

# Put your own: HWIDs of the VCEKs that you rent or own, PPIDs of your TDX platforms. As it is, nothing is accepted.
amd_chips := []

intel_platforms := set()

# Put your own: Intel raises it with each recovery of its TCB; an older TCB info calls a platform UpToDate that is not. 17 is of
# 2025.
least_evaluation_number := 17

# What comes later takes the place of what came before, member by member.
limits := object.union_n([
	strict.limits,
	{"snp": {"products": milan_vcek_seed.sound}},
	{"snp": badram.demands},
	no_smt.demands,
	{"snp": {"minimum_tcb": entrysign.minimum}},
	{"snp": chip_allow_list.demands(amd_chips, [])},
	{
		"snp": {"require_crl": true},
		"tdx": {"min_tcb_evaluation_data_number": least_evaluation_number},
		"tpm": {"require_event_log": true},
	},
])

trust_vector := strict.trust_vector

deny contains denial if some denial in milan_vcek_seed.deny

deny contains denial if some denial in chip_allow_list.unlisted(intel_platforms)

# Only what is known to have been launched, in a session that is one's own.
deny contains {"code": "launch_unknown", "reason": "no reference value says what was launched"} if {
	not "launch_digest" in strict.passed
}

deny contains {"code": "unbound", "reason": "REPORT_DATA was not compared: anybody may have sent the evidence again"} if {
	input.binding.kind != "exactly"
}

# Made without hardware, by whoever has the key of the root that was named.
deny contains {"code": "named_root", "reason": "a root was named in the vendor's place: nothing says that the hardware is genuine"} if {
	not input.named_root == false
}

# --- tests -------------------------------------------------------------------------------------------------------------------

turin := {
	"tee": "snp",
	"named_root": false,
	"snp": {"product": "turin", "cpu": {"family": 26, "model": 2, "stepping": 1}},
	"binding": {"kind": "exactly", "report_data": "00"},
	"record": {"checks": [{"name": "launch_digest", "result": "pass"}]},
}

test_demands_of_all_parts_are_there if {
	found := limits.snp with input as turin
	found.products == ["genoa", "turin"]
	found.require_alias_check
	found.require_smt_disabled
	found.require_crl
	found.minimum_tcb.committed.microcode == 71
	found.minimum_firmware.minor == 55
	found.chip_allow == []
	object.keys(found) == object.keys(strict.limits.snp)
	all := limits with input as turin
	all.tdx.min_tcb_evaluation_data_number == least_evaluation_number
	all.tdx.min_tcb_evaluation_data_number > 0
	all.tdx.allow_smt == false
	all.tpm.require_event_log
}

test_known_launch_in_an_own_session_is_not_denied if {
	denied := deny with input as turin
	count(denied) == 0
}

codes(evidence) := {denial.code | some denial in denied} if {
	denied := deny with input as evidence
}

test_each_reason_comes_by_itself if {
	codes(object.union(turin, {"binding": {"kind": "unbound"}})) == {"unbound"}
	codes(object.union(turin, {"record": {"checks": []}})) == {"launch_unknown"}
	codes(object.union(turin, {"named_root": true})) == {"named_root"}
	codes(object.remove(turin, ["named_root"])) == {"named_root"}
	codes(object.union(turin, {"snp": {"product": "milan"}})) == {"generation_broken"}
	codes(object.union(turin, {"tee": "tdx", "tdx": {"platform": {"ppid": "00"}}})) == {"platform_unlisted"}
	codes(object.union(turin, {"tee": "tpm"})) == {"tpm_alone"}
}
