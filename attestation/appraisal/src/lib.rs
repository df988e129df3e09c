//! Appraises what was judged by a Rego policy, and writes the result as an EAR token.

#![forbid(unsafe_code)]
