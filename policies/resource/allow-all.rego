# Resources for every guest whose evidence was accepted, whatever it is. What a secret is bound to is asked all the same.
package policy

import rego.v1

default allow := false

allow if data.plugin == "resource"
