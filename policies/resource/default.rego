# Resources for guests with evidence of hardware: neither the sample attester's, which anybody can write, nor a simulated TEE's.
package policy

import rego.v1

default allow := false

evidence := input.submods.cpu0["ear.veraison.annotated-evidence"]

allow if {
	data.plugin == "resource"
	input.cloister_simulated == false
	not evidence.sample
	not evidence.simulated
}
