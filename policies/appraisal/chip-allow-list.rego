package cloister.appraisal
import data.cloister.strict
about := {"name": "chip-allow-list", "dated": "2026-11-23", "text": "", "sources": []}
limits := strict.limits
trust_vector := strict.trust_vector
deny := strict.deny
