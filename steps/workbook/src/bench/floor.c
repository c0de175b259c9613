/* The smallest program that makes a step's calls: what is left when nothing is checked, told or cleaned up after others.
 *
 *     floor STEP ROOT PROGRAM [CGROUP-DIRECTORY...]
 *
 * The directories are those in which a control group is made, one a tree; with `=` before it, the tree is of version 2.
 * A call that fails ends the program with 99: a floor that skipped work would be too low. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SPAWN, CHROOT, NAMESPACES, CGROUPS, PIVOT_ROOT, OCI_CONFIG, SECURITY, LIFECYCLE };

static void must(long answer, const char *call) {
    if (answer < 0) {
        perror(call);
        _exit(99);
    }
}

static char path[4096];

static const char *below(const char *directory, const char *name) {
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void mount_at(const char *root, const char *name, const char *type, unsigned long flags, const char *data) {
    must(mount(type, below(root, name), type, flags, data), name);
}

static void bind_device(const char *root, const char *name) {
    char source[64], target[4096];
    snprintf(source, sizeof source, "/dev/%s", name);
    snprintf(target, sizeof target, "%s/dev/%s", root, name);
    must(close(open(target, O_CREAT | O_WRONLY | O_CLOEXEC, 0644)), target);
    must(mount(source, target, NULL, MS_BIND, NULL), target);
}

static void fill_dev(const char *root) {
    static const char *nodes[] = {"full", "null", "random", "tty", "urandom", "zero"};
    static const char *links[][2] = {{"/proc/self/fd", "dev/fd"}, {"/proc/self/fd/0", "dev/stdin"},
        {"/proc/self/fd/1", "dev/stdout"}, {"/proc/self/fd/2", "dev/stderr"}, {"pts/ptmx", "dev/ptmx"}};
    for (unsigned i = 0; i < sizeof nodes / sizeof *nodes; i++) bind_device(root, nodes[i]);
    for (unsigned i = 0; i < sizeof links / sizeof *links; i++) must(symlink(links[i][0], below(root, links[i][1])), "symlink");
}

static void mount_dev(const char *root, int step) {
    mount_at(root, "dev", "tmpfs", MS_NOSUID, "mode=755,size=64k");
    fill_dev(root);
    must(mkdir(below(root, "dev/pts"), 0755), "mkdir");
    mount_at(root, "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620");
    must(mkdir(below(root, "dev/shm"), 0755), "mkdir");
    mount_at(root, "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=64m");
    if (step == OCI_CONFIG) {
        must(mkdir(below(root, "dev/mqueue"), 0755), "mkdir");
        mount_at(root, "dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    }
}

static void bind_read_only(const char *from, const char *to) {
    must(mount(from, to, NULL, MS_BIND, NULL), to);
    must(mount(NULL, to, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), to);
}

static void mount_cgroups(const char *root, char **groups) {
    char top[4096], target[4200];
    snprintf(top, sizeof top, "%s/sys/fs/cgroup", root);
    if (!groups[0]) return;
    if (!groups[1]) {
        bind_read_only(groups[0], top);
        return;
    }
    must(mount("tmpfs", top, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755,size=64k"), top);
    for (int i = 0; groups[i]; i++) {
        snprintf(target, sizeof target, "%s/%d", top, i);
        must(mkdir(target, 0755), target);
        bind_read_only(groups[i], target);
    }
}

/* From here on: lesson 06. Places are found below a descriptor, mounts are made apart and put onto them. The numbers of
 * <linux/mount.h>, which does not go together with <sys/mount.h>. */
enum { RDONLY = 1, NOSUID = 2, NODEV = 4, NOEXEC = 8, STRICTATIME = 0x20, PLAIN = NOSUID | NODEV | NOEXEC };
enum { SET_FLAG = 0, SET_STRING = 1, CREATE = 6, CLONE = 1, FROM_EMPTY = 4, TO_EMPTY = 0x40, RECURSIVE = 0x8000 };
struct attributes { uint64_t set, clear, propagation, userns; };

static int find(int root, const char *place, uint64_t resolve) {
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | resolve};
    return syscall(SYS_openat2, root, place, &how, sizeof how);
}

static void put(int mount, int place) {
    must(syscall(SYS_move_mount, mount, "", place, "", FROM_EMPTY | TO_EMPTY), "move_mount");
    close(mount);
    close(place);
}

/* Options as pairs, ended by a null. */
static int made(const char *kind, const char **options, int attributes) {
    int context = syscall(SYS_fsopen, kind, 1);
    must(context, kind);
    must(syscall(SYS_fsconfig, context, SET_STRING, "source", kind, 0), "source");
    for (; *options; options += 2)
        must(syscall(SYS_fsconfig, context, options[1] ? SET_STRING : SET_FLAG, options[0], options[1], 0), options[0]);
    must(syscall(SYS_fsconfig, context, CREATE, NULL, NULL, 0), "create");
    int mount = syscall(SYS_fsmount, context, 1, attributes);
    must(mount, kind);
    close(context);
    return mount;
}

static int copied(int place, int recursive, uint64_t attributes) {
    int copy = syscall(SYS_open_tree, place, "", CLONE | O_CLOEXEC | AT_EMPTY_PATH | recursive);
    must(copy, "open_tree");
    struct attributes change = {.set = attributes};
    if (attributes) must(syscall(SYS_mount_setattr, copy, "", AT_EMPTY_PATH | recursive, &change, sizeof change), "mount_setattr");
    return copy;
}

static void mount_below(int root, const char *place, const char *kind, const char **options, int attributes) {
    int target = find(root, place, RESOLVE_NO_MAGICLINKS);
    if (target < 0) {
        must(mkdirat(root, place, 0755), place);
        must(target = find(root, place, RESOLVE_NO_MAGICLINKS), place);
    }
    put(made(kind, options, attributes), target);
}

static void mount_all(const char *path_of_root, int root, char **groups) {
    static const char *none[] = {NULL};
    static const char *dev[] = {"mode", "755", "size", "65536k", NULL}, *shm[] = {"mode", "1777", "size", "65536k", NULL};
    static const char *pts[] = {"newinstance", NULL, "ptmxmode", "0666", "mode", "0620", NULL};
    static const char *top[] = {"mode", "755", "size", "64k", NULL};
    mount_below(root, "proc", "proc", none, PLAIN);
    mount_below(root, "dev", "tmpfs", dev, NOSUID | STRICTATIME);
    mount_below(root, "dev/pts", "devpts", pts, NOSUID | NOEXEC);
    mount_below(root, "dev/shm", "tmpfs", shm, PLAIN);
    mount_below(root, "dev/mqueue", "mqueue", none, PLAIN);
    mount_below(root, "sys", "sysfs", none, PLAIN | RDONLY);
    if (groups[0] && groups[1]) mount_below(root, "sys/fs/cgroup", "tmpfs", top, PLAIN);
    for (int i = 0; groups[i]; i++) {
        char place[64] = "sys/fs/cgroup";
        if (groups[1]) {
            snprintf(place, sizeof place, "sys/fs/cgroup/%d", i);
            must(mkdirat(root, place, 0755), place);
        }
        int group = open(groups[i], O_PATH | O_CLOEXEC);
        must(group, groups[i]);
        put(copied(group, 0, PLAIN | RDONLY), find(root, place, RESOLVE_NO_MAGICLINKS));
        close(group);
    }
    fill_dev(path_of_root);
}

static void confine_paths(int root) {
    static const char *masked[] = {"proc/acpi", "proc/asound", "proc/kcore", "proc/keys", "proc/latency_stats",
        "proc/timer_list", "proc/timer_stats", "proc/sched_debug", "sys/firmware", "proc/scsi"};
    static const char *kept[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
    static const char *empty[] = {"size", "0k", "mode", "555", NULL};
    for (unsigned i = 0; i < sizeof masked / sizeof *masked; i++) {
        int place = find(root, masked[i], RESOLVE_NO_SYMLINKS);
        struct stat found;
        if (place < 0) continue;
        must(fstat(place, &found), "fstat");
        if (S_ISDIR(found.st_mode)) {
            put(made("tmpfs", empty, PLAIN | RDONLY), place);
        } else {
            int null = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
            put(copied(null, 0, 0), place);
            close(null);
        }
    }
    for (unsigned i = 0; i < sizeof kept / sizeof *kept; i++) {
        int place = find(root, kept[i], RESOLVE_NO_SYMLINKS);
        if (place >= 0) put(copied(place, RECURSIVE, RDONLY), place);
    }
}

/* Eleven capabilities of the 41, and a filter as long as the lesson's. */
static void seal(void) {
    const uint64_t left = 0x800405fb;
    must(syscall(SYS_close_range, 3, ~0U, 4), "close_range");
    for (int i = 0; i <= CAP_LAST_CAP; i++)
        if (!(left >> i & 1) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0) break;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{left, left, 0}, {0, 0, 0}};
    must(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "ambient");
    must(syscall(SYS_capset, &header, data), "capset");
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
    struct sock_filter filter[80] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    for (int i = 1; i < 78; i++) filter[i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1000 + i, 78 - i, 0);
    filter[78] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[79] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1);
    struct sock_fprog program = {80, filter};
    must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), "seccomp");
}

static void chroot_into(const char *root) {
    must(chdir(root), "chdir");
    must(chroot("."), "chroot");
    must(chdir("/"), "chdir");
}

static void pivot_into(const char *root) {
    must(chdir(root), "chdir");
    must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
    must(umount2(".", MNT_DETACH), "umount2");
    must(chdir("/"), "chdir");
}

/* From here on: lesson 07. What is written down, and how init waits. */
static int ours, inits, procs, fifo, waiting;
static char state[64];

static void tell(int end) { must(send(end, "", 1, MSG_NOSIGNAL), "send"); }

static void hear(int end) {
    char byte;
    struct pollfd fd = {end, POLLIN, 0};
    must(poll(&fd, 1, -1), "poll");
    must(recv(end, &byte, 1, 0), "recv");
}

/* As the step: another file, which is then renamed. */
static void write_down(const char *name, size_t size) {
    static char text[4096];
    char new[80], old[80];
    snprintf(new, sizeof new, "%s/%s.new", state, name);
    snprintf(old, sizeof old, "%s/%s", state, name);
    int file = open(new, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
    must(write(file, text, size), new);
    must(close(file), new);
    must(rename(new, old), old);
}

static void claim(void) {
    snprintf(state, sizeof state, "floor-state-%d", getpid());
    must(mkdir(state, 0700), state);
    int lock = open(state, O_DIRECTORY | O_CLOEXEC);
    must(flock(lock, LOCK_EX), state);
    write_down("config.json", 2000);
    write_down("state.json", 700);
}

static void prepare(void) {
    int ends[2];
    must(mkfifo(below(state, "exec.fifo"), 0600), path);
    must(chmod(path, 0622), path);
    must(fifo = open(path, O_PATH | O_CLOEXEC), path);
    must(waiting = open(below(state, "waiting"), O_CREAT | O_WRONLY | O_CLOEXEC, 0644), path);
    must(flock(waiting, LOCK_EX | LOCK_NB), path);
    must(procs = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC), "/proc");
    must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), "socketpair");
    ours = ends[0], inits = ends[1];
}

static void wait_for_start(void) {
    char own[32];
    tell(inits);
    hear(inits);
    tell(inits);
    snprintf(own, sizeof own, "self/fd/%d", fifo);
    must(fifo = openat(procs, own, O_WRONLY | O_CLOEXEC), own);
}

/* The parent's side of it, and what `start` does. */
static void create_and_start(void) {
    char text[64];
    must(close(inits), "init's end");
    must(close(waiting), "waiting");
    write_down("state.json", 700);
    hear(ours);
    tell(ours);
    hear(ours);
    write_down("state.json", 700);
    tell(ours);
    hear(ours);
    int line = open(below(state, "exec.fifo"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    must(flock(line, LOCK_EX | LOCK_NB), path);
    struct pollfd fd = {line, POLLIN, 0};
    do must(poll(&fd, 1, -1), "poll");
    while (read(line, text, sizeof text) != 0);
}

static void delete(void) {
    static const char *names[] = {"exec.fifo", "waiting", "config.json", "state.json"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) must(unlink(below(state, names[i])), path);
    must(rmdir(state), state);
}

/* Executes itself again from a read-only mount that hangs nowhere. */
static void from_clone(char **argv) {
    struct statvfs mounted;
    int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    must(fstatvfs(exe, &mounted), "fstatvfs");
    if (mounted.f_flag & ST_RDONLY) return;
    int tree = syscall(SYS_open_tree, exe, "", 1 | O_CLOEXEC | AT_EMPTY_PATH);
    must(tree, "open_tree");
    unsigned long long attributes[4] = {1};
    must(syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, attributes, sizeof attributes), "mount_setattr");
    must(syscall(SYS_execveat, tree, "", argv, environ, AT_EMPTY_PATH), "execveat");
}

static void init(int step, const char *root, char **groups, int *tasks) {
    const unsigned long plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    must(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
    if (step == CHROOT) {
        must(unshare(CLONE_NEWNS), "unshare");
        must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "/");
        must(mount("/proc", below(root, "proc"), NULL, MS_BIND | MS_REC, NULL), "proc");
        chroot_into(root);
    }
    if (step < NAMESPACES) return;
    for (int i = 0; groups[i]; i++)
        if (tasks[i] >= 0) must(write(tasks[i], "0", 1), "tasks");
    if (step >= CGROUPS) must(unshare(CLONE_NEWCGROUP), "unshare");
    must(sethostname("floor", 5), "sethostname");
    must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "/");
    if (step >= PIVOT_ROOT) must(mount(root, root, NULL, MS_BIND | MS_REC, NULL), root);
    if (step >= SECURITY) {
        int inside = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        must(inside, root);
        mount_all(root, inside, groups);
        if (step == LIFECYCLE) {
            tell(inits);
            hear(inits);
        }
        confine_paths(inside);
        pivot_into(root);
        must(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), "/");
        if (step == LIFECYCLE) wait_for_start();
        seal();
        if (step == LIFECYCLE) must(write(fifo, "executes\n", 9), "fifo");
        return;
    }
    mount_at(root, "proc", "proc", plain, NULL);
    if (step < PIVOT_ROOT) {
        chroot_into(root);
        return;
    }
    mount_at(root, "sys", "sysfs", plain | MS_RDONLY, NULL);
    mount_cgroups(root, groups);
    mount_dev(root, step);
    pivot_into(root);
    if (step == OCI_CONFIG) must(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), "/");
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    int step = atoi(argv[1]), count = step < CGROUPS ? 0 : argc - 4, birthplace = -1;
    char *groups[32] = {0};
    int tasks[32];
    if (step == LIFECYCLE) {
        from_clone(argv);
        claim();
    }
    for (int i = 0; i < count && i < 31; i++) {
        int unified = argv[4 + i][0] == '=';
        if (asprintf(&groups[i], "%s/docker-dive.floor-%d", argv[4 + i] + unified, getpid()) < 0) return 99;
        must(mkdir(groups[i], 0755), groups[i]);
        tasks[i] = -1;
        if (unified) must(birthplace = open(groups[i], O_DIRECTORY | O_CLOEXEC), groups[i]);
        else must(tasks[i] = open(below(groups[i], "tasks"), O_WRONLY | O_CLOEXEC), path);
    }
    if (step == LIFECYCLE) prepare();
    struct clone_args args = {.exit_signal = SIGCHLD};
    if (step >= NAMESPACES) args.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;
    if (birthplace >= 0) args.flags |= CLONE_INTO_CGROUP, args.cgroup = birthplace;
    long child = step < NAMESPACES ? fork() : syscall(SYS_clone3, &args, sizeof args);
    must(child, "clone");
    if (child == 0) {
        if (step == LIFECYCLE) must(close(ours), "the parent's end");
        init(step, argv[2], groups, tasks);
        execv(argv[3], (char *[]){argv[3], NULL});
        must(-1, "execv");
    }
    int status;
    if (step == LIFECYCLE) create_and_start();
    must(waitpid(child, &status, 0), "waitpid");
    for (int i = 0; groups[i]; i++) must(rmdir(groups[i]), groups[i]);
    if (step == LIFECYCLE) delete();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}
