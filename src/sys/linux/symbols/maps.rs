//! Which files the process's code comes from, as the kernel tells it: /proc/self/maps.
//!
//! Not from the dynamic loader: its functions wait for a lock that another thread may hold for long, while it
//! runs a library's constructors, or that a fork has left locked.

use core::ptr;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file of which something is mapped where code was asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Where it was when it was loaded.
    pub path: PathBuf,
    number: Number,
}

/// What the kernel tells a file by that is mapped: its device and inode.
type Number = (u64, u64);

impl Loaded {
    /// Whether this is that file, and not one that stands at its path by now.
    pub fn is(&self, file: &File, status: &Metadata) -> bool {
        self.number == (status.dev(), status.ino()) || self.number_of(file) == Some(self.number)
    }

    /// On some file systems (btrfs, overlays) a file that is mapped has another number than it says itself: what
    /// number would this one have?
    fn number_of(&self, file: &File) -> Option<Number> {
        let one = 1;
        // SAFETY: a new mapping, that nobody looks into, and that is gone in the end.
        unsafe {
            let (nothing, fd) = (ptr::null_mut(), file.as_raw_fd());
            let start = libc::mmap(nothing, one, libc::PROT_NONE, libc::MAP_PRIVATE, fd, 0);
            if start == libc::MAP_FAILED {
                return None;
            }
            let maps = Maps::read(&[start.addr()]);
            libc::munmap(start, one);
            Some(maps.files.first()?.number)
        }
    }
}

/// Where the code at an address is from: the place of the file in the list, and where in that.
#[derive(Clone, Copy)]
pub struct Place {
    pub file: usize,
    pub offset: u64,
}

pub struct Maps {
    pub files: Vec<Loaded>,
    /// For each address that was asked for.
    pub places: Vec<Option<Place>>,
    /// An address in each C++ runtime.
    pub runtimes: Vec<usize>,
}

impl Maps {
    /// Looks the addresses up; without /proc there are none.
    pub fn read(addresses: &[usize]) -> Maps {
        let mut maps = Maps { files: Vec::new(), places: vec![None; addresses.len()], runtimes: Vec::new() };
        let Ok(file) = File::open("/proc/self/maps") else { return maps };
        let mut file = BufReader::new(file);
        let mut line = Vec::new();
        while let Ok(1..) = file.read_until(b'\n', &mut line) {
            if let Some(mapping) = Mapping::parse(line.strip_suffix(b"\n").unwrap_or(&line)) {
                maps.enter(addresses, &mapping);
            }
            line.clear();
        }
        maps
    }

    fn enter(&mut self, addresses: &[usize], mapping: &Mapping) {
        // Files begin with a slash; the rest is the heap, stacks and the like.
        if !mapping.path.starts_with(b"/") {
            return;
        }
        if mapping.executable && is_runtime(mapping.path) {
            self.runtimes.push(mapping.start);
        }
        for (address, place) in addresses.iter().zip(&mut self.places) {
            if !(mapping.start..mapping.end).contains(address) {
                continue;
            }
            let path = PathBuf::from(OsStr::from_bytes(mapping.path()));
            let loaded = Loaded { path, number: mapping.number };
            let known = self.files.iter().position(|file| *file == loaded);
            let file = known.unwrap_or_else(|| {
                self.files.push(loaded);
                self.files.len() - 1
            });
            *place = Some(Place { file, offset: mapping.offset + (*address - mapping.start) as u64 });
        }
    }
}

const DELETED: &[u8] = b" (deleted)";

/// A line: `START-END PERMISSIONS OFFSET DEVICE INODE   PATH`.
struct Mapping<'a> {
    start: usize,
    end: usize,
    executable: bool,
    offset: u64,
    number: Number,
    path: &'a [u8],
}

impl Mapping<'_> {
    fn parse(line: &[u8]) -> Option<Mapping<'_>> {
        let mut rest = line;
        let mut field = || {
            let end = rest.iter().position(|byte| *byte == b' ')?;
            let (field, behind) = rest.split_at_checked(end)?;
            rest = behind.trim_ascii_start();
            core::str::from_utf8(field).ok()
        };
        let (start, end) = field()?.split_once('-')?;
        let permissions = field()?;
        let offset = field()?;
        let (major, minor) = field()?.split_once(':')?;
        let inode = field()?.parse().ok()?;
        let part = |text| u32::from_str_radix(text, 16).ok();
        Some(Mapping {
            start: usize::from_str_radix(start, 16).ok()?,
            end: usize::from_str_radix(end, 16).ok()?,
            executable: permissions.contains('x'),
            offset: u64::from_str_radix(offset, 16).ok()?,
            number: (libc::makedev(part(major)?, part(minor)?), inode),
            path: rest,
        })
    }

    fn path(&self) -> &[u8] {
        self.path.strip_suffix(DELETED).unwrap_or(self.path)
    }
}

/// Whether this is a C++ runtime, by its name: only these can make names of C++ readable.
fn is_runtime(path: &[u8]) -> bool {
    let name = Path::new(OsStr::from_bytes(path)).file_name().map_or(&b""[..], OsStr::as_bytes);
    [&b"libstdc++"[..], b"libc++"].iter().any(|runtime| name.starts_with(runtime))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart() {
        let line = b"7f1c-8000 r-xp 00026000 fe:01 1234                       /a path/of (us).so (deleted)";
        let mapping = Mapping::parse(line).unwrap();
        assert_eq!((mapping.start, mapping.end, mapping.offset), (0x7f1c, 0x8000, 0x26000));
        assert!(mapping.executable);
        assert_eq!(mapping.number, (libc::makedev(0xfe, 1), 1234));
        assert_eq!(mapping.path(), b"/a path/of (us).so");
        assert_eq!(Mapping::parse(b"7f1c-8000 rw-p 00000000 00:00 0 ").unwrap().path, b"");
        assert!(Mapping::parse(b"nonsense").is_none());
    }

    #[test]
    fn this_program_is_found() {
        let here = a_line_is_taken_apart as fn() as usize;
        let maps = Maps::read(&[here, 1]);
        let place = maps.places[0].unwrap();
        assert_eq!(maps.files[place.file].path, std::env::current_exe().unwrap());
        assert!(maps.places[1].is_none());
    }

    #[test]
    fn a_file_of_the_same_name_is_another_one() {
        let line = |device, inode| format!("1000-2000 r-xp 00000000 {device} {inode} /a.so");
        let mut maps = Maps { files: Vec::new(), places: vec![None; 1], runtimes: Vec::new() };
        for (device, inode) in [("fe:01", 1), ("fe:01", 2), ("fe:02", 1), ("fe:01", 2)] {
            maps.enter(&[0x1000], &Mapping::parse(line(device, inode).as_bytes()).unwrap());
        }
        assert_eq!(maps.files.len(), 3);
        assert_eq!(maps.places[0].unwrap().file, 1);
    }

    #[test]
    fn a_file_is_known_by_its_number() {
        let here = a_line_is_taken_apart as fn() as usize;
        let own = Maps::read(&[here]).files.remove(0);
        let open = |path: &str| super::super::image::open(Path::new(path)).unwrap();
        let (file, status) = open("/proc/self/exe");
        let (other, status_of_other) = open("/bin/sh");
        assert!(own.is(&file, &status));
        // As where the numbers are not the same: it is asked for.
        assert!(own.is(&file, &status_of_other));
        assert!(!own.is(&other, &status_of_other));
    }

    #[test]
    fn runtimes_are_known_by_their_names() {
        for path in ["/usr/lib/libstdc++.so.6.0.30", "/opt/libc++abi.so.1", "/opt/libc++.so"] {
            assert!(is_runtime(path.as_bytes()), "{path}");
        }
        assert!(!is_runtime(b"/usr/lib/libc.so.6"));
        assert!(!is_runtime(b"/usr/libstdc++/libm.so"));
    }
}
