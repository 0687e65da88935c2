//! hoop-broker.

fn main() -> std::process::ExitCode {
    hoop_broker::command::main()
}
