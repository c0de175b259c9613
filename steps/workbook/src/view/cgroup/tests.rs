use super::*;

/// A tree of files below a directory that goes with the value.
struct Made(tempfile::TempDir);

impl Made {
    fn with(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("mkdir");
            fs::write(path, format!("{text}\n")).expect("write");
        }
        Self(dir)
    }

    /// Lines of mountinfo for `(directory below, kind, root, options)`.
    fn mountinfo(&self, mounts: &[(&str, &str, &str, &str)]) -> String {
        let line = |(dir, kind, root, options): &(&str, &str, &str, &str)| {
            let target = self.0.path().join(dir);
            format!("41 31 0:38 {root} {} rw shared:9 - {kind} {kind} rw,{options}\n", target.display())
        };
        mounts.iter().map(line).collect()
    }
}

fn reading<'a>(cgroup: &'a Cgroup, resource: &str) -> &'a Reading {
    let limit = cgroup.limits.iter().find(|limit| limit.resource == resource).expect("the resource");
    limit.reading.known().expect("a reading")
}

fn v2() -> Made {
    Made::with(&[
        ("u/cgroup.controllers", "cpuset cpu memory pids"),
        ("u/cpuset.cpus.effective", "0-3"),
        ("u/a/memory.max", "1048576"),
        ("u/a/memory.current", "5000"),
        ("u/a/pids.max", "max"),
        ("u/a/pids.current", "9"),
        ("u/a/cpu.max", "max 100000"),
        ("u/a/b/memory.max", "2097152"),
        ("u/a/b/memory.current", "4096"),
        ("u/a/b/pids.max", "20"),
        ("u/a/b/pids.current", "3"),
        ("u/a/b/cpu.max", "50000 100000"),
        ("u/a/b/cpu.stat", "usage_usec 7\nnr_periods 40\nnr_throttled 12"),
        ("u/a/b/cpuset.cpus.effective", "1,3"),
    ])
}

#[test]
fn the_tightest_limit_of_version_2_is_the_one_that_binds() {
    let made = v2();
    let cgroup = Cgroup::of("0::/a/b\n", &made.mountinfo(&[("u", "cgroup2", "/", "")]), "0-3\n");
    assert_eq!(cgroup.layout, Layout::V2);
    let memory = reading(&cgroup, "memory");
    assert_eq!((memory.limit, memory.used, memory.at.as_deref()), (Some(1_048_576), Some(5000), Some("/a")));
    let pids = reading(&cgroup, "pids");
    assert_eq!((pids.limit, pids.used, pids.at.as_deref()), (Some(20), Some(3), Some("/a/b")));
    let cpu = reading(&cgroup, "cpu");
    assert_eq!((cpu.limit, cpu.detail.as_deref()), (Some(500), Some("throttled in 12 of 40 periods")));
    assert_eq!((reading(&cgroup, "cpus").limit, reading(&cgroup, "swap").limit), (Some(2), None));
}

#[test]
fn what_nothing_limits_shows_its_own_use() {
    let made =
        Made::with(&[("u/cgroup.controllers", "pids"), ("u/a/pids.max", "max"), ("u/a/pids.current", "9")]);
    let cgroup = Cgroup::of("0::/a\n", &made.mountinfo(&[("u", "cgroup2", "/", "")]), "0");
    assert_eq!(reading(&cgroup, "pids"), &Reading { used: Some(9), ..Reading::default() });
    assert!(!cgroup.limits_anything());
    let memory = cgroup.limits[0].reading.as_known().expect_err("no controller");
    assert_eq!(memory, "unreadable: no tree with the memory controller is mounted here");
}

#[test]
fn version_1_has_a_tree_for_each_controller_and_other_words_for_no_limit() {
    let made = Made::with(&[
        ("memory/x/memory.limit_in_bytes", "9223372036854771712"),
        ("memory/x/memory.usage_in_bytes", "777"),
        ("cpu/x/cpu.cfs_quota_us", "150000"),
        ("cpu/x/cpu.cfs_period_us", "100000"),
        ("cpu/cpu.cfs_quota_us", "-1"),
        ("pids/y/pids.max", "5"),
        ("pids/y/pids.current", "1"),
    ]);
    let trees = [
        ("memory", "cgroup", "/", "memory"),
        ("cpu", "cgroup", "/", "cpu,cpuacct"),
        ("pids", "cgroup", "/", "pids"),
    ];
    let cgroup = Cgroup::of("4:memory:/x\n3:cpu,cpuacct:/x\n2:pids:/y\n", &made.mountinfo(&trees), "0");
    assert_eq!(cgroup.layout, Layout::V1);
    let memory = reading(&cgroup, "memory");
    assert_eq!((memory.limit, memory.used), (None, Some(777)));
    assert_eq!(reading(&cgroup, "cpu").limit, Some(1500));
    assert_eq!(reading(&cgroup, "pids").limit, Some(5));
}

#[test]
fn on_a_hybrid_system_version_2_serves_what_version_1_does_not_hold() {
    let made = Made::with(&[
        ("memory/x/memory.limit_in_bytes", "4096"),
        ("u/cgroup.controllers", "pids"),
        ("u/z/pids.max", "6"),
        ("u/z/memory.max", "1"),
    ]);
    let trees = [("memory", "cgroup", "/", "memory"), ("u", "cgroup2", "/", "")];
    let cgroup = Cgroup::of("4:memory:/x\n0::/z\n", &made.mountinfo(&trees), "0");
    assert_eq!(cgroup.layout, Layout::Hybrid);
    assert_eq!((reading(&cgroup, "memory").limit, reading(&cgroup, "pids").limit), (Some(4096), Some(6)));
}

#[test]
fn a_mount_may_show_only_a_part_of_the_tree() {
    let made = Made::with(&[("u/cgroup.controllers", "pids"), ("u/b/pids.max", "8")]);
    let part = made.mountinfo(&[("u", "cgroup2", "/docker/a", "")]);
    let inside = Cgroup::of("0::/docker/a/b\n", &part, "0");
    assert_eq!(reading(&inside, "pids").at.as_deref(), Some("/docker/a/b"));
    for path in ["/elsewhere", "/../b"] {
        let outside = Cgroup::of(&format!("0::{path}\n"), &part, "0");
        assert!(
            outside.limits[2].reading.as_known().expect_err("outside").contains("lies outside"),
            "{path}"
        );
    }
}

#[test]
fn a_group_that_is_gone_is_not_one_without_limits() {
    let made = v2();
    let cgroup = Cgroup::of("0::/gone\n", &made.mountinfo(&[("u", "cgroup2", "/", "")]), "0");
    assert_eq!(cgroup.limits[0].reading.as_known().expect_err("gone"), "unreadable: ENOENT");
}

#[test]
fn lists_of_cpus_are_counted() {
    assert_eq!((length("0-2,5"), length("7"), length(""), length("3-1")), (4, 1, 0, 0));
}
