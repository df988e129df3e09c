//! What a launch may be.

/// One launch that the relying party accepts, as plain data: whoever reads files has proven where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceValue {
    /// For people; shown in verdicts.
    pub name: String,
    /// The launch digest.
    pub launch_digest: [u8; 48],
    /// The least GUEST_SVN that is accepted with it.
    pub min_guest_svn: Option<u32>,
    /// The first second at which it holds, since 1970-01-01T00:00:00Z.
    pub not_before: u64,
    /// The last.
    pub not_after: u64,
}
