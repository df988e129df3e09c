//! End-to-end scenarios and faults, in plain verbs.

