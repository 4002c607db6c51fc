//! Functions of a module that is loaded, looked up in its own tables in memory.
//!
//! `dlsym` and `dladdr` wait for the dynamic loader's lock, and whoever loads a library holds it while the
//! constructors run: one of those may wait for the very thread that asks. What is used here does not wait.

use super::late::FIND_OBJECT;
use super::symbols::elf::{ENDIAN, Header};
use core::ffi::{CStr, c_char, c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr;
use object::elf::{SHN_UNDEF, STT_FUNC};
use object::read::elf::{FileHeader, Sym};

/// An entry of a module's dynamic section.
#[repr(C)]
struct Entry {
    tag: usize,
    value: usize,
}

const END: usize = 0;
const HASH: usize = 4;
const STRINGS: usize = 5;
const SYMBOLS: usize = 6;
const GNU_HASH: usize = 0x6fff_fef5;

/// A module in memory: what is added to the addresses in its file, and its dynamic section.
struct Module {
    base: usize,
    dynamic: *const Entry,
}

/// The function of that name in the module that has code at `address`.
///
/// # Safety
/// The module is not unloaded meanwhile.
pub unsafe fn function(address: usize, name: &CStr) -> Option<*const c_void> {
    // SAFETY: as the caller vouches: its tables are what the loader itself reads.
    unsafe { Module::at(address)?.function(name) }
}

/// glibc's `struct dl_find_object`: its lock-free answer to what is loaded where, from 2.35 on.
#[repr(C)]
struct Found {
    flags: u64,
    start: usize,
    end: usize,
    map: *const LinkMap,
    _rest: [u64; 9],
}

/// The public beginning of the loader's `struct link_map`.
#[repr(C)]
struct LinkMap {
    base: usize,
    name: *const c_char,
    dynamic: *const Entry,
}

impl Module {
    unsafe fn at(address: usize) -> Option<Module> {
        type FindObject = unsafe extern "C" fn(*const c_void, *mut Found) -> c_int;
        let address = ptr::without_provenance(address);
        // SAFETY: the function is of this type and writes the struct if it returns 0; the map is that of a
        // module that stays loaded, as the caller vouches.
        unsafe {
            if let Some(find) = FIND_OBJECT.get() {
                let find = core::mem::transmute::<*const c_void, FindObject>(find);
                let mut found = MaybeUninit::<Found>::uninit();
                if find(address, found.as_mut_ptr()) != 0 {
                    return None;
                }
                let map = &*found.assume_init_ref().map;
                return Some(Module { base: map.base, dynamic: map.dynamic });
            }
            Module::search(address)
        }
    }

    /// Elsewhere: asks for each module. That takes a lock of the loader's, but not the one that is held while
    /// constructors run.
    unsafe fn search(address: *const c_void) -> Option<Module> {
        struct Search {
            address: usize,
            found: Option<Module>,
        }
        unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _: usize, search: *mut c_void) -> c_int {
            // SAFETY: the loader's own description of a module, and what `search` passes.
            unsafe {
                let (info, search) = (&*info, &mut *search.cast::<Search>());
                let parts = core::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum));
                let base = info.dlpi_addr as usize;
                let inside = parts.iter().any(|part| {
                    let start = base.wrapping_add(part.p_vaddr as usize);
                    part.p_type == libc::PT_LOAD && search.address.wrapping_sub(start) < part.p_memsz as usize
                });
                if !inside {
                    return 0;
                }
                let dynamic = parts.iter().find(|part| part.p_type == libc::PT_DYNAMIC);
                search.found = dynamic.map(|part| {
                    let dynamic = ptr::with_exposed_provenance(base.wrapping_add(part.p_vaddr as usize));
                    Module { base, dynamic }
                });
                1
            }
        }
        let mut search = Search { address: address.addr(), found: None };
        // SAFETY: the callback is of the type asked for and gets its search.
        unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast()) };
        search.found
    }

    /// What the dynamic section says under this tag; some loaders have added the base to addresses, some not.
    unsafe fn table<T>(&self, tag: usize) -> Option<*const T> {
        let mut entry = self.dynamic;
        if entry.is_null() {
            return None;
        }
        // SAFETY: the section ends with an entry that says so.
        unsafe {
            while (*entry).tag != END {
                if (*entry).tag == tag {
                    let value = (*entry).value;
                    let address = if value < self.base { value.wrapping_add(self.base) } else { value };
                    return Some(ptr::with_exposed_provenance(address));
                }
                entry = entry.add(1);
            }
        }
        None
    }

    unsafe fn function(&self, name: &CStr) -> Option<*const c_void> {
        // SAFETY: the tables are as the format says; a hash table leads only to symbols that there are.
        unsafe {
            let symbols = self.table::<<Header as FileHeader>::Sym>(SYMBOLS)?;
            let strings = self.table::<c_char>(STRINGS)?;
            let is_it = |index: u32| {
                let symbol = &*symbols.add(index as usize);
                let is_function = symbol.st_type() == STT_FUNC && symbol.st_shndx(ENDIAN) != SHN_UNDEF;
                let its_name = strings.add(symbol.st_name(ENDIAN) as usize);
                let address = self.base.wrapping_add(symbol.st_value(ENDIAN) as usize);
                (is_function && CStr::from_ptr(its_name) == name)
                    .then(|| ptr::with_exposed_provenance(address))
            };
            if let Some(table) = self.table::<u32>(GNU_HASH) {
                return gnu_chain(table, name, is_it);
            }
            let table = self.table::<u32>(HASH)?;
            let (buckets, chain) = (table.read(), table.add(2));
            let mut index = chain.add((old_hash(name) % buckets) as usize).read();
            while index != 0 {
                if let Some(found) = is_it(index) {
                    return Some(found);
                }
                index = chain.add(buckets as usize + index as usize).read();
            }
            None
        }
    }
}

/// Tries the symbols whose hash is that of the name.
///
/// # Safety
/// The table is one of the kind that GNU linkers make.
unsafe fn gnu_chain<T>(table: *const u32, name: &CStr, is_it: impl Fn(u32) -> Option<T>) -> Option<T> {
    // SAFETY: its layout: four numbers, the filter of words as long as an address, the buckets, the chains.
    unsafe {
        let (buckets, first) = (table.read(), table.add(1).read());
        let filter = table.add(2).read() as usize;
        let bucket = table.add(4).cast::<usize>().add(filter).cast::<u32>();
        let chain = bucket.add(buckets as usize);
        if buckets == 0 {
            return None;
        }
        let hash = gnu_hash(name);
        let mut index = bucket.add((hash % buckets) as usize).read();
        if index < first {
            return None;
        }
        loop {
            let link = chain.add((index - first) as usize).read();
            // The lowest bit ends the chain.
            let found = if link | 1 == hash | 1 { is_it(index) } else { None };
            if found.is_some() {
                return found;
            }
            if link & 1 == 1 {
                return None;
            }
            index += 1;
        }
    }
}

fn gnu_hash(name: &CStr) -> u32 {
    name.to_bytes().iter().fold(5381, |hash: u32, byte| hash.wrapping_mul(33).wrapping_add(u32::from(*byte)))
}

fn old_hash(name: &CStr) -> u32 {
    name.to_bytes().iter().fold(0, |hash: u32, byte| {
        let hash = (hash << 4).wrapping_add(u32::from(*byte));
        let high = hash & 0xf000_0000;
        (hash ^ high >> 24) & !high
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hashes_are_those_of_the_format() {
        assert_eq!(gnu_hash(c"printf"), 0x156b_2bb8);
        assert_eq!(old_hash(c"printf"), 0x077905a6);
    }

    #[test]
    fn functions_are_found_where_dlsym_finds_them() {
        for name in [c"getpid", c"pthread_create", c"qsort_r"] {
            // SAFETY: the name is a C string.
            let expected = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
            // SAFETY: the C library is never unloaded.
            let found = unsafe { function(expected.addr(), name) };
            assert_eq!(found.map(<*const c_void>::addr), Some(expected.addr()), "{name:?}");
            let address = ptr::without_provenance(expected.addr());
            // SAFETY: as above.
            let searched = unsafe { Module::search(address).unwrap().function(name) };
            assert_eq!(searched, found);
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let inside = libc::getpid as *const () as usize;
        // SAFETY: the C library is never unloaded.
        assert!(unsafe { function(inside, c"no_such_function_anywhere") }.is_none());
        // SAFETY: nothing is there.
        assert!(unsafe { function(8, c"getpid") }.is_none());
    }
}
