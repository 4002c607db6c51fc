//! The interface as declarations alone, for parsers that have no preprocessor: LuaJIT's ffi.cdef, cffi
//! and PHP's FFI::cdef take the text as it is. All three know anonymous enums of 32-bit integers, and no
//! constants of another kind.

use crate::api::{Api, Constant};
use std::fmt::Write;

/// What an enumerator can be.
fn is_small(constant: &&Constant) -> bool {
    constant.value.fract() == 0.0 && constant.value.abs() <= f64::from(i32::MAX)
}

pub fn write(api: &Api) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    let large = api.constants.iter().filter(|c| !is_small(c)).map(|c| &c.name);
    let others: Vec<&str> = api.only_in_the_header.iter().chain(large).map(String::as_str).collect();
    writeln!(out, "/* lowthread {}: declarations for FFIs that read no preprocessor.", api.version)?;
    writeln!(out, "   Generated as lowthread.h is, which says what each does, and alone has:")?;
    writeln!(out, "   {}.", others.join(", "))?;
    writeln!(out, "   An lt_once_flag is zeroed, at a multiple of 8. */\n")?;
    writeln!(out, "enum {{")?;
    let whole: Vec<_> = api.constants.iter().filter(is_small).collect();
    for (i, constant) in whole.iter().enumerate() {
        let comma = if i + 1 < whole.len() { "," } else { "" };
        writeln!(out, "    {} = {}{comma}", constant.name, constant.value)?;
    }
    writeln!(out, "}};\n")?;
    for made in &api.types {
        for line in made.declaration.lines().filter(|line| !line.trim().starts_with("//")) {
            writeln!(out, "{}", line.replace("LT_ALIGNED(8) ", ""))?;
        }
    }
    writeln!(out)?;
    for function in &api.functions {
        writeln!(out, "{}", function.declaration)?;
    }
    Ok(out)
}
