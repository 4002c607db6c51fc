//! What of an ELF file says which function and line an address belongs to, and where the rest of it is kept.

use super::budget::Budget;
use super::image::Image;
use super::reader::Reader;
use object::elf::{ELFCOMPRESS_ZLIB, PT_LOAD, SHF_COMPRESSED, SHN_UNDEF, SHT_DYNSYM, SHT_SYMTAB, STT_FUNC};
use object::read::elf::{CompressionHeader, FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym};
use object::{Bytes, NativeEndian};
use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

// Of files there are two kinds: all that a process is made of is of one.
#[cfg(target_pointer_width = "64")]
pub type Header = object::elf::FileHeader64<NativeEndian>;
#[cfg(target_pointer_width = "32")]
pub type Header = object::elf::FileHeader32<NativeEndian>;

pub const ENDIAN: NativeEndian = NativeEndian;

/// Where a system keeps what it has taken out of its programs.
const DEBUG: &str = "/usr/lib/debug";

/// Where the bytes of a section are.
pub enum Section<'a> {
    Nowhere,
    InFile { image: &'a Image<'a>, start: usize, length: usize },
    Unpacked(Image<'a>),
}

impl Section<'_> {
    pub fn reader<'s>(&'s self, nothing: &'s Image<'s>) -> Reader<'s> {
        match self {
            Section::Nowhere => Reader::new(nothing, 0, 0),
            Section::InFile { image, start, length } => Reader::new(image, *start, *length),
            Section::Unpacked(image) => Reader::new(image, 0, image.length()),
        }
    }
}

pub struct Elf<'a> {
    data: &'a Image<'a>,
    header: &'a Header,
    sections: SectionTable<'a, Header, &'a Image<'a>>,
}

impl<'a> Elf<'a> {
    pub fn parse(data: &'a Image<'a>) -> Option<Elf<'a>> {
        let header = Header::parse(data).ok()?;
        let sections = header.sections(header.endian().ok()?, data).ok()?;
        Some(Elf { data, header, sections })
    }

    /// The address that the file gives to what stands at this offset of it.
    pub fn address(&self, offset: u64) -> Option<u64> {
        self.header.program_headers(ENDIAN, self.data).ok()?.iter().find_map(|part| {
            let (start, size) = part.file_range(ENDIAN);
            let (start, size) = (wide(start), wide(size));
            let inside =
                part.p_type(ENDIAN) == PT_LOAD && (start..start.saturating_add(size)).contains(&offset);
            inside.then(|| (offset - start).wrapping_add(wide(part.p_vaddr(ENDIAN))))
        })
    }

    /// For each address the name of the function there.
    pub fn functions(&self, addresses: &[u64]) -> Vec<Option<&'a [u8]>> {
        let mut found = vec![None; addresses.len()];
        // The larger table has the functions that are not exported, unless it was stripped away.
        for table in [SHT_SYMTAB, SHT_DYNSYM] {
            let Ok(symbols) = self.sections.symbols(ENDIAN, self.data, table) else { continue };
            for symbol in symbols.iter() {
                if symbol.st_type() != STT_FUNC || symbol.st_shndx(ENDIAN) == SHN_UNDEF {
                    continue;
                }
                let start = wide(symbol.st_value(ENDIAN));
                let end = start.saturating_add(wide(symbol.st_size(ENDIAN)));
                for (address, found) in addresses.iter().zip(&mut found) {
                    if found.is_none() && (start..end).contains(address) {
                        *found = symbol.name(ENDIAN, symbols.strings()).ok();
                    }
                }
            }
        }
        found
    }

    /// A section, unpacked if it is packed.
    pub fn section(&self, name: &str) -> Section<'a> {
        self.find(name).and_then(|section| self.unpacked(section)).unwrap_or(Section::Nowhere)
    }

    fn find(&self, name: &str) -> Option<&'a <Header as FileHeader>::SectionHeader> {
        Some(self.sections.section_by_name(ENDIAN, name.as_bytes())?.1)
    }

    fn unpacked(&self, section: &'a <Header as FileHeader>::SectionHeader) -> Option<Section<'a>> {
        if wide(section.sh_flags(ENDIAN)) & u64::from(SHF_COMPRESSED) == 0 {
            let (start, length) = section.file_range(ENDIAN)?;
            let (start, length) = (usize::try_from(start).ok()?, usize::try_from(length).ok()?);
            let inside = start.checked_add(length).is_some_and(|end| end <= self.data.length());
            return inside.then_some(Section::InFile { image: self.data, start, length });
        }
        let mut rest = Bytes(section.data(ENDIAN, self.data).ok()?);
        let header = rest.read::<<Header as FileHeader>::CompressionHeader>().ok()?;
        let size = wide(header.ch_size(ENDIAN));
        if header.ch_type(ENDIAN) != ELFCOMPRESS_ZLIB {
            return None;
        }
        inflate(self.data.budget, rest.0, usize::try_from(size).ok()?).map(Section::Unpacked)
    }

    pub fn build_id(&self) -> Option<&'a [u8]> {
        self.sections.iter().find_map(|section| {
            let mut notes = section.notes(ENDIAN, self.data).ok()??;
            while let Ok(Some(note)) = notes.next() {
                if note.name() == object::elf::ELF_NOTE_GNU
                    && note.n_type(ENDIAN) == object::elf::NT_GNU_BUILD_ID
                {
                    return Some(note.desc());
                }
            }
            None
        })
    }

    /// Where the debug information of this file may be, that was taken out of it.
    pub fn debug_files(&self, path: &Path) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self.build_id().and_then(build_id_path).into_iter().collect();
        // A name, and a checksum of the file, which would have to be read for it as a whole.
        let link = self.find(".gnu_debuglink").and_then(|section| section.data(ENDIAN, self.data).ok());
        let real = std::fs::canonicalize(path);
        if let (Some(link), Some(folder)) = (link, real.as_deref().ok().and_then(Path::parent)) {
            let name = OsStr::from_bytes(link.split(|byte| *byte == 0).next().unwrap_or_default());
            files.push(folder.join(name));
            files.push(folder.join(".debug").join(name));
            files.push(Path::new(DEBUG).join(folder.strip_prefix("/").unwrap_or(folder)).join(name));
            // A link that leads back.
            files.retain(|file| Some(file.as_path()) != real.as_deref().ok());
        }
        files
    }

    /// Where the debug information is that this file, at that path, shares with others; and its build id.
    pub fn shared_debug_files(&self, path: &Path) -> Option<(Vec<PathBuf>, &'a [u8])> {
        let data = self.find(".gnu_debugaltlink")?.data(ENDIAN, self.data).ok()?;
        let (name, id) = data.split_at_checked(data.iter().position(|byte| *byte == 0)?)?;
        let id = id.get(1..)?;
        let folder = path.parent()?;
        // An absolute name stays what it is.
        let files = [Some(folder.join(OsStr::from_bytes(name))), build_id_path(id)];
        Some((files.into_iter().flatten().collect(), id))
    }
}

/// A number of the file's, of whichever kind that is.
fn wide(number: impl Into<u64>) -> u64 {
    number.into()
}

fn build_id_path(id: &[u8]) -> Option<PathBuf> {
    let (first, rest) = id.split_first()?;
    let mut path = format!("{DEBUG}/.build-id/{first:02x}/");
    for byte in rest {
        let _ = write!(path, "{byte:02x}");
    }
    path.push_str(".debug");
    Some(path.into())
}

/// Nothing is packed better than this, by the format.
const BEST: usize = 1032;

fn inflate<'b>(budget: &'b Budget, packed: &[u8], size: usize) -> Option<Image<'b>> {
    use miniz_oxide::inflate::TINFLStatus;
    use miniz_oxide::inflate::core::inflate_flags::{
        TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
    };
    use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
    if size / BEST > packed.len() {
        return None;
    }
    Image::filled(size, budget, |out| {
        let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | TINFL_FLAG_PARSE_ZLIB_HEADER;
        // 11 KiB: not on the stack.
        let mut inflater = Box::<DecompressorOxide>::default();
        let (status, _, written) = decompress(&mut inflater, packed, out, 0, flags);
        status == TINFLStatus::Done && written == size
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::deflate::compress_to_vec_zlib;

    #[test]
    fn what_was_packed_is_unpacked() {
        for size in [1, 4095, 1_000_000] {
            let bytes: Vec<u8> = (0..size).map(|i: u32| (i.wrapping_mul(i) >> 7) as u8).collect();
            let packed = compress_to_vec_zlib(&bytes, 6);
            let budget = Budget::new();
            let unpacked = |size| inflate(&budget, &packed, size);
            assert_eq!(unpacked(bytes.len()).unwrap().get(0, bytes.len()), Some(&bytes[..]));
            assert!(unpacked(bytes.len() + 1).is_none() && unpacked(bytes.len() - 1).is_none());
            assert!(inflate(&Budget::of(bytes.len() - 1, 0), &packed, bytes.len()).is_none());
        }
    }

    #[test]
    fn a_size_is_not_believed() {
        let packed = compress_to_vec_zlib(&[1; 1000], 6);
        let budget = Budget::of(1 << 27, 0);
        assert!(inflate(&budget, &packed, 1 << 27).is_none());
        assert!(budget.take_bytes(1 << 27));
    }
}
