//! Children: how they are born, held, signalled and waited for.

use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};

use docker_dive::error::Kind as ErrorKind;
use docker_dive::sys::clone::{Child, Clone, PANICKED, spawn};
use docker_dive::sys::descriptor::{close_on_exec_from, reopen};
use docker_dive::sys::mount::{Attributes, Configuration};
use docker_dive::sys::namespace::{Kind, Namespace};
use docker_dive::sys::path::{Mounts, Root};
use docker_dive::sys::task::{self, End, Pidfd};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, getpid, getppid, pause, unlinkat};

use super::{in_child, said};
use crate::kit::{Case, Lab, Need, Outcome, case};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("sys clone: a child ends with its status, also when it panics", &[], ends),
        case("sys clone: a process of several threads is refused, and one alone again is not", &[], threads),
        case("sys clone: a sibling is the child of our parent", &[], sibling),
        case(
            "sys clone: a child has the namespaces that were asked for, and no other",
            &[Need::Root],
            namespaces,
        ),
        case("sys clone: a child is born in its cgroup", &[Need::Root, Need::Cgroups], born_in_cgroup),
        case("sys task: a process is signalled and waited for by descriptor", &[], signalled),
        case("sys namespace: another's is entered, and known from one's own", &[Need::Root], entered),
        case("sys namespace: a new time namespace is for the children", &[Need::Root], time),
        case("sys descriptor: none reaches what is executed", &[], not_inherited),
        case("sys descriptor: a procfs that was covered hands out no other file", &[Need::Root], covered),
    ]
}

fn ends(_: &Lab) -> Outcome {
    let end =
        |body: fn() -> u8| spawn(&Clone::default(), body).and_then(|child| child.pidfd.wait()).map_err(said);
    assert_eq!(end(|| 7)?, End::Exited(7));
    let panics = || std::panic::resume_unwind(Box::new("planted"));
    assert_eq!(end(panics)?, End::Exited(PANICKED), "a panic came back into the parent's code");
    Ok(())
}

fn threads(_: &Lab) -> Outcome {
    assert_eq!(task::threads().map_err(said)?, 1);
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || stopped.recv());
    let error = spawn(&Clone::default(), || 0).expect_err("two threads");
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(error.to_string().contains("this process has 2 threads"), "{error}");
    drop(stop);
    let _ = thread.join();
    // The kernel takes a joined thread out of its list a moment later.
    while task::threads().map_err(said)? > 1 {
        std::thread::yield_now();
    }
    in_child(&Clone::default(), || Ok(()))
}

fn sibling(lab: &Lab) -> Outcome {
    let (own, note) = (getpid(), lab.dir().join("sibling"));
    in_child(&Clone::default(), || {
        let clone = Clone { sibling: true, exit_signal: None, ..Clone::default() };
        let child = spawn(&clone, || u8::from(getppid() != own)).map_err(said)?;
        let error = child.pidfd.wait().expect_err("not our child");
        assert_eq!(error.errno(), Some(Errno::ECHILD), "{error}");
        fs::write(&note, child.pid.to_string()).map_err(said)
    })?;
    let pid: i32 = fs::read_to_string(&note).map_err(said)?.parse().map_err(said)?;
    // Without an exit signal only who asks for such children (__WALL) may wait; a pidfd of it is taken as it is.
    let status =
        nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid), Some(nix::sys::wait::WaitPidFlag::__WALL));
    match status.map_err(said)? {
        nix::sys::wait::WaitStatus::Exited(_, 0) => Ok(()),
        status => Err(format!("{status:?}: its parent is another")),
    }
}

/// A child that waits to be killed, and dies with us.
fn waiting(namespaces: &[Kind]) -> Result<Child, String> {
    let child = spawn(&Clone { namespaces, ..Clone::default() }, || {
        let _ = prctl::set_pdeathsig(Signal::SIGKILL);
        pause();
        0
    });
    child.map_err(said)
}

fn end(child: &Child) -> Result<End, String> {
    child.pidfd.send(Signal::SIGKILL).and_then(|()| child.pidfd.wait()).map_err(said)
}

fn path_of(child: &Child, kind: Kind) -> PathBuf {
    PathBuf::from(format!("/proc/{}/ns/{}", child.pid, kind.proc_name()))
}

fn namespaces(_: &Lab) -> Outcome {
    let asked = [Kind::User, Kind::Mount, Kind::Pid, Kind::Network, Kind::Ipc, Kind::Uts, Kind::Cgroup];
    for some in [&asked[..], &[Kind::Uts], &[]] {
        let child = waiting(some)?;
        let outcome: Outcome = Kind::ALL.iter().try_for_each(|kind| {
            let ours =
                Namespace::open(*kind, &path_of(&child, *kind)).and_then(|namespace| namespace.is_ours());
            assert_eq!(ours.map_err(said)?, !some.contains(kind), "{kind:?} of {some:?}");
            Ok(())
        });
        end(&child)?;
        outcome?;
    }
    in_child(&Clone { namespaces: &[Kind::Pid], ..Clone::default() }, || {
        assert_eq!(getpid().as_raw(), 1);
        // The procfs here is of the outer pid namespace, in which we have no number that we know: no answer.
        Ok(())
    })
}

fn born_in_cgroup(lab: &Lab) -> Outcome {
    // A mount of the version 2 tree that hangs nowhere: there is one whatever the host has mounted where.
    let tree = Configuration::open("cgroup2").and_then(|new| new.mount(Attributes::empty())).map_err(said)?;
    let top = Root::from_directory(tree.as_fd().try_clone_to_owned().map_err(said)?).map_err(said)?;
    let name = format!("docker-dive.{}.born", lab.lab().name());
    let group = top.make_directory(Path::new(&name), Mode::from_bits_truncate(0o755)).map_err(said)?;
    let membership = || {
        let groups = fs::read_to_string("/proc/self/cgroup").expect("cgroup");
        groups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default().to_owned()
    };
    let is_inside = |cgroup| {
        in_child(&Clone { cgroup, ..Clone::default() }, || {
            let seen = membership();
            if seen.ends_with(&name) { Ok(()) } else { Err(format!("born in {seen}")) }
        })
    };
    let (asked, not_asked) = (is_inside(Some(group.as_fd())), is_inside(None));
    drop(group);
    unlinkat(&top, name.as_str(), UnlinkatFlags::RemoveDir).map_err(said)?;
    assert!(not_asked.is_err(), "the detector is blind");
    asked
}

fn signalled(_: &Lab) -> Outcome {
    let child = waiting(&[])?;
    assert_eq!(child.pidfd.try_wait().map_err(said)?, None);
    let held = Pidfd::open(child.pid).map_err(said)?;
    held.send(Signal::SIGTERM).map_err(said)?;
    assert_eq!(child.pidfd.wait().map_err(said)?, End::Signaled(15));
    // Its number is free now, and may be another's; the descriptor is nobody's.
    assert_eq!(held.send(Signal::SIGKILL).expect_err("gone").errno(), Some(Errno::ESRCH));
    assert_eq!(child.pidfd.wait().expect_err("waited for").errno(), Some(Errno::ECHILD));

    // A real-time signal has a number and no name: the status must not be lost for that.
    let child = waiting(&[])?;
    let pid = child.pid.to_string();
    let sent = std::process::Command::new("sh")
        .args(["-c", "kill -35 \"$1\"", "sh", &pid])
        .status()
        .map_err(said)?;
    assert!(sent.success());
    assert_eq!(child.pidfd.wait().map_err(said)?, End::Signaled(35));
    Ok(())
}

fn entered(_: &Lab) -> Outcome {
    let child = waiting(&[Kind::Uts, Kind::Mount])?;
    let outcome = in_child(&Clone::default(), || {
        for kind in [Kind::Uts, Kind::Mount] {
            let namespace = Namespace::open(kind, &path_of(&child, kind)).map_err(said)?;
            assert_eq!(namespace.kind(), kind);
            assert!(!namespace.is_ours().map_err(said)?, "{kind:?}");
            namespace.enter().map_err(said)?;
            assert!(namespace.is_ours().map_err(said)?, "{kind:?}");
        }
        let own = Namespace::open(Kind::User, Path::new("/proc/self/ns/user")).map_err(said)?;
        let error = own.enter().expect_err("one's own user namespace");
        assert_eq!(
            error.to_string(),
            "setns(2) CLONE_NEWUSER \"/proc/self/ns/user\": EINVAL: Invalid argument"
        );
        Ok(())
    });
    end(&child)?;
    outcome
}

fn time(_: &Lab) -> Outcome {
    in_child(&Clone::default(), || {
        let link = |name: &str| fs::read_link(format!("/proc/self/ns/{name}")).map_err(said);
        assert_eq!(link("time")?, link("time_for_children")?);
        Kind::Time.unshare().map_err(said)?;
        assert_ne!(link("time")?, link("time_for_children")?);
        fs::write("/proc/self/timens_offsets", "monotonic 1000 0").map_err(said)?;
        let children = Path::new("/proc/self/ns/time_for_children");
        Namespace::open(Kind::Time, children).and_then(|namespace| namespace.enter()).map_err(said)?;
        assert_eq!(link("time")?, link("time_for_children")?);
        Ok(())
    })
}

fn not_inherited(_: &Lab) -> Outcome {
    let inherited = || -> Result<bool, String> {
        let listed = std::process::Command::new("ls").args(["-l", "/proc/self/fd"]).output().map_err(said)?;
        Ok(String::from_utf8_lossy(&listed.stdout).contains("/etc/passwd"))
    };
    let file = fs::File::open("/etc/passwd").map_err(said)?;
    fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty())).map_err(said)?;
    assert!(inherited()?, "the detector is blind");
    close_on_exec_from(3).map_err(said)?;
    assert!(!inherited()?);
    // It is closed there, and not here.
    file.metadata().map(drop).map_err(said)
}

fn covered(_: &Lab) -> Outcome {
    in_child(&Clone { namespaces: &[Kind::Mount], ..Clone::default() }, || {
        let place = Root::open(Path::new("/"))
            .and_then(|root| root.find(Path::new("/etc/passwd"), Mounts::Cross))
            .map_err(said)?;
        reopen(place.as_fd(), OFlag::O_RDONLY).map_err(said)?;
        let tree =
            Configuration::open("tmpfs").and_then(|new| new.mount(Attributes::empty())).map_err(said)?;
        tree.attach(Root::open(Path::new("/proc")).map_err(said)?.as_fd()).map_err(said)?;
        let link = PathBuf::from(format!("/proc/self/fd/{}", place.as_raw_fd()));
        fs::create_dir_all("/proc/self/fd").and_then(|()| fs::write(&link, "forged")).map_err(said)?;
        // The planted fault: the name alone leads to the forged one.
        assert_eq!(fs::read_to_string(&link).map_err(said)?, "forged");
        let error = reopen(place.as_fd(), OFlag::O_RDONLY).expect_err("another file");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        Ok(())
    })
}
