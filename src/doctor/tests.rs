use super::*;

#[test]
fn this_host_can_be_examined_and_the_report_serialised() {
    let report = examine(&Config::default());
    assert_eq!(
        report.kernel.release,
        rustix::system::uname().release().to_string_lossy()
    );
    assert!(serde_json::to_value(&report).unwrap()["cgroups"]["mode"].is_string());
    assert!(report.to_string().contains(&report.kernel.release));
}

#[test]
fn capabilities_are_read_from_their_bits() {
    let found = capabilities("Name:\tx\nCapEff:\t0000000000000020\n");
    assert!(found["kill"]);
    assert!(!found["sys_ptrace"]);
    assert!(!capabilities("")["kill"]);
}

#[test]
fn a_runtime_is_looked_for_and_must_be_a_program() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("crun"), "").unwrap();
    std::fs::write(dir.path().join("runc"), "").unwrap();
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(dir.path().join("runc"), mode).unwrap();
    let found = runtimes(&[dir.path().to_owned()]);
    let path = |kind| {
        let mut all = found.iter();
        all.find(|one| one.runtime == kind).unwrap().path.clone()
    };
    assert_eq!(path(RuntimeKind::Runc), Some(dir.path().join("runc")));
    assert_eq!(path(RuntimeKind::Crun), None);
}

#[test]
fn kernel_versions_compare_by_number() {
    assert_eq!(version("6.18.0-rc1"), Some((6, 18)));
    assert!(version("5.4.0").unwrap() < (5, 14));
    assert_eq!(version("weird"), None);
}

#[test]
fn the_first_locale_variable_that_is_set_decides() {
    let with = |pairs: &'static [(&str, &str)]| {
        terminal(|name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        })
    };
    assert!(with(&[("LANG", "de_DE.UTF-8")]).utf8);
    assert!(!with(&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "C")]).utf8);
    assert!(with(&[("LC_ALL", ""), ("LANG", "C.utf8")]).utf8);
    assert!(with(&[("NO_COLOR", "1")]).no_color);
}

#[test]
fn resctrl_is_known_where_the_kernel_lists_it() {
    assert!(knows_resctrl("nodev\tproc\nnodev\tresctrl\n\text4\n"));
    assert!(!knows_resctrl("nodev\tproc\n"));
}
