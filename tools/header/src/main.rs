//! Writes the public header and the list of exported symbols.
//!
//!     header ROOT OUT    reads ROOT/src, writes OUT/include/lowthread.h and OUT/abi/symbols.txt
//!
//! The template holds what Rust cannot say (the guard, macros, the order of the sections); each
//! `@section FILE@` becomes what cbindgen makes of src/FILE.rs, in the order in which it stands there.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::Path;

const TEMPLATE: &str = include_str!("../lowthread.h.in");

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, root, out] = arguments.as_slice() else { return Err("usage: header ROOT OUT".into()) };
    let (root, out) = (Path::new(root), Path::new(out));
    let version = version(root)?;
    let numbers: Vec<&str> = version.split('.').collect();
    let [major, minor, patch] = numbers.as_slice() else { return Err("a version has three numbers".into()) };

    let mut header = String::new();
    for line in TEMPLATE.lines() {
        match line.strip_prefix("@section ").and_then(|rest| rest.strip_suffix('@')) {
            Some(file) => header.push_str(&section(root, file)?),
            None => header.push_str(
                &line
                    .replace("@version@", &version)
                    .replace("@major@", major)
                    .replace("@minor@", minor)
                    .replace("@patch@", patch),
            ),
        }
        header.push('\n');
    }

    fs::create_dir_all(out.join("include"))?;
    fs::create_dir_all(out.join("abi"))?;
    fs::write(out.join("include/lowthread.h"), &header)?;
    fs::write(out.join("abi/symbols.txt"), symbols(root)?)?;
    Ok(())
}

/// What cbindgen makes of one source file.
fn section(root: &Path, file: &str) -> Result<String, Box<dyn Error>> {
    let source = root.join("src").join(file).with_extension("rs");
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
    let mut text = Vec::new();
    cbindgen::Builder::new().with_config(config).with_src(source).generate()?.write(&mut text);
    Ok(polish(String::from_utf8(text)?.trim()))
}

/// The widest line of the header.
const WIDTH: usize = 100;

/// Sets what cbindgen cannot: constants in a column with their comments, attributes in front, and
/// parameters one behind the other.
fn polish(text: &str) -> String {
    let paragraphs: Vec<String> = text.split("\n\n").map(|p| declaration(p).unwrap_or_else(|| p.into())).collect();
    let mut out = String::new();
    for (i, paragraph) in paragraphs.iter().enumerate() {
        let both_constants = i > 0 && paragraph.starts_with("#define") && paragraphs[i - 1].starts_with("#define");
        out.push_str(if i == 0 { "" } else if both_constants { "\n" } else { "\n\n" });
        out.push_str(&tagged(paragraph));
    }
    out
}

/// Gives a struct the name of its type as a tag, so that C can declare it forward.
fn tagged(paragraph: &str) -> String {
    match paragraph.rsplit_once("\n} ").and_then(|(_, name)| name.strip_suffix(';')) {
        Some(name) => paragraph.replace("typedef struct {", &format!("typedef struct {name} {{")),
        None => paragraph.to_string(),
    }
}

/// A constant or a function in this header's form; None for anything else.
fn declaration(paragraph: &str) -> Option<String> {
    let lines: Vec<&str> = paragraph.lines().collect();
    let code = lines.iter().position(|line| !line.starts_with("//"))?;
    let (comment, code) = lines.split_at(code);
    if let ([comment], [define]) = (comment, code) {
        let (name, value) = define.strip_prefix("#define ")?.split_once(' ')?;
        let value = if value.starts_with('-') { format!("({value})") } else { value.into() };
        return Some(format!("#define {name:<16} {value:<6} {comment}"));
    }
    if !code.last()?.ends_with(';') || !code.iter().any(|line| line.contains('(')) || code[0].starts_with("typedef") {
        return None;
    }
    let mut function = code.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    if let Some(rest) = function.strip_suffix(" LT_NORETURN;") {
        function = format!("LT_NORETURN {rest};");
    }
    let mut out: String = comment.iter().map(|line| format!("{line}\n")).collect();
    let mut column = 0;
    for part in function.split_inclusive(", ") {
        if column > 0 && column + part.trim_end().len() > WIDTH {
            out.truncate(out.trim_end().len());
            out.push_str("\n    ");
            column = 4;
        }
        out.push_str(part);
        column += part.len();
    }
    Some(out)
}

/// The version in Cargo.toml, the only place where it stands.
fn version(root: &Path) -> Result<String, Box<dyn Error>> {
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let line = manifest.lines().find_map(|line| line.strip_prefix("version = \""));
    Ok(line.and_then(|rest| rest.strip_suffix('"')).ok_or("no version in Cargo.toml")?.to_string())
}

/// Every function that src/ffi exports, sorted.
fn symbols(root: &Path) -> Result<String, Box<dyn Error>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(root.join("src/ffi"))? {
        let source = fs::read_to_string(entry?.path())?;
        let mut exported = false;
        for line in source.lines() {
            if line == "#[unsafe(no_mangle)]" {
                exported = true;
            } else if exported {
                let name = line.split("fn ").nth(1).and_then(|rest| rest.split('(').next());
                names.insert(name.ok_or("an export that is no function")?.to_string());
                exported = false;
            }
        }
    }
    Ok(names.into_iter().map(|name| name + "\n").collect())
}
