use super::*;
use crate::oci::strict;

fn parsed(pieces: &str) -> Spec {
    let text = format!("{{\"ociVersion\": \"1.0.2\"{pieces}}}");
    strict::parse("config.json", text.as_bytes()).expect(pieces)
}

const ROOT: &str = r#", "root": {"path": "rootfs"}"#;
const PROCESS: &str = r#""cwd": "/", "args": ["sh"]"#;

/// Each of these pieces makes the configuration senseless, and the refusal names the path.
fn all_refused<const N: usize>(table: [(String, &str); N]) {
    for (pieces, path) in table {
        let error = spec(&parsed(&pieces)).expect_err(&pieces);
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(error.to_string().starts_with(&format!("config.json {path:?}: ")), "{pieces}: {error}");
    }
}

#[test]
fn what_makes_no_sense_is_named_by_its_path() {
    let process = |piece: &str| format!("{ROOT}, \"process\": {{{PROCESS}, {piece}}}");
    all_refused([
        (String::new(), "root"),
        (r#", "root": {"path": ""}"#.into(), "root.path"),
        (format!(r#"{ROOT}, "hostname": "a""#), "hostname"),
        (
            format!(r#"{ROOT}, "domainname": "a", "linux": {{"namespaces": [{{"type": "pid"}}]}}"#),
            "domainname",
        ),
        (format!(r#"{ROOT}, "process": {{"cwd": "/"}}"#), "process.args"),
        (format!(r#"{ROOT}, "process": {{"cwd": "/", "args": [""]}}"#), "process.args[0]"),
        (format!(r#"{ROOT}, "process": {{"cwd": "a", "args": ["b"]}}"#), "process.cwd"),
        (process(r#""env": ["A=b", "C"]"#), "process.env[1]"),
        (process(r#""env": ["=b"]"#), "process.env[0]"),
        (process(r#""user": {"uid": 4294967295}"#), "process.user.uid"),
        (process(r#""user": {"additionalGids": [1, 4294967295]}"#), "process.user.additionalGids[1]"),
        (process(r#""user": {"umask": 4096}"#), "process.user.umask"),
        (process(r#""oomScoreAdj": 1001"#), "process.oomScoreAdj"),
        (process(r#""rlimits": [{"type": "RLIMIT_LOVE", "soft": 1, "hard": 1}]"#), "process.rlimits[0].type"),
        (process(r#""rlimits": [{"type": "RLIMIT_CORE", "soft": 2, "hard": 1}]"#), "process.rlimits[0].soft"),
        (
            process(
                r#""rlimits": [{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 1}]"#,
            ),
            "process.rlimits[1].type",
        ),
        (format!(r#"{ROOT}, "mounts": [{{"destination": ""}}]"#), "mounts[0].destination"),
        (
            format!(
                r#"{ROOT}, "mounts": [{{"destination": "/a", "uidMappings": [{{"containerID": 0, "hostID": 0, "size": 1}}]}}]"#
            ),
            "mounts[0]",
        ),
        (
            format!(r#"{ROOT}, "hooks": {{"poststop": [{{"path": "/a"}}, {{"path": "b"}}]}}"#),
            "hooks.poststop[1].path",
        ),
        (
            format!(r#"{ROOT}, "hooks": {{"prestart": [{{"path": "/a", "timeout": 0}}]}}"#),
            "hooks.prestart[0].timeout",
        ),
    ]);
}

#[test]
fn what_makes_no_sense_on_linux_is_named_by_its_path() {
    let linux = |piece: &str| format!("{ROOT}, \"linux\": {{{piece}}}");
    all_refused([
        (
            linux(r#""namespaces": [{"type": "pid"}, {"type": "uts"}, {"type": "pid"}]"#),
            "linux.namespaces[2].type",
        ),
        (linux(r#""namespaces": [{"type": "pid", "path": "proc/1/ns/pid"}]"#), "linux.namespaces[0].path"),
        (linux(r#""uidMappings": [{"containerID": 0, "hostID": 0, "size": 1}]"#), "linux.uidMappings"),
        (linux(r#""namespaces": [{"type": "user"}]"#), "linux.uidMappings"),
        (
            linux(r#""uidMappings": [{"containerID": 0, "hostID": 0, "size": 0}]"#),
            "linux.uidMappings[0].size",
        ),
        (
            linux(r#""gidMappings": [{"containerID": 0, "hostID": 4294967295, "size": 1}]"#),
            "linux.gidMappings[0]",
        ),
        (
            linux(
                r#""gidMappings": [{"containerID": 0, "hostID": 0, "size": 9}, {"containerID": 8, "hostID": 99, "size": 1}]"#,
            ),
            "linux.gidMappings[1]",
        ),
        (linux(r#""timeOffsets": {"boottime": {"secs": 1}}"#), "linux.timeOffsets"),
        (
            linux(
                r#""namespaces": [{"type": "time"}], "timeOffsets": {"boottime": {"nanosecs": 1000000000}}"#,
            ),
            "linux.timeOffsets.boottime.nanosecs",
        ),
        (linux(r#""sysctl": {"net.ipv4.ip_forward": "1"}"#), "linux.sysctl.net.ipv4.ip_forward"),
        (linux(r#""sysctl": {"vm.swappiness": "1"}"#), "linux.sysctl.vm.swappiness"),
        (
            linux(r#""namespaces": [{"type": "network"}], "sysctl": {"net/../kernel/core_pattern": "1"}"#),
            "linux.sysctl.net/../kernel/core_pattern",
        ),
        (linux(r#""cgroupsPath": "/a/../../b""#), "linux.cgroupsPath"),
        (
            linux(r#""devices": [{"type": "c", "path": "dev/a", "major": 1, "minor": 3}]"#),
            "linux.devices[0].path",
        ),
        (
            linux(r#""devices": [{"type": "c", "path": "/dev/a", "major": 4096, "minor": 3}]"#),
            "linux.devices[0].major",
        ),
        (
            linux(r#""devices": [{"type": "p", "path": "/dev/a", "fileMode": 65536}]"#),
            "linux.devices[0].fileMode",
        ),
        (linux(r#""maskedPaths": ["/a", "b"]"#), "linux.maskedPaths[1]"),
        (linux(r#""rootfsPropagation": "infectious""#), "linux.rootfsPropagation"),
        (
            linux(r#""resources": {"devices": [{"allow": true, "access": "rwx"}]}"#),
            "linux.resources.devices[0].access",
        ),
        (
            linux(r#""resources": {"devices": [{"allow": true, "major": -2}]}"#),
            "linux.resources.devices[0].major",
        ),
        (
            linux(r#""resources": {"unified": {"../cgroup.procs": "1"}}"#),
            "linux.resources.unified.../cgroup.procs",
        ),
        (
            linux(
                r#""seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_LOG",
                "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}]}"#,
            ),
            "linux.seccomp.syscalls[0].args[0].index",
        ),
    ]);
}

#[test]
fn the_templates_are_valid() {
    for template in [crate::oci::template::spec(), crate::oci::template::rootless(1000, 1000)] {
        assert_eq!(spec(&template).expect("valid"), [""; 0]);
        let text = serde_json::to_vec(&template).expect("JSON");
        assert_eq!(strict::parse::<Spec>("config.json", &text).expect("read"), template);
    }
}

#[test]
fn any_version_1_is_accepted_and_no_other() {
    for good in ["1.0.0", "1.0.2-dev", "1.3.0", "1.99.7", "1.2.0-rc.1+build.5"] {
        version(good).expect(good);
    }
    for bad in ["", "1", "1.0", "2.0.0", "0.9.0", "1.0.x", "v1.0.0", "1.0.0.0", "11.0.0", "-1.0.0"] {
        version(bad).expect_err(bad);
    }
}

#[test]
fn a_destination_that_is_not_absolute_is_warned_of() {
    let warnings =
        spec(&parsed(&format!(r#"{ROOT}, "mounts": [{{"destination": "data"}}]"#))).expect("valid");
    assert_eq!(warnings, ["mounts[0].destination \"data\" is not absolute: taken from /"]);
}

#[test]
fn sysctls_of_the_containers_own_namespaces_are_accepted() {
    let namespaces = r#""namespaces": [{"type": "network"}, {"type": "ipc"}, {"type": "uts"}]"#;
    let sysctl = r#""sysctl": {"net/ipv4/conf/eth0.1/forwarding": "1", "net.core.somaxconn": "9", "fs.mqueue.msg_max": "1",
        "kernel.shmmax": "1", "kernel.domainname": "a"}"#;
    spec(&parsed(&format!(r#"{ROOT}, "linux": {{{namespaces}, {sysctl}}}"#))).expect("valid");
}
