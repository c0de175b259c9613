//! A repository with nothing in it but a book, into which the tests plant their faults.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::Report;
use crate::Tree;

/// It is removed when it is dropped.
pub(crate) struct Planted {
    pub(crate) tree: Tree,
    dir: TempDir,
}

/// A figure without a fault.
pub(crate) const FIGURE: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 100 40">
<title>The tree</title>

<desc>Two boxes, one above the other; an arrow leads from the upper box to the lower one.</desc>
<defs><marker id="head"><path d="M0 0L4 2L0 4z"/></marker></defs>
<rect class="box" x="1" y="1" width="30" height="10"/>
<path class="arrow" d="M0 0L4 4" marker-end="url(#head)"/>
</svg>
"#;

/// A lesson's chapter without a fault; `WORDS` becomes words enough.
pub(crate) const CHAPTER: &str = r#"---
template: lesson
lesson: 04
---
# 04 The chapter

It begins with {{#sys mount(2)}} and a {{#term mount}}.

## Outcomes

- one

## The picture

{{#fig tree.svg The tree.}}

## Predict

{{#predict}}

What?

{{#answer}}

That, because.

{{/predict}}

## Run it

```console
$ cargo run -p step-04 \
    -- run true
```

{{#snap step-04.root}}

## Look in the kernel

WORDS

## The code: one call

```rust
{{#include ../../../steps/04-pivot-root/src/lib.rs:a}}
```

## Break it

{{#snap step-04.root from="A1"}}

## What production adds

More, [as before](#run-it), and [a term](../glossary.md#term-mount).

## Exercises

{{#exercise 04.01}}

## History and sources

It is old.[^old]

## Recap

Known.

[^old]: The manual. <https://man7.org/>
"#;

impl Planted {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let planted = Self { tree: Tree::at(dir.path()), dir };
        planted.file("steps/04-pivot-root/Cargo.toml", "[package]\n");
        planted
    }

    /// With a book that has no fault.
    pub(crate) fn book() -> Self {
        let planted = Self::new();
        let own = Tree::own().book();
        for file in ["book.toml", "look/book.css", "look/themes.css", "look/book.js"] {
            planted.file(&format!("book/{file}"), &fs::read_to_string(own.join(file)).unwrap());
        }
        let summary = "# Summary\n\n[Glossary](glossary.md)\n\n- [04](runs/04.md)\n";
        planted.file("book/src/SUMMARY.md", summary);
        planted.file("book/src/glossary.md", "# Glossary\n\n{{#glossary}}\n\n## Calls\n\n{{#syscalls}}\n");
        planted.file("book/src/glossary.toml", "[mount]\ntext = \"A place. {{#sys mount(2)}}\"\n");
        planted.file("book/src/fig/tree.svg", FIGURE);
        planted.chapter("", "");
        let source = "// ANCHOR: a\nfn a() {}\n// ANCHOR_END: a\n// ANCHOR: void\n// ANCHOR_END: void\n";
        planted.file("steps/04-pivot-root/src/lib.rs", source);
        planted.file(
            "steps/04-pivot-root/exercises/01-bind/exercise.toml",
            "title = \"Bind\"\nminutes = 5\ntier = 1\n",
        );
        let snapshot = "---\nsource: t.rs\ndescription: cargo run -p step-04\n---\nstep 04\n  A1 BLOCKED\n";
        planted.file("tests/snapshots/step-04.root.snap", snapshot);
        // A manual that counts as installed.
        for number in 0..120 {
            planted.file(&format!("man/man2/call{number}.2.gz"), "");
        }
        planted.file("man/man2/mount.2.gz", "");
        planted
    }

    /// The chapter, with a piece of it replaced.
    pub(crate) fn chapter(&self, from: &str, to: &str) {
        let text = CHAPTER.replacen("WORDS", &"word ".repeat(1200), 1);
        assert!(text.contains(from), "{from:?} is not in the chapter");
        self.file("book/src/runs/04.md", &if from.is_empty() { text } else { text.replacen(from, to, 1) });
    }

    pub(crate) fn check(&self) -> Report {
        super::check_with(&self.tree, &self.path().join("man")).unwrap()
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn file(&self, name: &str, text: &str) {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}
