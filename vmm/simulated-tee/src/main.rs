//! A software stand-in for the secure processor: hashes what KVM really holds, signs SNP-format reports, always under the name `simulated`.

fn main() {}
