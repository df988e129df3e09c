//! Replays a launch plan on a TEE.

