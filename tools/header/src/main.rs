//! Writes the public header, its two other forms, and the list of exported symbols.
//!
//!     header ROOT OUT    reads ROOT/src, writes OUT/include/lowthread.h, OUT/include/lowthread.cdef.h,
//!                        OUT/abi/lowthread.json and OUT/abi/symbols.txt
//!
//! The template holds what Rust cannot say (the guard, macros, the order of the sections); each
//! `@section FILE@` becomes what cbindgen makes of src/FILE.rs, in the order in which it stands there.

mod api;
mod cdef;

use api::Api;
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
    let mut title = "";
    let mut api = Api { version: version.clone(), ..Api::default() };
    for line in TEMPLATE.lines() {
        if let Some(heading) = line.strip_prefix("// ---- ") {
            title = heading.trim_end_matches('-').split(':').next().unwrap_or("").trim();
        }
        match line.strip_prefix("@section ").and_then(|rest| rest.strip_suffix('@')) {
            Some(file) => {
                let text = section(root, file)?;
                api.add(title, &text)?;
                header.push_str(&text);
            }
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
    for (name, number) in ["MAJOR", "MINOR", "PATCH"].into_iter().zip(numbers) {
        api.add_number(&format!("LT_VERSION_{name}"), number)?;
    }
    api.only_in_the_header = macros();
    api.add_python(&fs::read_to_string(root.join("docs/python-to-lt.md"))?);
    if !api.complaints.is_empty() {
        return Err(api.complaints.join("\n").into());
    }

    fs::create_dir_all(out.join("include"))?;
    fs::create_dir_all(out.join("abi"))?;
    fs::write(out.join("include/lowthread.h"), &header)?;
    fs::write(out.join("include/lowthread.cdef.h"), cdef::write(&api)?)?;
    fs::write(out.join("abi/lowthread.json"), serde_json::to_string_pretty(&api)? + "\n")?;
    fs::write(out.join("abi/symbols.txt"), symbols(root)?)?;
    Ok(())
}

/// The macros of the template that are for programs; those whose names end in _ are for the others.
fn macros() -> Vec<String> {
    let defined = TEMPLATE.lines().filter_map(|line| line.strip_prefix("#define LT_"));
    let mut names: Vec<String> = Vec::new();
    for name in defined.filter_map(|rest| rest.split([' ', '(']).next()) {
        let name = if name.starts_with("HAS_") { "HAS_X" } else { name };
        let name = format!("LT_{name}");
        if !name.ends_with('_') && !name.starts_with("LT_VERSION_") && !names.contains(&name) {
            names.push(name);
        }
    }
    names
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
    let paragraphs: Vec<&str> = text.split("\n\n").collect();
    let mut rest = paragraphs.as_slice();
    let mut out = Vec::new();
    while let [first, others @ ..] = rest {
        let integers: Vec<Constant> =
            rest.iter().map_while(|p| constant(p).filter(Constant::is_integer)).collect();
        if !integers.is_empty() {
            out.push(enumeration(&integers));
            rest = &rest[integers.len()..];
            continue;
        }
        let set = match constant(first) {
            Some(constant) => constant.definition(),
            None => tagged(&function(first).unwrap_or_else(|| first.to_string())),
        };
        match out.last_mut() {
            Some(last) if set.starts_with("#define") && last.starts_with("#define") => {
                *last += &format!("\n{set}")
            }
            _ => out.push(set),
        }
        rest = others;
    }
    out.join("\n\n")
}

/// A constant with a comment of one line.
struct Constant<'a> {
    name: &'a str,
    value: &'a str,
    comment: &'a str,
}

fn constant(paragraph: &str) -> Option<Constant<'_>> {
    let (comment, define) = paragraph.split_once('\n')?;
    let (name, value) = define.strip_prefix("#define ")?.split_once(' ')?;
    (comment.starts_with("//") && !value.contains('\n')).then_some(Constant { name, value, comment })
}

impl Constant<'_> {
    fn is_integer(&self) -> bool {
        self.value.parse::<i64>().is_ok()
    }

    fn definition(&self) -> String {
        format!("#define {:<16} {:<6} {}", self.name, in_parentheses(self.value), self.comment)
    }
}

fn in_parentheses(value: &str) -> String {
    if value.starts_with('-') { format!("({value})") } else { value.into() }
}

/// Integers as enumerators, for whoever reads declarations alone; and behind them, as numbers again, for
/// the preprocessor, which would take an enumerator for 0. So C and C++ see plain numbers.
fn enumeration(constants: &[Constant]) -> String {
    let mut out = String::from("enum {\n");
    for c in constants {
        let value = format!("{},", c.value);
        out.push_str(&format!("    {:<16} = {value:<4} {}\n", c.name, c.comment));
    }
    out.push_str("};");
    for c in constants {
        out.push_str(&format!("\n#define {} {}", c.name, in_parentheses(c.value)));
    }
    out
}

/// Gives a struct the name of its type as a tag, so that C can declare it forward.
fn tagged(paragraph: &str) -> String {
    match paragraph.rsplit_once("\n} ").and_then(|(_, name)| name.strip_suffix(';')) {
        Some(name) => {
            // What is said of its alignment comes before the tag.
            let (before, rest) = paragraph.split_once(" {").unwrap_or((paragraph, ""));
            if before.contains("typedef struct") {
                format!("{before} {name} {{{rest}")
            } else {
                paragraph.to_string()
            }
        }
        None => paragraph.to_string(),
    }
}

/// A function in this header's form; None for anything else.
fn function(paragraph: &str) -> Option<String> {
    let lines: Vec<&str> = paragraph.lines().collect();
    let code = lines.iter().position(|line| !line.starts_with("//"))?;
    let (comment, code) = lines.split_at(code);
    if !code.last()?.ends_with(';')
        || !code.iter().any(|line| line.contains('('))
        || code[0].starts_with("typedef")
    {
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
