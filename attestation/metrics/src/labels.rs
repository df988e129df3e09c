//! What labels can say.

use attestation_evidence::Tee;

/// The values of a label that has few, all known when this is compiled.
pub trait Closed: Copy + 'static {
    /// All of them.
    fn all() -> Vec<Self>;
    /// As Prometheus shows it.
    fn name(self) -> &'static str;
}

macro_rules! closed {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $variant),* }

        impl Closed for $name {
            fn all() -> Vec<Self> {
                vec![$(Self::$variant),*]
            }

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    };
}

closed! {
    /// What a request was for.
    Area {
        /// Guests: the KBS protocol.
        Guests = "kbs",
        /// Administrators and auditors.
        Administrators = "v1",
        /// Is it alive, is it ready?
        Health = "health",
        /// No path of the verifier.
        Other = "other",
    }
}

closed! {
    /// How a request was answered.
    StatusClass {
        /// 100 to 199.
        Informational = "1xx",
        /// 200 to 299.
        Success = "2xx",
        /// 300 to 399.
        Redirection = "3xx",
        /// 400 to 499.
        ClientError = "4xx",
        /// 500 and more.
        ServerError = "5xx",
        /// The client left before there was an answer.
        None = "none",
    }
}

closed! {
    /// How evidence was judged.
    AttestationOutcome {
        /// Accepted.
        Accepted = "accepted",
        /// Refused.
        Refused = "refused",
    }
}

closed! {
    /// What a policy said of a resource.
    PolicyOutcome {
        /// It may be released.
        Approved = "approved",
        /// It may not.
        Violated = "violated",
        /// The policy could not be evaluated: it may not.
        Failed = "failed",
    }
}

closed! {
    /// Whose share of the challenges was used up.
    Limit {
        /// The client's address.
        Client = "client",
        /// The tenant.
        Tenant = "tenant",
        /// The verifier's.
        Verifier = "verifier",
    }
}

closed! {
    /// What a failure of the store means.
    StoreTrouble {
        /// Another program kept it for too long.
        Busy = "busy",
        /// It was not there, or went away.
        Unreachable = "unreachable",
        /// Something that does not pass by itself.
        Failed = "failed",
    }
}

closed! {
    /// Whose collateral it is.
    Vendor {
        /// AMD's KDS.
        Amd = "amd",
        /// Intel's PCS.
        Intel = "intel",
    }
}

closed! {
    /// What came of a question to a vendor.
    CollateralOutcome {
        /// Newer collateral, or the same, proven.
        Fetched = "fetched",
        /// No answer.
        Unreachable = "unreachable",
        /// An answer that was not believed.
        Refused = "refused",
    }
}

closed! {
    /// What is done with a resource.
    Resource {
        /// A guest gets it.
        Read = "read",
        /// An administrator puts it.
        Write = "write",
        /// An administrator removes it.
        Delete = "delete",
    }
}

/// A TEE's word on the wire; a word that names none is no label.
impl Closed for Tee {
    fn all() -> Vec<Self> {
        Tee::ALL.to_vec()
    }

    fn name(self) -> &'static str {
        self.as_str()
    }
}

/// A tenant or a resource, which operators name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label<'a> {
    /// One that the store has: who says so has looked.
    Known(&'a str),
    /// What a client says, which may be anything: it is counted and not shown.
    Unknown,
}
