//! The command line.

use std::path::{Path, PathBuf};

use hoop_harness::program::workspace;

use crate::wire::Mode;

/// What the command line asks for.
#[derive(Debug)]
pub struct Options {
    pub attacks: Vec<PathBuf>,
    pub benign: Vec<PathBuf>,
    /// SQL files that make a twin, with the variables `pan`, `cvv` and `exp`.
    pub setup: Vec<PathBuf>,
    /// Files of `schema.table.column TAB class`.
    pub classes: Vec<PathBuf>,
    pub level: String,
    pub modes: Vec<Mode>,
    /// Only statements whose name has this in it.
    pub only: Option<String>,
    pub json: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            attacks: Vec::new(),
            benign: Vec::new(),
            setup: Vec::new(),
            classes: Vec::new(),
            level: "masked".to_owned(),
            modes: Vec::new(),
            only: None,
            json: None,
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("`{argument}` takes a value"))?;
            match argument.as_str() {
                "--attacks" => options.attacks.push(value.into()),
                "--benign" => options.benign.push(value.into()),
                "--setup" => options.setup.push(value.into()),
                "--classes" => options.classes.push(value.into()),
                "--level" => options.level = value,
                "--mode" => options.modes.push(value.parse()?),
                "--only" => options.only = Some(value),
                "--json" => options.json = Some(value.into()),
                other => return Err(format!("unknown option `{other}`; see ./dev help")),
            }
        }
        options.filled()
    }

    fn filled(mut self) -> Result<Self, String> {
        let folder = workspace().join("tests/leak");
        if self.attacks.is_empty() && self.benign.is_empty() {
            let mut own = files(&folder);
            own.insert(0, folder.join("given/attacks.tsv"));
            own.insert(1, folder.join("given/benign.tsv"));
            for file in own {
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                match name.as_str() {
                    name if name.starts_with("attacks") => self.attacks.push(file),
                    name if name.starts_with("benign") || name == "write_back.tsv" => self.benign.push(file),
                    _ => {}
                }
            }
        }
        if self.setup.is_empty() {
            self.setup = vec![folder.join("given/schema.sql"), folder.join("extra.sql")];
            self.classes = vec![folder.join("given/classes.tsv"), folder.join("extra.classes.tsv")];
        }
        self.setup.retain(|file| file.exists());
        self.classes.retain(|file| file.exists());
        if self.modes.is_empty() {
            self.modes = vec![Mode::Simple, Mode::Text, Mode::Binary];
        }
        match self.attacks.iter().chain(&self.benign).find(|file| !file.exists()) {
            Some(missing) => Err(format!("{} is not there", missing.display())),
            None => Ok(self),
        }
    }

    /// Is this statement asked for?
    pub fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder is part of the project");
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("it can be read").path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "tsv"));
    files.sort();
    files
}
