//! The policies that come with this crate.

/// One of the policies that come with this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    /// Its name, which is its file's in `policies/resource`.
    pub name: &'static str,
    /// Its Rego.
    pub source: &'static str,
}

macro_rules! shipped {
    ($($name:literal)*) => {
        /// Every policy that comes with this crate, by name, the strictest that allows something first.
        pub const SHIPPED: &[Shipped] = &[$(Shipped {
            name: $name,
            source: include_str!(concat!("../../../policies/resource/", $name, ".rego")),
        }),*];
    };
}

shipped! { "affirming" "default" "allow-all" "deny-all" }
