use super::*;
use crate::view::tests::made_up;
use crate::view::{Root, mounts};

const HOST: &str = "27 1 254:0 / / rw - ext4 /dev/vda rw\n22 27 0:21 / /proc rw - proc proc rw\n";
const OWN: &str = "90 80 0:55 / / rw - overlay overlay rw\n91 90 0:56 / /proc rw - proc proc rw\n";

fn open(target: &str, kind: Kind, mount: i32) -> Descriptor {
    Descriptor { number: 7, target: target.into(), kind, access: Access::Read, mount, identity: (1, 2) }
}

/// The leak of one descriptor in a container whose root is a mount of its own.
fn leak_of(descriptor: Descriptor) -> Option<(Place, bool)> {
    let (mut view, mut reference) = (made_up(), made_up());
    view.mounts = Fact::Known(mounts::parse(OWN));
    view.root = Fact::Known(Root { path: "/".into(), identity: (5, 6), mount: Fact::Known(90) });
    view.descriptors = Fact::Known(vec![descriptor]);
    view.namespaces.insert("net".into(), Fact::Known(5));
    view.sockets.insert(70, "tcp".into());
    reference.mounts = Fact::Known(mounts::parse(HOST));
    reference.namespaces.insert("net".into(), Fact::Known(6));
    reference.sockets.insert(71, "unix /run/docker.sock".into());
    let leaks = leaks(&view, &reference);
    leaks.known().expect("readable").first().map(|leak| (leak.place, leak.way_out))
}

#[test]
fn a_mount_that_its_own_tree_shows_is_inside() {
    assert_eq!(leak_of(open("/etc", Kind::Directory, 90)), None);
    assert_eq!(leak_of(open("pipe:[9]", Kind::Anonymous, 15)), None);
}

#[test]
fn a_directory_of_the_host_is_a_way_out_and_a_file_is_only_itself() {
    assert_eq!(leak_of(open("/", Kind::Directory, 27)), Some((Place::Reference, true)));
    assert_eq!(leak_of(open("/var/log/x", Kind::File, 27)), Some((Place::Reference, false)));
    assert_eq!(leak_of(open("/old", Kind::Directory, 44)), Some((Place::Elsewhere, true)));
}

#[test]
fn a_disk_is_a_way_out_and_a_terminal_none_and_null_leads_nowhere() {
    assert_eq!(leak_of(open("/dev/vda", Kind::Device, 27)), Some((Place::Reference, true)));
    assert_eq!(leak_of(open("/dev/pts/3", Kind::Device, 27)), Some((Place::Reference, false)));
    assert_eq!(leak_of(open("/dev/null", Kind::Device, 27)), None);
}

#[test]
fn a_namespace_or_a_socket_may_be_the_hosts_too() {
    assert_eq!(leak_of(open("net:[5]", Kind::Namespace, 4)), None, "its own");
    assert_eq!(leak_of(open("net:[6]", Kind::Namespace, 4)), Some((Place::Reference, true)));
    assert_eq!(leak_of(open("net:[7]", Kind::Namespace, 4)), Some((Place::Elsewhere, true)));
    assert_eq!(leak_of(open("socket:[70]", Kind::Socket, 9)), None);
    assert_eq!(leak_of(open("socket:[71]", Kind::Socket, 9)), Some((Place::Reference, false)));
    assert_eq!(leak_of(open("socket:[72]", Kind::Socket, 9)), None, "of a family that is not listed");
}

#[test]
fn beside_a_root_that_is_only_a_directory_the_path_decides() {
    let mut view = made_up();
    view.mounts = Fact::Known(Vec::new());
    view.root = Fact::Known(Root { path: "/srv/jail".into(), identity: (1, 9), mount: Fact::Known(27) });
    let targets = ["/srv/jail", "/srv/jail/etc", "/srv/jailer", "/"];
    view.descriptors = Fact::Known(targets.iter().map(|target| open(target, Kind::Directory, 27)).collect());
    let leaks = leaks(&view, &made_up());
    let out: Vec<_> =
        leaks.known().expect("readable").iter().map(|leak| leak.descriptor.target.as_str()).collect();
    assert_eq!(out, ["/srv/jailer", "/"]);
}

#[test]
fn what_cannot_be_read_is_not_free_of_leaks() {
    let mut view = made_up();
    view.descriptors = Fact::unreadable("EACCES (root may)");
    assert_eq!(leaks(&view, &made_up()), Fact::unreadable("EACCES (root may)"));
    let mut view = made_up();
    view.mounts = Fact::unreadable("EINVAL");
    assert_eq!(leaks(&view, &made_up()), Fact::unreadable("EINVAL"));
}

#[test]
fn links_that_are_no_paths_are_told_by_their_form() {
    assert_eq!(kind("socket:[12]", None), Kind::Socket);
    assert_eq!(kind("net:[4026531840]", None), Kind::Namespace);
    assert_eq!(kind("anon_inode:[eventpoll]", None), Kind::Anonymous);
    assert_eq!(kind("/memfd:x (deleted)", None), Kind::Anonymous);
    assert_eq!(kind("/etc/passwd", None), Kind::File);
}

#[test]
fn flags_say_how_it_was_opened() {
    assert_eq!(access(libc::O_RDWR | libc::O_CLOEXEC), Access::ReadWrite);
    assert_eq!(access(libc::O_PATH | libc::O_DIRECTORY), Access::Path);
    assert_eq!((access(0), access(1)), (Access::Read, Access::Write));
}
