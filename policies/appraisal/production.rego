package cloister.appraisal
about := {"name": "production", "dated": "2026-11-23", "text": "", "sources": []}
limits := {}
trust_vector := {}
deny := set()
