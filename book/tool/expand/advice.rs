//! What a program says of a refusal: `{{#advice EACCES doing="mkdir(2) cgroup" on="/sys/fs/cgroup/mine"}}`.
//!
//! Nothing of it is written down on the page. The advice is the kit's own, worked out for a machine that the directive
//! describes; `-` in place of the errno is for what the kernel was not asked, and what was `said` in its place. [`messages`](crate::check::messages)
//! sees to it that no advice is without such a place.

use std::fmt::Write as _;

use kit::Error;
use kit::advice::{self, Machine, Platform};
use nix::errno::Errno;

use crate::directive::named_words;
use crate::escape;

/// The highest errno that Linux has a name for (EHWPOISON).
const LAST: i32 = 133;

/// Letters in a line behind the indentation: what a page shows without being moved sideways.
const WIDTH: usize = 84;

/// The figure, on a single line.
pub fn figure(words: &str) -> Result<String, String> {
    let (errno, pairs) = named_words(words)?;
    let (mut doing, mut on, mut said, mut machine) = ("", "", "", host());
    for (key, value) in pairs {
        match key {
            "doing" => doing = value,
            "on" => on = value,
            "said" => said = value,
            key => set(&mut machine, key, value)?,
        }
    }
    let error = match errno {
        "-" => Error::refused(doing, on, said),
        name => {
            let named = (1..=LAST).map(Errno::from_raw).find(|errno| format!("{errno:?}") == name);
            Error::call(doing, on, named.ok_or_else(|| format!("advice: `{name}` is no errno"))?)
        }
    };
    let told = advice::on(&machine, &error).ok_or_else(|| format!("advice: there is none for `{error}`"))?;
    let name = machine.exe.rsplit('/').next().unwrap_or_default();
    let mut text = format!("<b>{}</b>&#10;&#10;", escape(&format!("{name}: {error}")));
    let _ = write!(text, "  why     {}&#10;", wrapped(&told.why));
    for (index, remedy) in told.remedies.iter().enumerate() {
        let head = if index == 0 { "remedy" } else { "or    " };
        let (command, cost) = (escape(&remedy.command), wrapped(&remedy.cost));
        let _ = write!(text, "  {head}  <b>{command}</b>&#10;          {cost}&#10;");
    }
    Ok(format!(
        "<figure class=\"terminal\"><figcaption><span class=\"whom\">{}</span> <span class=\"tested\">worked out: \
         kit::advice</span></figcaption><pre tabindex=\"0\" role=\"region\" aria-label=\"{}: what it means\">\
         <samp>{text}</samp></pre></figure>",
        surroundings(&machine),
        escape(&error.to_string()),
    ))
}

/// Sentences go on in the next line, below their beginning. Commands do not: they are there to be copied.
fn wrapped(sentence: &str) -> String {
    let mut text = String::new();
    let mut column = 0;
    for word in sentence.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH {
            text += "&#10;          ";
            column = 0;
        } else if column > 0 {
            text.push(' ');
            column += 1;
        }
        text += &escape(word);
        column += length;
    }
    text
}

/// A machine of today, on which an ordinary user has a session of systemd's.
fn host() -> Machine {
    Machine {
        release: "6.12.0".into(),
        distribution: "debian".into(),
        uid: 1000,
        pure_v2: true,
        user_manager: true,
        exe: "target/debug/step-02".into(),
        ..Machine::default()
    }
}

fn set(machine: &mut Machine, key: &str, value: &str) -> Result<(), String> {
    let wrong = |_| format!("advice: {key}: `{value}` is not known");
    let setting = Some(value.to_owned());
    match key {
        "step" => machine.exe = format!("target/debug/step-{value}"),
        "kernel" => machine.release = value.into(),
        "uid" => machine.uid = value.parse().map_err(|_| format!("advice: uid: `{value}` is no number"))?,
        "platform" => {
            let platform: Platform = serde_json::from_value(value.into()).map_err(wrong)?;
            machine.platform = platform;
        }
        "filter" => machine.seccomp = value == "yes",
        "version" => machine.pure_v2 = value == "2",
        "off" => machine.switched_off = vec![value.into()],
        "max_user_namespaces" => machine.max_user_namespaces = setting,
        "unprivileged_userns_clone" => machine.unprivileged_userns_clone = setting,
        "apparmor" => machine.apparmor_restricts = setting,
        key => return Err(format!("advice: `{key}` is no word of this directive")),
    }
    Ok(())
}

fn surroundings(machine: &Machine) -> String {
    let whom = if machine.is_root() { "as root" } else { "as an ordinary user" };
    let place = match machine.platform {
        Platform::Host => return whom.into(),
        Platform::Docker => "in a container of Docker's",
        Platform::Podman => "in a container of Podman's",
        Platform::Devcontainer => "in a devcontainer",
        Platform::Codespaces => "in a codespace",
        Platform::Container => "in a container",
        Platform::Nested => "in a user namespace",
        Platform::Wsl1 => "in WSL 1",
        Platform::Wsl2 => "in WSL 2",
    };
    format!("{whom}, {place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_is_that_of_the_machine_which_is_described() {
        let group = "doing=\"mkdir(2) cgroup\" on=/sys/fs/cgroup/mine step=03";
        let html = figure(&format!("EACCES {group}")).unwrap();
        assert!(
            html.contains("<b>step-03: mkdir(2) cgroup &quot;/sys/fs/cgroup/mine&quot;: EACCES"),
            "{html}"
        );
        assert!(html.contains("remedy  <b>sudo target/debug/step-03</b>") && !html.contains('\n'), "{html}");
        let html = figure(&format!("EROFS {group} platform=docker uid=0")).unwrap();
        assert!(html.contains("as root, in a container of Docker's"), "{html}");
        assert!(html.contains("docker run --privileged"), "{html}");
        let html = figure("EPERM doing='write \"0 1000 1\" to' on=/proc/self/uid_map apparmor=1").unwrap();
        assert!(html.contains("&quot;0 1000 1&quot;") && html.contains("AppArmor"), "{html}");
        assert!(figure("- doing=\"find a cgroup tree\" said=none").unwrap().contains("tree: none</b>"));
    }

    #[test]
    fn a_long_reason_goes_on_in_the_next_line_and_a_command_does_not() {
        let html = figure("ENOSYS doing=clone3(2) filter=yes platform=docker").unwrap();
        let lines: Vec<_> = html.split("&#10;").filter(|line| line.starts_with("  ")).collect();
        assert!(lines[1].starts_with("          ") && lines.iter().any(|line| line.contains("systempaths")));
        let sentences = lines.iter().filter(|line| !line.contains("<b>"));
        assert!(
            sentences.clone().count() > 2 && sentences.clone().all(|line| line.len() <= WIDTH + 10),
            "{html}"
        );
    }

    #[test]
    fn what_is_no_advice_is_a_fault() {
        for (words, why) in [
            ("EGONE doing=mkdir(2)", "`EGONE` is no errno"),
            ("ENOENT doing=execve(2) on=/bin/sh", "there is none for `execve(2) \"/bin/sh\": ENOENT"),
            ("EPERM doing=chroot(2) colour=red", "`colour` is no word"),
            ("EPERM doing=chroot(2) platform=moon", "`moon` is not known"),
            ("EPERM doing=chroot(2) uid=root", "is no number"),
        ] {
            let told = figure(words).unwrap_err();
            assert!(told.contains(why), "{words}: {told}");
        }
    }
}
