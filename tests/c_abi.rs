//! The header is what C and C++ compilers accept without a word, and a C program that is linked with
//! the shared library runs. So `cargo test` alone proves the C ABI; c-tests/ has the details.

#![cfg(unix)]

use std::error::Error;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

type Outcome = Result<(), Box<dyn Error>>;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");
const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

#[derive(Clone, Copy)]
enum Language {
    C,
    Cpp,
}

/// The compiler that a build script would use; None if this machine has none for the language.
fn compiler(language: Language) -> Result<Option<Command>, Box<dyn Error>> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let about = String::from_utf8(Command::new(rustc).arg("-vV").output()?.stdout)?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc names no host")?;
    let tool = cc::Build::new()
        .target(host)
        .host(host)
        .opt_level(0)
        .cargo_metadata(false)
        .cpp(matches!(language, Language::Cpp))
        .try_get_compiler()?;
    match tool.to_command().arg("--version").output() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(Some(tool.to_command())),
    }
}

/// Runs a command that has to succeed; what it says is in the error.
fn run(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let output = command.output()?;
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        Ok(said)
    } else {
        Err(format!("{command:?}: {}\n{said}", output.status).into())
    }
}

/// A header, alone in a file and included twice, in each of these standards.
fn compiles(header: &str, language: Language, standards: &[&str]) -> Outcome {
    let (extension, of) = match language {
        Language::C => ("c", "C"),
        Language::Cpp => ("cpp", "C++"),
    };
    let include = Path::new(ROOT).join("include");
    if !include.join(header).exists() {
        println!("skipped: there is no {header}");
        return Ok(());
    }
    for times in [1, 2] {
        let source = Path::new(SCRATCH).join(format!("{header}.{times}.{extension}"));
        fs::write(&source, format!("#include <{header}>\n").repeat(times))?;
        for standard in standards {
            let Some(mut command) = compiler(language)? else {
                println!("skipped: there is no {of} compiler");
                return Ok(());
            };
            command.arg(format!("-std={standard}")).args(WARNINGS).arg("-I").arg(&include);
            run(command.arg("-fsyntax-only").arg(&source))?;
        }
    }
    Ok(())
}

/// The integer constants that the preprocessor knows, with their values.
fn macros() -> Result<Vec<(String, i64)>, Box<dyn Error>> {
    let header = fs::read_to_string(Path::new(ROOT).join("include/lowthread.h"))?;
    let constant = |line: &str| {
        let (name, value) = line.strip_prefix("#define ")?.split_once(' ')?;
        let value = value.split("//").next()?.trim().trim_matches(['(', ')']).parse().ok()?;
        Some((name.to_string(), value))
    };
    // LT_HAS_X has a value for each platform, and only #if asks for it.
    let is_constant = |(name, _): &(String, i64)| !name.starts_with("LT_HAS_");
    Ok(header.lines().filter_map(constant).filter(is_constant).collect())
}

/// What is left of the header without its macros: what a reader of declarations sees.
fn declarations() -> Result<Option<String>, Box<dyn Error>> {
    let Some(mut command) = compiler(Language::C)? else { return Ok(None) };
    command.args(["-E", "-P", "-I"]).arg(Path::new(ROOT).join("include"));
    Ok(Some(run(command.arg(Path::new(ROOT).join("include/lowthread.h")))?))
}

/// The enumerators in there, with their values.
fn enumerators(declarations: &str) -> Vec<(String, i64)> {
    let constant = |enumerator: &str| {
        let (name, value) = enumerator.split_once('=')?;
        let name = name.trim().strip_prefix("LT_")?;
        Some((format!("LT_{name}"), value.trim().parse().ok()?))
    };
    let bodies = declarations.split("enum {").skip(1).filter_map(|rest| rest.split('}').next());
    bodies.flat_map(|body| body.split(',')).filter_map(constant).collect()
}

#[test]
fn every_integer_constant_is_an_enumerator_and_a_macro() -> Outcome {
    let Some(declarations) = declarations()? else {
        println!("skipped: there is no C compiler");
        return Ok(());
    };
    let macros = macros()?;
    assert!(macros.contains(&("LT_UNSUPPORTED".into(), -9)) && macros.contains(&("LT_ALL".into(), 0)));
    assert_eq!(enumerators(&declarations), macros);
    Ok(())
}

#[test]
fn constants_are_known_to_the_preprocessor_and_to_both_languages() -> Outcome {
    let mut source = String::from("#include <lowthread.h>\nint name(lt_status);\n");
    for (name, value) in macros()? {
        source += &format!("#if !defined {name} || {name} != {value}\n#error {name}\n#endif\n");
        source += &format!("typedef char is_{name}[{name} == {value} ? 1 : -1];\n");
    }
    source += "int name(lt_status status) {\n    switch (status) {\n";
    for (name, value) in macros()?.iter().take(19) {
        source += &format!("    case {name}: return {value};\n");
    }
    source += "    default: return LT_FULL + 1;\n    }\n}\n";
    for (language, extension, standard) in [(Language::C, "c", "c11"), (Language::Cpp, "cpp", "c++17")] {
        let file = Path::new(SCRATCH).join(format!("constants.{extension}"));
        fs::write(&file, &source)?;
        let Some(mut command) = compiler(language)? else {
            println!("skipped: there is no compiler for {extension}");
            continue;
        };
        command.arg(format!("-std={standard}")).args(WARNINGS).arg("-fsyntax-only");
        run(command.arg("-I").arg(Path::new(ROOT).join("include")).arg(&file))?;
    }
    Ok(())
}

/// The shared library, with the features of this test. Cargo links no test with it, so it has not built it either.
fn shared_library() -> Result<PathBuf, Box<dyn Error>> {
    let target = Path::new(SCRATCH).parent().ok_or("Cargo's scratch folder is in none")?;
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--locked", "--lib", "--manifest-path"]);
    build.arg(Path::new(ROOT).join("Cargo.toml")).arg("--target-dir").arg(target);
    if cfg!(feature = "parking-wait") {
        build.args(["--features", "parking-wait"]);
    }
    run(&mut build)?;
    let file = format!("{}lowthread{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    Ok(target.join("debug").join(file))
}

#[test]
fn the_header_is_pedantic_c() -> Outcome {
    compiles("lowthread.h", Language::C, &["c99", "c11", "c17"])
}

#[test]
fn the_header_is_pedantic_cpp() -> Outcome {
    compiles("lowthread.h", Language::Cpp, &["c++11", "c++17", "c++20"])
}

#[test]
fn the_cpp_header_is_pedantic_cpp() -> Outcome {
    compiles("lowthread.hpp", Language::Cpp, &["c++17", "c++20"])
}

#[test]
fn a_c_program_runs_with_the_shared_library() -> Outcome {
    let folder = Path::new(SCRATCH).join("c_program");
    fs::create_dir_all(&folder)?;
    let library = shared_library()?;
    let name = library.file_name().ok_or("a library without a name")?;
    let mut soname = name.to_os_string();
    soname.push(concat!(".", env!("CARGO_PKG_VERSION_MAJOR")));
    for copy in [folder.join(name), folder.join(soname)] {
        // Gone first: a program that still runs may have the old one mapped.
        match fs::remove_file(&copy) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => fs::copy(&library, &copy)?,
        };
    }

    let program = folder.join("program");
    let mut command = compiler(Language::C)?.ok_or("there is no C compiler")?;
    command.arg("-std=c11").args(WARNINGS).arg("-I").arg(Path::new(ROOT).join("include"));
    command.arg(Path::new(ROOT).join("c-tests/package/consumer/main.c")).arg("-L").arg(&folder);
    run(command.arg("-llowthread").arg("-o").arg(&program))?;

    let path = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
    let said = run(Command::new(&program).env(path, &folder))?;
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(said, format!("header {version}, library {version}\n"));
    Ok(())
}
