/* The smallest program that makes a step's calls: what is left when nothing is checked, told or cleaned up after others.
 *
 *     floor STEP ROOT PROGRAM [CGROUP-DIRECTORY...]
 *
 * The directories are those in which a control group is made, one a tree; with `=` before it, the tree is of version 2.
 * A call that fails ends the program with 99: a floor that skipped work would be too low. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SPAWN, CHROOT, NAMESPACES, CGROUPS, PIVOT_ROOT, OCI_CONFIG };

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

static void mount_dev(const char *root, int step) {
    static const char *nodes[] = {"full", "null", "random", "tty", "urandom", "zero"};
    static const char *links[][2] = {{"/proc/self/fd", "dev/fd"}, {"/proc/self/fd/0", "dev/stdin"},
        {"/proc/self/fd/1", "dev/stdout"}, {"/proc/self/fd/2", "dev/stderr"}, {"pts/ptmx", "dev/ptmx"}};
    mount_at(root, "dev", "tmpfs", MS_NOSUID, "mode=755,size=64k");
    for (unsigned i = 0; i < sizeof nodes / sizeof *nodes; i++) bind_device(root, nodes[i]);
    for (unsigned i = 0; i < sizeof links / sizeof *links; i++) must(symlink(links[i][0], below(root, links[i][1])), "symlink");
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
    for (int i = 0; i < count && i < 31; i++) {
        int unified = argv[4 + i][0] == '=';
        if (asprintf(&groups[i], "%s/docker-dive.floor-%d", argv[4 + i] + unified, getpid()) < 0) return 99;
        must(mkdir(groups[i], 0755), groups[i]);
        tasks[i] = -1;
        if (unified) must(birthplace = open(groups[i], O_DIRECTORY | O_CLOEXEC), groups[i]);
        else must(tasks[i] = open(below(groups[i], "tasks"), O_WRONLY | O_CLOEXEC), path);
    }
    struct clone_args args = {.exit_signal = SIGCHLD};
    if (step >= NAMESPACES) args.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;
    if (birthplace >= 0) args.flags |= CLONE_INTO_CGROUP, args.cgroup = birthplace;
    long child = step < NAMESPACES ? fork() : syscall(SYS_clone3, &args, sizeof args);
    must(child, "clone");
    if (child == 0) {
        init(step, argv[2], groups, tasks);
        execv(argv[3], (char *[]){argv[3], NULL});
        must(-1, "execv");
    }
    int status;
    must(waitpid(child, &status, 0), "waitpid");
    for (int i = 0; groups[i]; i++) must(rmdir(groups[i]), groups[i]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}
