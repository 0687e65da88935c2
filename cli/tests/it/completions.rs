//! `completions/` holds what the binary prints; a stale file fails here. `UPDATE_COMPLETIONS=1` writes them anew.

use std::path::Path;

use crate::run::Home;

#[test]
fn the_completion_scripts_are_current() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../completions");
    let home = Home::new();
    let files = [
        ("bash", "hoopctl.bash"),
        ("zsh", "_hoopctl"),
        ("fish", "hoopctl.fish"),
        ("powershell", "_hoopctl.ps1"),
        ("elvish", "hoopctl.elv"),
    ];
    for (shell, file) in files {
        let output = home.run(&["completions", shell]);
        assert!(output.status.success() && output.stderr.is_empty());
        let path = dir.join(file);
        if std::env::var_os("UPDATE_COMPLETIONS").is_some() {
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(&path, &output.stdout).unwrap();
        }
        let kept = std::fs::read(&path).unwrap();
        assert!(kept == output.stdout, "{file} is stale: run this test with UPDATE_COMPLETIONS=1");
    }
}
