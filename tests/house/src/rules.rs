//! The rules of the house, and what breaks them.

use crate::graph::{Graph, Kind, Member};
use crate::source::Source;

/// A folder may not link crates of these folders.
const WALLS: [(&str, &[&str]); 4] = [
    (
        "policies",
        &["attestation", "vmm", "measured-boot", "tests"],
    ),
    (
        "measured-boot",
        &["attestation", "vmm", "policies", "tests"],
    ),
    ("attestation", &["vmm", "tests"]),
    // The host side judges nothing: it only carries evidence.
    ("vmm", &["attestation", "tests"]),
];

/// What a core crate's text may not name: I/O, clocks, threads and the environment come in as parameters.
const NOT_IN_CORE: [&str; 13] = [
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "SystemTime::now",
    "Instant::now",
    "println!",
    "async fn",
];

/// Crates that a core crate may not link itself.
const NOT_LINKED_BY_CORE: [&str; 7] = [
    "libc", "rustix", "tokio", "landlock", "rusqlite", "ureq", "axum",
];

/// What a program of a domain may never link, with the reason.
const NOT_IN_DOMAIN: [(&str, &[&str], &str); 6] = [
    (
        "simulated TEE",
        &["measured-boot-digest", "measured-boot-plan"],
        "it may share only the ABI with the calculator, or their agreement would mean nothing",
    ),
    (
        "device",
        &["kvm-ioctls", "rustls", "tokio"],
        "a device has one device model and no KVM",
    ),
    (
        "supervisor",
        &["kvm-ioctls", "vm-memory", "vhost"],
        "the supervisor parses nothing of a guest",
    ),
    (
        "auditor",
        &["rustix", "tokio", "rustls", "ureq", "rusqlite"],
        "the auditor only checks: no network, no store",
    ),
    (
        "verifier",
        &["kvm-ioctls", "vm-memory"],
        "the verifier runs no guest",
    ),
    (
        "guest agent",
        &[
            "kvm-ioctls",
            "tokio",
            "axum",
            "rusqlite",
            "attestation-judge",
            "measured-boot-plan",
        ],
        "the agent is measured: it stays small",
    ),
];

/// Every fault of the workspace, as sentences. Empty is good.
#[must_use]
pub fn faults(graph: &Graph, sources: &[(&Member, Source)]) -> Vec<String> {
    let mut faults = Vec::new();
    for member in graph.members.values() {
        let Some(kind) = member.kind else {
            faults.push(format!(
                "{} declares no kind in [package.metadata.trust]",
                member.name
            ));
            continue;
        };
        if kind == Kind::Bin && member.domain.is_none() {
            faults.push(format!("{} is a program and names no domain", member.name));
        }
        faults.extend(edges(graph, member, kind));
    }
    for (id, member) in &graph.members {
        faults.extend(domain(graph, id, member));
    }
    for (member, source) in sources {
        faults.extend(text(member, source));
    }
    faults
}

fn edges<'a>(graph: &'a Graph, from: &'a Member, kind: Kind) -> impl Iterator<Item = String> + 'a {
    let walls = WALLS
        .iter()
        .filter(|(top, _)| *top == from.top)
        .flat_map(|(_, walls)| *walls);
    let walls: Vec<&str> = walls.copied().collect();
    let ours = from
        .links
        .iter()
        .filter_map(|id| graph.members.get(id))
        .flat_map(move |to| {
            let back = to.kind.is_some_and(|to| to > kind || to == Kind::Bin);
            let back = back.then(|| {
                format!(
                    "{} ({kind:?}) may not link {} ({:?})",
                    from.name, to.name, to.kind
                )
            });
            let wall = walls.contains(&to.top.as_str());
            let wall = wall.then(|| {
                format!(
                    "{} ({}) may not link {} ({})",
                    from.name, from.top, to.name, to.top
                )
            });
            back.into_iter().chain(wall)
        });
    let theirs = from
        .links
        .iter()
        .filter_map(|id| graph.externals.get(id))
        .filter(move |to| kind == Kind::Core && NOT_LINKED_BY_CORE.contains(&to.name.as_str()))
        .map(|to| format!("{} is core and may not link {}", from.name, to.name));
    ours.chain(theirs)
}

fn domain(graph: &Graph, id: &str, member: &Member) -> Vec<String> {
    let Some(own) = &member.domain else {
        return Vec::new();
    };
    let linked = graph.closure(id);
    let theirs = linked
        .iter()
        .filter_map(|id| graph.externals.get(*id))
        .map(|to| to.name.as_str());
    let ours = linked
        .iter()
        .filter_map(|id| graph.members.get(*id))
        .map(|to| to.name.as_str());
    let names: Vec<&str> = theirs.chain(ours).collect();
    NOT_IN_DOMAIN
        .iter()
        .filter(|(domain, _, _)| domain == own)
        .flat_map(|(_, crates, why)| crates.iter().map(move |name| (name, why)))
        .filter(|(name, _)| names.contains(*name))
        .map(|(name, why)| format!("{} ({own}) may not link {name}: {why}", member.name))
        .collect()
}

fn text(member: &Member, source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    if member.kind != Some(Kind::Sys) && source.unsafe_blocks > 0 {
        faults.push(format!("{} is not sys and holds unsafe code", member.name));
    }
    if member.kind == Some(Kind::Core) {
        if !source.forbids_unsafe {
            faults.push(format!(
                "{} is core and does not say #![forbid(unsafe_code)]",
                member.name
            ));
        }
        for word in NOT_IN_CORE
            .iter()
            .filter(|word| source.code.contains(*word))
        {
            faults.push(format!("{} is core and names {word}", member.name));
        }
    }
    faults
}
