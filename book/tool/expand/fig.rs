//! A drawing, inline: `{{#fig FILE.svg}}` or `{{#fig FILE.svg The caption.}}`, out of `book/src/fig`.
//!
//! Inline, it takes its colours from the theme. A reader who does not see it has `<title>` and `<desc>`, so those
//! must carry what the drawing tells.

use crate::{Tree, read};

/// The figure, on a single line: a blank line would end the block of HTML.
pub fn figure(tree: &Tree, words: &str) -> Result<String, String> {
    let (name, caption) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
    let svg = read(&tree.pages().join("fig").join(name))
        .map_err(|_| format!("fig: there is no book/src/fig/{name}"))?;
    let svg = joined(&svg);
    faults(&svg).map_err(|what| format!("fig: {name}: {what}"))?;
    let stem = name.trim_end_matches(".svg");
    let svg = own_ids(&svg, stem);
    let caption = match caption.trim() {
        "" => String::new(),
        caption => format!("<figcaption>{caption}</figcaption>"),
    };
    Ok(format!(
        "<figure class=\"fig\"><div class=\"drawing\" id=\"fig-{stem}\">{svg}</div>{caption}</figure>"
    ))
}

/// The lines after one another, without comments and the declaration of XML.
fn joined(svg: &str) -> String {
    let mut text = svg.to_owned();
    for (open, close) in [("<!--", "-->"), ("<?", "?>")] {
        while let Some((before, after)) = text.split_once(open) {
            let rest = after.split_once(close).map_or("", |(_, rest)| rest);
            text = format!("{before}{rest}");
        }
    }
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

fn faults(svg: &str) -> Result<(), String> {
    let head = svg.split_once('>').map_or("", |(head, _)| head);
    let inside = |tag: &str| {
        let text = svg.split_once(&format!("<{tag}>")).and_then(|(_, rest)| rest.split_once("</"));
        text.map_or(0, |(text, _)| text.split_whitespace().count())
    };
    if !head.starts_with("<svg") || !head.contains("viewBox=") {
        return Err("it must begin with <svg> and have a viewBox".into());
    }
    // What is in an image is not read out, so a drawing with links is a group.
    let role = if svg.contains("<a ") { "role=\"group\"" } else { "role=\"img\"" };
    if !head.contains(role) {
        return Err(format!("its <svg> needs {role}: img, or group where it has links"));
    }
    if inside("title") < 2 {
        return Err("it needs a <title> that names it".into());
    }
    if inside("desc") < 12 {
        return Err("it needs a <desc> that tells what is drawn, for who does not see it".into());
    }
    for colour in
        ["fill=\"#", "stroke=\"#", "fill=\"black", "fill=\"white", "stroke=\"black", "stroke=\"white"]
    {
        if svg.contains(colour) {
            return Err(format!(
                "{colour}…: a fixed colour is wrong in some theme; use a class or a variable"
            ));
        }
    }
    for forbidden in ["<script", "<image", "<foreignObject", "<style", "http-equiv"] {
        if svg.contains(forbidden) {
            return Err(format!("{forbidden}> does not belong into a figure"));
        }
    }
    Ok(())
}

/// Two figures of one page must not share an id: the second arrow would have the first one's head. A link to what is
/// not in the drawing leads to the page around it, and stays as it is.
fn own_ids(svg: &str, stem: &str) -> String {
    let ids: Vec<_> = svg.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let mut text = svg.to_owned();
    for id in ids {
        for (before, after) in [(" id=\"", "\""), ("url(#", ")"), ("href=\"#", "\"")] {
            text = text.replace(&format!("{before}{id}{after}"), &format!("{before}fig-{stem}-{id}{after}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::planted::{FIGURE, Planted};

    fn shown(svg: &str) -> Result<String, String> {
        let planted = Planted::new();
        planted.file("book/src/fig/tree.svg", svg);
        figure(&planted.tree, "tree.svg The tree, before and after.")
    }

    #[test]
    fn a_figure_is_one_line_with_ids_of_its_own() {
        let html = shown(FIGURE).unwrap();
        assert!(!html.contains('\n') && html.contains("<title>"), "{html}");
        assert!(html.contains("id=\"fig-tree-head\"") && html.contains("url(#fig-tree-head)"), "{html}");
        assert!(html.contains("<figcaption>The tree, before and after.</figcaption>"), "{html}");
    }

    #[test]
    fn a_link_of_a_figure_leads_to_the_page_and_is_read_out() {
        let linked = FIGURE.replace("<rect", "<a href=\"#story\"><text>1979</text></a><rect");
        assert!(shown(&linked).unwrap_err().contains("role=\"group\""));
        let html = shown(&linked.replace("role=\"img\"", "role=\"group\"")).unwrap();
        assert!(html.contains("href=\"#story\"") && html.contains("url(#fig-tree-head)"), "{html}");
    }

    #[test]
    fn a_figure_that_not_everybody_can_see_is_a_fault() {
        for (from, to, why) in [
            ("role=\"img\"", "", "role"),
            ("<title>The tree</title>", "<title></title>", "<title>"),
            ("<desc>", "<desc>Short.</desc><desc>", "<desc>"),
            ("viewBox", "viewport", "viewBox"),
            ("class=\"box\"", "fill=\"#fff\"", "fixed colour"),
            ("<rect", "<script></script><rect", "<script"),
        ] {
            assert!(FIGURE.contains(from), "{from}");
            let told = shown(&FIGURE.replace(from, to)).unwrap_err();
            assert!(told.contains(why), "{from}: {told}");
        }
        assert!(figure(&Planted::new().tree, "gone.svg").is_err());
    }
}
