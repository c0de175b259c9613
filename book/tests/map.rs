//! The figure on the map of the course says of each attack what the tested matrix says.

use book::{Tree, read};

/// Where the box of a lesson begins.
fn left(lesson: usize) -> usize {
    8 + 118 * lesson
}

/// The lines of the drawing for each attack of the matrix, the first at the top.
fn lines(matrix: &str) -> Vec<String> {
    let root = matrix.split_once("the steps as user").map_or(matrix, |(root, _)| root);
    let rows = root.lines().filter(|line| line.starts_with("  A"));
    let line = |(row, text): (usize, &str)| {
        let verdicts: Vec<_> = text.split_whitespace().skip(1).collect();
        // The first verdict is lesson 01's. What is stopped once must stay stopped, or one line would not tell it.
        let stopped = verdicts.iter().position(|verdict| verdict.starts_with("BLOCKED"));
        let open = stopped.unwrap_or(verdicts.len());
        assert!(verdicts[..open].iter().all(|verdict| *verdict == "ESCAPED"), "{text}");
        assert!(verdicts[open..].iter().all(|verdict| verdict.starts_with("BLOCKED")), "{text}");
        let (y, end) = (140 + 34 * row, stopped.map_or(704, |at| left(at + 1) - 6));
        format!("<path class=\"gone\" d=\"M126 {y}H{end}\"/>")
    };
    rows.enumerate().map(line).collect()
}

/// The thick red lines of the drawing.
fn drawn(figure: &str) -> Vec<String> {
    let red = figure.lines().flat_map(|line| line.split_inclusive("/>"));
    red.filter(|path| path.starts_with("<path class=\"gone\"")).map(str::to_owned).collect()
}

#[test]
fn the_figure_of_the_attacks_is_the_tested_matrix() {
    let tree = Tree::own();
    let matrix = read(&tree.root().join("tests/snapshots/attack.root.snap")).unwrap();
    let figure = read(&tree.pages().join("fig/map.svg")).unwrap();
    let expected = lines(&matrix);
    assert_eq!(expected.len(), 6);
    assert_eq!(drawn(&figure), expected);
    // An attack that is stopped one lesson later would be seen.
    let later = matrix.replacen("BLOCKED(ESRCH)  ", "ESCAPED         ", 1);
    assert_ne!(later, matrix);
    assert_ne!(drawn(&figure), lines(&later));
}
