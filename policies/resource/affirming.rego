# Resources for guests whose whole appraisal affirms. No submodule may say less, and there has to be one, so that a token that
# says nothing gets nothing.
package policy

import rego.v1

default allow := false

allow if {
	data.plugin == "resource"
	count(input.submods) > 0
	every submodule in input.submods {
		submodule["ear.status"] == "affirming"
	}
}
