//! What hosts answer.

use crate::Seed;

/// Hosts as documentation describes them.
const MILAN: &str = include_str!("../../../../vmm/host-facts/tests/hosts/milan-snp.toml");
const EMERALD_RAPIDS: &str =
    include_str!("../../../../vmm/host-facts/tests/hosts/emerald-rapids-tdx.toml");
const WITHOUT_ROOT: &str =
    include_str!("../../../../vmm/host-facts/tests/hosts/milan-without-root.toml");

pub(crate) fn host_recording() -> Vec<Seed> {
    vec![
        ("snp", MILAN.into()),
        ("tdx", EMERALD_RAPIDS.into()),
        ("unread", WITHOUT_ROOT.into()),
        ("smallest", "version = 1\norigin = ''\n".into()),
        ("newer", MILAN.replace("version = 1", "version = 2").into()),
        (
            "unasked",
            "version = 1\norigin = ''\n[msr]\n10 = '0'\n".into(),
        ),
        (
            "terminal",
            "version = 1\norigin = '\u{202E}'\n[files]\n\"/proc/cmdline\" = \"\\u001b[2J\"\n"
                .into(),
        ),
    ]
}
