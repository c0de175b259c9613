//! Each gate, with the fault planted that it is there for.

use super::planted::Planted;

/// The chapter with a piece replaced must have a finding with these words.
fn caught(faults: &[(&str, &str, &str)]) {
    let planted = Planted::book();
    for (from, to, words) in faults {
        planted.chapter(from, to);
        let found: Vec<_> = planted.check().findings.iter().map(ToString::to_string).collect();
        assert!(
            found.iter().any(|one| one.contains(words)),
            "{from:?} -> {to:?}: {words:?} not in {found:#?}"
        );
    }
}

#[test]
fn a_book_without_a_fault_passes() {
    let report = Planted::book().check();
    assert_eq!(report.findings, []);
    assert!(report.skipped.is_empty() && report.pages == 2, "{report:?}");
    assert_eq!(report.summary(), "book: 2 pages, 0 faults, 0 gates skipped");
}

#[test]
fn code_that_nothing_compiles_is_caught() {
    let include = "{{#include ../../../steps/04-pivot-root/src/lib.rs:a}}\n";
    caught(&[
        (include, "fn by_hand() {}\n", "book/src/runs/04.md:45: code that nothing compiles"),
        (include, &format!("{include}by_hand();\n"), "code that nothing compiles"),
        (include, "", "shows nothing included"),
        ("```rust", "```", "without its language"),
        ("Known.", "Known.\n\n    indented();\n", "must be fenced"),
        ("Known.", "> ```rust\n> quoted();\n> ```\n", "must be fenced"),
        ("Known.", "<pre>by hand</pre>", "code and output by hand"),
        ("Known.", "<script>alert(1)</script>", "runs and embeds nothing"),
    ]);
}

#[test]
fn output_that_is_no_tested_snapshot_is_caught() {
    caught(&[
        ("    -- run true\n", "    -- run true\nstep 04\n", "a console holds what the reader types"),
        ("$ cargo run -p step-04 \\\n    -- run true\n", "", "a console without a command"),
        (
            "```rust\n{{#include ../../../steps/04-pivot-root/src/lib.rs:a}}",
            "```text\nstep 04",
            "code that nothing",
        ),
        ("{{#snap step-04.root}}", "{{#snap step-04.user}}", "there is no tests/snapshots/step-04.user.snap"),
    ]);
}

#[test]
fn an_include_that_is_empty_or_leads_nowhere_is_caught() {
    caught(&[
        ("lib.rs:a}}", "lib.rs:b}}", "no `ANCHOR: b`"),
        ("lib.rs:a}}", "lib.rs:void}}", "is empty"),
        ("lib.rs:a}}", "gone.rs:a}}", "there is no file"),
        ("{{#include ../../../", "{{#inclde ../../../", "only include is known"),
        ("{{#fig tree.svg", "{{#figure tree.svg", "`figure` is no directive"),
    ]);
}

#[test]
fn a_link_that_leads_nowhere_is_caught_on_the_page_and_in_print() {
    caught(&[
        ("(#run-it)", "(#walk-it)", "runs/04.html: a link to #walk-it: nothing there is called #walk-it"),
        ("(#run-it)", "(#walk-it)", "print.html: a link to #walk-it"),
        (
            "(../glossary.md#term-mount)",
            "(../glossary.md#term-umount)",
            "nothing there is called #term-umount",
        ),
        ("(../glossary.md#term-mount)", "(../gone.md)", "a link to ../gone.html, which is not there"),
        ("(../glossary.md#term-mount)", "(javascript:void)", "a link to javascript:void"),
    ]);
}

#[test]
fn a_page_of_the_manual_that_does_not_exist_is_caught() {
    caught(&[
        ("{{#sys mount(2)}}", "{{#sys monut(2)}}", "book/src/runs/04.md:7: there is no page monut(2)"),
        ("{{#sys mount(2)}}", "{{#sys mount}}", "is not a page of the manual"),
    ]);
    let planted = Planted::book();
    planted.chapter("{{#sys mount(2)}}", "{{#sys fsopen(2)}}");
    planted.file("book/manual.toml", "\"fsopen(2)\" = \"man-pages has it from 6.16 on\"\n");
    assert_eq!(planted.check().findings, []);
    planted.file(
        "book/manual.toml",
        "\"fsopen(2)\" = \"new\"\n\"fsmount(2)\" = \"it is newer than the package\"\n",
    );
    let found = planted.check().findings;
    assert!(found.iter().any(|one| one.what == "fsopen(2) has no reason"), "{found:?}");
    assert!(found.iter().any(|one| one.what.contains("nothing speaks of fsmount(2)")), "{found:?}");
    std::fs::remove_dir_all(planted.path().join("man")).unwrap();
    assert!(planted.check().skipped[0].contains("not installed"));
}

#[test]
fn a_section_that_is_missing_or_empty_is_caught() {
    caught(&[
        ("- one", "one", "`## Outcomes` has no list"),
        ("{{#fig tree.svg The tree.}}", "", "`## The picture` has none of: fig"),
        ("## Predict\n", "## Guess\n", "no section `## Predict`"),
        (
            "```console\n$ cargo run -p step-04 \\\n    -- run true\n```\n\n{{#snap step-04.root}}",
            "",
            "`## Run it` has none",
        ),
        ("## Look in the kernel", "## Look", "no section `## Look in the kernel`"),
        ("{{#snap step-04.root from=\"A1\"}}", "", "`## Break it` has none of: snap"),
        ("## Break it", "## Later", "no section `## Break it`, or has it out of order"),
        (
            "## Predict
",
            "## Run it
",
            "no section `## Predict`, or has it out of order",
        ),
        ("{{#exercise 04.01}}", "", "`## Exercises` has none of: exercise"),
        ("{{#exercise 04.01}}", "{{#exercise 04.01}}\n\n{{#exercise 04.01}}", "the lesson has [\"04.01\"]"),
        ("Known.", "", "`## Recap` is empty"),
        ("lesson: 04\n", "", "does not say which"),
        ("lesson: 04\n", "lesson: 03\n", "shows no snapshot of its own step (step-03.…)"),
        ("Known.", "{{#schedule 09}}", "schedule: lesson 09 has no chapter"),
        ("Known.", "{{#lesson 09}}", "lesson: there is no lesson `09`"),
        ("Known.", "See {{#wrong 04.01 lazy}}.", "exercise 04.01 has no wrong answer `lazy`"),
        ("# 04 The chapter", "04 The chapter", "has 0 titles"),
        ("{{/predict}}", "", "predict has no {{/predict}}"),
        ("{{#answer}}", "", "`/predict` does not belong here"),
    ]);
    let planted = Planted::book();
    planted.chapter(&"word ".repeat(400), "");
    assert!(planted.check().findings[0].what.contains("words; a chapter has 1200 to 2500"));
}

#[test]
fn a_claim_without_a_source_is_caught() {
    caught(&[
        ("It is old.[^old]", "It is old.\n\nIt is older.[^old]", ": a claim without a source"),
        ("It is old.[^old]", "- It is old.", "a claim without a source"),
        ("[^old]: The manual. <https://man7.org/>", "[^old]: The manual.", "[^old] has no address"),
        ("old.[^old]", "old.[^older]", "the footnote [^older] is not there"),
        ("old.[^old]", "old.[^older]", "nothing refers to the footnote [^old]"),
        ("lesson: 04\n", "lesson: 04\nsources: required\n", "a claim without a source"),
    ]);
}

#[test]
fn a_file_that_is_not_there_is_caught() {
    caught(&[
        ("Known.", "See `src/gone.rs`.", "there is no src/gone.rs"),
        (
            "Known.",
            "See `steps/04-pivot-root/src/lib.rs` and `steps/04-gone/`.",
            "there is no steps/04-gone/",
        ),
    ]);
    let planted = Planted::book();
    planted
        .chapter("Known.", "`src/lib.rs` of a lesson, `steps/*/exercises`, `srcs/x`, and `tests/snapshots`.");
    assert!(planted.check().findings.is_empty());
}

#[test]
fn what_is_loaded_from_elsewhere_is_caught() {
    caught(&[
        ("Known.", "![x](https://a.invalid/x.png)", "<img> loads https://a.invalid/x.png from elsewhere"),
        ("Known.", "<img alt=\"x\" src=\"//a.invalid/x.png\">", "from elsewhere"),
        (
            "Known.",
            "<video src=\"http://a.invalid/x\"></video>",
            "<video> loads http://a.invalid/x from elsewhere",
        ),
    ]);
    let planted = Planted::book();
    planted.file("book/look/book.css", "@import url(https://a.invalid/x.css);");
    assert!(planted.check().findings.iter().any(|one| one.what.contains("style sheet loads from elsewhere")));
}

#[test]
fn a_page_that_is_too_heavy_is_caught() {
    let planted = Planted::book();
    let long = "word-".repeat(130_000);
    planted.chapter("Known.", &format!("Known. {long}"));
    let found = planted.check().findings;
    assert!(
        found.iter().any(|one| one.what.contains("weighs") && one.page.ends_with("04.html")),
        "{found:?}"
    );
}

#[test]
fn what_mdbook_only_warns_of_is_caught() {
    caught(&[("Known.", "<div>Known.", "unclosed HTML tag")]);
}

#[test]
fn a_page_that_is_in_no_table_of_contents_is_caught() {
    let planted = Planted::book();
    planted.file("book/src/runs/05.md", "# 05\n");
    let found = planted.check().findings;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].to_string(), "book/src/runs/05.md: is not listed in SUMMARY.md");
}

#[test]
fn advice_that_is_not_explained_is_caught() {
    let planted = Planted::book();
    for source in super::messages::SOURCES {
        planted.file(
            source,
            "let why = \"the cgroup tree is mounted read-only, as an outer container has it\";",
        );
    }
    let advice = "{{#advice EROFS doing=\"mkdir(2) cgroup\" on=/sys/fs/cgroup/mine}}\n\nKnown.";
    planted.chapter("Known.", advice);
    assert_eq!(planted.check().findings, []);
    let news = "let why = \"the moon is in the way, as never before\";";
    planted.file("steps/kit/src/advice.rs", news);
    let found: Vec<_> = planted.check().findings.iter().map(ToString::to_string).collect();
    assert!(found.len() == 1 && found[0].contains("does not explain \"the moon"), "{found:?}");
}
