use super::*;

fn told(resources: &str, version: Version) -> Result<Vec<String>> {
    let resources: Resources = serde_json::from_str(resources).expect(resources);
    let list = writes(&resources, version)?;
    Ok(list.into_iter().map(|write| format!("{} <- {}", write.file, write.value)).collect())
}

#[test]
fn each_version_has_files_of_its_own() {
    let resources = r#"{"memory": {"limit": 1048576, "swap": 3145728, "reservation": 4096}, "cpu": {"shares": 1024, "quota": 50000, "period": 100000,
        "cpus": "0-1"}, "pids": {"limit": 16}, "blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 9}]},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 0}]}"#;
    assert_eq!(
        told(resources, Version::One).expect("writes"),
        [
            "memory.limit_in_bytes <- 1048576",
            "memory.memsw.limit_in_bytes <- 3145728",
            "memory.soft_limit_in_bytes <- 4096",
            "cpuset.cpus <- 0-1",
            "cpu.shares <- 1024",
            "cpu.cfs_period_us <- 100000",
            "cpu.cfs_quota_us <- 50000",
            "pids.max <- 16",
            "blkio.throttle.read_bps_device <- 8:0 9",
            "hugetlb.2MB.limit_in_bytes <- 0",
        ]
    );
    assert_eq!(
        told(resources, Version::Two).expect("writes"),
        [
            "memory.swap.max <- 2097152",
            "memory.max <- 1048576",
            "memory.low <- 4096",
            "cpuset.cpus <- 0-1",
            "cpu.weight <- 39",
            "cpu.max <- 50000 100000",
            "pids.max <- 16",
            "io.max <- 8:0 rbps=9",
            "hugetlb.2MB.max <- 0",
        ]
    );
}

#[test]
fn zero_is_not_set_and_minus_one_is_no_limit() {
    let zeros = r#"{"memory": {"limit": 0, "swap": 0}, "cpu": {"shares": 0, "quota": 0}, "pids": {"limit": 0}, "blockIO": {"weight": 0}}"#;
    assert_eq!(told(zeros, Version::One).expect("writes"), [""; 0]);
    assert_eq!(told(zeros, Version::Two).expect("writes"), [""; 0]);
    let none = r#"{"memory": {"limit": -1, "swap": -1}, "pids": {"limit": -1}, "cpu": {"quota": -1}}"#;
    let expected =
        ["memory.swap.max <- max", "memory.max <- max", "cpu.max <- max 100000", "pids.max <- max"];
    assert_eq!(told(none, Version::Two).expect("writes"), expected);
}

#[test]
fn what_a_version_has_not_is_refused_by_its_field() {
    let table = [
        (r#"{"unified": {"memory.high": "1"}}"#, Version::One, "linux.resources.unified"),
        (r#"{"network": {"classID": 7}}"#, Version::Two, "linux.resources.network"),
        (
            r#"{"memory": {"disableOOMKiller": true}}"#,
            Version::Two,
            "linux.resources.memory.disableOOMKiller",
        ),
        (r#"{"memory": {"swap": 4096}}"#, Version::Two, "linux.resources.memory.swap"),
        (r#"{"memory": {"swap": 4096, "limit": 8192}}"#, Version::Two, "linux.resources.memory.swap"),
        (r#"{"cpu": {"realtimeRuntime": 1}}"#, Version::Two, "linux.resources.cpu.realtimeRuntime"),
        (r#"{"blockIO": {"leafWeight": 10}}"#, Version::One, "linux.resources.blockIO.leafWeight"),
    ];
    for (resources, version, field) in table {
        let error = told(resources, version).expect_err(resources).to_string();
        assert!(error.starts_with(&format!("config.json {field:?}: ")), "{resources}: {error}");
    }
}

#[test]
fn shares_become_weights_from_end_to_end() {
    assert_eq!([2, 1024, 262_144, 0, u64::MAX].map(weight), [1, 39, 10_000, 1, 10_000]);
}

#[test]
fn rules_about_devices_are_no_limit() {
    let parsed = |text| serde_json::from_str::<Resources>(text).expect(text);
    assert!(!limits_anything(&parsed(
        r#"{"devices": [{"allow": false}], "memory": {}, "cpu": {"shares": 0}}"#
    )));
    assert!(limits_anything(&parsed(r#"{"pids": {"limit": 3}}"#)));
    assert!(limits_anything(&parsed(r#"{"unified": {"a.b": "c"}}"#)));
}
