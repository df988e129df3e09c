//! Decides by a tenant's Rego policy whether the guest that a token stands for may have a resource.
//!
//! The policies are those of Trustee's key service: `package policy`, asked for `data.policy.allow`, which has to be `true`. `input` is
//! what the token says, and `data` has `plugin`, `resource-path` and `query`. They are read and evaluated by the engine of appraisal
//! policies within the same bounds, so that none can call for help, or run for long. Whatever is not `true` is a refusal, and an error
//! is one with its reason.
//!
//! This is one more thing that has to allow a release. What a secret is bound to is asked whatever a policy here says.

#![forbid(unsafe_code)]

mod decision;
mod policy;
mod request;
mod shipped;

pub use decision::{Decision, Refusal};
pub use policy::ResourcePolicy;
pub use request::Request;
pub use shipped::{SHIPPED, Shipped};
