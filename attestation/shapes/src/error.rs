//! Why bytes were not taken for evidence.

use crate::Shape;

/// Bytes are no evidence that can be read. The text repeats nothing of them, so that it can be logged and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// There is nothing.
    #[error("there are no bytes")]
    Empty,
    /// More than evidence can have.
    #[error("{size} bytes where evidence has at most {limit}")]
    TooLarge {
        /// How many there are.
        size: usize,
        /// How many there may be.
        limit: usize,
    },
    /// It is our own simulated TEE's: it protects nothing, and only the verifier for sessions judges it.
    #[error("this is simulated evidence: it proves nothing, and is never read as a TEE's")]
    Simulated,
    /// It is of a known form, and has no evidence of the wanted kind in it.
    #[error("this is {shape}, in which there is no {wanted}")]
    NotInThere {
        /// What it is.
        shape: Shape,
        /// What was to be read.
        wanted: &'static str,
    },
    /// Binary, and of no known form.
    #[error(
        "{size} bytes that are no {wanted}: an SNP report has 1184 bytes, an HCL report begins with HCLA, a TDX quote \
         has at least 632 bytes and begins with its version and TEE type"
    )]
    UnknownBytes {
        /// How many there are, after a text was decoded.
        size: usize,
        /// What was to be read.
        wanted: &'static str,
    },
    /// Text, and of no known form.
    #[error("text that is {0}: evidence in text is hexadecimal, base64 or a JSON object")]
    UnknownText(&'static str),
    /// Text of the characters of base64, and in no spelling of it.
    #[error(
        "text of the characters of base64, but cut off, of both alphabets, or with spare bits set"
    )]
    NotDecoded,
    /// Hexadecimal digits alone, the last of which has no second one.
    #[error("an odd number of hexadecimal digits: each byte has two, so one is missing")]
    OddDigits,
    /// Not exactly one JSON document.
    #[error("at line {line}, column {column} of the JSON: {problem}")]
    Json {
        /// What is wrong.
        problem: JsonProblem,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// A JSON object with the members of no known form.
    #[error(
        "a JSON object of no known form; what comes closest is {closest}, {}; the forms are {}",
        differs(missing, *unknown),
        crate::document::known()
    )]
    UnknownObject {
        /// The form that differs least.
        closest: &'static str,
        /// What that has and the object has not.
        missing: Vec<&'static str>,
        /// How many members the object has that the form has not.
        unknown: usize,
    },
    /// A document of a known form, with something in it that cannot be.
    #[error("in {form}: {member} {fault}")]
    Member {
        /// The form.
        form: &'static str,
        /// Where.
        member: &'static str,
        /// What cannot be.
        fault: Fault,
    },
    /// Evidence beside the evidence, which nobody here would judge.
    #[error("there is additional evidence, which nothing here judges")]
    AdditionalEvidence,
}

/// What is wrong with a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonProblem {
    /// It is not JSON, or something follows it.
    #[error("a syntax error, or text after the end")]
    Syntax,
    /// It ends too early.
    #[error("it ends too early")]
    Cut,
    /// A member is there twice.
    #[error("a member is there twice")]
    Repeated,
    /// More values than evidence has.
    #[error("more values than evidence has")]
    TooManyValues,
    /// An object with more members than any form has.
    #[error("more members than evidence has")]
    TooManyMembers,
}

/// What a member of a document cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not there.
    #[error("is missing")]
    Missing,
    /// Another member that the form does not have.
    #[error("has a member that is not known")]
    Unknown,
    /// Another type.
    #[error("is not {0}")]
    NotA(&'static str),
    /// Another length.
    #[error("has {found} bytes where {wanted} are needed")]
    Length {
        /// How many there are.
        found: usize,
        /// How many there have to be.
        wanted: usize,
    },
    /// A list of another length.
    #[error("has {found} entries where {wanted} are needed")]
    Count {
        /// How many there are.
        found: usize,
        /// How many there have to be, or at most.
        wanted: usize,
    },
    /// A number that does not fit.
    #[error("is a number above {0}")]
    Range(u64),
    /// Twice the same, where it means two things.
    #[error("is there twice")]
    Twice,
    /// It does not go with the rest.
    #[error("contradicts the rest: {0}")]
    Contradicts(&'static str),
}

fn differs(missing: &[&str], unknown: usize) -> String {
    let missing = (!missing.is_empty()).then(|| format!("which needs {}", missing.join(", ")));
    let unknown = match unknown {
        0 => None,
        1 => Some("which does not have one of the members".to_owned()),
        count => Some(format!("which does not have {count} of the members")),
    };
    let both: Vec<String> = missing.into_iter().chain(unknown).collect();
    both.join(" and ")
}
