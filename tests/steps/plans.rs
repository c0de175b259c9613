//! What the lessons compute before they touch anything: limits as files and values, trees from two texts of /proc, counters,
//! ranges. No kernel is needed for these.

use std::path::Path;

use step_02::ids::Range;
use step_03::hierarchy::{Hierarchies, Version};
use step_03::limits::{Bytes, Cpus, IoMax};
use step_03::{Limits, Setting, events, v1};

use crate::kit::{Case, case};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("plans: limits in the files of version 2", &[], |_| {
            let expected = "memory.max 67108864, memory.swap.max 0 (implied), cpu.max 150000 100000, cpu.weight 200, \
                            pids.max 32, io.max 8:0 wbps=1048576";
            assert_eq!(told(&limits().v2()), expected);
            assert_eq!(told(&Limits::default().v2()), "");
            Ok(())
        }),
        case("plans: limits in the files of version 1", &[], |_| {
            let expected = "memory.limit_in_bytes 67108864, memory.memsw.limit_in_bytes 67108864 (implied), \
                            cpu.cfs_period_us 100000, cpu.cfs_quota_us 150000, cpu.shares 2048, pids.max 32, \
                            blkio.throttle.write_bps_device 8:0 1048576";
            assert_eq!(told(&v1::settings(&limits())), expected);
            let swap = Limits { swap: Some(Bytes(1 << 20)), ..limits() };
            assert!(told(&v1::settings(&swap)).contains("memory.memsw.limit_in_bytes 68157440,"));
            assert!(told(&swap.v2()).contains("memory.swap.max 1048576,"));
            Ok(())
        }),
        case("plans: sizes, CPUs and devices as people write them", &[], |_| {
            let bytes = |text: &str| text.parse::<Bytes>().map(|Bytes(bytes)| bytes).ok();
            assert_eq!(
                [bytes("7"), bytes("64M"), bytes("2g"), bytes("1kB")],
                [Some(7), Some(64 << 20), Some(2 << 30), Some(1024)]
            );
            assert_eq!([bytes(""), bytes("M"), bytes("-1"), bytes("1.5G"), bytes("99999999999G")], [None; 5]);
            let quota = |text: &str| text.parse::<Cpus>().map(Cpus::quota).ok();
            assert_eq!(
                [quota("1"), quota("0.5"), quota("2.25"), quota("0.001")],
                [Some(100_000), Some(50_000), Some(225_000), Some(1000)]
            );
            assert_eq!([quota("0"), quota(".5"), quota("1.0001"), quota("x"), quota("-1")], [None; 5]);
            assert_eq!(Cpus::from_quota(1, 5).map(Cpus::quota), Some(20_000));
            assert_eq!(Cpus::from_quota(1, 0), None);
            assert!("8:0 wbps=1".parse::<IoMax>().is_ok());
            assert!(
                ["8 wbps=1", "8:0 wbps", "8:0 fast=1", "a:b wbps=1"]
                    .iter()
                    .all(|text| text.parse::<IoMax>().is_err())
            );
            Ok(())
        }),
        case("plans: ranges of ids as people write them", &[], |_| {
            assert_eq!("0:100000:65536".parse(), Ok(Range { inside: 0, outside: 100_000, count: 65536 }));
            assert!(
                ["0:1", "0:1:0", "a:b:c", "0:1:4294967296", ""]
                    .iter()
                    .all(|text| text.parse::<Range>().is_err())
            );
            Ok(())
        }),
    ]
    .into_iter()
    .chain(trees())
    .collect()
}

fn trees() -> Vec<Case> {
    vec![
        case("plans: the tree of a version 2 host", &[], |_| {
            let mounts = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
            let trees = parsed(mounts, "0::/user.slice/session-2.scope\n", "cpuset cpu io memory pids");
            let [tree] = trees.all() else { return Err(format!("{trees:?}")) };
            assert_eq!(
                (tree.version, tree.own.to_str()),
                (Version::V2, Some("/sys/fs/cgroup/user.slice/session-2.scope"))
            );
            assert_eq!(trees.flavour(), "version 2: cpu io memory pids");
            Ok(())
        }),
        case("plans: the trees of a version 1 host, controllers bound together", &[], |_| {
            let mounts = "31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                          32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                          33 30 0:29 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n\
                          34 30 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n";
            let trees = parsed(mounts, "4:blkio:/\n3:memory:/a\n2:cpu,cpuacct:/a\n1:name=systemd:/a\n", "");
            let names: Vec<_> = trees.all().iter().map(|tree| tree.options.as_str()).collect();
            assert_eq!(names, ["cpu,cpuacct", "memory", "blkio"], "systemd's own tree limits nothing");
            assert_eq!(trees.flavour(), "version 1: cpu io memory");
            Ok(())
        }),
        case("plans: a tree that is mounted from below its top, as a container has it", &[], |_| {
            let mounts = "50 49 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
            let trees = parsed(mounts, "0::/docker/abc/inner\n", "memory");
            assert_eq!(trees.all()[0].own.to_str(), Some("/sys/fs/cgroup/inner"));
            Ok(())
        }),
        case("plans: a hybrid host, one tree mounted twice", &[], |_| {
            let mounts = "32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                          35 30 0:28 / /elsewhere rw - cgroup cgroup rw,memory\n\
                          33 30 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
            let trees = parsed(mounts, "3:memory:/\n0::/\n", "");
            assert_eq!(trees.all().len(), 2, "{trees:?}");
            assert_eq!(trees.flavour(), "hybrid: version 1 for memory; version 2");
            Ok(())
        }),
        case("plans: counters and pressure are read by their keys", &[], |_| {
            let counted = "low 0\noom 3\noom_kill 2\noom_group_kill 1\n";
            assert_eq!(
                [events::value(counted, "oom_kill"), events::value(counted, "oom_k")],
                [Some(2), None]
            );
            let pressure = "some avg10=1.00 avg60=0.20 avg300=0.00 total=123456\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=9\n";
            assert_eq!(
                [events::pressure(pressure), events::pressure("full total=9\n")],
                [Some(123_456), None]
            );
            Ok(())
        }),
    ]
}

fn limits() -> Limits {
    Limits {
        memory: Some(Bytes(64 << 20)),
        cpus: "1.5".parse().ok(),
        cpu_weight: Some(200),
        pids: Some(32),
        io: "8:0 wbps=1048576".parse().into_iter().collect(),
        ..Limits::default()
    }
}

fn told(settings: &[Setting]) -> String {
    let implied = |setting: &Setting| if setting.implied { " (implied)" } else { "" };
    let lines: Vec<_> = settings.iter().map(|s| format!("{} {}{}", s.file, s.value, implied(s))).collect();
    lines.join(", ")
}

fn parsed(mountinfo: &str, cgroup: &str, controllers: &str) -> Hierarchies {
    let controllers = |_: &Path| controllers.split_whitespace().map(str::to_owned).collect();
    Hierarchies::parse(mountinfo, cgroup, controllers)
}
