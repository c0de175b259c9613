//! Whether the processes of a container are frozen.

use std::fs;

use super::cgroup::Place;

/// Whether the container's cgroup is frozen: `cgroup.freeze` in version 2, the freezer's state in version 1.
pub(super) fn is_frozen(places: &[Place]) -> bool {
    let holds = |place: &Place, file: &str, text: &str| {
        fs::read_to_string(place.dir.join(file)).is_ok_and(|value| value.trim() == text)
    };
    places.iter().any(|place| {
        let freezer = place.controllers.iter().any(|name| name == "freezer");
        freezer && (holds(place, "freezer.state", "FROZEN") || holds(place, "freezer.state", "FREEZING"))
            || place.controllers.is_empty() && holds(place, "cgroup.freeze", "1")
    })
}
