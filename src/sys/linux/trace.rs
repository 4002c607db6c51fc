//! Names, files and lines for addresses of code, from what programs and libraries say of themselves.
//!
//! What was found out is kept: the lines of the frames, up to a [bound](MOST_KEPT) in all. Whatever
//! else was read is let go at once.

use super::symbols::maps::{Loaded, Maps, Place};
use super::symbols::{self, Frame, image};
use crate::base::unwind;
use crate::thread::demangle::{Demangler, is_machinery};
use core::fmt::Write;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Whether it tells files and lines.
pub const KNOWS_LINES: bool = true;

/// How many bytes of lines are kept.
const MOST_KEPT: usize = 1024 * 1024;

/// The program itself, whatever stands at its path by now.
const PROGRAM: &str = "/proc/self/exe";

/// A line for each frame, innermost first: `  0x... in function at file:line`.
pub fn text(addresses: &[usize], known: &mut Known) -> String {
    Trace::of(addresses, known).text()
}

/// One line of a trace, without the address.
#[derive(Clone)]
struct Line {
    text: String,
    machinery: bool,
    /// A function of this library.
    own: bool,
}

/// Lines by file and place.
pub struct Known {
    /// Sorted.
    lines: Vec<((Identity, u64), Vec<Line>)>,
    /// How many bytes they take.
    size: usize,
}

/// What tells a file from every other, and from what stood in it before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    device: u64,
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

impl Identity {
    fn of(status: &Metadata) -> Identity {
        Identity {
            device: status.dev(),
            inode: status.ino(),
            length: status.len(),
            changed: (status.mtime(), status.mtime_nsec()),
        }
    }
}

impl Known {
    pub const fn nothing() -> Known {
        Known { lines: Vec::new(), size: 0 }
    }

    fn get(&self, file: Identity, offset: u64) -> Option<&[Line]> {
        let place = self.lines.binary_search_by_key(&(file, offset), |(place, _)| *place).ok()?;
        self.lines.get(place).map(|(_, lines)| lines.as_slice())
    }

    fn keep(&mut self, file: Identity, offset: u64, lines: &[Line]) {
        let size: usize = lines.iter().map(|line| size_of::<Line>() + line.text.len()).sum();
        let size = size + size_of::<((Identity, u64), Vec<Line>)>();
        if size > MOST_KEPT {
            return;
        }
        if self.size + size > MOST_KEPT {
            *self = Known::nothing();
        }
        if let Err(place) = self.lines.binary_search_by_key(&(file, offset), |(place, _)| *place) {
            self.lines.insert(place, ((file, offset), lines.to_vec()));
            self.size += size;
        }
    }
}

/// A trace in the making: for each address its lines.
struct Trace<'a> {
    addresses: &'a [usize],
    lines: Vec<Vec<Line>>,
    /// Whether it ends where a function of the user's was called by this library.
    founded: bool,
}

impl<'a> Trace<'a> {
    fn of(addresses: &'a [usize], known: &mut Known) -> Trace<'a> {
        let foundation = addresses.iter().position(|address| unwind::is_foundation(*address));
        let addresses = foundation.and_then(|end| addresses.get(..end)).unwrap_or(addresses);
        // A return address lies behind the call, which may be the last thing in its function.
        let mut calls: Vec<usize> = addresses.iter().map(|address| address.saturating_sub(1)).collect();
        // The last is this library's.
        calls.push(text as fn(&[usize], &mut Known) -> String as usize);
        let maps = Maps::read(&calls);
        let own_file = maps.places.last().copied().flatten().map(|place| place.file);
        let lines = addresses.iter().map(|_| Vec::new()).collect();
        let mut trace = Trace { addresses, lines, founded: foundation.is_some() };
        let demangler = Demangler::of(&maps.runtimes);
        for (number, loaded) in maps.files.iter().enumerate() {
            let source = Source { loaded, own: own_file == Some(number), demangler: &demangler };
            trace.add(number, &source, &maps.places, known);
        }
        for lines in &mut trace.lines {
            if lines.is_empty() {
                lines.push(Line { text: "?".into(), machinery: false, own: false });
            }
        }
        trace
    }

    /// Fills in the lines of those frames that are in this file.
    fn add(&mut self, number: usize, source: &Source, places: &[Option<Place>], known: &mut Known) {
        let offset_of =
            |place: &Option<Place>| place.filter(|place| place.file == number).map(|place| place.offset);
        let offsets = || places.iter().take(self.addresses.len()).filter_map(offset_of);
        let (opened, file) = source.open().unzip();
        let is_known = |offset: &u64| file.is_some_and(|file| known.get(file, *offset).is_some());
        let mut new: Vec<u64> = offsets().filter(|offset| !is_known(offset)).collect();
        new.sort_unstable();
        new.dedup();
        let found = if new.is_empty() { Vec::new() } else { source.look_up(opened, &new) };
        let fresh = |offset| Some(found.get(new.binary_search(&offset).ok()?)?.as_slice());
        for (place, lines) in places.iter().zip(&mut self.lines) {
            if let Some(offset) = offset_of(place) {
                let old = file.and_then(|file| known.get(file, offset));
                *lines = old.or_else(|| fresh(offset)).unwrap_or_default().to_vec();
            }
        }
        for (offset, lines) in new.iter().zip(&found) {
            if let Some(file) = file {
                known.keep(file, *offset, lines);
            }
        }
    }

    /// What there is to be shown: not the throwing, nor what lies between the user's function and the foundation.
    fn text(&self) -> String {
        let frames = self.addresses.iter().zip(&self.lines);
        let all: Vec<(&usize, &Line)> =
            frames.flat_map(|(address, lines)| lines.iter().map(move |line| (address, line))).collect();
        let first = all.iter().rposition(|(_, line)| line.machinery).map_or(0, |last| last + 1);
        let steps = match self.founded {
            true => all.iter().rev().take_while(|(_, line)| line.own).count(),
            false => 0,
        };
        let mut text = String::new();
        for (address, line) in all.iter().take(all.len().saturating_sub(steps)).skip(first) {
            let _ = writeln!(text, "  {address:#018x} in {}", line.text);
        }
        text
    }
}

/// A file that code is from.
struct Source<'a> {
    loaded: &'a Loaded,
    /// Whether this library's code is from it too.
    own: bool,
    demangler: &'a Demangler,
}

impl Source<'_> {
    /// The file, if it can still be reached: a program that was replaced on disk is there for itself.
    fn open(&self) -> Option<(File, Identity)> {
        [self.loaded.path.as_path(), Path::new(PROGRAM)].into_iter().find_map(|path| {
            let (file, status) = image::open(path)?;
            self.loaded.is(&file, &status).then(|| (file, Identity::of(&status)))
        })
    }

    /// The lines for each of these places in it.
    fn look_up(&self, file: Option<File>, offsets: &[u64]) -> Vec<Vec<Line>> {
        let answer = file.and_then(|file| symbols::find(file, &self.loaded.path, offsets));
        let mut answers =
            answer.into_iter().flat_map(|answer| answer.addresses.into_iter().zip(answer.frames));
        let lines = |offset: &u64| {
            let (address, frames) = answers.next().unwrap_or_default();
            if frames.is_empty() {
                return vec![self.nameless(address.unwrap_or(*offset))];
            }
            frames.iter().map(|frame| self.line(frame)).collect()
        };
        offsets.iter().map(lines).collect()
    }

    fn line(&self, frame: &Frame) -> Line {
        let raw = frame.name.as_deref().unwrap_or_default();
        let mut text = if raw.is_empty() { "?".into() } else { self.demangler.readable(raw) };
        let own = text.starts_with("lowthread::") || text.starts_with("<lowthread::");
        if let Some((file, number)) = frame.line.as_ref().filter(|(_, number)| *number != 0) {
            let _ = write!(text, " at {}:{number}", file.display());
        }
        Line { text, machinery: is_machinery(raw), own }
    }

    /// For an address without a symbol: the file that it was loaded from, and where in it.
    fn nameless(&self, address: u64) -> Line {
        let text = format!("{}+{address:#x}", self.loaded.path.display());
        // In a library of its own, stripped, what has no name is not exported.
        Line { text, machinery: false, own: self.own && !is_program(&self.loaded.path) }
    }
}

fn is_program(path: &Path) -> bool {
    std::fs::read_link(PROGRAM).is_ok_and(|program| program == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(inode: u64) -> Identity {
        Identity { device: 1, inode, length: 1, changed: (0, 0) }
    }

    fn lines(text: &str) -> Vec<Line> {
        vec![Line { text: text.into(), machinery: false, own: false }]
    }

    #[test]
    fn lines_are_found_again_by_file_and_place() {
        let mut known = Known::nothing();
        for (inode, offset) in [(2, 7), (1, 9), (1, 7), (2, 1)] {
            known.keep(identity(inode), offset, &lines(&format!("{inode} {offset}")));
        }
        assert_eq!(known.get(identity(1), 7).unwrap()[0].text, "1 7");
        assert_eq!(known.get(identity(2), 7).unwrap()[0].text, "2 7");
        assert!(known.get(identity(3), 7).is_none());
        // The same file after it was written to.
        assert!(known.get(Identity { changed: (0, 1), ..identity(1) }, 7).is_none());
    }

    #[test]
    fn no_more_is_kept_than_promised() {
        let mut known = Known::nothing();
        for offset in 0..5000 {
            known.keep(identity(1), offset, &lines(&"x".repeat(900)));
            assert!(known.size <= MOST_KEPT);
            assert!(known.get(identity(1), offset).is_some());
        }
        assert!(known.lines.len() > 500);
    }

    #[test]
    fn what_is_too_large_to_be_kept_is_not() {
        let mut known = Known::nothing();
        known.keep(identity(1), 1, &lines("small"));
        known.keep(identity(1), 2, &lines(&"x".repeat(MOST_KEPT)));
        assert!(known.get(identity(1), 1).is_some());
        assert!(known.get(identity(1), 2).is_none());
    }

    #[test]
    fn a_trace_names_functions_and_lines() {
        let here = a_trace_names_functions_and_lines as fn() as usize + 1;
        let mut known = Known::nothing();
        for round in 0..2 {
            let text = Trace::of(&[here, 1], &mut known).text();
            let mut lines = text.lines();
            let first = lines.next().unwrap();
            assert!(first.contains("::a_trace_names_functions_and_lines at "), "{round}: {text}");
            assert!(first.contains("src/sys/linux/trace.rs:"), "{round}: {text}");
            assert_eq!(lines.next(), Some("  0x0000000000000001 in ?"));
        }
        assert_eq!(known.lines.len(), 1);
    }
}
