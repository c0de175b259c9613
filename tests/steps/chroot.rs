//! Lesson 01: a root directory of one's own.

use std::fs;

use guest::Report;
use kit::Tier;

use super::{Behaviour, Options, Step, since};
use crate::kit::{Lab, Outcome};

pub(crate) fn behaviours() -> Vec<Behaviour> {
    vec![
        since(1, "has another root directory", |lab, step| {
            let (host, guest) = (Report::of_self(), step.report(lab)?);
            assert_ne!((host.root.device, host.root.inode), (guest.root.device, guest.root.inode));
            assert!(
                guest.root.entries.contains(&"bin".to_owned())
                    && !guest.root.entries.contains(&"home".to_owned())
            );
            Ok(())
        }),
        since(1, "stands in that root", |lab, step| {
            assert_eq!(step.run(lab, &["sh", "-c", "pwd; cd ..; pwd"])?.succeeded()?, "/\n/\n");
            Ok(())
        }),
        since(1, "names the missing loader behind ENOENT", names_the_loader),
        since(1, "names the missing interpreter of a script", |lab, step| {
            let options = own_root(lab, step)?;
            let script = options.rootfs.clone().ok_or("no root")?.join("bin/script");
            fs::write(&script, "#!/usr/bin/no-interpreter -x\n").map_err(|error| error.to_string())?;
            executable(&script)?;
            let ran = step.run_with(lab, &options, &["script"])?.ended_with(127)?;
            ran.says(&["ENOENT", "its interpreter /usr/bin/no-interpreter is not in this root"]).map(drop)
        }),
        since(1, "takes a root of the reader's, and leaves it there", |lab, step| {
            let options = own_root(lab, step)?;
            let root = options.rootfs.clone().ok_or("no root")?;
            fs::write(root.join("etc/mine"), "kept").map_err(|error| error.to_string())?;
            assert_eq!(step.run_with(lab, &options, &["cat", "/etc/mine"])?.succeeded()?, "kept");
            assert!(
                root.join("etc/mine").is_file()
                    && fs::read_dir(root.join("proc")).is_ok_and(|mut dir| dir.next().is_none())
            );
            Ok(())
        }),
        since(1, "refuses a root that is not there, and one that is a file", |lab, step| {
            for (root, errno) in [("/no/such/root", "ENOENT"), ("/etc/passwd", "ENOTDIR")] {
                let ran = lab.run(&step.name(), &["run", "--rootfs", root, "true"])?.ended_with(125)?;
                ran.says(&[root, errno])?;
            }
            Ok(())
        }),
        since(1, "gives the command an environment of its own", |lab, step| {
            let names = step.report(lab)?.environment;
            assert_eq!(names, ["HOME", "PATH", "TERM"]);
            Ok(())
        }),
        since(1, "says aloud that root is borrowed", |lab, step| {
            let ran = step.run(lab, &["true"])?.ended_with(0)?;
            let said = ran.stderr.contains("the kit borrows root");
            assert_eq!(said, Tier::of_self() == Tier::User, "{}", ran.stderr);
            Ok(())
        })
        .until(1),
    ]
}

/// A root in the lab's directory, assembled by the step itself.
fn own_root(lab: &Lab, step: Step) -> Result<Options, String> {
    let root = lab.dir().join("root");
    lab.run(&step.name(), &["rootfs", &root.display().to_string()])?.succeeded()?;
    Ok(Options { rootfs: Some(root), ..Options::default() })
}

/// The guest is a dynamic program on every host but one whose binaries are static throughout.
fn names_the_loader(lab: &Lab, step: Step) -> Outcome {
    let options = own_root(lab, step)?;
    let root = options.rootfs.clone().ok_or("no root")?;
    let elf = kit::elf::Elf::read(&root.join("bin/guest"))
        .map_err(|error| error.to_string())?
        .ok_or("no ELF file")?;
    let Some(loader) = elf.interpreter else { return Err("the guest is static: nothing to show".into()) };
    let inside = root.join(loader.strip_prefix("/").map_err(|error| error.to_string())?);
    fs::remove_file(&inside).map_err(|error| error.to_string())?;
    let ran = step.run_with(lab, &options, &["/bin/guest"])?.ended_with(127)?;
    ran.says(&[
        "execve(2) \"/bin/guest\": ENOENT",
        &format!("its interpreter {} is not in this root", loader.display()),
    ])
    .map(drop)
}

fn executable(path: &std::path::Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(|error| error.to_string())
}
