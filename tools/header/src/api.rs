//! The interface as data, read from the sections of the finished header: what stands there is all that
//! is known. A function's comment names each of its own statuses that these rules do not give:
//!
//! - `LT_OK`, always; `LT_BAD_HANDLE` for who takes a handle;
//! - `LT_INVALID` and `LT_OVERFLOW` for who takes seconds, `LT_TIMED_OUT` for who does so to wait;
//! - `LT_INTERRUPTED` for who blocks, unless the comment speaks of no interrupt;
//! - "The same" as the first words: what the function before, or the one that is named, returns; so do those whose
//!   first word is a function's name, and "as lt_f() does"; "errors as of lt_f()": those of that one too;
//! - what the form without a bound returns, for lt_X_try_verb() and lt_X_verb_timeout().
//!
//! What others get stands behind "get", "gets", "return", "the" or "their": "puts return LT_CLOSED". A
//! function blocks if its comment says so; "Never blocks" is a promise. "never LT_X" takes one of the others away.
//!
//! A callback may call all functions. What one must know there: those that block hold up the thread that calls back,
//! "in a callback" in a comment says that it is refused, and those without an end end the callback.

use serde::Serialize;
use std::collections::BTreeMap;
use std::error::Error;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[derive(Default, Serialize)]
pub struct Api {
    pub version: String,
    pub constants: Vec<Constant>,
    pub types: Vec<Type>,
    pub functions: Vec<Function>,
    /// What C alone has: no declaration can say it.
    pub only_in_the_header: Vec<String>,
    /// What the comments do not say, and should.
    #[serde(skip)]
    pub complaints: Vec<String>,
}

#[derive(Serialize)]
pub struct Constant {
    pub name: String,
    pub value: f64,
    /// status, enumerator, seconds
    pub kind: &'static str,
    pub about: String,
}

#[derive(Serialize)]
pub struct Type {
    pub name: String,
    /// handle, callback, struct, number
    pub kind: &'static str,
    pub section: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub c: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returns: Option<String>,
    /// Of a callback.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// Of a struct.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
    pub about: String,
    #[serde(skip)]
    pub declaration: String,
}

#[derive(Serialize)]
pub struct Member {
    pub name: String,
    #[serde(rename = "type")]
    pub of: String,
    pub about: String,
}

#[derive(Serialize)]
pub struct Function {
    pub name: String,
    pub section: String,
    pub returns: String,
    pub parameters: Vec<Parameter>,
    /// Empty if what it returns is no status, or that of another call.
    pub statuses: Vec<String>,
    /// yes; no; never: promised, and it waits for no other thread inside either
    pub blocks: &'static str,
    pub interruptible: bool,
    pub async_signal_safe: bool,
    /// In a callback of the library's: yes; blocks, and holds up its thread; ends it; refused
    pub in_callback: &'static str,
    /// It has no end for who calls it.
    pub returns_never: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub python: Vec<String>,
    /// The function that "the same" in its comment is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub like: Option<String>,
    pub about: String,
    #[serde(skip)]
    pub declaration: String,
}

#[derive(Clone, Serialize)]
pub struct Parameter {
    pub name: String,
    #[serde(rename = "type")]
    pub of: String,
    /// handle, handles, seconds, callback, argument, item, items, results, out, struct, structs, text, buffer,
    /// bytes, ident, signal, size, flag, number
    pub role: &'static str,
    /// The type of the handle (any), the callback or the struct, or what is written to where an `out` points.
    #[serde(rename = "of", skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// NULL may be given.
    pub optional: bool,
}

impl Api {
    /// Adds a section: its title, and its paragraphs as the header has them.
    pub fn add(&mut self, title: &str, text: &str) -> Outcome<()> {
        for paragraph in text.split("\n\n") {
            let lines: Vec<&str> = paragraph.lines().collect();
            let code = lines.iter().position(|line| !line.starts_with("//")).unwrap_or(lines.len());
            let (comment, code) = lines.split_at(code);
            let about = prose(comment);
            match code.first() {
                None => return Err(format!("a comment on nothing: {about}").into()),
                Some(first) if first.starts_with("enum {") || first.starts_with("#define") => {
                    self.constants.extend(code.iter().filter_map(|line| constant(title, line)));
                }
                Some(first) if first.starts_with("typedef") => self.types.push(type_of(title, code, about)?),
                Some(_) => {
                    let function = self.function(title, &code.join(" "), about)?;
                    self.functions.push(function);
                }
            }
        }
        Ok(())
    }

    fn function(&mut self, section: &str, code: &str, about: String) -> Outcome<Function> {
        let declaration = one_space(&code.replace("LT_NODISCARD ", "").replace("LT_NORETURN ", ""));
        let open = declaration.find('(').ok_or_else(|| format!("no function: {declaration}"))?;
        let (returns, name) = name_last(&declaration[..open]);
        let parameters = self.parameters(&declaration[open..], &about)?;
        let mut function = Function {
            name,
            section: section.into(),
            returns,
            parameters,
            statuses: Vec::new(),
            blocks: "no",
            interruptible: false,
            async_signal_safe: about.to_lowercase().contains("async-signal-safe"),
            in_callback: "yes",
            returns_never: code.contains("LT_NORETURN"),
            python: Vec::new(),
            like: None,
            about,
            declaration,
        };
        // What one form of a wait refuses, all do.
        if let Some(other) = self.named(&without_bound(&function.name)) {
            for parameter in &mut function.parameters {
                let same = other.parameters.iter().find(|p| p.name == parameter.name);
                parameter.optional = same.map_or(parameter.optional, |same| same.optional);
            }
        }
        let base = self.base(&function)?;
        function.like = base.map(|base| base.name.clone());
        function.blocks = blocks(&function, base);
        function.interruptible = function.blocks == "yes" && !has(&function.about, NOT_INTERRUPTED);
        function.in_callback = match (function.returns_never, function.blocks) {
            (true, _) => "ends",
            _ if has(&function.about, &["in a callback"]) => "refused",
            (_, "yes") => "blocks",
            _ => "yes",
        };
        // An ignored status is warned of only where it is the call's own.
        if code.contains("LT_NODISCARD") && function.returns == "lt_status" {
            function.statuses = self.statuses(&function, base);
            if function.statuses.len() < 2 && !has(&function.about, &["LT_OK, always"]) {
                self.complaints.push(format!("{}: its comment names no status but LT_OK", function.name));
            }
        }
        // A wait's name says the same as its comment.
        let told = (function.name.contains("_try_"), function.name.ends_with("_timeout"), function.blocks);
        if matches!(told, (true, _, "yes") | (_, true, "no" | "never")) {
            self.complaints.push(format!("{}: blocks: {}, says its comment", function.name, function.blocks));
        }
        Ok(function)
    }

    /// The function that this one is the same as, but for what its comment says.
    fn base(&self, function: &Function) -> Outcome<Option<&Function>> {
        let about = &function.about;
        let first = about.split(['.', ';', ':']).next().unwrap_or("");
        let same = about.starts_with("The same") || about.starts_with("lt_") || first.contains("() does");
        match words(first).find(|word| word.starts_with("lt_")).filter(|_| same) {
            Some(name) => {
                let found = self.named(name);
                Ok(Some(found.ok_or_else(|| format!("{}: the same as what? {name}", function.name))?))
            }
            None if same => Ok(self.functions.last()),
            None => Ok(None),
        }
    }

    fn named(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|f| f.name == name)
    }

    fn statuses(&self, function: &Function, base: Option<&Function>) -> Vec<String> {
        let mut of = Vec::from(["LT_OK".to_string()]);
        let errors_of = function.about.split_once("rrors as of ").and_then(|(_, rest)| words(rest).next());
        for other in
            [base, self.named(&without_bound(&function.name)), errors_of.and_then(|name| self.named(name))]
                .into_iter()
                .flatten()
        {
            of.extend(other.statuses.clone());
        }
        if function.parameters.iter().any(|p| p.role.starts_with("handle")) {
            of.push("LT_BAD_HANDLE".into());
        }
        if function.parameters.iter().any(|p| p.role == "seconds") {
            of.extend(["LT_INVALID", "LT_OVERFLOW"].map(String::from));
            if has(&function.about, &["at most this many seconds"]) {
                of.push("LT_TIMED_OUT".into());
            }
        }
        of.push("LT_INTERRUPTED".into());
        of.extend(own_mentions(&function.about));
        if !function.interruptible && !own_mentions(&function.about).any(|s| s == "LT_INTERRUPTED") {
            of.retain(|status| status != "LT_INTERRUPTED");
        }
        let never = function.about.split_once("never LT_").and_then(|(_, rest)| words(rest).next());
        of.retain(|status| status.strip_prefix("LT_") != never);
        // In the order of the table of statuses.
        let all = self.constants.iter().filter(|c| c.kind == "status");
        all.map(|c| c.name.clone()).filter(|name| of.contains(name)).collect()
    }

    fn parameters(&self, list: &str, about: &str) -> Outcome<Vec<Parameter>> {
        let inside = list.trim_end_matches(';').strip_prefix('(').and_then(|l| l.strip_suffix(')'));
        let inside = inside.ok_or_else(|| format!("no parameters: {list}"))?;
        if inside == "void" {
            return Ok(Vec::new());
        }
        inside.split(", ").map(|declared| self.parameter(declared, about)).collect()
    }

    fn parameter(&self, declared: &str, about: &str) -> Outcome<Parameter> {
        let (of, name) = name_last(declared);
        let kind_of = |name: &str| self.types.iter().find(|t| t.name == name).map(|t| t.kind);
        let inner =
            of.trim_start_matches("const ").trim_end_matches(['*', ' ']).trim_end_matches("*const").trim();
        let inner = inner.trim_end_matches([' ', '*']).to_string();
        let pointers = of.matches('*').count();
        let constant = of.starts_with("const ");
        let (role, what) = match (inner.as_str(), kind_of(&inner), pointers) {
            (_, Some("handle"), 1) => ("handle", Some(inner)),
            (_, Some("handle"), 2) if of.contains("*const *") => ("handles", Some(inner)),
            (_, Some("callback"), 0) => ("callback", Some(inner)),
            (_, Some("struct"), 1) if name == "array" || name == "cases" => ("structs", Some(inner)),
            (_, Some("struct"), 1) => ("struct", Some(inner)),
            ("void", _, 1) if constant && name == "handle" => ("handle", Some("any".into())),
            ("double", _, 0) => ("seconds", None),
            ("bool", _, 0) => ("flag", None),
            ("void", _, 1) if constant => ("bytes", None),
            ("void", _, 1) if name == "item" || name == "value" => ("item", None),
            ("void", _, 1) => ("argument", None),
            ("void", _, 2) if of.contains("*const *") => ("items", None),
            ("void", _, 2) if name == "results" || name == "items" => ("results", None),
            ("char", _, 1) if constant => ("text", None),
            ("char", _, 1) => ("buffer", None),
            ("lt_ident", _, 0) => ("ident", None),
            ("int", _, 0) if name == "signum" => ("signal", None),
            ("size_t", _, 0) => ("size", None),
            (_, _, 0) => ("number", None),
            _ => ("out", Some(of.strip_suffix('*').unwrap_or(&of).trim().to_string())),
        };
        // Out-parameters may be NULL, unless the comment says that they must not be.
        let refused = has(about, &[&format!("LT_INVALID if `{name}` is NULL")]);
        let optional = match role {
            "out" => !refused,
            "results" => !refused && name == "results",
            "argument" => true,
            "item" => true,
            "handle" => has(about, &["NULL is LT_OK", &format!("`{name}`; NULL")]),
            "callback" | "struct" | "structs" | "text" => has(
                about,
                &[
                    &format!("`{name}` may be NULL"),
                    &format!("`{name}`, which may be NULL"),
                    &format!("{name}(arg), which may be NULL"),
                    &format!("A NULL {name} is"),
                    "NULL restores",
                    "NULL for",
                    "NULL or",
                ],
            ),
            _ => false,
        };
        Ok(Parameter { name, of, role, what, optional })
    }

    pub fn add_number(&mut self, name: &str, number: &str) -> Outcome<()> {
        let about = "Of the header.".to_string();
        self.constants.push(Constant {
            name: name.into(),
            value: number.parse()?,
            kind: "enumerator",
            about,
        });
        Ok(())
    }

    /// The names that Python has for the functions, from the tables of docs/python-to-lt.md.
    pub fn add_python(&mut self, document: &str) {
        let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in document.lines() {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, python, ours, ..] = cells.as_slice() else { continue };
            let mut first = String::new();
            let mut ours_named = Vec::new();
            for code in spans(ours) {
                let name: String =
                    code.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                // "`lt_rlock_acquire`, `_try_acquire`"
                let name = if name.starts_with('_') { format!("{first}{name}") } else { name };
                first = if first.is_empty() {
                    name.splitn(3, '_').take(2).collect::<Vec<_>>().join("_")
                } else {
                    first
                };
                ours_named.push(name);
            }
            let theirs: Vec<String> = spans(python).map(String::from).collect();
            // One for each, or all for all.
            let each = ours_named.len() == theirs.len();
            for (i, name) in ours_named.into_iter().enumerate().filter(|(_, name)| name.starts_with("lt_")) {
                let of = if each { theirs.get(i..=i) } else { theirs.get(..) };
                names.entry(name).or_default().extend_from_slice(of.unwrap_or(&[]));
            }
        }
        for function in &mut self.functions {
            function.python = names.remove(&function.name).unwrap_or_default();
        }
    }
}

/// The form of a wait that has no bound.
fn without_bound(name: &str) -> String {
    name.strip_suffix("_timeout").map_or_else(|| name.replace("try_", ""), String::from)
}

/// How comments say that a function blocks, and that an interrupt does not end it.
const BLOCKS: &[&str] = &[
    "locks until",
    "locks while",
    "locks for",
    "Waits ",
    "waits for at most",
    "at most this many",
    "Sleeps for",
    "spins",
];
const NOT_INTERRUPTED: &[&str] = &["Not interrupted", "no interrupt", "leaves an interrupt pending"];

fn blocks(function: &Function, base: Option<&Function>) -> &'static str {
    if has(&function.about, &["ever blocks"]) {
        "never"
    } else if has(&function.about, BLOCKS) {
        "yes"
    } else {
        base.map_or("no", |base| base.blocks)
    }
}

/// The statuses in a comment that are the function's own.
fn own_mentions(about: &str) -> impl Iterator<Item = String> {
    let words: Vec<&str> = about.split_whitespace().collect();
    let own = words.iter().enumerate().filter(|(i, _)| {
        let before = i.checked_sub(1).and_then(|i| words.get(i));
        !matches!(before, Some(&("get" | "gets" | "return" | "the" | "their")))
    });
    own.map(|(_, word)| word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_').to_string())
        .collect::<Vec<_>>()
        .into_iter()
}

fn has(text: &str, any: &[impl AsRef<str>]) -> bool {
    any.iter().any(|phrase| text.contains(phrase.as_ref()))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn one_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// "const char *name" as the type and the name.
fn name_last(declared: &str) -> (String, String) {
    let at = declared.rfind(['*', ' ']).map_or(0, |i| i + 1);
    let (of, name) = declared.split_at(at);
    (of.trim().to_string(), name.trim().to_string())
}

/// A comment as one text; an empty line in it begins a paragraph.
fn prose(comment: &[&str]) -> String {
    let lines = comment.iter().map(|line| line.trim_start_matches("//").trim());
    let text =
        lines.map(|line| if line.is_empty() { "\n".into() } else { format!("{line} ") }).collect::<String>();
    text.replace(" \n", "\n").trim().to_string()
}

/// "    NAME = 1, // About it." or "#define NAME (1.0) // About it."; not the macros behind enumerators.
fn constant(section: &str, line: &str) -> Option<Constant> {
    let (code, about) = line.split_once("//")?;
    let (name, text) = match code.trim().strip_prefix("#define ") {
        Some(code) => code.trim().split_once(' ')?,
        None => code.trim().split_once('=')?,
    };
    let value: f64 = text.trim().trim_matches([',', '(', ')']).parse().ok()?;
    let kind = match section {
        _ if text.contains('.') => "seconds",
        "Statuses and the last error" => "status",
        _ => "enumerator",
    };
    Some(Constant { name: name.trim().into(), value, kind, about: about.trim().into() })
}

fn type_of(section: &str, code: &[&str], about: String) -> Outcome<Type> {
    let declaration = code.join("\n");
    let text = one_space(&declaration);
    let inside = text.strip_prefix("typedef ").and_then(|t| t.strip_suffix(';')).ok_or("no typedef")?;
    let mut made = Type {
        name: name_last(inside).1,
        kind: "number",
        section: section.into(),
        c: None,
        returns: None,
        parameters: Vec::new(),
        members: Vec::new(),
        about,
        declaration,
    };
    if inside.contains('{') {
        made.kind = "struct";
        let mut about = Vec::new();
        for line in code {
            if line.trim().starts_with("//") {
                about.push(line.trim());
            } else if let Some(member) = line.strip_prefix("    ").and_then(|line| line.strip_suffix(';')) {
                let (of, name) = name_last(member);
                made.members.push(Member { name, of, about: prose(&about) });
                about.clear();
            }
        }
    } else if inside.starts_with("struct ") {
        made.kind = "handle";
    } else if let Some((returns, rest)) = inside.split_once("(*") {
        made.kind = "callback";
        let (name, parameters) = rest.split_once(')').ok_or("no callback")?;
        made.name = name.into();
        made.returns = Some(returns.trim().into());
        made.c = Some(text.clone());
        made.parameters = Api::default().parameters(parameters, "")?;
    } else {
        made.c = Some(name_last(inside).0);
    }
    Ok(made)
}
