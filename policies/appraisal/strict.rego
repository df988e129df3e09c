# The strict default: what any relying party can demand of genuine evidence without knowing the machine, the firmware or the
# guest. What was launched is a reference value; which attacks are closed beyond that is for the policies beside this one.
package cloister.appraisal

about := {
	"name": "strict",
	"dated": "2026-11-23",
	"text": "Genuine hardware in its vendor's good state, closed to debuggers and migration, in a session of its most privileged level.",
	"sources": [
		"AMD 56860 revision 1.58 (SEV Secure Nested Paging Firmware ABI)",
		"Intel TDX DCAP Quoting Library API; Intel TDX Module Base Architecture Specification",
		"draft-ietf-rats-ar4si-10 (trustworthiness claims)",
	],
}

# What the judges hold evidence to, a member for each TEE. A judge refuses a member that it does not know, and one that is
# missing. `null` where a list is possible: nobody asks, and the verdict shows it as not checked.
limits := {"snp": snp, "tdx": tdx, "tpm": tpm}

snp := {
	# Every product whose root is built in. A generation that was broken is denied by its own policy (milan-vcek-seed).
	"products": ["milan", "genoa", "turin"],
	# A VLEK ties a report to a provider and not to a chip. Both are AMD's word.
	"signing_keys": ["vcek", "vlek"],
	# A revocation list that is given counts; demanding one is for who fetches one.
	"require_crl": false,
	# With a masked id nothing ties a VCEK's report to the chip that the certificate is for.
	"allow_masked_chip_id": false,
	# Which chips are one's own, only their owner knows (chip-allow-list).
	"chip_allow": null,
	"chip_deny": [],
	# The TCB has to be the certificate's. How new it has to be changes by month and product (production, entrysign).
	"minimum_tcb": {"reported": oldest, "committed": oldest, "current": oldest, "launch": oldest},
	"minimum_firmware": {"major": 0, "minor": 0, "build": 0},
	"minimum_abi": {"major": 0, "minor": 0},
	# With guest policy bit 19 the host may read and write the guest's decrypted memory.
	"allow_debug": false,
	# With bit 18 a migration agent, which the host brings and nobody measures, may take the guest away.
	"allow_migration": false,
	# Every cloud runs with SMT; who shares no core with strangers demands so (no-smt).
	"allow_smt": true,
	"require_single_socket": false,
	# With bit 21 a device outside of the processor may hold the guest's memory: no attester of today's clouds asks for it.
	"allow_cxl": false,
	# Bits 22 to 25 are what a tenant can have firmware hold every platform to. Guests of today ask for none of them.
	"require_policy_aes_256_xts": false,
	"require_policy_rapl_disabled": false,
	"require_policy_ciphertext_hiding": false,
	"require_policy_page_swap_disabled": false,
	# A report of a lesser level may come from software that the guest's own monitor does not trust.
	"max_vmpl": 0,
	# Firmware of before 2025 has no such bit: it is demanded by the policy against the attack (badram).
	"require_alias_check": false,
	"require_ciphertext_hiding": false,
	"require_smt_disabled": false,
	"require_tsme": false,
	"require_ecc": false,
	"require_rapl_disabled": false,
	# Trusted I/O lets devices reach guests' memory; who uses such devices judges them too, which nothing here does.
	"allow_tio": false,
	# Who signs launches, and what hosts say of them, only the relying party knows.
	"id_keys": null,
	"author_keys": null,
	"family_ids": null,
	"image_ids": null,
	"minimum_guest_svn": 0,
	"host_data": null,
	"launch_mitigations": 0,
	"current_mitigations": 0,
}

oldest := {"fmc": 0, "boot_loader": 0, "tee": 0, "snp": 0, "microcode": 0}

tdx := {
	# Intel's own word for a platform without known holes. Every other state has an advisory that somebody has to read.
	"accepted_tcb_statuses": ["UpToDate"],
	"accepted_advisories": [],
	# A platform gets no days for its updates; who gives some says how many.
	"grace_days": 0,
	# None older than the newest seen is the business of the state that comes with the evidence.
	"min_tcb_evaluation_data_number": 0,
	"fmspcs": null,
	# Servers with several packages, registered with Intel, with SMT: what clouds have.
	"allow_dynamic_platform": true,
	"allow_cached_keys": true,
	"allow_smt": true,
	# TD_ATTRIBUTES 0 to 7: the host may read the TD's memory and registers.
	"allow_debug": false,
	# What makes a TD safer (ICSSD, LASS, SEPT_VE_DISABLE) or concerns itself alone (PKS, KL). Not: migration, provisioning
	# agents, performance counters, what service TDs may add.
	"allowed_attributes": ["icssd", "lass", "sept_ve_disable", "pks", "kl"],
	# A paravisor's TD (Azure) handles EPT violations itself and has no SEPT_VE_DISABLE.
	"required_attributes": [],
	# x87, SSE, AVX, AVX-512, PKRU, CET, user interrupts, AMX: state that the module saves and restores. Not: processor
	# trace (8), PASID (10), LBR (15), which tell of the TD's course.
	"allowed_xfam": "0000000000065ae7",
	# Most attesters have quotes of version 4, whose body says neither which service TDs there are nor which TDX module runs
	# now: that is demanded by who launches by version 5.
	"require_body_1_5": false,
	# None may change the TD after its measurement.
	"mr_service_tds": [],
	"mr_tds": null,
	"rtmr0": null,
	"rtmr1": null,
	"rtmr2": null,
	"rtmr3": null,
	"mr_config_ids": null,
	"mr_owners": null,
	"mr_owner_configs": null,
}

tpm := {
	# A key that no TEE's report binds may be in any TPM, or in none.
	"allow_without_tee": false,
	"min_rsa_bits": 2048,
	"banks": ["sha256", "sha384", "sha512"],
	# Firmware, its configuration, boot loader and Secure Boot's keys.
	"quoted_pcrs": [0, 1, 2, 3, 4, 5, 6, 7],
	"pcrs": {},
	# Evidence of today's attesters often has none.
	"require_event_log": false,
	# What the operating system goes on extending: IMA (10), systemd (11, 12, 13, 15), Shim and GRUB (8, 9, 14).
	"unlogged_pcrs": [8, 9, 10, 11, 12, 13, 14, 15],
	# Hypervisors' TPMs are restored with their machines; a restored clock says so.
	"require_safe_clock": false,
	"require_secure_boot": true,
	# All of Azure's confidential machines have a serial console.
	"allow_console": true,
}

# The claims (AR4SI). Each asks some of the checks: one that failed makes it `bad`; if none failed and all that it needs
# passed, it is `good`; or else nothing is claimed. So a check that nobody asked for affirms nothing. What only the vendor's
# word makes `genuine` is not claimed under a root that the caller named in the vendor's place: whoever has its key can make
# any evidence without any hardware.
trust_vector := {name: value |
	some name, question in questions
	value := claimed(question)
}

questions := {
	"instance-identity": {
		"needs": {"snp": {"signature", "chip_id"}, "tdx": {"signature", "pck_match"}, "tpm": {"tpm_signature", "tpm_ak"}},
		"asks": {"tee_allowed", "nonce", "chip_id", "chip_list", "pck_match", "second_opinion", "binding", "host_data", "mr_config_id", "mr_owner", "mr_owner_config", "tpm_nonce", "tpm_clock", "tpm_ak", "tpm_tee_report", "tpm_runtime_data"},
		# Trustworthy; not recognised.
		"good": 2, "bad": 97,
	},
	"configuration": {
		"needs": {
			"snp": {"signature", "debug", "migration", "vmpl", "platform"},
			"tdx": {"signature", "debug", "td_attributes", "xfam", "service_td"},
			"tpm": {"tpm_signature", "tpm_vm_configuration"},
		},
		"asks": {"additional_evidence", "init_data", "debug", "migration", "report_id_ma", "smt", "single_socket", "cxl", "guest_policy", "abi", "guest_policy_reserved", "vmpl", "platform", "td_attributes", "xfam", "service_td", "tpm_vm_configuration"},
		# No known vulnerabilities; unacceptable ones.
		"good": 3, "bad": 96,
	},
	"executables": {
		"needs": {"snp": {"signature", "launch_digest"}, "tdx": {"signature", "launch_digest"}, "tpm": {"tpm_signature", "tpm_pcrs"}},
		"asks": {"reference", "launch_digest", "reference_validity", "id_key", "author_key", "family_id", "image_id", "guest_svn", "rtmr0", "rtmr1", "rtmr2", "rtmr3", "event_log", "tpm_pcrs", "tpm_pcr_selection", "tpm_pcr_digest", "tpm_event_log"},
		# What was booted is approved; not recognised.
		"good": 3, "bad": 33,
	},
	"hardware": {
		"needs": {
			"snp": {"signature", "chain", "dates", "product", "tcb_certificate", "tcb_minimum"},
			"tdx": {"signature", "chain", "dates", "qe_identity", "tcb_status", "module_identity"},
			"tpm": {"never"},
		},
		"asks": {"evidence", "collateral", "report_format", "quote_format", "collateral_format", "chain", "dates", "collateral_signatures", "revocation", "freshness", "product", "signing_key", "signature", "tcb_certificate", "tcb_order", "tcb_minimum", "firmware", "mitigation", "second_opinion", "qe_identity", "tcb_status", "module_identity", "advisories", "tpm_signature", "tpm_quote_format", "tpm_hcl_format"},
		"genuine": true,
		# Genuine; not to be relied on.
		"good": 2, "bad": 96,
	},
	"runtime-opaque": {
		"needs": {"snp": {"signature", "chain", "debug"}, "tdx": {"signature", "chain", "debug"}, "tpm": {"never"}},
		"asks": {"signature", "second_opinion", "chain", "debug", "migration"},
		"genuine": true,
		# Encrypted; visible.
		"good": 2, "bad": 96,
	},
}

claimed(question) := question.bad if {
	count(intersection({question.asks, failed})) > 0
} else := 0 if {
	question.genuine
	not input.named_root == false
} else := question.good if {
	needs := question.needs[input.tee]
	intersection({needs, passed}) == needs
} else := 0

failed := {check.name | some check in input.record.checks; check.result == "fail"}

passed := {check.name | some check in input.record.checks; check.result == "pass"}

# A TPM protects no memory: whoever runs the machine reads and writes what it measured.
deny contains {"code": "tpm_alone", "reason": "a TPM's quote without a TEE's report says nothing of who can read the machine's memory"} if {
	input.tee == "tpm"
}

# --- tests: cloister policy test strict.rego ---------------------------------------------------------------------------------

good_snp := {"tee": "snp", "named_root": false, "record": {"checks": [{"name": name, "result": "pass"} |
	some name in {"signature", "chain", "dates", "product", "tcb_certificate", "tcb_minimum", "chip_id", "debug", "migration", "vmpl", "platform"}
]}}

good_tdx := {"tee": "tdx", "named_root": false, "record": {"checks": [{"name": name, "result": "pass"} |
	some name in {"signature", "chain", "dates", "qe_identity", "tcb_status", "module_identity", "pck_match", "debug", "td_attributes", "xfam", "service_td"}
]}}

# The same evidence with other results of one check.
with_check(evidence, name, result) := object.union(evidence, {"record": {"checks": array.concat(
	[check | some check in evidence.record.checks; check.name != name],
	[{"name": name, "result": result}],
)}})

test_limits_are_there_for_each_tee if {
	object.keys(limits) == {"snp", "tdx", "tpm"}
}

test_nothing_is_allowed_that_opens_a_guest if {
	limits.snp.allow_debug == false
	limits.snp.allow_migration == false
	limits.snp.allow_masked_chip_id == false
	limits.snp.allow_cxl == false
	limits.snp.allow_tio == false
	limits.snp.max_vmpl == 0
	limits.tdx.allow_debug == false
	limits.tdx.accepted_tcb_statuses == ["UpToDate"]
	limits.tdx.accepted_advisories == []
	limits.tdx.grace_days == 0
	limits.tdx.mr_service_tds == []
	every name in {"migratable", "servtd_ext", "tpa", "perfmon"} {
		not name in limits.tdx.allowed_attributes
	}
	limits.tpm.allow_without_tee == false
	limits.tpm.require_secure_boot
	limits.tpm.min_rsa_bits >= 2048
}

test_good_snp_evidence_affirms_all_but_executables if {
	vector := trust_vector with input as good_snp
	vector == {"instance-identity": 2, "configuration": 3, "executables": 0, "hardware": 2, "runtime-opaque": 2}
	denied := deny with input as good_snp
	count(denied) == 0
}

test_good_tdx_evidence_affirms_all_but_executables if {
	vector := trust_vector with input as good_tdx
	vector == {"instance-identity": 2, "configuration": 3, "executables": 0, "hardware": 2, "runtime-opaque": 2}
}

test_named_root_says_nothing_of_hardware_and_memory if {
	every evidence in [good_snp, good_tdx] {
		vector := trust_vector with input as object.union(evidence, {"named_root": true})
		vector == {"instance-identity": 2, "configuration": 3, "executables": 0, "hardware": 0, "runtime-opaque": 0}
		untold := trust_vector with input as object.remove(evidence, ["named_root"])
		untold == vector
		failed_vector := trust_vector with input as with_check(object.union(evidence, {"named_root": true}), "signature", "fail")
		failed_vector.hardware == 96
	}
}

test_approved_launch_affirms_executables if {
	vector := trust_vector with input as with_check(good_snp, "launch_digest", "pass")
	vector.executables == 3
}

test_unknown_launch_is_not_recognised if {
	vector := trust_vector with input as with_check(good_snp, "launch_digest", "fail")
	vector.executables == 33
}

test_failed_signature_contraindicates_hardware_and_memory if {
	vector := trust_vector with input as with_check(good_snp, "signature", "fail")
	vector.hardware == 96
	vector["runtime-opaque"] == 96
}

test_check_that_was_not_made_affirms_nothing if {
	vector := trust_vector with input as with_check(good_tdx, "tcb_status", "not_checked")
	vector.hardware == 0
}

test_service_tds_that_nobody_looked_for_affirm_no_configuration if {
	vector := trust_vector with input as with_check(good_tdx, "service_td", "not_checked")
	vector.configuration == 0
}

test_contradicted_verification_contraindicates if {
	vector := trust_vector with input as with_check(good_tdx, "second_opinion", "fail")
	vector["instance-identity"] == 97
	vector.hardware == 96
	vector["runtime-opaque"] == 96
}

test_debuggable_guest_is_visible if {
	vector := trust_vector with input as with_check(good_tdx, "debug", "fail")
	vector["runtime-opaque"] == 96
	vector.configuration == 96
}

test_record_of_nothing_affirms_nothing if {
	every tee in ["snp", "tdx", "tpm"] {
		vector := trust_vector with input as {"tee": tee, "record": {"checks": []}}
		every value in vector { value == 0 }
	}
}

test_tpm_alone_is_denied if {
	evidence := object.union(good_snp, {"tee": "tpm"})
	denied := deny with input as evidence
	{denial.code | some denial in denied} == {"tpm_alone"}
	vector := trust_vector with input as evidence
	vector.hardware == 0
	vector["runtime-opaque"] == 0
}
