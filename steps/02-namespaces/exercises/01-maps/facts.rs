//! A process in a new user namespace, with the maps that the exercise writes.

use std::process::ExitCode;

use kit::Result;
use nix::sched::CloneFlags;
use nix::unistd::{getegid, geteuid, setgroups};
use step_00::{Program, birth, exec};
use step_02::{Clone3, ids, spawn};

mod maps;

fn main() -> ExitCode {
    kit::start();
    kit::finish(mapped(std::env::args().any(|word| word == "leave")))
}

fn mapped(leave: bool) -> Result<u8> {
    let guest = Program::new(&["guest", "report", "--json"])?.executed_from("/proc/self/exe")?;
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let init = spawn(Clone3 { namespaces: CloneFlags::CLONE_NEWUSER, cgroup: None }, |gate| {
        ids::become_root(gate)?;
        if leave {
            let left = setgroups(&[]).map_or_else(|errno| format!("{errno:?}"), |()| "done".into());
            println!("leaving all groups: {left}");
            birth::end(0);
        }
        exec(&guest)
    })?;
    maps::write_maps(init.pid(), uid, gid)?;
    init.release_and_wait()
}
