//! What the bindings repeat of the library's manifest is the same there.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

/// The sections of a manifest that say what it depends on, without what is optional, comments, and space.
fn dependencies(path: &str) -> Result<BTreeMap<String, Vec<String>>, Box<dyn Error>> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))?;
    let mut sections: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines().map(str::trim) {
        let of_models =
            |name: &str| name.contains("shuttle") || name.contains("loom") || name.contains("dev-");
        if line.starts_with('[') {
            name = line.to_owned();
        } else if name.contains("dependencies") && !of_models(&name) {
            let counts = !line.is_empty() && !line.starts_with('#') && !line.contains("optional = true");
            sections.entry(name.clone()).or_default().extend(counts.then(|| line.to_owned()));
        }
    }
    Ok(sections)
}

#[test]
fn the_package_for_python_depends_on_what_the_library_does() -> Result<(), Box<dyn Error>> {
    let (own, python) = (dependencies("Cargo.toml")?, dependencies("bindings/python/core/Cargo.toml")?);
    assert!(own.len() >= 4 && own.contains_key("[dependencies]"), "{own:?}");
    assert_eq!(own, python);
    Ok(())
}
