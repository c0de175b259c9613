//! Lesson 04: a mount tree without the host's.

use std::fs;

use super::{Behaviour, Options, since};
use crate::kit::Need;

pub(crate) fn behaviours() -> Vec<Behaviour> {
    vec![
        // The host's mounts are all there, and A1 reaches them: chapter 04 asks why none of them is told.
        since(2, "in a chroot mountinfo tells of nothing above the root", |lab, step| {
            let report = step.report(lab)?;
            let told = |target: &str| target == "/proc" || target.starts_with("/proc/");
            assert!(report.mounts.iter().all(|mount| told(&mount.target)), "{:?}", report.mounts);
            assert!(!report.mounts.is_empty());
            Ok(())
        })
        .until(3),
        since(4, "sees no mount of the host's", |lab, step| {
            let report = step.report(lab)?;
            let mounts: Vec<_> = report.mounts.iter().map(|mount| mount.target.as_str()).collect();
            assert!(mounts.contains(&"/"), "{mounts:?}");
            let own = ["proc", "sys", "dev", ""];
            let strange =
                mounts.iter().find(|target| !own.contains(&target.split('/').nth(1).unwrap_or_default()));
            if let Some(strange) = strange { Err(format!("{strange}: {mounts:?}")) } else { Ok(()) }
        }),
        since(4, "cannot walk out: A1 is BLOCKED", |lab, step| {
            let sentinel = lab.lab().sentinel().map_err(|error| error.to_string())?.display().to_string();
            let verdict =
                step.run(lab, &["/bin/guest", "attack", "A1", "--sentinel", &sentinel])?.succeeded()?;
            assert_eq!(verdict, "BLOCKED(ENOENT)\n");
            Ok(())
        }),
        since(4, "the old root is gone, not hidden", |lab, step| {
            let text = step.run(lab, &["sh", "-c", "cd / && cd .. && ls"])?.succeeded()?;
            assert!(!text.contains("lost+found") && !text.contains("home"), "{text}");
            let report = step.report(lab)?;
            assert!(
                report.mounts.iter().all(|mount| !mount.propagation.contains("shared")),
                "{:?}",
                report.mounts
            );
            Ok(())
        }),
        since(4, "devices that programs expect, and no disk", |lab, step| {
            let devices = step.report(lab)?.devices;
            assert_eq!(devices, ["full", "null", "random", "tty", "urandom", "zero"]);
            let script = "echo gone > /dev/null && head -c 3 /dev/zero | od -An -c && test -c /dev/ptmx && test -d /dev/shm";
            step.run(lab, &["sh", "-c", script])?.ended_with(0).map(drop)
        }),
        since(4, "a /sys that it cannot change", |lab, step| {
            let report = step.report(lab)?;
            let sys =
                report.mounts.iter().find(|mount| mount.target == "/sys").ok_or("no /sys is mounted")?;
            assert!(sys.options.split(',').any(|option| option == "ro"), "{sys:?}");
            let ran = step.run(lab, &["sh", "-c", "mkdir /sys/fs/new"])?;
            assert_ne!(ran.status, 0, "{}", ran.stdout);
            Ok(())
        }),
        since(4, "its own part of the cgroup tree, read-only", |lab, step| {
            let report = step.report(lab)?;
            let trees: Vec<_> =
                report.mounts.iter().filter(|mount| mount.kind.starts_with("cgroup")).collect();
            assert!(!trees.is_empty());
            let read_only = |options: &str| options.split(',').any(|option| option == "ro");
            assert!(trees.iter().all(|tree| tree.root == "/" && read_only(&tree.options)), "{trees:?}");
            Ok(())
        })
        .needs(Need::Cgroups),
        since(4, "a root that may not be written to serves as well", |lab, step| {
            let root = lab.dir().join("root");
            let path = root.display().to_string();
            lab.run(&step.name(), &["rootfs", &path])?.succeeded()?;
            lab.run("mount", &["--bind", &path, &path])?.succeeded()?;
            lab.run("mount", &["-o", "remount,bind,ro", &path])?.succeeded()?;
            let options = Options { rootfs: Some(root), ..Options::default() };
            let ran = step.run_with(lab, &options, &["cat", "/etc/group"]);
            lab.run("umount", &[&path])?.succeeded()?;
            let text = ran?.succeeded()?;
            assert_eq!(
                text,
                fs::read_to_string(format!("{path}/etc/group")).map_err(|error| error.to_string())?
            );
            Ok(())
        })
        .needs(Need::Root),
    ]
}
