//! What differs by system or processor stands in src/sys, and nothing else asks which one this is.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// What a condition on the system or the processor would have in it.
const QUESTIONS: [&str; 10] = [
    "target_arch",
    "target_os",
    "target_env",
    "target_vendor",
    "target_family",
    "cfg(unix",
    "cfg(windows",
    "cfg!(unix",
    "cfg!(windows",
    "std::os::",
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

fn asks(path: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let text = fs::read_to_string(path)?;
    let lines = text.lines().enumerate();
    let asking = lines.filter(|(_, line)| QUESTIONS.iter().any(|question| line.contains(question)));
    Ok(asking.map(|(number, line)| format!("{}:{}: {}", path.display(), number + 1, line.trim())).collect())
}

#[test]
fn only_the_seam_asks_which_system_or_processor_this_is() -> Result<(), Box<dyn Error>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&source, &mut all)?;
    let (seam, above): (Vec<_>, Vec<_>) = all.iter().partition(|path| path.starts_with(source.join("sys")));
    // So that the search is known to find something.
    let mut within = Vec::new();
    for path in seam {
        within.extend(asks(path)?);
    }
    assert!(!within.is_empty());
    let mut found = Vec::new();
    for path in above {
        found.extend(asks(path)?);
    }
    assert!(found.is_empty(), "outside of src/sys:\n{}", found.join("\n"));
    Ok(())
}
