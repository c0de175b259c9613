//! The OCI runtime: what Docker, Podman and containerd execute, with runc's command line.

fn main() -> std::process::ExitCode {
    docker_dive::cli::runtime::main()
}
