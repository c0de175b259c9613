//! A configuration to begin with.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use kit::{Doing, Result, Tier};
use serde_json::{Value, json};
use step_05::Bundle;

use crate::Confinement;

/// What Docker leaves to root in a container: fourteen of the 41.
pub const DOCKER: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SYS_CHROOT",
    "CAP_MKNOD",
    "CAP_AUDIT_WRITE",
    "CAP_SETFCAP",
];

/// Three of the fourteen that hardly any program needs. Podman leaves them out as well.
const SPARED: [&str; 3] = ["CAP_NET_RAW", "CAP_MKNOD", "CAP_AUDIT_WRITE"];

/// What of /proc and /sys is nobody's business inside, as `runc spec` has it.
const MASKED: [&str; 10] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/sys/firmware",
    "/proc/scsi",
];

/// Lesson 05's configuration, with what this lesson applies.
pub fn default(rootless: bool) -> Value {
    let ids = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
    let mut document = step_05::spec::default(rootless.then_some(ids));
    let capabilities: Vec<_> = DOCKER.iter().filter(|name| !SPARED.contains(name)).collect();
    document["hostname"] = json!("step-06");
    document["process"]["capabilities"] =
        json!({ "bounding": capabilities, "effective": capabilities, "permitted": capabilities });
    document["linux"]["maskedPaths"] = json!(MASKED);
    document["linux"]["seccomp"] = seccomp();
    document
}

// ANCHOR: seccomp
/// A policy that can be read: what no ordinary program calls, and what has let containers out before. Docker's is the
/// other way round, a list of some 350 calls that are allowed.
fn seccomp() -> Value {
    let refuse = |names: &str| {
        let names: Vec<_> = names.split_whitespace().collect();
        json!({ "names": names, "action": "SCMP_ACT_ERRNO" })
    };
    let with = |mut rule: Value, key: &str, value: Value| {
        rule[key] = value;
        rule
    };
    let new_user =
        json!([{ "index": 0, "value": 0x1000_0000, "valueTwo": 0x1000_0000, "op": "SCMP_CMP_MASKED_EQ" }]);
    // socket(2) takes an int: the kernel never looks at the upper half, and so neither may the filter.
    let family = |number: u32| json!([{ "index": 0, "value": u32::MAX, "valueTwo": number, "op": "SCMP_CMP_MASKED_EQ" }]);
    let (unsupported, missing) = (json!(libc::EAFNOSUPPORT), json!(libc::ENOSYS));
    json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [
            refuse("mount umount2 pivot_root open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr"),
            refuse("unshare setns"),
            with(refuse("clone"), "args", new_user),
            // Its flags lie in memory, where no filter can see them; a C library that hears ENOSYS takes clone.
            with(refuse("clone3"), "errnoRet", missing),
            refuse("ptrace process_vm_readv process_vm_writev kcmp open_by_handle_at"),
            refuse("bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register"),
            refuse("add_key keyctl request_key"),
            with(with(refuse("socket"), "args", family(38)), "errnoRet", unsupported.clone()),
            with(with(refuse("socket"), "args", family(40)), "errnoRet", unsupported),
            refuse("init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff acct"),
            refuse("settimeofday clock_settime quotactl quotactl_fd iopl ioperm"),
        ],
    })
}
// ANCHOR_END: seccomp

/// The bundle for a root that is there already.
pub fn bundle_for(root: &Path) -> Result<(Bundle, Confinement)> {
    let mut document = default(Tier::of_self() == Tier::User);
    document["root"]["path"] = root.to_string_lossy().into();
    crate::from_document(Path::new("/"), &document)
}

/// Writes `config.json` into a directory. Like `runc spec` it does not overwrite: EEXIST.
pub fn write(bundle: &Path, rootless: bool) -> Result<()> {
    let path = bundle.join("config.json");
    let text = format!("{:#}\n", default(rootless));
    let file = OpenOptions::new().write(true).create_new(true).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).doing("write", &path)
}
