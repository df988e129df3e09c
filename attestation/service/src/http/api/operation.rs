//! What a request does, and what it can be answered.

use attestation_access::{Action, Deed, FourEyes, TABLE};
use axum::routing::MethodFilter;

/// The methods that are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Put,
    Post,
    Delete,
}

impl Method {
    pub const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Put => MethodFilter::PUT,
            Self::Post => MethodFilter::POST,
            Self::Delete => MethodFilter::DELETE,
        }
    }

    /// As OpenAPI writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Post => "post",
            Self::Delete => "delete",
        }
    }
}

/// What an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    Everybody,
    Policies,
    ReferenceValues,
    Secrets,
    Changes,
    Guests,
    RelyingParties,
    Log,
    Trustee,
    Tenants,
}

impl Tag {
    /// Each, with its name and what it is.
    pub const ALL: [(Self, &'static str, &'static str); 10] = [
        (Self::Everybody, "everybody", "Open to anybody."),
        (Self::Policies, "policies", "What evidence has to be like."),
        (
            Self::ReferenceValues,
            "reference-values",
            "Which launches are accepted.",
        ),
        (
            Self::Secrets,
            "secrets",
            "What is released, and to which launches.",
        ),
        (
            Self::Changes,
            "changes",
            "What needs a second person, and waits for one.",
        ),
        (
            Self::Guests,
            "guests",
            "Guests attest, and get their secrets.",
        ),
        (
            Self::RelyingParties,
            "relying-parties",
            "Evidence is judged for somebody else.",
        ),
        (Self::Log, "log", "What happened."),
        (
            Self::Trustee,
            "trustee",
            "The same acts in the words of Trustee's tools.",
        ),
        (Self::Tenants, "tenants", "For the operator."),
    ];

    pub fn name(self) -> &'static str {
        let found = Self::ALL.into_iter().find(|(tag, ..)| *tag == self);
        found.map_or("", |(_, name, _)| name)
    }
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// Anybody.
    Anybody,
    /// Who has the right to this.
    Permitted(Action),
    /// A guest, with the cookie of its session.
    Session,
    /// A guest, with that cookie or the token that it got for its evidence.
    SessionOrToken,
}

/// A body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// JSON of the schema of this name.
    Json(&'static str),
    /// A list of these.
    List(&'static str),
    /// An object of these, by name.
    ByName(&'static str),
    /// Text, such as this.
    Text(&'static str),
    /// Bytes.
    Bytes,
}

/// What is answered where all is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub content: Content,
    /// Whether it sets the session's cookie.
    pub cookie: bool,
}

impl From<Content> for Answer {
    fn from(content: Content) -> Self {
        Self {
            content,
            cookie: false,
        }
    }
}

/// A member of the query.
#[derive(Debug)]
pub struct Query {
    pub name: &'static str,
    pub schema: &'static str,
    pub description: &'static str,
    pub required: bool,
}

/// One method of one path.
#[derive(Debug)]
pub struct Operation {
    pub tag: Tag,
    pub method: Method,
    pub path: &'static str,
    /// A name of its own.
    pub id: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    pub asker: Asker,
    pub query: Vec<Query>,
    pub takes: Option<Content>,
    pub answers: Answer,
    /// What it can be refused with beside what follows from the rest.
    pub refusals: &'static [&'static str],
    /// Whether it is answered without a look at the store.
    pub stateless: bool,
    /// Whether any client may ask as often as it likes.
    pub unlimited: bool,
}

impl Operation {
    fn new(
        method: Method,
        tag: Tag,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            tag,
            method,
            path,
            id,
            summary,
            asker: Asker::Anybody,
            query: Vec::new(),
            takes: None,
            answers: Content::Json("Registered").into(),
            refusals: &[],
            stateless: false,
            unlimited: false,
        }
    }

    pub fn get(tag: Tag, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::Get, tag, path, id, summary)
    }

    pub fn put(tag: Tag, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::Put, tag, path, id, summary)
    }

    pub fn post(tag: Tag, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::Post, tag, path, id, summary)
    }

    pub fn delete(tag: Tag, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::Delete, tag, path, id, summary)
    }

    /// It needs the right to `D`.
    pub fn needs<D: Deed>(mut self) -> Self {
        self.asker = Asker::Permitted(D::ACTION);
        self
    }

    /// It needs a guest's session, by its cookie.
    pub fn needs_session(mut self) -> Self {
        self.asker = Asker::Session;
        self
    }

    /// It needs a guest's verdict, by cookie or token.
    pub fn needs_verdict(mut self) -> Self {
        self.asker = Asker::SessionOrToken;
        self
    }

    /// It can have a member of the query, of this schema.
    pub fn asks(self, name: &'static str, schema: &'static str, description: &'static str) -> Self {
        self.query(name, schema, description, false)
    }

    /// It has to have one.
    pub fn wants(
        self,
        name: &'static str,
        schema: &'static str,
        description: &'static str,
    ) -> Self {
        self.query(name, schema, description, true)
    }

    fn query(
        mut self,
        name: &'static str,
        schema: &'static str,
        description: &'static str,
        required: bool,
    ) -> Self {
        self.query.push(Query {
            name,
            schema,
            description,
            required,
        });
        self
    }

    /// It takes a body.
    pub fn takes(mut self, content: Content) -> Self {
        self.takes = Some(content);
        self
    }

    /// It is answered so; what is registered otherwise.
    pub fn answers(mut self, answer: impl Into<Answer>) -> Self {
        self.answers = answer.into();
        self
    }

    /// It can be refused with these, too.
    pub fn refuses(mut self, names: &'static [&'static str]) -> Self {
        self.refusals = names;
        self
    }

    /// It is answered without a look at the store.
    pub fn stateless(mut self) -> Self {
        self.stateless = true;
        self
    }

    /// It is answered however often a client asks, and without a look at the store unless the refusals say so.
    pub fn unlimited(mut self) -> Self {
        self.stateless = true;
        self.unlimited = true;
        self
    }

    /// Whether a tenant can want a second person for it: it is proposed then.
    pub fn is_change(&self) -> bool {
        matches!(self.asker, Asker::Permitted(action) if FourEyes::CHANGES.contains(&action))
    }

    /// The names between braces in its path.
    pub fn parameters(&self) -> impl Iterator<Item = &'static str> {
        let pieces = self.path.split('{').skip(1);
        pieces.filter_map(|piece| piece.split('}').next())
    }

    /// Who may, by the one table of rights.
    pub fn roles(&self) -> Vec<&'static str> {
        let Asker::Permitted(action) = self.asker else {
            return Vec::new();
        };
        let rows = TABLE.iter().filter(|row| row.action == action);
        rows.flat_map(|row| row.roles)
            .map(|role| role.as_str())
            .collect()
    }

    /// The names of all that it can be refused with, where `named` says whether the path names a tenant.
    pub fn problems(&self, named: bool) -> Vec<&'static str> {
        let mut names = vec!["RequestTimeout", "InternalError"];
        if !self.unlimited {
            names.push("TooManyRequests");
        }
        if !self.stateless {
            names.extend(["StoreBusy", "NotReady"]);
        }
        if named || self.parameters().next().is_some() {
            names.extend(["InvalidRequest", "ResourceNotFound"]);
        }
        if !self.query.is_empty() {
            names.push("InvalidRequest");
        }
        if self.takes.is_some() {
            names.extend(["InvalidRequest", "PayloadTooLarge"]);
        }
        names.extend(self.problems_of_asker());
        names.extend(self.refusals);
        names
    }

    fn problems_of_asker(&self) -> Vec<&'static str> {
        match self.asker {
            Asker::Anybody => vec![],
            Asker::Session => vec!["TokenNotFound"],
            Asker::SessionOrToken => vec![
                "TokenNotFound",
                "TokenVerifierError",
                "PolicyDeny",
                "KeysUnavailable",
            ],
            Asker::Permitted(_) => {
                let mut names = vec!["NotProven", "NotPermitted"];
                if self.method != Method::Get {
                    names.extend(["LogUnavailable", "ClockBehind"]);
                }
                if self.method != Method::Get && self.tag != Tag::Log {
                    // A secret is sealed, or a tenant's keys are made or destroyed.
                    names.push("KeysUnavailable");
                }
                if self.is_change() {
                    names.extend(["ChangeRefused", "TenantSuspended", "QuotaExceeded"]);
                }
                names
            }
        }
    }
}
