//! Which function and line of the source an address of code belongs to.
//!
//! Everything is read from files: what is loaded where from /proc ([`maps`]), the rest from the programs and
//! libraries themselves ([`elf`], [`dwarf`]). So nothing here waits for the dynamic loader, nothing has to be
//! known of it, and nothing is kept.
//!
//! Files can be anything: damaged, or replaced since they were loaded, or changed while they are read. What
//! they may cost has a bound ([`budget`]), and what makes no sense has no names.

mod budget;
#[cfg(test)]
mod damaged;
mod dwarf;
pub mod elf;
#[cfg(fuzzing)]
mod fuzzed;
pub mod image;
pub mod maps;
mod reader;

use budget::Budget;
use core::convert::Infallible;
pub use dwarf::Frame;
use elf::{Elf, Section};
use gimli::{DwarfSections, SectionId};
use image::Image;
use std::fs::File;
use std::path::{Path, PathBuf};

/// What a file says of some places in it.
pub struct Answer {
    /// The addresses that the file gives to them.
    pub addresses: Vec<Option<u64>>,
    /// For each the frames there, the innermost first; none if nothing is known.
    pub frames: Vec<Vec<Frame>>,
}

/// Looks up what stands at these offsets of a program or library, whose path this is.
pub fn find(file: File, path: &Path, offsets: &[u64]) -> Option<Answer> {
    find_within(&Budget::new(), file, path, offsets)
}

fn find_within(budget: &Budget, file: File, path: &Path, offsets: &[u64]) -> Option<Answer> {
    let own = Image::of(file, budget)?;
    let program = Elf::parse(&own)?;
    let addresses: Vec<Option<u64>> = offsets.iter().map(|offset| program.address(*offset)).collect();
    // 0 is no code, in no file.
    let wanted: Vec<u64> = addresses.iter().map(|address| address.unwrap_or(0)).collect();
    let debug_file = open_first(budget, program.debug_files(path), program.build_id());
    let debug = debug_file.as_ref().and_then(|(_, file)| Elf::parse(file));
    // What costs least is looked up first, for the case that not all may be had.
    let tables = [Some(&program), debug.as_ref()];
    let names: Vec<_> = tables.iter().flatten().map(|table| table.functions(&wanted)).collect();

    let debug_path = debug_file.as_ref().map_or(path, |(path, _)| path);
    let described = debug.as_ref().unwrap_or(&program);
    let shared_file =
        described.shared_debug_files(debug_path).and_then(|(paths, id)| open_first(budget, paths, Some(id)));
    let shared = shared_file.as_ref().and_then(|(_, file)| Elf::parse(file));
    let sections = sections(described);
    let shared = shared.as_ref().map(self::sections);
    let dwarf = match &shared {
        Some(shared) => sections.borrow_with_sup(shared, |section| section.reader(&own)),
        None => sections.borrow(|section| section.reader(&own)),
    };
    let mut frames = dwarf::find(&dwarf, &wanted);
    for names in names {
        for (frames, name) in frames.iter_mut().zip(names) {
            name_outermost(frames, name);
        }
    }
    Some(Answer { addresses, frames })
}

/// Where the debug information has no name for a function, the linker may have one; and where it has it as it
/// stands in the source, without namespace and parameters, as that of a static one, the linker knows more.
fn name_outermost(frames: &mut Vec<Frame>, name: Option<&[u8]>) {
    let Some(name) = name else { return };
    let is_mangled = |name: &[u8]| name.starts_with(b"_Z") || name.starts_with(b"_R");
    match frames.last_mut() {
        None => frames.push(Frame { name: Some(name.to_vec()), line: None }),
        Some(outermost) => {
            let known = outermost.name.as_deref();
            if known.is_none_or(|known| is_mangled(name) && !is_mangled(known)) {
                outermost.name = Some(name.to_vec());
            }
        }
    }
}

/// The first of these files that there is, and that has the build id.
fn open_first<'b>(
    budget: &'b Budget,
    paths: Vec<PathBuf>,
    build_id: Option<&[u8]>,
) -> Option<(PathBuf, Image<'b>)> {
    paths.into_iter().find_map(|path| {
        let (file, _) = image::open(&path)?;
        let file = Image::of(file, budget)?;
        let its_own = Elf::parse(&file)?.build_id();
        let right = its_own == build_id || its_own.is_none();
        right.then_some((path, file))
    })
}

/// Those sections that are read here.
fn sections<'a>(file: &Elf<'a>) -> DwarfSections<Section<'a>> {
    let load = |section: SectionId| {
        let needed = matches!(
            section,
            SectionId::DebugAbbrev
                | SectionId::DebugAddr
                | SectionId::DebugAranges
                | SectionId::DebugInfo
                | SectionId::DebugLine
                | SectionId::DebugLineStr
                | SectionId::DebugRanges
                | SectionId::DebugRngLists
                | SectionId::DebugStr
                | SectionId::DebugStrOffsets
        );
        Ok::<_, Infallible>(if needed { file.section(section.name()) } else { Section::Nowhere })
    };
    let Ok(sections) = DwarfSections::load(load);
    sections
}
