use super::*;

#[test]
fn an_error_says_operation_subject_errno_and_advice() {
    let error = Err::<(), _>(Errno::EPERM).doing("mount(2) proc on", "/proc").expect_err("failed");
    let error = error.advise("is /proc masked in the outer container?");
    assert_eq!(
        error.to_string(),
        "mount(2) proc on \"/proc\": EPERM: Operation not permitted (is /proc masked in the outer container?)"
    );
    assert_eq!((error.errno(), error.kind(), error.exit_status()), (Some(Errno::EPERM), Kind::Denied, 125));
}

#[test]
fn what_it_was_a_part_of_stands_before_it_and_changes_neither_errno_nor_kind() {
    let inner = Err::<(), _>(Errno::ENOENT)
        .doing("execve(2)", "/bin/sh")
        .map_err(|e| e.as_kind(Kind::CommandNotFound));
    let outer = inner.doing("start the process of", "web").doing("run", "").expect_err("failed");
    assert_eq!(
        outer.to_string(),
        "run: start the process of \"web\": execve(2) \"/bin/sh\": ENOENT: No such file or directory"
    );
    assert_eq!((outer.errno(), outer.exit_status()), (Some(Errno::ENOENT), 127));
}

#[test]
fn an_io_error_without_errno_keeps_its_reason() {
    let error = std::io::Error::new(std::io::ErrorKind::InvalidData, "stream did not contain valid UTF-8");
    let error = Err::<(), _>(error).doing("read", "/proc/self/status").expect_err("failed");
    assert_eq!(error.to_string(), "read \"/proc/self/status\": stream did not contain valid UTF-8");
    assert_eq!((error.errno(), error.kind()), (None, Kind::System));
}

#[test]
fn a_descriptor_is_told_by_its_path() {
    use std::os::fd::AsFd;
    let dir = std::fs::File::open("/").expect("the root");
    assert_eq!(
        Error::call("fsync(2)", dir.as_fd(), Errno::EIO).to_string(),
        "fsync(2) \"/\": EIO: I/O error"
    );
}

#[test]
fn a_subject_cannot_steer_a_terminal() {
    let error = Error::call("openat2(2)", "/\u{1b}[2J\n", Errno::ENOENT).to_string();
    assert!(!error.contains(['\u{1b}', '\n']), "{error}");
}

#[test]
fn the_same_sentence_arrives_on_the_other_side_of_a_socket() {
    let sent = Err::<(), _>(Error::call("mount(2)", "/a \"b\"\n", Errno::EINVAL).because("why").advise("so"))
        .doing("make", "c")
        .expect_err("failed");
    let received = Error::decode(&sent.encode()).expect("an error");
    assert_eq!(received, sent);
    assert_eq!(received.to_string(), sent.to_string());
}

#[test]
fn a_message_is_bounded_and_its_beginning_survives() {
    let long = "\u{1}".repeat(MESSAGE_LIMIT);
    let error = Error::refused(Kind::Busy, &long, long.as_str(), &long).advise(&long);
    let error = Err::<(), _>(error).doing(&long, "").expect_err("failed");
    let message = error.encode();
    assert!(message.len() <= MESSAGE_LIMIT, "{} bytes", message.len());
    let received = Error::decode(&message).expect("an error");
    assert_eq!(received.kind(), Kind::Busy);
    assert!(received.to_string().starts_with('\u{1}'));
}

#[test]
fn what_is_no_message_is_refused() {
    let whole = Error::call("kill(2)", "1", Errno::EPERM).encode();
    let garbled: [&[u8]; 4] = [b"", b"{}", &whole[..whole.len() - 1], b"\xff\xfe"];
    for message in garbled {
        assert_eq!(Error::decode(message).expect_err("garbled").kind(), Kind::Invalid);
    }
    let padded = [whole.as_slice(), &b" ".repeat(MESSAGE_LIMIT)].concat();
    assert!(Error::decode(&whole).is_ok() && Error::decode(&padded).is_err(), "too long, though good JSON");
}
