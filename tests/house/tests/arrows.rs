//! Every arrow of the workspace points the right way, and `docs/tcb.md` says what is so.

use std::fs;
use std::path::{Path, PathBuf};

use tests_house::graph::{Graph, Member};
use tests_house::source::Source;
use tests_house::{rules, table};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the crate lies two folders deep")
        .to_path_buf()
}

fn sources(graph: &Graph) -> Vec<(&Member, Source)> {
    graph
        .members
        .values()
        .map(|member| {
            (
                member,
                Source::read(&member.folder).expect("a crate's sources can be read"),
            )
        })
        .collect()
}

#[test]
fn every_arrow_points_from_bin_to_core_and_through_no_wall() {
    let graph = Graph::load(&root()).unwrap();
    let faults = rules::faults(&graph, &sources(&graph));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn forbidden_arrows_are_named() {
    let mut graph = Graph::load(&root()).unwrap();
    let id = |graph: &Graph, name: &str| {
        graph
            .members
            .iter()
            .find(|(_, member)| member.name == name)
            .unwrap()
            .0
            .clone()
    };
    let (verify, kvm, jail) = (
        id(&graph, "attestation-judge"),
        id(&graph, "vmm-kvm"),
        id(&graph, "policies-jail"),
    );
    graph
        .members
        .get_mut(&verify)
        .unwrap()
        .links
        .extend([kvm, jail]);
    let faults = rules::faults(&graph, &[]).join("\n");
    assert!(
        faults.contains("attestation-judge (attestation) may not link vmm-kvm (vmm)"),
        "{faults}"
    );
    assert!(
        faults.contains("attestation-judge (Core) may not link policies-jail"),
        "{faults}"
    );
}

#[test]
fn unsafe_and_clocks_in_a_core_crate_are_named() {
    let graph = Graph::load(&root()).unwrap();
    let core = graph
        .members
        .values()
        .find(|member| member.name == "attestation-judge")
        .unwrap();
    let code = "let now = SystemTime::now();".to_owned();
    let source = Source {
        unsafe_blocks: 1,
        code,
        ..Source::default()
    };
    let faults = rules::faults(&graph, &[(core, source)]).join("\n");
    assert!(
        faults.contains("attestation-judge is not sys and holds unsafe code"),
        "{faults}"
    );
    assert!(
        faults.contains("attestation-judge is core and names SystemTime::now"),
        "{faults}"
    );
    assert!(
        faults.contains("does not say #![forbid(unsafe_code)]"),
        "{faults}"
    );
}

#[test]
fn tcb_table_is_up_to_date() {
    let graph = Graph::load(&root()).unwrap();
    let page = table::render(&graph, &sources(&graph));
    let path = root().join("docs/tcb.md");
    let before = fs::read_to_string(&path).unwrap_or_default();
    if before != page {
        fs::write(&path, page).unwrap();
        panic!("docs/tcb.md was stale; it has been written anew: look at it and commit it");
    }
}
