//! Your own container lives in `src/bin/`, which git ignores; this line keeps the package buildable without it.
