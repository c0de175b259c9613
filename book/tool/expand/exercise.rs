//! The card of an exercise: `{{#exercise 04.02}}`; those of a lesson, in order: `{{#exercises 04}}`.

use std::path::PathBuf;

use serde::Deserialize;

use crate::{Tree, entries, escape, read};

/// What `steps/NN-…/exercises/MM-…/exercise.toml` says that a page shows; it holds more, for the runner.
#[derive(Clone, Debug, Deserialize)]
pub struct Exercise {
    /// `04.02`; it is the name of the directories, and so not in the file.
    #[serde(skip)]
    pub id: String,
    /// What is to be done, as a heading.
    pub title: String,
    /// How long it takes, as its author saw.
    pub minutes: usize,
    /// What it needs: `T0` to `T3`.
    pub tier: Tier,
    /// What `check` runs; each run may need more.
    #[serde(default, rename = "run")]
    runs: Vec<Run>,
}

/// A run of the learner's program.
#[derive(Clone, Debug, Deserialize)]
struct Run {
    tier: Tier,
}

/// A privilege tier, by its number or by its name.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Tier {
    /// `1`
    Number(u8),
    /// `T1`
    Name(String),
}

/// The exercises of a lesson (two digits), in their order.
pub fn of_lesson(tree: &Tree, lesson: &str) -> Result<Vec<Exercise>, String> {
    folders(tree, lesson).iter().map(|(id, folder)| load(id, folder)).collect()
}

/// Whether the tree has exercises at all.
pub fn any(tree: &Tree) -> bool {
    tree.lessons().iter().any(|lesson| lesson.join("exercises").is_dir())
}

/// The cards of all exercises of a lesson, and their minutes.
pub fn cards(tree: &Tree, lesson: &str) -> Result<(String, usize), String> {
    let folders = folders(tree, lesson);
    if folders.is_empty() && any(tree) {
        return Err(format!("exercises: lesson `{lesson}` has none"));
    }
    let (mut html, mut sum) = (String::new(), 0);
    for (id, _) in folders {
        let (card, minutes) = card(tree, &id)?;
        html += &card;
        html.push('\n');
        sum += minutes;
    }
    Ok((html, sum))
}

/// The card, on a single line, and its minutes.
pub fn card(tree: &Tree, id: &str) -> Result<(String, usize), String> {
    let (lesson, number) = id.split_once('.').unwrap_or((id, ""));
    if [lesson, number].iter().any(|part| part.len() != 2 || part.parse::<u8>().is_err()) {
        return Err(format!("exercise: `{id}` is not like 04.02"));
    }
    let command =
        format!("<pre><kbd><span aria-hidden=\"true\">$ </span>cargo dive start {id}</kbd></pre></div>");
    if !any(tree) {
        // A tree without a single exercise is one whose exercises are being written; `check` says that it skips them.
        return Ok((format!("<div class=\"exercise\" id=\"exercise-{id}\"><p><b>{id}</b></p> {command}"), 0));
    }
    let found = folders(tree, lesson).into_iter().find(|(found, _)| found == id);
    let (id, folder) =
        found.ok_or_else(|| format!("exercise: there is no steps/{lesson}-*/exercises/{number}-*"))?;
    let exercise = load(&id, &folder)?;
    let tier = exercise.needs();
    let html = format!(
        "<div class=\"exercise\" id=\"exercise-{id}\"><p><b>{id}</b> {} <span class=\"dim\">{} minutes; {tier}</span></p> {command}",
        escape(&exercise.title),
        exercise.minutes
    );
    Ok((html, exercise.minutes))
}

/// `{{#wrong 04.02 busy}}`: a wrong answer of an exercise, by the name of its file.
pub fn wrong(tree: &Tree, words: &str) -> Result<String, String> {
    let (id, name) = words.split_once(' ').unwrap_or((words, ""));
    let lesson = id.split('.').next().unwrap_or("");
    let found = folders(tree, lesson).into_iter().find(|(found, _)| found == id);
    let file = found.map(|(_, folder)| folder.join("wrong").join(format!("{name}.rs")));
    match file.filter(|file| file.is_file()) {
        Some(_) => Ok(format!("<code>{}</code>", escape(name))),
        None => Err(format!("wrong: exercise {id} has no wrong answer `{name}`")),
    }
}

impl Exercise {
    /// What it needs, and what only a part of it needs: without that the part is skipped, and the rest is checked.
    fn needs(&self) -> String {
        let least = self.tier.told();
        let most = self.runs.iter().map(|run| &run.tier).max_by_key(|tier| tier.name());
        match most {
            Some(most) if most.name() > self.tier.name() => format!("{least}; a part {}", most.told()),
            _ => least,
        }
    }
}

impl Tier {
    /// `T1`, which is also their order.
    fn name(&self) -> String {
        match self {
            Self::Number(number) => format!("T{number}"),
            Self::Name(name) => name.to_uppercase(),
        }
    }

    fn told(&self) -> String {
        match &*self.name() {
            "T0" => "needs nothing but a compiler".into(),
            "T1" => "needs user namespaces".into(),
            "T2" => "needs root and control groups".into(),
            "T3" => "needs Docker, Podman or containerd".into(),
            other => format!("needs {}", escape(other)),
        }
    }
}

fn folders(tree: &Tree, lesson: &str) -> Vec<(String, PathBuf)> {
    let prefix = format!("{lesson}-");
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let lessons = tree.lessons().into_iter().filter(|path| name(path).starts_with(&prefix));
    let folders = lessons.flat_map(|path| entries(&path.join("exercises"))).filter(|path| path.is_dir());
    folders.map(|path| (format!("{lesson}.{}", name(&path).split('-').next().unwrap_or("")), path)).collect()
}

fn load(id: &str, folder: &std::path::Path) -> Result<Exercise, String> {
    let text = read(&folder.join("exercise.toml")).map_err(|error| format!("exercise: {id}: {error}"))?;
    let exercise: Exercise = toml::from_str(&text).map_err(|error| format!("exercise: {id}: {error}"))?;
    Ok(Exercise { id: id.into(), ..exercise })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::check::planted::Planted;

    #[test]
    fn a_card_has_the_title_the_minutes_and_the_command() {
        let planted = Planted::new();
        let folder = "steps/04-pivot-root/exercises/02-detach/exercise.toml";
        planted.file(folder, "title = \"Let go of <it>\"\nminutes = 15\ntier = \"T1\"\nneeds = []\n");
        let (html, minutes) = card(&planted.tree, "04.02").unwrap();
        assert_eq!(minutes, 15);
        let part =
            "title = \"A\"\nminutes = 1\ntier = \"T0\"\n[[run]]\ntier = \"T0\"\n[[run]]\ntier = \"T2\"\n";
        planted.file("steps/04-pivot-root/exercises/03-part/exercise.toml", part);
        let told = "1 minutes; needs nothing but a compiler; a part needs root and control groups";
        assert!(card(&planted.tree, "04.03").unwrap().0.contains(told));
        fs::remove_dir_all(planted.tree.root().join("steps/04-pivot-root/exercises/03-part")).unwrap();
        for part in ["Let go of &lt;it&gt;", "15 minutes; needs user namespaces", "cargo dive start 04.02"] {
            assert!(html.contains(part), "{html}");
        }
        assert_eq!(of_lesson(&planted.tree, "04").unwrap().len(), 1);
        assert_eq!(cards(&planted.tree, "04").unwrap(), (html + "\n", 15));
        assert!(cards(&planted.tree, "05").unwrap_err().contains("has none"));
        planted.file(folder, "minutes = 15\ntier = 1\n");
        assert!(card(&planted.tree, "04.02").unwrap_err().contains("title"));
        for id in ["04.03", "05.02", "4.2", "04"] {
            assert!(card(&planted.tree, id).is_err(), "{id}");
        }
    }

    #[test]
    fn a_wrong_answer_is_named_only_if_it_is_there() {
        let planted = Planted::new();
        planted.file("steps/04-pivot-root/exercises/02-detach/wrong/busy.rs", "// hint: busy\n");
        assert_eq!(wrong(&planted.tree, "04.02 busy").unwrap(), "<code>busy</code>");
        for words in ["04.02 lazy", "04.02", "04.03 busy", "busy", ""] {
            assert!(wrong(&planted.tree, words).unwrap_err().contains("no wrong answer"), "{words}");
        }
    }
}
