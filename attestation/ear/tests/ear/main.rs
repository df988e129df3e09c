//! Tokens of accepted verdicts: made, checked by us and by PyJWT, spoiled.

mod documented;
mod issued;
mod keys;
mod peer;
mod support;
mod verified;
