//! ELF files made by hand, and hosts made of them: glibc and musl, merged and split /usr.

use super::*;

const X86_64: u16 = 62;
const AARCH64: u16 = 183;

/// A 64-bit little-endian file: a header, the segments, one page of dynamic entries and strings.
struct Made {
    machine: u16,
    interpreter: Option<&'static str>,
    needed: &'static [&'static str],
    run_path: Option<&'static str>,
}

const PLAIN: Made = Made { machine: X86_64, interpreter: None, needed: &[], run_path: None };

impl Made {
    fn bytes(&self) -> Vec<u8> {
        const BASE: u64 = 0x40_0000;
        let mut strings = vec![0u8];
        let mut entries: Vec<(i64, u64)> = Vec::new();
        let run_path = self.run_path.iter().map(|text| (DT_RUNPATH, *text));
        for (tag, text) in self.needed.iter().map(|name| (DT_NEEDED, *name)).chain(run_path) {
            entries.push((tag, strings.len() as u64));
            strings.extend(text.bytes().chain([0]));
        }
        let interpreter: Vec<u8> = self.interpreter.map_or(vec![], |path| path.bytes().chain([0]).collect());

        let headers = 64 + 56 * 3;
        let at_strings = headers + interpreter.len() as u64;
        entries.push((DT_STRTAB, BASE + at_strings));
        entries.push((0, 0));
        let at_dynamic = at_strings + strings.len() as u64;
        let dynamic: Vec<u8> = entries
            .iter()
            .flat_map(|(tag, value)| [tag.to_le_bytes(), value.to_le_bytes()].concat())
            .collect();
        let end = at_dynamic + dynamic.len() as u64;

        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        file.extend([3u16.to_le_bytes(), self.machine.to_le_bytes()].concat());
        file.extend(1u32.to_le_bytes());
        file.extend([0u64, 64, 0].iter().flat_map(|word| word.to_le_bytes()));
        file.extend(0u32.to_le_bytes());
        file.extend([64u16, 56, 3, 64, 0, 0].iter().flat_map(|half| half.to_le_bytes()));
        let interp = if self.interpreter.is_some() { PT_INTERP } else { 0 };
        for (kind, offset, size) in [
            (PT_LOAD, 0, end),
            (interp, headers, interpreter.len() as u64),
            (2, at_dynamic, dynamic.len() as u64),
        ] {
            file.extend([kind.to_le_bytes(), 4u32.to_le_bytes()].concat());
            let words = [offset, BASE + offset, BASE + offset, size, size, 8];
            file.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        }
        file.extend(interpreter);
        file.extend(strings);
        file.extend(dynamic);
        file
    }
}

/// A host: a directory with the files.
fn host(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a directory");
    for (path, bytes) in files {
        let path = below(root.path(), Path::new(path));
        fs::create_dir_all(path.parent().expect("a parent")).expect("mkdir");
        fs::write(path, bytes).expect("write");
    }
    root
}

fn needed(root: &Path, program: &str) -> Vec<String> {
    let files = Libraries::of(root).needed_by(Path::new(program)).expect("all is found");
    files.iter().map(|path| path.display().to_string()).collect()
}

#[test]
fn an_elf_file_names_its_loader_libraries_and_folders() {
    let made =
        Made { interpreter: Some("/lib/ld.so"), needed: &["libc.so.6"], run_path: Some("/a:/b"), ..PLAIN };
    let elf = Elf::parse(&made.bytes()).expect("an ELF file");
    assert_eq!(elf.interpreter.as_deref(), Some(Path::new("/lib/ld.so")));
    assert_eq!(
        (elf.needed, elf.run_path),
        (vec!["libc.so.6".to_owned()], vec!["/a".to_owned(), "/b".to_owned()])
    );
    assert_eq!(elf.machine, (2, X86_64));
}

#[test]
fn a_cut_file_is_refused_at_every_length() {
    let made = Made { interpreter: Some("/lib/ld.so"), needed: &["libc.so.6"], ..PLAIN }.bytes();
    let whole = Elf::parse(&made).expect("whole");
    for length in 0..made.len() {
        assert_ne!(Elf::parse(&made[..length]).ok(), Some(whole.clone()), "cut to {length} bytes");
    }
}

#[test]
fn debian_multiarch_with_a_split_usr() {
    let program = Made {
        interpreter: Some("/lib64/ld-linux-x86-64.so.2"),
        needed: &["libselinux.so.1", "libc.so.6"],
        ..PLAIN
    };
    let selinux = Made { needed: &["libpcre2-8.so.0", "libc.so.6"], ..PLAIN };
    let root = host(&[
        ("/bin/ls", program.bytes()),
        ("/etc/ld.so.conf", b"include /etc/ld.so.conf.d/*.conf\n".to_vec()),
        (
            "/etc/ld.so.conf.d/x86_64-linux-gnu.conf",
            b"# multiarch\n/lib/x86_64-linux-gnu\n/usr/lib/x86_64-linux-gnu".to_vec(),
        ),
        ("/lib64/ld-linux-x86-64.so.2", PLAIN.bytes()),
        ("/lib/x86_64-linux-gnu/libselinux.so.1", selinux.bytes()),
        ("/lib/x86_64-linux-gnu/libc.so.6", PLAIN.bytes()),
        ("/usr/lib/x86_64-linux-gnu/libpcre2-8.so.0", PLAIN.bytes()),
    ]);
    assert_eq!(
        needed(root.path(), "/bin/ls"),
        [
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/lib/x86_64-linux-gnu/libselinux.so.1",
            "/lib64/ld-linux-x86-64.so.2",
            "/usr/lib/x86_64-linux-gnu/libpcre2-8.so.0",
        ]
    );
}

#[test]
fn musl_whose_loader_is_its_libc() {
    let program = Made {
        interpreter: Some("/lib/ld-musl-x86_64.so.1"),
        needed: &["libcap.so.2", "ld-musl-x86_64.so.1"],
        ..PLAIN
    };
    let root = host(&[
        ("/bin/sh", program.bytes()),
        ("/etc/ld-musl-x86_64.path", b"/opt/lib\n/lib:/usr/lib".to_vec()),
        ("/lib/ld-musl-x86_64.so.1", PLAIN.bytes()),
        ("/opt/lib/libcap.so.2", PLAIN.bytes()),
    ]);
    assert_eq!(needed(root.path(), "/bin/sh"), ["/lib/ld-musl-x86_64.so.1", "/opt/lib/libcap.so.2"]);
}

#[test]
fn a_merged_usr_is_followed_through_its_links() {
    let program = Made { interpreter: Some("/lib64/ld.so"), needed: &["libc.so.6"], ..PLAIN };
    let root = host(&[
        ("/usr/bin/sh", program.bytes()),
        ("/usr/lib64/ld.so", PLAIN.bytes()),
        ("/usr/lib64/libc.so.6", PLAIN.bytes()),
    ]);
    for dir in ["bin", "lib64"] {
        std::os::unix::fs::symlink(format!("usr/{dir}"), root.path().join(dir)).expect("symlink");
    }
    assert_eq!(needed(root.path(), "/bin/sh"), ["/lib64/ld.so", "/lib64/libc.so.6"]);
}

#[test]
fn a_library_of_another_machine_is_passed_over() {
    let program = Made { needed: &["libz.so.1"], ..PLAIN };
    let foreign = Made { machine: AARCH64, ..PLAIN };
    let root = host(&[
        ("/bin/tool", program.bytes()),
        ("/lib64/libz.so.1", foreign.bytes()),
        ("/usr/lib/libz.so.1", PLAIN.bytes()),
    ]);
    assert_eq!(needed(root.path(), "/bin/tool"), ["/usr/lib/libz.so.1"]);
}

#[test]
fn origin_is_the_folder_of_the_file_that_says_it() {
    let program = Made { needed: &["libown.so"], run_path: Some("$ORIGIN/../lib/tool"), ..PLAIN };
    let root = host(&[("/opt/bin/tool", program.bytes()), ("/opt/lib/tool/libown.so", PLAIN.bytes())]);
    assert_eq!(needed(root.path(), "/opt/bin/tool"), ["/opt/bin/../lib/tool/libown.so"]);
}

#[test]
fn a_missing_library_is_named_with_the_one_who_needs_it() {
    let root = host(&[("/bin/tool", Made { needed: &["libgone.so.3"], ..PLAIN }.bytes())]);
    let error = Libraries::of(root.path()).needed_by(Path::new("/bin/tool")).expect_err("it is missing");
    let text = error.to_string();
    assert!(text.contains("libgone.so.3") && text.contains("/bin/tool"), "{text}");
}

#[test]
fn a_configuration_that_includes_itself_ends() {
    let root = host(&[("/etc/ld.so.conf", b"/first\ninclude /etc/ld.so.conf\n".to_vec())]);
    assert_eq!(Libraries::of(root.path()).folders[0], Path::new("/first"));
}

#[test]
fn a_script_needs_nothing_that_an_elf_file_would_name() {
    let root = host(&[("/bin/script", b"#!/bin/sh\n".to_vec())]);
    assert_eq!(needed(root.path(), "/bin/script"), Vec::<String>::new());
}
