use super::*;
use crate::oci::Spec;

fn refusal(text: &str) -> String {
    let error = parse::<Spec>("config.json", text.as_bytes()).expect_err(text);
    assert_eq!(error.kind(), Kind::Invalid);
    error.to_string()
}

/// A configuration with a piece put into it.
fn with(piece: &str) -> String {
    format!("{{\n\t\"ociVersion\": \"1.0.2\",\n\t{piece}\n}}")
}

#[test]
fn what_is_of_the_wrong_type_is_named_by_its_path() {
    let table = [
        (r#""process": {"cwd": "/", "user": {"uid": "0"}}"#, "process.user.uid"),
        (r#""process": {"cwd": "/", "user": {"gid": -1}}"#, "process.user.gid"),
        (
            r#""process": {"cwd": "/", "capabilities": {"bounding": ["CAP_KILL", "a", "b", 4]}}"#,
            "process.capabilities.bounding[3]",
        ),
        (r#""process": {"cwd": "/", "args": ["a", ["b"]]}"#, "process.args[1]"),
        (r#""process": {"args": ["a"], "env": [], "user": {}}"#, "process"),
        (r#""process": []"#, "process"),
        (
            r#""process": {"cwd": "/", "rlimits": [{"type": "RLIMIT_CORE", "soft": 1, "hard": 1e3}]}"#,
            "process.rlimits[0].hard",
        ),
        (r#""root": {"path": "a,\"}b", "readonly": 1}"#, "root.readonly"),
        (r#""mounts": [{"destination": "/a"}, {"source": "b"}]"#, "mounts[1]"),
        (r#""mounts": [{"destination": "/a", "options": {"a": "b"}}]"#, "mounts[0].options"),
        (r#""linux": {"namespaces": [{"type": "pid"}, {"type": "planet"}]}"#, "linux.namespaces[1].type"),
        (r#""linux": {"timeOffsets": {"sidereal": {"secs": 1}}}"#, "linux.timeOffsets.sidereal"),
        (r#""linux": {"resources": {"unified": {"memory.max": 7}}}"#, "linux.resources.unified.memory.max"),
        (r#""linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOWED"}}"#, "linux.seccomp.defaultAction"),
        (
            r#""linux": {"uidMappings": [{"containerID": 0, "hostID": 0, "size": 4294967296}]}"#,
            "linux.uidMappings[0].size",
        ),
    ];
    for (piece, path) in table {
        let refusal = refusal(&with(piece));
        assert!(refusal.starts_with(&format!("config.json {path:?}: ")), "{piece}: {refusal}");
    }
}

#[test]
fn a_key_stands_once_also_where_nobody_looks() {
    let table = [
        (r#""ociVersion": "1.1.0""#, "ociVersion"),
        (r#""annotations": {"a": "b", "\u0061": "c"}"#, "annotations.a"),
        (r#""process": {"cwd": "/", "cwd": "/"}"#, "process.cwd"),
        (r#""unknown": [1, {"x": {"y": 1, "y": 1}}]"#, "unknown[1].x.y"),
    ];
    for (piece, path) in table {
        assert!(
            refusal(&with(piece)).starts_with(&format!("config.json {path:?}: the key stands twice at ")),
            "{piece}"
        );
    }
}

#[test]
fn a_nul_byte_is_refused_in_values_and_in_keys() {
    assert!(
        refusal(&with(r#""process": {"cwd": "/", "args": ["a", "b\u0000c"]}"#)).contains("process.args[1]")
    );
    assert!(refusal(&with(r#""annotations": {"a\u0000b": "c"}"#)).contains("NUL"));
    assert!(refusal(&with(r#""unknown": "\u0000""#)).contains(r#""unknown": it holds a NUL byte"#));
}

#[test]
fn what_a_text_can_cost_is_bounded() {
    let deep = with(&format!("\"unknown\": {}1{}", "[".repeat(DEPTH), "]".repeat(DEPTH)));
    assert!(refusal(&deep).contains("deeper than 64"), "{}", refusal(&deep));
    let fits = with(&format!("\"unknown\": {}1{}", "[".repeat(DEPTH - 1), "]".repeat(DEPTH - 1)));
    parse::<Spec>("config.json", fits.as_bytes()).expect("one less");
    // Far deeper than any stack: the walk must not find out by recursion.
    assert!(refusal(&with(&format!("\"unknown\": {}", "[".repeat(1 << 20)))).contains("deeper than 64"));
    let many = with(&format!("\"unknown\": [{}1]", "1,".repeat(VALUES)));
    assert!(refusal(&many).contains("more than 262144 values"));
    let long = with(&format!("\"unknown\": \"{}\"", "a".repeat(LIMIT)));
    assert!(refusal(&long).contains("and at most 4194304 are read"));
}

#[test]
fn what_is_no_json_is_refused_where_it_begins_to_be_none() {
    let texts = [
        ("", ""),
        ("{", ""),
        ("null", ""),
        ("[]", ""),
        (r#"{"ociVersion": "1.0.0"} {}"#, ""),
        (r#"{"ociVersion": "1.0.0", "process": {"args": ["a", b]}}"#, "process.args[1]"),
        (
            r#"{"ociVersion": "1.0.0", "linux": {"resources": {"pids": {"limit": 1e999}}}}"#,
            "linux.resources.pids.limit",
        ),
    ];
    for (text, path) in texts {
        let refusal = refusal(text);
        let begin = if path.is_empty() { "config.json: ".into() } else { format!("config.json {path:?}: ") };
        assert!(refusal.starts_with(&begin), "{text}: {refusal}");
    }
}

#[test]
fn unknown_fields_are_ignored_and_null_is_absent() {
    let text = with(
        r#""zos": {"a": [1, null]}, "mounts": null, "hostname": null, "process": {"cwd": "/", "user": null, "env": null}"#,
    );
    let spec: Spec = parse("config.json", text.as_bytes()).expect("read");
    assert!(spec.mounts.is_empty() && spec.hostname.is_none());
    assert_eq!(spec.process.expect("there").user.uid, 0);
}

#[test]
fn a_key_cannot_steer_a_terminal() {
    let refusal = refusal(&with(r#""annotations": {"\u001b[2J": 1}"#));
    assert!(!refusal.contains('\u{1b}'), "{refusal}");
}
