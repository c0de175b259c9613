//! The book on this machine, built again whenever something changes; the reader's page then loads itself anew.
//!
//! The page listens to `/changes`, a stream of server-sent events, and needs only a script that is put in on the way:
//! the built book stays as it is. Changes are found by looking at the times of the files, which works on every file
//! system and in every container.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anstream::{eprintln, println};
use anyhow::{Context, Result};

use crate::{Tree, build, files};

/// Put before the end of each page.
const SCRIPT: &str = "<script>new EventSource('/changes').onmessage = () => location.reload();</script>";

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(400);

/// A comment is sent so often on a stream: a reader who left is noticed.
const STILL_HERE: Duration = Duration::from_secs(15);

/// How often the book has been built; streams wait for the next time.
#[derive(Default)]
struct Built(Mutex<u64>, Condvar);

/// Builds and serves until it is interrupted. A fault is told, and the book before it stays.
pub fn serve(tree: &Tree, port: u16) -> Result<()> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).with_context(|| format!("bind 127.0.0.1:{port}"))?;
    let address = listener.local_addr().context("getsockname")?;
    rebuild(tree);
    println!("http://{address}/ (until Ctrl-C)");
    let built = Arc::new(Built::default());
    let (watched, news, before) = (tree.clone(), Arc::clone(&built), times(tree));
    thread::spawn(move || watch(&watched, &news, before));
    for stream in listener.incoming().flatten() {
        let (root, built) = (tree.built(), Arc::clone(&built));
        // A reader who goes away in the middle is no fault.
        thread::spawn(move || drop(answer(stream, &root, &built)));
    }
    Ok(())
}

fn rebuild(tree: &Tree) -> bool {
    let begun = Instant::now();
    match build::build(tree, &tree.built()) {
        Ok(()) => println!("built in {:.1} s", begun.elapsed().as_secs_f32()),
        Err(error) => eprintln!("{error:#}"),
    }
    tree.built().join("index.html").is_file()
}

fn watch(tree: &Tree, built: &Built, mut before: u64) {
    loop {
        thread::sleep(LOOK);
        let now = times(tree);
        if now != before {
            before = now;
            if rebuild(tree) {
                *built.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                built.1.notify_all();
            }
        }
    }
}

/// The names, times and sizes of all that a page is made of, as one number.
fn times(tree: &Tree) -> u64 {
    let mut hasher = DefaultHasher::new();
    let parts = ["book/src", "book/look", "book/book.toml", "steps", "src", "tests/snapshots"];
    for part in parts.map(|part| tree.root().join(part)) {
        let all = if part.is_dir() { files(&part) } else { vec![part] };
        for file in all {
            let metadata = fs::metadata(&file).ok();
            let state = metadata.map(|metadata| (metadata.modified().ok(), metadata.len()));
            (file, state).hash(&mut hasher);
        }
    }
    hasher.finish()
}

fn answer(mut stream: TcpStream, root: &Path, built: &Built) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some("GET"), Some(target)) = (words.next(), words.next()) else {
        return send(&mut stream, "405 Method Not Allowed", "text/plain", b"only GET\n");
    };
    let path = target.split(['?', '#']).next().unwrap_or("/");
    if path == "/changes" {
        return changes(&mut stream, built);
    }
    match find(root, path).and_then(|file| Some((fs::read(&file).ok()?, file))) {
        None => send(&mut stream, "404 Not Found", "text/plain", b"there is no such page\n"),
        Some((bytes, file)) if kind(&file).starts_with("text/html") => {
            let page = String::from_utf8_lossy(&bytes).replace("</body>", &format!("{SCRIPT}</body>"));
            send(&mut stream, "200 OK", kind(&file), page.as_bytes())
        }
        Some((bytes, file)) => send(&mut stream, "200 OK", kind(&file), &bytes),
    }
}

/// The file of a path; none for what would lead out of the book.
fn find(root: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path.trim_start_matches('/'));
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let file = root.join(path);
    let file = if file.is_dir() { file.join("index.html") } else { file };
    file.is_file().then_some(file)
}

fn kind(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()).unwrap_or("") {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

fn send(stream: &mut TcpStream, status: &str, kind: &str, body: &[u8]) -> std::io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nCache-Control: no-store\r\n\
         Connection: close\r\n\r\n"
    )?;
    stream.write_all(body)
}

/// An event each time that the book was built.
fn changes(stream: &mut TcpStream, built: &Built) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n: \n\n"
    )?;
    let mut told = *built.0.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let count = built.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = built.1.wait_timeout_while(count, STILL_HERE, |count| *count == told);
        let now = *waited.unwrap_or_else(PoisonError::into_inner).0;
        stream.write_all(if now == told { b": still here\n\n" } else { b"data: built\n\n" })?;
        told = now;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::check::planted::Planted;

    fn ask(root: &Path, request: &str) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut reader = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        write!(reader, "{request}\r\nHost: x\r\n\r\n").unwrap();
        let stream = listener.accept().unwrap().0;
        answer(stream, root, &Built::default()).unwrap();
        let mut text = String::new();
        let _ = reader.read_to_string(&mut text);
        text
    }

    #[test]
    fn a_page_is_served_with_the_script_and_nothing_outside_of_the_book_is() {
        let planted = Planted::new();
        planted.file("target/book/a/index.html", "<html><body>A</body></html>");
        planted.file("target/book/a.css", "a{}");
        planted.file("target/secret", "secret");
        let root = planted.tree.built();
        let page = ask(&root, "GET /a/?x=1 HTTP/1.1");
        assert!(
            page.starts_with("HTTP/1.1 200") && page.contains("EventSource") && page.contains("text/html"),
            "{page}"
        );
        assert!(ask(&root, "GET /a.css HTTP/1.1").ends_with("a{}"));
        for path in ["/../secret", "/a/../../secret", "//etc/passwd/..", "/gone"] {
            let told = ask(&root, &format!("GET {path} HTTP/1.1"));
            assert!(told.starts_with("HTTP/1.1 404") && !told.contains("\nsecret"), "{path}: {told}");
        }
        assert!(ask(&root, "POST /a.css HTTP/1.1").starts_with("HTTP/1.1 405"));
    }

    #[test]
    fn a_change_is_told_to_the_page() {
        let planted = Planted::book();
        assert!(rebuild(&planted.tree));
        let built = Arc::new(Built::default());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut reader = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        reader.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(reader, "GET /changes HTTP/1.1\r\n\r\n").unwrap();
        let (stream, news) = (listener.accept().unwrap().0, Arc::clone(&built));
        let root = planted.tree.built();
        thread::spawn(move || answer(stream, &root, &news));
        let mut lines = BufReader::new(reader).lines().take(10).map(|line| line.unwrap());
        assert!(lines.any(|line| line == ": "));

        let before = times(&planted.tree);
        let (tree, news) = (planted.tree.clone(), Arc::clone(&built));
        thread::spawn(move || watch(&tree, &news, before));
        planted.chapter("Known.", "Known, and changed.");
        assert_ne!(times(&planted.tree), before);
        assert!(lines.any(|line| line == "data: built"));
        let page = fs::read_to_string(planted.tree.built().join("runs/04.html")).unwrap();
        assert!(page.contains("Known, and changed."));
    }
}
