//! Functions, those that the compiler inlined, and lines: what the debug information says of addresses.
//!
//! Nothing is kept. For all addresses at once, the units that they are in are read from beginning to end: first
//! the tree of functions, then the line program. What costs time is kept elsewhere: the answers.
//!
//! A damaged file has an end too: each read is counted ([`Reader`]), and so is each byte that is copied.

use super::budget::Budget;
use super::image::Image;
use super::reader::Reader;
use gimli::{AttributeValue, DebugInfoOffset, DwAt, Dwarf, Range, Result, Section};
use gimli::{Unit, UnitHeader, UnitOffset, UnitRef};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// One frame of the source: what was inlined into a function has a frame of its own.
pub struct Frame {
    /// As the linker knows it.
    pub name: Option<Vec<u8>>,
    pub line: Option<(PathBuf, u64)>,
}

/// How often a name may be said to stand elsewhere.
const MOST_REFERENCES: usize = 16;

/// How many functions there are around an address: what is inlined deeper is left out.
const MOST_CALLS: usize = 64;

/// No path is longer, on any system here.
const LONGEST_PATH: usize = 4096;

/// The head of a unit, with its abbreviations and the list of its files, is read in so many steps, or makes no
/// sense: gimli keeps it in memory, some 32 bytes for each step.
const MOST_IN_HEAD: u64 = 1 << 19;

/// How much memory there must be for a head: gimli has no way back.
const HEAD_MEMORY: usize = 32 << 20;

/// One address that is looked for, in one unit.
struct Probe {
    address: u64,
    /// Its place in the list of all.
    place: usize,
    /// The functions around it, the outermost first.
    calls: Vec<Call>,
    /// How deep in the tree that is: it is over with the first entry that is not below it.
    depth: isize,
    over: bool,
    line: Option<(PathBuf, u64)>,
}

/// A function, or one that was inlined.
struct Call {
    entry: UnitOffset,
    /// Where it was inlined: the number of the file, and the line.
    from: Option<(u64, u64)>,
}

/// The frames at each of the addresses, the innermost first; none where there is no information.
pub fn find(dwarf: &Dwarf<Reader>, addresses: &[u64]) -> Vec<Vec<Frame>> {
    let mut found: Vec<Vec<Frame>> = addresses.iter().map(|_| Vec::new()).collect();
    // First the units that an index says to be right; compilers leave it out for some, or all.
    for unit in indexed(dwarf, addresses) {
        if let Ok(header) = dwarf.debug_info.header_from_offset(unit) {
            let _ = look_into(dwarf, header, addresses, &mut found);
        }
    }
    let mut units = dwarf.units();
    while let (true, Ok(Some(header))) = (found.iter().any(Vec::is_empty), units.next()) {
        // A unit that makes no sense does not hide the others.
        let _ = look_into(dwarf, header, addresses, &mut found);
    }
    found
}

/// A unit with its head.
fn unit<'a>(dwarf: &Dwarf<Reader<'a>>, header: UnitHeader<Reader<'a>>) -> Result<Unit<Reader<'a>>> {
    let budget = dwarf.debug_info.reader().budget();
    if Image::filled(HEAD_MEMORY, &Budget::of(HEAD_MEMORY, 0), |_| true).is_none() {
        return Err(gimli::Error::MissingUnitDie);
    }
    budget.within(MOST_IN_HEAD, || dwarf.unit(header))
}

/// The units that have one of the addresses each, by the index.
fn indexed(dwarf: &Dwarf<Reader>, addresses: &[u64]) -> Vec<DebugInfoOffset> {
    let mut units = Vec::new();
    let mut headers = dwarf.debug_aranges.headers();
    while let Ok(Some(header)) = headers.next() {
        let mut entries = header.entries();
        while let Ok(Some(entry)) = entries.next() {
            let unit = header.debug_info_offset();
            let wanted = addresses.iter().any(|address| covers(entry.range(), *address));
            // A damaged index is not worth more than a look for each.
            if wanted && units.len() < addresses.len() && !units.contains(&unit) {
                units.push(unit);
                break;
            }
        }
    }
    units
}

/// Linkers leave what they have thrown away at address 0.
fn covers(range: Range, address: u64) -> bool {
    range.begin != 0 && (range.begin..range.end).contains(&address)
}

/// Looks for those addresses in a unit for which nothing was found so far.
fn look_into(
    dwarf: &Dwarf<Reader>,
    header: UnitHeader<Reader>,
    addresses: &[u64],
    found: &mut [Vec<Frame>],
) -> Result<()> {
    let unit = unit(dwarf, header)?;
    let unit = UnitRef::new(dwarf, &unit);
    let mut wanted: Vec<bool> = addresses.iter().map(|_| false).collect();
    let mut ranges = unit.unit_ranges()?;
    while let Some(range) = ranges.next()? {
        for (address, wanted) in addresses.iter().zip(&mut wanted) {
            *wanted |= covers(range, *address);
        }
    }
    let mut probes = Vec::new();
    for (place, (address, wanted)) in addresses.iter().zip(wanted).enumerate() {
        if wanted && found.get(place).is_some_and(Vec::is_empty) {
            probes.push(Probe {
                address: *address,
                place,
                calls: Vec::new(),
                depth: 0,
                over: false,
                line: None,
            });
        }
    }
    if probes.is_empty() {
        return Ok(());
    }
    // What one of the two says is good without the other.
    let _ = walk(unit, &mut probes);
    let _ = run_lines(unit, &mut probes);
    for probe in probes {
        if let Some(found) = found.get_mut(probe.place) {
            *found = frames(unit, probe);
        }
    }
    Ok(())
}

/// Walks the tree of a unit, and notes the functions around each address.
fn walk(unit: UnitRef<Reader>, probes: &mut [Probe]) -> Result<()> {
    let mut entries = unit.entries_raw(None)?;
    while !entries.is_empty() {
        let entry = entries.next_offset();
        let depth = entries.next_depth();
        let Some(abbreviation) = entries.read_abbreviation()? else { continue };
        for probe in &mut *probes {
            probe.over |= !probe.calls.is_empty() && depth <= probe.depth;
        }
        if probes.iter().all(|probe| probe.over) {
            return Ok(());
        }
        let inlined = abbreviation.tag() == gimli::DW_TAG_inlined_subroutine;
        let outermost = abbreviation.tag() == gimli::DW_TAG_subprogram;
        if !inlined && !outermost {
            entries.skip_attributes(abbreviation.attributes())?;
            continue;
        }
        let mut extent = Extent::default();
        let (mut file, mut line) = (None, None);
        for specification in abbreviation.attributes() {
            let attribute = entries.read_attribute(*specification)?;
            match attribute.name() {
                gimli::DW_AT_call_file => file = file_number(attribute.value()),
                gimli::DW_AT_call_line => line = attribute.udata_value(),
                name => extent.note(unit, name, attribute.value())?,
            }
        }
        for probe in &mut *probes {
            // A function is the first of its calls; what was inlined into it comes after.
            if !probe.over
                && probe.calls.is_empty() == outermost
                && probe.calls.len() < MOST_CALLS
                && extent.covers(unit, probe.address)?
            {
                probe.calls.push(Call { entry, from: file.zip(line) });
                probe.depth = if outermost { depth } else { probe.depth };
            }
        }
    }
    Ok(())
}

fn file_number(value: AttributeValue<Reader>) -> Option<u64> {
    match value {
        AttributeValue::FileIndex(number) => Some(number),
        value => value.udata_value(),
    }
}

/// Where the code of an entry is.
#[derive(Default)]
struct Extent<'a> {
    low: Option<u64>,
    high: Option<u64>,
    size: Option<u64>,
    ranges: Option<AttributeValue<Reader<'a>>>,
}

impl<'a> Extent<'a> {
    fn note(
        &mut self,
        unit: UnitRef<Reader<'a>>,
        name: DwAt,
        value: AttributeValue<Reader<'a>>,
    ) -> Result<()> {
        match name {
            gimli::DW_AT_low_pc => self.low = unit.attr_address(value)?,
            gimli::DW_AT_high_pc => match unit.attr_address(value)? {
                Some(high) => self.high = Some(high),
                None => self.size = value.udata_value(),
            },
            gimli::DW_AT_ranges => self.ranges = Some(value),
            _ => (),
        }
        Ok(())
    }

    fn covers(&self, unit: UnitRef<Reader<'a>>, address: u64) -> Result<bool> {
        if let Some(ranges) = &self.ranges {
            let Some(mut ranges) = unit.attr_ranges(*ranges)? else { return Ok(false) };
            while let Some(range) = ranges.next()? {
                if covers(range, address) {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        let Some(begin) = self.low else { return Ok(false) };
        let end = self.high.or(self.size.map(|size| begin.wrapping_add(size)));
        Ok(end.is_some_and(|end| covers(Range { begin, end }, address)))
    }
}

/// Runs the line program of a unit, and notes the line of each address.
fn run_lines(unit: UnitRef<Reader>, probes: &mut [Probe]) -> Result<()> {
    let Some(program) = unit.line_program.clone() else { return Ok(()) };
    let mut rows = program.rows();
    // The row before, as long as it belongs to the same sequence: it is good up to the next one's address.
    let mut last: Option<(u64, u64, u64)> = None;
    let mut ignored = false;
    let mut lines: Vec<Option<(u64, u64)>> = probes.iter().map(|_| None).collect();
    while let Some((_, row)) = rows.next_row()? {
        if let Some((begin, file, line)) = last {
            for (probe, found) in probes.iter().zip(&mut lines) {
                if found.is_none() && !ignored && (begin..row.address()).contains(&probe.address) {
                    *found = Some((file, line));
                }
            }
        } else {
            ignored = row.address() == 0;
        }
        let line = row.line().map_or(0, core::num::NonZero::get);
        last = (!row.end_sequence()).then_some((row.address(), row.file_index(), line));
    }
    for (probe, line) in probes.iter_mut().zip(lines) {
        probe.line = line.and_then(|(file, line)| Some((path(unit, file)?, line)));
    }
    Ok(())
}

/// The path of a file that the line program knows by a number.
fn path(unit: UnitRef<Reader>, number: u64) -> Option<PathBuf> {
    let header = unit.line_program.as_ref()?.header();
    let file = header.file(number)?;
    // Number 0 is the folder of the compilation.
    let folder = match file.directory_index() {
        0 => None,
        _ => Some(unit.attr_string(file.directory(header)?).ok()?),
    };
    let parts = [unit.comp_dir, folder, Some(unit.attr_string(file.path_name()).ok()?)];
    let parts = parts.map(|part| part.and_then(|part| part.bytes()));
    let length: usize = parts.iter().flatten().map(|part| part.len() + 1).sum();
    if length > LONGEST_PATH || !unit.dwarf.debug_info.reader().budget().take_bytes(length) {
        return None;
    }
    // An absolute part replaces what stands before it.
    Some(parts.iter().flatten().map(|part| OsStr::from_bytes(part)).collect())
}

/// The frames of an address from what was noted: each function's line is where the next inner one was called.
fn frames(unit: UnitRef<Reader>, probe: Probe) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut line = probe.line;
    for call in probe.calls.iter().rev() {
        frames.push(Frame { name: name_at(unit, call.entry, MOST_REFERENCES), line });
        line = call.from.and_then(|(file, line)| Some((path(unit, file)?, line)));
    }
    if frames.is_empty() && line.is_some() {
        frames.push(Frame { name: None, line });
    }
    frames
}

/// The name of a function: its own, or that of the entry that it refers to.
fn name_at(unit: UnitRef<Reader>, entry: UnitOffset, references: usize) -> Option<Vec<u8>> {
    let mut entries = unit.entries_raw(Some(entry)).ok()?;
    let abbreviation = entries.read_abbreviation().ok()??;
    let (mut name, mut elsewhere) = (None, None);
    for specification in abbreviation.attributes() {
        let attribute = entries.read_attribute(*specification).ok()?;
        match attribute.name() {
            gimli::DW_AT_linkage_name | gimli::DW_AT_MIPS_linkage_name => {
                return unit.attr_string(attribute.value()).ok()?.copy();
            }
            gimli::DW_AT_name => name = unit.attr_string(attribute.value()).ok(),
            gimli::DW_AT_abstract_origin | gimli::DW_AT_specification => elsewhere = Some(attribute.value()),
            _ => (),
        }
    }
    // The other entry may know more: the name as the linker has it.
    let there = elsewhere.filter(|_| references > 0).and_then(|there| match there {
        AttributeValue::UnitRef(entry) => name_at(unit, entry, references - 1),
        AttributeValue::DebugInfoRef(offset) => name_in(unit.dwarf, offset, references - 1),
        AttributeValue::DebugInfoRefSup(offset) => name_in(unit.dwarf.sup()?, offset, references - 1),
        _ => None,
    });
    there.or_else(|| name?.copy())
}

/// The same, of an entry in another unit.
fn name_in(dwarf: &Dwarf<Reader>, offset: DebugInfoOffset, references: usize) -> Option<Vec<u8>> {
    let mut units = dwarf.units();
    while let Ok(Some(header)) = units.next() {
        if let Some(entry) = offset.to_unit_offset(&header) {
            let unit = unit(dwarf, header).ok()?;
            return name_at(UnitRef::new(dwarf, &unit), entry, references);
        }
    }
    None
}
