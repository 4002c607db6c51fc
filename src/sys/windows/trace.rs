//! What stands at addresses of code: the function, as the symbols in the module's file tell it, or as it is
//! exported; without those the module, and how far into it.
//!
//! MinGW leaves symbols in a file that is not stripped; Microsoft's linker writes them elsewhere.

use super::runtime::module;
use crate::base::unwind;
use crate::thread::demangle::{Demangler, is_machinery};
use core::ptr;
use object::read::pe::PeFile64;
use object::{Object, ObjectSymbol, SymbolKind};
use std::ffi::OsString;
use std::os::windows::ffi::OsStringExt;
use windows_sys::Win32::System::LibraryLoader::{GetModuleFileNameW, GetModuleHandleW};

/// Whether it tells files and lines.
pub const KNOWS_LINES: bool = false;

/// The modules that were looked into.
pub struct Known(Vec<Module>);

impl Known {
    pub const fn nothing() -> Known {
        Known(Vec::new())
    }

    fn module(&mut self, base: usize) -> Option<&Module> {
        if !self.0.iter().any(|module| module.base == base) {
            self.0.push(Module::read(base));
        }
        self.0.iter().find(|module| module.base == base)
    }
}

struct Module {
    base: usize,
    path: String,
    /// By where they begin, from the base.
    functions: Vec<(usize, Box<[u8]>)>,
}

impl Module {
    fn read(base: usize) -> Module {
        let path = path(base);
        let mut functions = Vec::new();
        if let Ok(data) = std::fs::read(&path) {
            if let Ok(file) = PeFile64::parse(&*data) {
                let start = file.relative_address_base();
                let mut add = |address: u64, name: &[u8]| {
                    functions.push((address.wrapping_sub(start) as usize, name.into()));
                };
                for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
                    add(symbol.address(), symbol.name_bytes().unwrap_or_default());
                }
                // Of a file that was stripped, what is exported.
                let stripped = file.symbols().next().is_none();
                for export in file.exports().unwrap_or_default().iter().filter(|_| stripped) {
                    add(export.address(), export.name());
                }
            }
        }
        functions.sort_by_key(|(address, _)| *address);
        Module { base, path: path.to_string_lossy().into_owned(), functions }
    }

    fn function(&self, address: usize) -> Option<&[u8]> {
        let after = self.functions.partition_point(|(start, _)| *start <= address);
        self.functions.get(after.checked_sub(1)?).map(|(_, name)| &**name)
    }
}

fn path(base: usize) -> OsString {
    let mut path = [0_u16; 1024];
    // SAFETY: a module, and a buffer of that length, which is filled up to what is returned.
    let length = unsafe {
        GetModuleFileNameW(ptr::with_exposed_provenance_mut(base), path.as_mut_ptr(), path.len() as u32)
    };
    OsString::from_wide(path.get(..length as usize).unwrap_or_default())
}

/// A line for each frame, innermost first: `  0x... in function`. Not the throwing, nor what lies between the user's
/// function and where this library called it.
pub fn text(addresses: &[usize], known: &mut Known) -> String {
    let foundation = addresses.iter().position(|address| unwind::is_foundation(*address));
    let addresses = foundation.and_then(|end| addresses.get(..end)).unwrap_or(addresses);
    let own = module(text as fn(&[usize], &mut Known) -> String as usize).filter(|own| *own != program());
    let is_own = |address: &usize| own.is_some() && module(*address) == own;
    let steps = match foundation {
        Some(_) => addresses.iter().rev().take_while(|address| is_own(address)).count(),
        None => 0,
    };
    let addresses = addresses.get(..addresses.len() - steps).unwrap_or_default();
    let demangler = Demangler::of(addresses);
    let mut lines = Vec::new();
    for address in addresses {
        // A return address lies behind the call, which may be the last thing in its function.
        let inside = address.saturating_sub(1);
        let function = match module(inside).and_then(|base| known.module(base)) {
            None => "?".into(),
            Some(module) => match module.function(inside - module.base) {
                Some(name) if is_machinery(name) => {
                    lines.clear();
                    continue;
                }
                Some(name) => demangler.readable(name),
                None => format!("{}+{:#x}", module.path, inside - module.base),
            },
        };
        lines.push(format!("  {address:#018x} in {function}\n"));
    }
    lines.concat()
}

/// Where the program begins.
fn program() -> usize {
    // SAFETY: asks for the program.
    unsafe { GetModuleHandleW(ptr::null()) }.addr()
}
