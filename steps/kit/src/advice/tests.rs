use super::*;

fn on_a_host() -> Machine {
    Machine { uid: 1000, release: "6.8.0".into(), exe: "target/debug/step-02".into(), ..Machine::default() }
}

fn off(setting: &str) -> Machine {
    let zero = Some("0".to_owned());
    let mut machine = on_a_host();
    match setting {
        "max" => machine.max_user_namespaces = zero,
        "clone" => machine.unprivileged_userns_clone = zero,
        "apparmor" => machine.apparmor_restricts = Some("1".into()),
        _ => {}
    }
    machine
}

fn told(machine: &Machine, doing: &str, errno: Errno) -> Advice {
    about(machine, doing, "", errno)
}

fn about(machine: &Machine, doing: &str, subject: &str, errno: Errno) -> Advice {
    on(machine, &Error::call(doing, subject, errno)).expect("advice")
}

fn commands(advice: &Advice) -> String {
    advice.remedies.iter().map(|remedy| remedy.command.clone()).collect::<Vec<_>>().join("\n")
}

const CLONE: &str = "clone3(2) CLONE_NEWUSER|CLONE_NEWPID";

#[test]
fn each_switch_that_forbids_user_namespaces_is_told_by_name() {
    let told = |setting, doing, errno| {
        let advice = told(&off(setting), doing, errno);
        assert_eq!(advice.remedies[0].command, "sudo target/debug/step-02");
        (advice.why, advice.remedies[1].command.clone())
    };
    assert!(told("max", CLONE, Errno::ENOSPC).1.contains("max_user_namespaces=65536"));
    assert!(told("clone", CLONE, Errno::EPERM).1.contains("unprivileged_userns_clone=1"));
    let map = about(&off("apparmor"), "write \"0 1000 1\" to", "/proc/PID/uid_map", Errno::EPERM);
    assert!(map.why.contains("AppArmor"));
    assert!(told("apparmor", "mount(2) proc on", Errno::EACCES).0.contains("AppArmor"));
    assert!(told("", CLONE, Errno::EPERM).0.contains("inside a chroot"));
}

#[test]
fn a_rule_of_the_kernel_s_is_told_and_no_setting_is_blamed() {
    let filtered = Machine { seccomp: true, ..on_a_host() };
    for machine in [on_a_host(), filtered] {
        let map = about(&machine, "write \"0 1000 1\" to", "/proc/PID/gid_map", Errno::EPERM);
        assert!(map.why.contains("setgroups") && map.remedies.is_empty(), "{map:?}");
    }
    let remount = about(&on_a_host(), "mount(2) MS_REMOUNT|MS_BIND on", "/data", Errno::EPERM);
    assert!(remount.why.contains("locked") && remount.remedies.is_empty(), "{remount:?}");
    let bind = about(&on_a_host(), "mount(2) MS_BIND on", "/data", Errno::EPERM);
    assert!(bind.why.contains("CAP_SYS_ADMIN") && !bind.why.contains("locked"), "{bind:?}");
}

#[test]
fn uid_0_without_capabilities_is_told_to_be_somebody_else() {
    let container = Machine { uid: 0, platform: Platform::Docker, ..on_a_host() };
    let map = about(&container, "write \"0 0 1\" to", "/proc/PID/uid_map", Errno::EPERM);
    assert!(map.why.contains("CAP_SETFCAP") && commands(&map).starts_with("docker run --user 65534"));
}

#[test]
fn apparmor_is_mended_for_the_built_programs_alone_or_for_all() {
    let advice = told(&off("apparmor"), "mount(2) MS_REC|MS_PRIVATE on", Errno::EACCES);
    assert!(advice.remedies[1].command.contains("profile docker-dive '\"$PWD\"'/target/debug/*"));
    assert!(advice.remedies[2].command.contains("apparmor_restrict_unprivileged_userns=0"));
}

#[test]
fn a_cgroup_tree_of_somebody_elses_and_one_that_is_read_only_differ() {
    let machine = Machine { pure_v2: true, user_manager: true, ..on_a_host() };
    let theirs = told(&machine, "mkdir(2) cgroup", Errno::EACCES);
    assert!(theirs.remedies[1].command.starts_with("systemd-run --user --scope -p Delegate=yes"));
    let read_only = told(&machine, "mkdir(2) cgroup", Errno::EROFS);
    assert!(read_only.why.contains("read-only"));
}

#[test]
fn delegation_is_offered_only_where_it_can_be_had() {
    let version_1 = told(&on_a_host(), "mkdir(2) cgroup", Errno::EACCES);
    assert!(
        !commands(&version_1).contains("systemd-run")
            && commands(&version_1).contains("unified_cgroup_hierarchy=1")
    );
    let without_session = Machine { pure_v2: true, ..on_a_host() };
    assert!(commands(&told(&without_session, "mkdir(2) cgroup", Errno::EACCES)).contains("enable-linger"));
    let wsl = Machine { platform: Platform::Wsl2, ..on_a_host() };
    assert!(commands(&told(&wsl, "mkdir(2) cgroup", Errno::EACCES)).contains(".wslconfig"));
}

#[test]
fn the_remedy_is_the_one_of_the_platform() {
    let of = |platform, doing, errno| commands(&told(&Machine { platform, ..on_a_host() }, doing, errno));
    assert!(
        of(Platform::Docker, CLONE, Errno::EPERM).starts_with("docker run --security-opt seccomp=unconfined")
    );
    assert!(of(Platform::Podman, CLONE, Errno::EPERM).starts_with("podman run"));
    assert!(of(Platform::Codespaces, CLONE, Errno::EPERM).contains("devcontainer.json"));
    assert!(of(Platform::Codespaces, "mkdir(2) cgroup", Errno::EROFS).contains("\"privileged\": true"));
    assert!(of(Platform::Wsl1, CLONE, Errno::EINVAL).contains("wsl --set-version"));
    assert!(of(Platform::Wsl2, "unshare(2) CLONE_NEWTIME", Errno::EINVAL).contains("wsl --update"));
}

#[test]
fn a_filter_that_does_not_know_clone3_is_not_taken_for_an_old_kernel() {
    let filtered = Machine { seccomp: true, platform: Platform::Docker, ..on_a_host() };
    assert!(told(&filtered, CLONE, Errno::ENOSYS).why.contains("filter"));
    let old = Machine { release: "4.18.0-553.el8".into(), distribution: "rhel fedora".into(), ..on_a_host() };
    let old = told(&old, CLONE, Errno::ENOSYS);
    assert!(old.why.contains("5.3") && commands(&old) == "sudo dnf upgrade kernel");
}

#[test]
fn a_kernel_that_is_new_enough_was_built_without() {
    let time = |release: &str| {
        let machine = Machine { release: release.into(), ..on_a_host() };
        told(&machine, "unshare(2) CLONE_NEWTIME", Errno::EINVAL).why
    };
    assert!(time("6.1.176").contains("built without") && time("5.4.0").contains("5.6 was the first"));
}

#[test]
fn limits_are_told_from_missing_privilege() {
    let machine = on_a_host();
    assert!(told(&machine, "fork(2)", Errno::EAGAIN).why.contains("RLIMIT_NPROC"));
    assert!(told(&machine, "copy \"/bin/busybox\" to", Errno::ENOSPC).why.contains("space"));
    let off = Machine { switched_off: vec!["net".into()], ..on_a_host() };
    let net = told(&off, "clone3(2) CLONE_NEWNS|CLONE_NEWNET", Errno::ENOSPC);
    assert_eq!(commands(&net), "sudo sysctl -w user.max_net_namespaces=65536");
}

#[test]
fn what_is_not_there_at_all_is_told_too() {
    let missing =
        |doing: &str, subject: &str| on(&on_a_host(), &Error::refused(doing, subject, "")).expect("advice");
    assert!(
        commands(&missing("find a directory for the root", "")).starts_with("mkdir -p ~/.cache && TMPDIR")
    );
    let debian = Machine { distribution: "debian".into(), ..on_a_host() };
    let shell = on(&debian, &Error::refused("find a shell for the root", "sh", "")).expect("advice");
    assert_eq!(commands(&shell), "sudo apt-get install busybox-static");
    assert!(commands(&missing("find a cgroup tree", "")).contains("mount -t cgroup2"));
    assert!(missing("find the controller", "cpu").why.contains("\"cpu\""));
}

#[test]
fn who_is_root_already_is_not_sent_to_sudo() {
    let root = Machine { uid: 0, ..on_a_host() };
    assert!(!commands(&told(&root, "chroot(2)", Errno::EPERM)).contains("sudo"));
}

#[test]
fn what_no_setting_would_mend_gets_no_advice() {
    let none = |doing: &str, errno| on(&off("max"), &Error::call(doing, "", errno));
    assert_eq!(none("execve(2)", Errno::ENOENT), None);
    assert_eq!(none("mount(2) proc on", Errno::ENOENT), None);
}

#[test]
fn a_call_that_a_kernel_lacks_or_a_filter_hides_is_told_apart() {
    let hidden = told(&on_a_host(), "move_mount(2) onto", Errno::ENOSYS);
    assert!(hidden.why.contains("this kernel has move_mount(2), but a filter"), "{hidden:?}");
    let old = Machine { release: "5.4.0".into(), ..on_a_host() };
    let missing = told(&old, "openat2(2) RESOLVE_IN_ROOT", Errno::ENOSYS);
    assert!(missing.why.contains("has no openat2(2), which came with Linux 5.6"), "{missing:?}");
    let switched_off = told(&on_a_host(), "landlock_create_ruleset(2)", Errno::EOPNOTSUPP);
    assert!(commands(&switched_off).contains("lsm=landlock,"), "{switched_off:?}");
}
