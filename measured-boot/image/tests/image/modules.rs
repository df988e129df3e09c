//! The order in which modules are loaded.

use std::fs;

use measured_boot_image::{ModuleError, ModuleTree, module_closure};
use tempfile::TempDir;

use crate::forge::{module, xz};

/// Modules by file name with their `.modinfo` entries; `built` is in the kernel.
fn tree(modules: &[(&str, &[&str])]) -> (TempDir, ModuleTree) {
    let dir = TempDir::new().unwrap();
    fs::create_dir_all(dir.path().join("kernel/drivers")).unwrap();
    fs::write(
        dir.path().join("modules.builtin"),
        "kernel/fs/built-in.ko\n",
    )
    .unwrap();
    for (name, info) in modules {
        let path = dir.path().join(format!("kernel/drivers/{name}.ko.xz"));
        fs::write(path, xz(&module(info))).unwrap();
    }
    let tree = ModuleTree::open(dir.path()).unwrap();
    (dir, tree)
}

fn order(modules: &[(&str, &[&str])], wanted: &[&str]) -> Result<Vec<String>, ModuleError> {
    let (_dir, tree) = tree(modules);
    Ok(module_closure(&tree, wanted)?
        .into_iter()
        .map(|module| module.name)
        .collect())
}

#[test]
fn closure_loads_dependencies_first_and_each_once() {
    let modules: [(&str, &[&str]); 4] = [
        ("dm-mod", &["depends="]),
        ("dm-bufio", &["depends=dm-mod"]),
        ("dm-verity", &["depends=dm-mod,dm-bufio,built_in"]),
        ("unrelated", &["depends="]),
    ];
    let order = order(&modules, &["dm_verity", "dm_mod", "built_in"]).unwrap();
    assert_eq!(order, ["dm_mod", "dm_bufio", "dm_verity"]);
}

#[test]
fn closure_soft_dependencies_go_before_and_after_where_they_exist() {
    let modules: [(&str, &[&str]); 3] = [
        ("a", &["softdep=pre: b nowhere built-in post: c"]),
        ("b", &["depends="]),
        ("c", &["depends="]),
    ];
    assert_eq!(order(&modules, &["a"]).unwrap(), ["b", "a", "c"]);
}

#[test]
fn closure_ring_of_dependencies_ends() {
    let modules: [(&str, &[&str]); 2] = [("a", &["depends=b"]), ("b", &["depends=a"])];
    assert_eq!(order(&modules, &["a"]).unwrap(), ["b", "a"]);
}

#[test]
fn closure_missing_dependency_names_both() {
    let error = order(&[("a", &["depends=gone"])], &["a"])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("gone") && error.contains("which a needs"),
        "{error}"
    );
    let error = order(&[], &["gone"]).unwrap_err().to_string();
    assert!(error.contains("no module gone:"), "{error}");
}

#[test]
fn closure_keeps_the_signature_behind_the_module() {
    let (dir, _) = tree(&[]);
    let signed = [
        module(&["depends="]),
        b"~Module signature appended~\n".to_vec(),
    ]
    .concat();
    fs::write(dir.path().join("kernel/s.ko.xz"), xz(&signed)).unwrap();
    fs::write(dir.path().join("kernel/plain.ko"), &signed).unwrap();
    let tree = ModuleTree::open(dir.path()).unwrap();
    let modules = module_closure(&tree, &["s", "plain"]).unwrap();
    assert_eq!((&modules[0].bytes, &modules[1].bytes), (&signed, &signed));
    assert_eq!(modules[0].file_name(), "s.ko");
}

#[test]
fn closure_damaged_module_is_named() {
    let (dir, _) = tree(&[]);
    fs::write(dir.path().join("kernel/cut.ko.xz"), &xz(b"module")[..20]).unwrap();
    fs::write(dir.path().join("kernel/text.ko.xz"), xz(b"module")).unwrap();
    let tree = ModuleTree::open(dir.path()).unwrap();
    let error = module_closure(&tree, &["cut"]).unwrap_err();
    assert!(matches!(&error, ModuleError::Xz { path, .. } if path.ends_with("cut.ko.xz")));
    let error = module_closure(&tree, &["text"]).unwrap_err();
    assert!(matches!(error, ModuleError::NotAModule(name) if name == "text"));
}

#[test]
fn tree_without_a_list_of_built_in_modules_refused() {
    let dir = TempDir::new().unwrap();
    let error = ModuleTree::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("modules.builtin"), "{error}");
}
